"""Downloads the URLs of a list into a directory, 64 at a time, over kept connections."""

import asyncio
import os
import sys

import aiohttp

CONNECTIONS = 64
CHUNK_BYTES = 64 * 1024


async def download(session, url, directory):
    async with session.get(url) as response:
        response.raise_for_status()
        with open(os.path.join(directory, url.rsplit("/", 1)[1]), "wb") as file:
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                file.write(chunk)


async def worker(session, urls, directory):
    for url in urls:
        await download(session, url, directory)


async def main(listed, directory):
    with open(listed) as file:
        urls = iter(file.read().split())
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(worker(session, urls, directory) for _ in range(CONNECTIONS)))


asyncio.run(main(sys.argv[1], sys.argv[2]))
