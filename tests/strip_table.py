#!/usr/bin/env python3
"""Reports the boilerplate that was cut from the texts of a run directory, with rules of its own.

    tests/strip_table.py RUN_DIR

Does not use the rules of juggle. Reads raw/, text/ and meta/, finds START and END markers itself, and prints

* the number of texts that each rule cut, with lines and bytes;
* the share of the words between the markers that each text kept, smallest first, with the lines that were cut there;
* remaining lines that look like a header, licence or credits of Project Gutenberg.

The exit code is 1 if a text kept less than 99 % of its words, or if such a line remains. Both can be correct, so check
the lines.
"""

import collections
import json
import pathlib
import re
import sys

START = re.compile(r"\s*\*\*\*+\s*START OF (THE|THIS) PROJECT GUTENBERG E(BOOK|TEXT)", re.I)
END = re.compile(r"\s*\*\*\*+\s*END OF (THE|THIS) PROJECT GUTENBERG E(BOOK|TEXT)", re.I)
LEFT = re.compile(
    r"\*\*\*.*(START|END) OF TH(E|IS) PROJECT GUTENBERG|project gutenberg(-tm|™)? (e-?text|ebook|license|literary)"
    r"|gutenberg-tm|small print!|this ebook is for the use of anyone|www\.gutenberg\.(org|net)"
    r"|^\s*end of (the |this )?project gutenberg|^\s*(ende diese|fin de (la versi|project)|einde van).*gutenberg"
    r"|project gutenberg also has an html|executive director's notes|project gutenberg's early files"
    r"|^.portions of this (header|ebook's header)|^(warning|error):root:.*file:///"
    r"|gutenberg projekt-de|erreichbar\.$|this e-?text is in|^\s*(produced|e-?text prepared) by\b.*(proofread|gutenberg|pgdp)",
    re.I,
)
KEPT_MIN = 0.99
SHOWN_MAX = 12


def body(lines):
    """Returns the lines between the markers, or all lines."""
    first, last = 0, len(lines)
    for number, line in enumerate(lines):
        if START.match(line) and number < len(lines) / 2:
            first = number + 1
            # A title that wraps: up to the line that closes the marker.
            for wrapped in range(number, min(number + 5, len(lines))):
                if lines[wrapped].rstrip().endswith("***"):
                    first = wrapped + 1
                    break
                if not lines[wrapped].strip():
                    break
    for number in range(len(lines) - 1, first, -1):
        if END.match(lines[number]):
            last = number
    return lines[first:last]


def words(lines):
    return sum(len(line.split()) for line in lines)


def main(run):
    rules = collections.Counter()
    cut = collections.defaultdict(lambda: [0, 0])
    kept, left, texts = [], [], 0
    for path in sorted((run / "meta").glob("*.json")):
        meta = json.loads(path.read_text())
        name = meta["document"]
        raw = (run / "raw" / f"{name}_raw.txt").read_bytes().decode(meta["encoding"]["used"], "replace")
        lines = raw.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        text = (run / "text" / f"{name}_text.txt").read_text().split("\n")
        texts += 1
        for rule in {found["rule"] for found in meta["cuts"]}:
            rules[rule] += 1
        for found in meta["cuts"]:
            cut[found["rule"]][0] += found["last_line"] - found["first_line"] + 1
            cut[found["rule"]][1] += found["bytes"]
        share = words(text) / max(words(body(lines)), 1)
        kept.append((share, name, meta["cuts"], lines))
        left += [(name, number + 1, line) for number, line in enumerate(text) if LEFT.search(line)]

    print(f"{texts} texts\n\n{'rule':<24}{'texts':>8}{'lines':>10}{'bytes':>12}")
    for rule, count in sorted(rules.items(), key=lambda item: -item[1]):
        print(f"{rule:<24}{count:>8}{cut[rule][0]:>10}{cut[rule][1]:>12}")

    kept.sort(key=lambda one: one[0])
    few = [one for one in kept if one[0] < KEPT_MIN]
    print(f"\nwords kept between the markers: least {kept[0][0]:.4f}, under {KEPT_MIN}: {len(few)}")
    for share, name, cuts, lines in few:
        print(f"\n{name}: {share:.4f}")
        for rule in dict.fromkeys(found["rule"] for found in cuts):
            if rule in ("start_marker", "end_marker"):
                continue
            places = [found for found in cuts if found["rule"] == rule]
            first, last = places[0]["first_line"], places[0]["last_line"]
            shown = [line for line in lines[first - 1 : last] if line.strip()][:SHOWN_MAX]
            print(f"  {rule}, {len(places)} times, first in lines {first} to {last}:")
            print("".join(f"    | {line.strip()[:110]}\n" for line in shown), end="")

    print(f"\nremaining lines that look like boilerplate: {len(left)} in {len({one[0] for one in left})} texts")
    for name, number, line in left:
        print(f"  {name}:{number}: {line.strip()[:120]}")
    return 1 if few or left else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
