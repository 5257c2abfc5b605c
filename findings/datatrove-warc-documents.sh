#!/usr/bin/env bash
# datatrove 0.10.1 makes documents of two kinds of records of WARC: conversions, and responses with an HTML page. It
# drops a response with a body of text/plain, and a resource that is text/plain, without a message, also if they say in
# WARC-Identified-Payload-Type that they are plain text. So a collection of plain texts that was archived as it came
# from the server (by Wget, for example) is an empty data set, while warcio 1.8.1 returns all of its records. Only a
# conversion record for each text makes datatrove read it. datatrove needs the system's libmagic.
#
# Output seen:
#   warcio: 6 records
#   datatrove: conversion response-of-html
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    datatrove==0.10.1 warcio==1.8.1 faust-cchardet==3.2.0 python-magic==0.4.27
cat > probe.py <<'PYTHON'
import pathlib

from datatrove.pipeline.readers import WarcReader
from warcio.archiveiterator import ArchiveIterator

TEXT = b"A text of one line, long enough to be one.\n"
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT
PAGE = b"<html><head><title>t</title></head><body><p>A page of one line.</p></body></html>\n"
RESPONSE = "application/http; msgtype=response"
# Name, type, Content-Type, block, value of WARC-Identified-Payload-Type.
RECORDS = [
    ("conversion", "conversion", "text/plain; charset=utf-8", TEXT, None),
    ("response-of-text", "response", RESPONSE, HTTP, None),
    ("response-of-identified-text", "response", RESPONSE, HTTP, "text/plain"),
    ("response-of-html", "response", RESPONSE, HTTP.replace(b"plain", b"html").replace(TEXT, PAGE), "text/html"),
    ("resource-of-text", "resource", "text/plain; charset=utf-8", TEXT, None),
    ("resource-of-identified-text", "resource", "text/plain; charset=utf-8", TEXT, "text/plain"),
]


def record(number, name, kind, content_type, block, identified):
    fields = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: http://example.org/{name}",
        "WARC-Date: 2026-01-01T00:00:00Z",
        f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-00000000000{number}>",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    if identified:
        fields.append(f"WARC-Identified-Payload-Type: {identified}")
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


path = pathlib.Path("texts.warc")
path.write_bytes(b"".join(record(number, *one) for number, one in enumerate(RECORDS)))
with path.open("rb") as file:
    print(f"warcio: {sum(1 for _ in ArchiveIterator(file))} records")
found = [document.metadata["url"].rsplit("/", 1)[1] for document in WarcReader(".", glob_pattern=path.name).run()]
print("datatrove: " + " ".join(found))
PYTHON
LOGURU_LEVEL=ERROR venv/bin/python probe.py 2> log | tee seen || { cat log; exit 1; }
diff - seen <<'SEEN'
warcio: 6 records
datatrove: conversion response-of-html
SEEN
