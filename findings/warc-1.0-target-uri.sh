#!/usr/bin/env bash
# WARC 1.0 puts the URI in WARC-Target-URI between "<" and ">", and GNU Wget 1.21.3 writes it that way.
# WARC 1.1 has no brackets. warcio 1.8.1 removes them and FastWARC 2.0.1 keeps them, so the two readers return
# different URIs for the same file. urllib finds no host in the URI that FastWARC returns.
#
# Output seen:
#   warcio: http://example.org/text, host example.org
#   FastWARC: <http://example.org/text>, host None
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check warcio==1.8.1 fastwarc==2.0.1
cat > probe.py <<'PYTHON'
import io
from urllib.parse import urlsplit

from fastwarc.warc import ArchiveIterator as FastReader
from warcio.archiveiterator import ArchiveIterator as Reader

BLOCK = b"Some text of one line.\n"
FIELDS = [
    "WARC/1.0",
    "WARC-Type: resource",
    "WARC-Target-URI: <http://example.org/text>",
    "WARC-Date: 2026-01-01T00:00:00Z",
    "WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000001>",
    "Content-Type: text/plain",
    f"Content-Length: {len(BLOCK)}",
]
DATA = "\r\n".join(FIELDS).encode() + b"\r\n\r\n" + BLOCK + b"\r\n\r\n"

for found in Reader(io.BytesIO(DATA)):
    uri = found.rec_headers.get_header("WARC-Target-URI")
    print(f"warcio: {uri}, host {urlsplit(uri).hostname}")
for found in FastReader(io.BytesIO(DATA)):
    uri = found.headers.get("WARC-Target-URI")
    print(f"FastWARC: {uri}, host {urlsplit(uri).hostname}")
PYTHON
venv/bin/python probe.py | tee seen
diff - seen <<'SEEN'
warcio: http://example.org/text, host example.org
FastWARC: <http://example.org/text>, host None
SEEN
