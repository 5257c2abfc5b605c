"""Downloads the URLs of a list into a directory, one after the other, over one kept connection."""

import http.client
import os
import shutil
import sys
from urllib.parse import urlsplit

CHUNK_BYTES = 64 * 1024


def main(listed, directory):
    with open(listed) as file:
        urls = file.read().split()
    connection = http.client.HTTPConnection(urlsplit(urls[0]).netloc)
    for url in urls:
        connection.request("GET", urlsplit(url).path)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"{url}: {response.status}")
        with open(os.path.join(directory, url.rsplit("/", 1)[1]), "wb") as file:
            shutil.copyfileobj(response, file, CHUNK_BYTES)


main(sys.argv[1], sys.argv[2])
