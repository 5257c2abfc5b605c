#!/usr/bin/env python3
"""Checks with warcio, FastWARC and datatrove that segments and `juggle export warc` match the corpus.

    tests/check_warc.py JUGGLE

The program JUGGLE makes corpora with the layout packed from the bundled sample, offline and in a temporary
directory: from local files, from a server on loopback, and without the received bytes. Then the segments and the
export of each are read with libraries that are independent of juggle:

* `warcio check` and `fastwarc check` accept every record, and see as many as there are;
* warcio and FastWARC read the same records, and every text is the one that `juggle cat text/ID` writes;
* the received bytes are those of the sample; a text refers to the received bytes of its document;
* datatrove makes one document of each text, and no other;
* a flipped bit is found, so that these checks prove something.

pip installs the libraries into a temporary environment, which is removed at the end. datatrove needs libmagic.
The exit code is 1 if anything differs.
"""

import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of datatrove's libraries only those that its reader of WARC needs.
LIBRARIES = ["warcio==1.8.1", "fastwarc==2.0.1", "datatrove==0.10.1", "faust-cchardet==3.2.0", "python-magic==0.4.27"]
# Set in the environment that has the libraries.
INSIDE = "CHECK_WARC_INSIDE"


def main(juggle):
    juggle = str(pathlib.Path(juggle).resolve())
    with tempfile.TemporaryDirectory() as place:
        if INSIDE in os.environ:
            check_all(juggle, pathlib.Path(place))
            return 0
        python = pathlib.Path(place) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *LIBRARIES], check=True)
        # A child, not exec: the directory must be removed at the end.
        return subprocess.run([python, __file__, juggle], env=os.environ | {INSIDE: "1", "LOGURU_LEVEL": "WARNING"}).returncode


def check_all(juggle, place):
    packed = ["--layout", "packed", "--no-progress", "--quiet"]
    local = [ROOT / "data" / "sample.tsv", *packed]
    run(juggle, "pipeline", *local, "-o", place / "local")
    # No host of this list can be reached, so the sample is served on loopback.
    sample = ["--sample", ROOT / "data" / "sample", "--sample-output", place / "served"]
    run(juggle, "pipeline", "http://nowhere.invalid/none.txt", *sample, *packed, "-o", place / "none")
    run(juggle, "pipeline", *local, "--raw", "drop", "-o", place / "dropped")
    for name, received in [("local", "resource"), ("served", "response"), ("dropped", None)]:
        check(Corpus(juggle, place / name, received))
        print(f"{name:8} ok")
    finds_damage(place / "local" / "export" / "corpus.warc.gz", place / "damaged.warc")


class Corpus:
    """A run directory, with what its export must contain."""

    def __init__(self, juggle, run_dir, received):
        self.run_dir = run_dir
        self.received = received
        run(juggle, "export", "warc", "metadata", "--quiet", "-o", run_dir)
        rows = (run_dir / "export" / "metadata.csv").read_text(encoding="utf-8").splitlines()[1:]
        self.texts = {}
        self.raw = {}
        for document in [row.split(",", 1)[0] for row in rows]:
            self.texts[document] = run(juggle, "cat", f"text/{document}", "-o", run_dir)
            file = document.removeprefix("sample-")
            self.raw[document] = (ROOT / "data" / "sample" / f"{file}.txt").read_bytes()
        same("documents of the sample", len(self.texts), len(list((ROOT / "data" / "sample").glob("*.txt"))))


def check(corpus):
    export = corpus.run_dir / "export" / "corpus.warc.gz"
    documents = len(corpus.texts)
    with_warcio, with_fastwarc = read_with_warcio(export), read_with_fastwarc(export)
    same("records of warcio and FastWARC", with_warcio, with_fastwarc)
    same("records", len(with_warcio), 1 + documents * (2 if corpus.received else 1))
    verified(export, len(with_warcio))

    same("the first record", (with_warcio[0]["type"], with_warcio[0]["document"]), ("warcinfo", None))
    of_type = {kind: [record for record in with_warcio if record["type"] == kind] for kind in ("conversion", corpus.received)}
    texts = {record["document"]: record for record in of_type["conversion"]}
    same("texts", {document: record["content"] for document, record in texts.items()}, corpus.texts)
    if corpus.received:
        received = {record["document"]: record for record in of_type[corpus.received]}
        same("received bytes", {document: record["content"] for document, record in received.items()}, corpus.raw)
        for document, text in texts.items():
            same(f"the reference of {document}", text["refers_to"], received[document]["id"])
            same(f"the URI of {document}", text["uri"], received[document]["uri"])
    with_datatrove(export, texts)

    segments = sorted((corpus.run_dir / "segments").glob("*.warc"))
    stored = []
    for segment in segments:
        records = read_with_warcio(segment)
        same("records of warcio and FastWARC in a segment", records, read_with_fastwarc(segment))
        verified(segment, len(records))
        stored += [record["content"] for record in records if record["type"] == "conversion"]
    same("texts in segments", sorted(stored), sorted(corpus.texts.values()))


def read_with_warcio(path):
    from warcio.archiveiterator import ArchiveIterator

    with open(path, "rb") as file:
        return [
            described(record.rec_headers.get_header, record.rec_type, record.content_stream().read())
            for record in ArchiveIterator(file)
        ]


def read_with_fastwarc(path):
    from fastwarc.warc import ArchiveIterator

    with open(path, "rb") as file:
        # The HTTP head of a response is parsed, and the reader is behind it.
        return [
            described(record.headers.get, str(record.record_type), record.reader.read())
            for record in ArchiveIterator(file)
        ]


def described(field, kind, content):
    """Returns what both libraries must agree on."""
    names = {"id": "WARC-Record-ID", "uri": "WARC-Target-URI", "document": "juggle-document", "refers_to": "WARC-Refers-To"}
    return {"type": kind, "content": content} | {key: field(name) for key, name in names.items()}


def verified(path, records):
    """Checks digests with the programs of the libraries."""
    programs = pathlib.Path(sys.prefix) / "bin"
    found = run(programs / "warcio", "check", path).decode()
    same(f"warcio check {path.name}", found.strip().splitlines()[-1:], [])
    details = path.with_suffix(".checked")
    run(programs / "fastwarc", "check", "--verify-payloads", "--quiet", "--output", details, path)
    lines = details.read_text().splitlines()
    details.unlink()
    same(f"records of fastwarc check {path.name}", len(lines), records)
    same(f"records that it rejects in {path.name}", [line for line in lines if ": OK" not in line], [])


def with_datatrove(export, texts):
    from datatrove.pipeline.readers import WarcReader

    reader = WarcReader(str(export.parent), glob_pattern=export.name)
    found = {document.id: (document.text.encode(), document.metadata["url"]) for document in reader.run()}
    same("documents of datatrove", found, {text["id"]: (text["content"], text["uri"]) for text in texts.values()})


def finds_damage(export, damaged):
    """Checks that the programs notice a changed bit of a text."""
    content = bytearray(gzip.decompress(export.read_bytes()))
    # The file ends with a text and the two line ends behind it.
    content[-5] ^= 1
    damaged.write_bytes(content)
    programs = pathlib.Path(sys.prefix) / "bin"
    for command in ([programs / "warcio", "check"], [programs / "fastwarc", "check", "--quiet"]):
        ended = subprocess.run([*command, damaged], capture_output=True)
        same(f"{command[0].name} check accepts a changed record", ended.returncode == 0, False)
    print("damage   found")


def run(*command):
    """Runs a program, which must succeed, and returns its standard output."""
    ended = subprocess.run([str(word) for word in command], capture_output=True)
    if ended.returncode:
        output = (ended.stdout + ended.stderr).decode(errors="replace")
        sys.exit(f"{' '.join(map(str, command))}: exit code {ended.returncode}\n{output}")
    return ended.stdout


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {str(found)[:300]}, expected {str(expected)[:300]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
