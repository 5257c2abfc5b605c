#!/usr/bin/env bash
# If a key first occurs late in JSON Lines (as Dolma asks: absent, not null), one reader drops it and another
# fails. Polars 2.1.0: a key that first occurs after the first 100 lines is missing from the table, without an
# error or a warning; with infer_schema_length=None it is present. datasets 5.2.0: load_dataset("json") raises
# an error if the key first occurs after the first block of 10 MiB. Both read the same lines correctly if the
# key occurs early.
#
# Output seen:
#   polars, default: ['id', 'text']
#   polars, infer_schema_length=None: ['id', 'text', 'author']
#   datasets, key in the first block: ['id', 'text', 'author'] 31 rows
#   datasets, key after it: DatasetGenerationError
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
export HF_HOME="$work/hf" HF_HUB_OFFLINE=1
python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install polars==2.1.0 datasets==5.2.0
cat > probe.py <<'PYTHON'
import json, logging, polars, datasets

datasets.disable_progress_bars()
logging.disable(logging.CRITICAL)

def write(name, lines):
    with open(name, "w") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
    return name

def text(number, length):
    return {"id": f"d{number:04}", "text": "word " * (length // 5)}

late = write("late.jsonl", [text(n, 20) for n in range(150)] + [{**text(150, 20), "author": "Roe"}])
print("polars, default:", polars.read_ndjson(late).columns)
print("polars, infer_schema_length=None:", polars.read_ndjson(late, infer_schema_length=None).columns)

def load(name):
    return datasets.load_dataset("json", data_files=name, split="train", cache_dir="cache")

early = load(write("early.jsonl", [{**text(0, 20), "author": "Roe"}] + [text(n, 20) for n in range(1, 31)]))
print("datasets, key in the first block:", early.column_names, len(early), "rows")
big = [text(n, 1_000_000) for n in range(25)] + [{**text(25, 20), "author": "Roe"}]
try:
    print("datasets, key after it:", load(write("big.jsonl", big)).column_names)
except Exception as error:
    print("datasets, key after it:", type(error).__name__)
PYTHON
venv/bin/python probe.py | tee seen
diff - seen <<'SEEN'
polars, default: ['id', 'text']
polars, infer_schema_length=None: ['id', 'text', 'author']
datasets, key in the first block: ['id', 'text', 'author'] 31 rows
datasets, key after it: DatasetGenerationError
SEEN
