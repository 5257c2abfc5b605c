"""Processes texts for juggle: converts each line to lower case and ASCII, and splits it at whitespace.

juggle process -o corpus --exec 'python3 crates/process/examples/process.py' --threads 4
"""
import json, sys

def process(line: str) -> str:
    return line.lower().strip().encode("ascii", "ignore").decode()

for request in sys.stdin.buffer:
    document = json.loads(request)
    text = document["text"]
    tokens = [word for line in text.split("\n") for word in process(line).split()]
    measures = {"non_ascii": sum(ord(character) > 127 for character in text)}
    print(json.dumps({"id": document["id"], "tokens": tokens, "measures": measures}), flush=True)
