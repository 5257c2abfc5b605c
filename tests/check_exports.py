#!/usr/bin/env python3
"""Checks with pyarrow, DuckDB, Polars, datasets and dolma that exports match the files of the corpus.

    tests/check_exports.py JUGGLE RUN_DIR

Exports RUN_DIR in all formats with the program JUGGLE to RUN_DIR/export, and compares with libraries that
are independent of juggle:

* the sums of counts.parquet and tokens.parquet with counts/ and tokens/, by document; order and row groups;
* documents.parquet with text/: number, lengths, hashes where pyarrow has the bytes, duplicates;
* JSON Lines: the fields of Dolma with their types, the texts, and that pyarrow and Polars load them as a table;
* JSON Lines with strict readers, of RUN_DIR and of a corpus whose first 120 texts lack fields that later
  texts have: Polars with its default schema inference, datasets with and without streaming, dolma's tagger;
  str.splitlines finds the same lines;
* metadata.csv as the Standardized Project Gutenberg Corpus reads it; vocabulary.tsv with counts.parquet; SHA256SUMS.

pip installs the libraries once, into target/check-exports and target/check-exports-dolma. The exit code is 1
if anything differs.
"""

import collections
import csv
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACE = ROOT / "target" / "check-exports"
LIBRARIES = ["pyarrow", "duckdb", "polars", "datasets"]
# dolma requires older libraries than the others do, so it has its own environment. pip needs half an hour to
# resolve all its dependencies, so only those that the tagger of local files imports are listed here.
DOLMA_PLACE = ROOT / "target" / "check-exports-dolma"
DOLMA = "dolma==1.2.1"
DOLMA_IMPORTS = (
    "anyascii blingfire==0.1.8 boto3 charset-normalizer fasttext-wheel==0.9.2 fsspec jq jsonpath-ng msgspec necessary nltk numpy<2 omegaconf "
    "platformdirs python-dotenv pyyaml requests requirements-parser rich smart-open tokenizers<=0.19.1 tqdm uniseg zstandard"
).split()
# Larger than any corpus that is checked here. By default datasets infers types from the first 10 MiB.
CHUNK_BYTES = 1 << 30
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}


def main(juggle, run):
    in_environment(juggle, run)
    run = pathlib.Path(run)
    export = run / "export"
    exported = exports(juggle, run)
    if exported.returncode not in (0, 8):
        sys.exit(f"juggle export ended with {exported.returncode}: {exported.stderr}")
    expected = Expected(run)
    print(f"{len(expected.counts)} processed documents, {sum(expected.sums.values())} tokens, {expected.rows} counts")
    for check in (with_pyarrow, with_duckdb, with_polars, lines, tables, sums):
        started = time.monotonic()
        check(export, expected)
        print(f"  {check.__name__:13} ok  {time.monotonic() - started:.2f} s")
    started = time.monotonic()
    strict_readers(export, chunksize=CHUNK_BYTES)
    with tempfile.TemporaryDirectory() as place:
        strict_readers(late_fields(juggle, pathlib.Path(place)))
    print(f"  {'strict readers':13} ok  {time.monotonic() - started:.2f} s")


def in_environment(juggle, run):
    """Continues in an environment that has the libraries. Makes the environment if it is missing."""
    python = PLACE / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == PLACE.resolve():
        return
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
    if subprocess.run([python, "-c", f"import {', '.join(LIBRARIES)}"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *LIBRARIES], check=True)
    os.execv(python, [python, __file__, juggle, run])


def exports(juggle, run):
    words = "combined jsonl parquet --tokens metadata vocabulary sha256sums --jsonl-compress gz --json".split()
    started = time.monotonic()
    ended = subprocess.run([juggle, "export", *words, "-o", run], capture_output=True, text=True)
    print(f"juggle export: {time.monotonic() - started:.2f} s, exit code {ended.returncode}")
    return ended


class Expected:
    """The content of the files of the corpus; flat or in shards, not compressed."""

    def __init__(self, run):
        self.meta = {path.stem: json.loads(path.read_text()) for path in run.glob("meta/**/*.json")}
        self.texts = {
            path.name.removesuffix("_text.txt"): path.read_bytes() for path in run.glob("text/**/*_text.txt")
        }
        self.counts = {}
        for path in run.glob("counts/**/*_counts.txt"):
            rows = (line.rpartition("\t") for line in path.read_text().split("\n")[:-1])
            self.counts[path.name.removesuffix("_counts.txt")] = [(token, int(n)) for token, _, n in rows]
        self.tokens = {
            path.name.removesuffix("_tokens.txt"): path.read_text().split("\n")[:-1]
            for path in run.glob("tokens/**/*_tokens.txt")
        }
        if not self.texts:
            sys.exit(f"there are no plain texts in '{run}'")
        self.sums = {document: sum(n for _, n in rows) for document, rows in self.counts.items()}
        self.rows = sum(map(len, self.counts.values()))


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {str(found)[:300]}, expected {str(expected)[:300]}")


def with_pyarrow(export, expected):
    import pyarrow.parquet as parquet

    documents = parquet.read_table(export / "documents.parquet").to_pylist()
    same("ids", [row["id"] for row in documents], sorted(expected.meta))
    for row in documents:
        meta = expected.meta[row["id"]]
        same(row["id"], row["text"].encode(), expected.texts[row["id"]])
        same(row["id"], row["duplicate_of"], meta["duplicate_of"])
        same(row["id"], row["text_blake3"], meta["text"]["blake3"])
        same(row["id"], row["token_count"], expected.sums.get(row["id"]))
    counts = parquet.read_table(export / "counts.parquet").to_pydict()
    rows = collections.defaultdict(list)
    for document, token, n in zip(counts["document"], counts["token"], counts["n"]):
        rows[document].append((token, n))
    same("counts, in order", list(rows.items()), sorted(expected.counts.items()))
    tokens = parquet.read_table(export / "tokens.parquet").to_pydict()
    rows = collections.defaultdict(list)
    for document, position, token in zip(tokens["document"], tokens["position"], tokens["token"]):
        same("position", position, len(rows[document]))
        rows[document].append(token)
    same("tokens, in order", list(rows.items()), sorted(expected.tokens.items()))
    for name in ("documents", "counts", "tokens"):
        metadata = parquet.ParquetFile(export / f"{name}.parquet").metadata
        for group in range(metadata.num_row_groups):
            assert metadata.row_group(group).sorting_columns, f"{name}: it is not said how rows are sorted"


def with_duckdb(export, expected):
    import duckdb

    def rows(query):
        return duckdb.sql(query.format(export=export)).fetchall()

    found = rows("select document, sum(n)::bigint from '{export}/counts.parquet' group by all")
    same("sums by document", dict(found), expected.sums)
    found = rows("select document, count(*) from '{export}/tokens.parquet' group by all")
    same("tokens by document", dict(found), expected.sums)
    found = rows(
        "select d.id, d.token_count, sum(c.n)::bigint from '{export}/documents.parquet' d "
        "join '{export}/counts.parquet' c on c.document = d.id group by all having d.token_count != sum(c.n)"
    )
    same("token_count against counts", found, [])
    found = rows("select token, sum(n)::bigint, count(*) from '{export}/counts.parquet' group by all order by 2 desc, 1")
    lines = (export / "vocabulary.tsv").read_text().split("\n")[:-1]
    vocabulary = [line.rsplit("\t", 2) for line in lines]
    same("vocabulary", [(token, int(n), int(documents)) for token, n, documents in vocabulary], found)


def with_polars(export, expected):
    import polars

    counts = polars.scan_parquet(export / "counts.parquet")
    sums = counts.group_by("document").agg(polars.col("n").sum()).collect()
    same("sums by document", dict(sums.iter_rows()), expected.sums)
    tokens = polars.scan_parquet(export / "tokens.parquet").group_by("document").len().collect()
    same("tokens by document", dict(tokens.iter_rows()), expected.sums)
    documents = polars.read_parquet(export / "documents.parquet")
    lengths = documents.select("id", polars.col("text").str.len_bytes())
    same("lengths", dict(lengths.iter_rows()), {id: len(text) for id, text in expected.texts.items()})
    one = sorted(expected.sums)[-1]
    found = counts.filter(polars.col("document") == one).select(polars.col("n").sum()).collect().item()
    same("sum of one document", found, expected.sums[one])


def lines(export, expected):
    import polars
    import pyarrow.json

    seen = []
    for path in sorted(export.glob("jsonl/part-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as shard:
            for line in shard:
                row = json.loads(line)
                for field in ("id", "text", "source"):
                    assert isinstance(row[field], str) and row["id"], f"{field} of {row['id']}"
                for field in ("added", "created"):
                    assert field not in row or row[field].endswith("Z"), f"{field} of {row['id']}"
                assert isinstance(row["metadata"], dict), f"metadata of {row['id']}"
                same(row["id"], row["text"].encode(), expected.texts[row["id"]])
                seen.append(row["id"])
        options = pyarrow.json.ReadOptions(block_size=1 << 30)
        with gzip.open(path) as shard:
            table = pyarrow.json.read_json(shard, read_options=options)
        frame = polars.read_ndjson(gzip.decompress(path.read_bytes()), infer_schema_length=None)
        same("rows", (table.num_rows, frame.height), (len(table["id"]), table.num_rows))
    same("lines", seen, sorted(expected.texts))


def late_fields(juggle, place):
    """Exports a corpus whose first 120 texts lack fields that later texts have.

    They have no title, author, language, dates, listed columns or original.
    """
    rows = []
    for number in range(120):
        (place / f"n{number:03}.txt").write_text(f"Text {number}.\u2028In two lines.\x0bOr\x85four.\n" * 3, encoding="utf-8")
        rows.append(f"n{number:03}\t{place}/n{number:03}.txt")
    (place / "bare.tsv").write_text("id\turl\n" + "\n".join(rows) + "\n")
    (place / "z0.txt").write_text(
        "Title: The House\n\nAuthor: Ann Other\n\nRelease Date: May 1, 2009 [EBook #1]\n\nLanguage: English\n\n"
        "*** START OF THIS PROJECT GUTENBERG EBOOK THE HOUSE ***\n\n\nThe house stood there.\n\n\n"
        "*** END OF THIS PROJECT GUTENBERG EBOOK THE HOUSE ***\n\nlicence text\n"
    )
    (place / "z1.txt").write_bytes((place / "n007.txt").read_bytes())
    (place / "late.tsv").write_text(f"id\turl\tshelf\tyear\nz0\t{place}/z0.txt\tA\t1999\nz1\t{place}/z1.txt\t\t\n")
    run = place / "run"
    lists = [place / "bare.tsv", place / "late.tsv"]
    subprocess.run([juggle, "pipeline", *lists, "-q", "-o", run], check=True)
    subprocess.run([juggle, "export", "jsonl", "--jsonl-compress", "gz", "-q", "-o", run], check=True)
    return run / "export"


def strict_readers(export, **how):
    """Checks that readers that infer or declare types read every line as the JSON parser does."""
    import datasets
    import polars

    paths = sorted(export.glob("jsonl/part-*.jsonl.gz"))
    content = b"".join(gzip.decompress(path.read_bytes()) for path in paths)
    lines = content.decode().splitlines()
    same("lines", len(lines), content.count(b"\n"))
    rows = [json.loads(line) for line in lines]
    types = collections.defaultdict(set)
    for row in rows:
        look(row, "", types)
    same("keys with several types, or null", {key: kinds for key, kinds in types.items() if len(kinds) > 1 or "NoneType" in kinds}, {})

    frame = polars.read_ndjson(content)
    same("rows of Polars", list(zip(frame["id"], frame["text"])), [(row["id"], row["text"]) for row in rows])
    with tempfile.TemporaryDirectory() as cache:
        for streaming in (False, True):
            files = {"data_files": [str(path) for path in paths], "split": "train", "cache_dir": cache}
            loaded = datasets.load_dataset("json", streaming=streaming, **files, **how)
            same(f"rows of datasets, streaming {streaming}", [known(row) for row in loaded], rows)

    tagged_by_dolma(paths, rows)


def tagged_by_dolma(paths, rows):
    """Checks that dolma's tagger reads every document and counts its characters correctly."""
    with tempfile.TemporaryDirectory() as place:
        documents = pathlib.Path(place) / "documents"
        documents.mkdir()
        for path in paths:
            shutil.copy(path, documents)
        subprocess.run(
            [dolma(), "tag", "--documents", f"{documents}/*", "--taggers", "char_length_v1", "--experiment", "x", "--processes", "1"],
            check=True,
            capture_output=True,
        )
        attributes = sorted(pathlib.Path(place).glob("attributes/x/*.jsonl.gz"))
        tagged = [json.loads(line) for path in attributes for line in gzip.decompress(path.read_bytes()).splitlines()]
    found = {row["id"]: row["attributes"]["x__char_length_v1__length"][0][2] for row in tagged}
    same("characters by dolma", found, {row["id"]: len(row["text"]) for row in rows})


def dolma():
    """Returns the path of the dolma program, and installs it if it is missing."""
    program, python = (DOLMA_PLACE / "bin" / name for name in ("dolma", "python"))
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", DOLMA_PLACE], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *DOLMA_IMPORTS], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", DOLMA], check=True)
    return program


def look(value, path, types):
    """Adds the types of a value and of all values inside it to types."""
    types[path].add(type(value).__name__)
    if isinstance(value, dict):
        for key, below in value.items():
            look(below, f"{path}.{key}", types)


def known(row):
    """Returns the row without the nulls that a table has instead of absent keys."""
    return {key: known(value) if isinstance(value, dict) else value for key, value in row.items() if value is not None}


def tables(export, expected):
    with open(export / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    same("rows of metadata.csv", [row["id"] for row in rows], sorted(expected.meta))
    for row in rows:
        same("title", row["title"], expected.meta[row["id"]]["title"] or "")
        assert row["language"] == "" or row["language"].startswith("['"), row["language"]


def sums(export, expected):
    for line in (export / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ", 1)
        same(name, hashlib.sha256((export / name).read_bytes()).hexdigest(), digest)
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=export, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
