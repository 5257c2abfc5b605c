"""Counts the words of texts in one of several ways: count.py WAY WORKERS LIST.

The list has the paths of the texts, each ended by a zero byte. Says what it took as a line of JSON. The clock runs from the
first text that is opened to the last count; loading modules is before it.
"""

import json
import re
import resource
import sys
import time
import unicodedata
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool

WORD = re.compile(r"\w+")
ASCII_WORD = re.compile(r"[a-z0-9']+")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def count_by_re(paths):
    counts = Counter()
    for path in paths:
        counts.update(WORD.findall(read(path).lower()))
    return counts


def by_re(paths, workers):
    if workers == 1:
        return totals(count_by_re(paths))
    counts = Counter()
    with Pool(workers) as pool:
        for part in pool.imap_unordered(count_by_re, [paths[n::workers] for n in range(workers)]):
            counts.update(part)
        pool.close()
        pool.join()
    return totals(counts)


def by_polars(paths, _):
    words = pl.col("text").str.to_lowercase().str.replace_all("\n", " ", literal=True).str.split(" ")
    frame = pl.LazyFrame({"text": [read(path) for path in paths]})
    frame = frame.select(words.alias("word")).explode("word").filter(pl.col("word") != "")
    frame = frame.group_by("word").len().collect()
    return int(frame["len"].sum()), frame.height


def by_duckdb(paths, workers):
    connection = duckdb.connect(config={"threads": workers})
    return connection.execute(
        r"""SELECT sum(n)::BIGINT, count(*) FROM (
            SELECT word, count(*) AS n FROM (
                SELECT unnest(string_split(replace(lower(content), chr(10), ' '), ' ')) AS word FROM read_text(?))
            WHERE word <> '' GROUP BY word)""",
        [paths],
    ).fetchone()


def by_nltk(paths, _):
    counts = Counter()
    sentences, words = PunktSentenceTokenizer(), TreebankWordTokenizer()
    for path in paths:
        for sentence in sentences.tokenize(read(path)):
            counts.update(word.lower() for word in words.tokenize(sentence) if word.isalpha())
    return totals(counts)


def tokenise(line):
    """The words of a line, as an article on concurrency in Python would have them."""
    line = line.replace("’", "'").replace("_", " ")
    line = unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode("ascii")
    return ASCII_WORD.findall(line.lower())


def by_pyjuggle(paths, workers):
    lines = [line for path in paths for line in read(path).splitlines()]
    counts = Counter()
    if workers == 1:
        for words in map(tokenise, lines):
            counts.update(words)
        return totals(counts)
    with ProcessPoolExecutor(max_workers=4) as pool:
        for words in pool.map(tokenise, lines):
            counts.update(words)
    return totals(counts)


def totals(counts):
    return sum(counts.values()), len(counts)


def peak_kib(workers):
    """That of this process, and for each worker that of the largest."""
    with open("/proc/self/status", encoding="ascii") as status:
        own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return own + workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def main():
    way, workers, paths = sys.argv[1], int(sys.argv[2]), read(sys.argv[3]).split("\0")[:-1]
    started = time.perf_counter()
    words, distinct = WAYS[way](paths, workers)
    seconds = time.perf_counter() - started
    processes = {"re": 2, "pyjuggle": 4}.get(way, 0) if workers > 1 else 0
    report = {"seconds": seconds, "words": words, "distinct": distinct, "rss_kib": peak_kib(processes)}
    print(json.dumps(report))


WAYS = {"re": by_re, "polars": by_polars, "duckdb": by_duckdb, "nltk": by_nltk, "pyjuggle": by_pyjuggle}

if __name__ == "__main__":
    if sys.argv[1] == "polars":
        import polars as pl
    elif sys.argv[1] == "duckdb":
        import duckdb
    elif sys.argv[1] == "nltk":
        from nltk.tokenize.punkt import PunktSentenceTokenizer
        from nltk.tokenize.treebank import TreebankWordTokenizer
    main()
