#!/usr/bin/env bash
# Two readers of WARC disagree about the digests of intact records (warcio 1.8.1, FastWARC 2.0.1).
#
# WARC 1.1 defines a digest as "algorithm:value" and leaves both open. In the records below, each digest is
# correct, and only its spelling differs. Both readers accept SHA-1, SHA-256 and SHA-512 in hexadecimal, and
# base32 with padding. warcio rejects MD5 in hexadecimal, its usual form. FastWARC rejects the name "SHA-256".
# Both reject SHA-256 in base32 without padding. (SHA-1 in base32 needs none.)
#
# With default options, FastWARC's verify_block_digest() also returns False for an intact HTTP response,
# because the HTTP headers, which belong to the block, have been read. With parse_http=False it returns True.
# So False can mean damage, an unsupported spelling, or a block that was partly read.
#
# Output seen:
#   md5 hex             warcio False  FastWARC True
#   sha1 hex            warcio True   FastWARC True
#   sha1 base32         warcio True   FastWARC True
#   sha256 hex          warcio True   FastWARC True
#   sha256 base32       warcio True   FastWARC True
#   sha256 base32 short warcio False  FastWARC False
#   SHA-256 hex         warcio True   FastWARC False
#   sha512 hex          warcio True   FastWARC True
#   response            defaults False, parse_http=False True
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check warcio==1.8.1 fastwarc==2.0.1
cat > probe.py <<'PYTHON'
import base64
import hashlib
import io

from fastwarc.warc import ArchiveIterator as FastReader
from warcio.archiveiterator import ArchiveIterator as Reader

BLOCK = b"Some text of one line.\n"


def record(kind, digest, block, content_type):
    fields = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        "WARC-Target-URI: http://example.org/text",
        "WARC-Date: 2026-01-01T00:00:00Z",
        "WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000001>",
        f"Content-Type: {content_type}",
        f"WARC-Block-Digest: {digest}",
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def digest_of(algorithm, form, block):
    digest = hashlib.new(algorithm.lower().replace("-", ""), block)
    if form == "hex":
        return f"{algorithm}:{digest.hexdigest()}"
    value = base64.b32encode(digest.digest()).decode()
    return f"{algorithm}:{value.rstrip('=') if form.endswith('short') else value}"


def by_warcio(data):
    for found in Reader(io.BytesIO(data), check_digests=True):
        found.content_stream().read()
        return found.digest_checker.passed


def by_fastwarc(data, **options):
    for found in FastReader(io.BytesIO(data), **options):
        return found.verify_block_digest()


for name in ["md5 hex", "sha1 hex", "sha1 base32", "sha256 hex", "sha256 base32", "sha256 base32 short",
             "SHA-256 hex", "sha512 hex"]:
    algorithm, form = name.split(" ", 1)
    data = record("resource", digest_of(algorithm, form, BLOCK), BLOCK, "text/plain")
    print(f"{name:19} warcio {str(by_warcio(data)):6} FastWARC {by_fastwarc(data)}")
answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 23\r\n\r\n" + BLOCK
data = record("response", digest_of("sha1", "base32", answer), answer, "application/http; msgtype=response")
print(f"{'response':19} defaults {by_fastwarc(data)}, parse_http=False {by_fastwarc(data, parse_http=False)}")
PYTHON
venv/bin/python probe.py | tee seen
diff - seen <<'SEEN'
md5 hex             warcio False  FastWARC True
sha1 hex            warcio True   FastWARC True
sha1 base32         warcio True   FastWARC True
sha256 hex          warcio True   FastWARC True
sha256 base32       warcio True   FastWARC True
sha256 base32 short warcio False  FastWARC False
SHA-256 hex         warcio True   FastWARC False
sha512 hex          warcio True   FastWARC True
response            defaults False, parse_http=False True
SEEN
