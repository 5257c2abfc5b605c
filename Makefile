# One command a target; exit codes pass through. `make` prints this help.
.DEFAULT_GOAL := help

CARGO  ?= cargo
JUGGLE := target/release/juggle

# make pipeline SOURCES=books.tsv OUT=corpus ARGS='--wait 5'
OUT  ?= data/corpus
ARGS ?=

# Without SOURCES: the ten books of data/gutenberg.tsv, or the bundled sample if no host of that list can be reached.
ifdef SOURCES
PIPELINE = $(SOURCES)
else
PIPELINE = data/gutenberg.tsv --sample data/sample --sample-output data/corpus-sample
endif

.PHONY: help
help: ## Print this help.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build everything, optimised.
	@$(CARGO) build --release --locked

.PHONY: pipeline
pipeline: build ## Make a tokenised corpus from sources. [SOURCES=file] [OUT=dir] [ARGS='…']
	@$(JUGGLE) pipeline $(PIPELINE) --output-dir $(OUT) $(ARGS)

.PHONY: fetch store process
fetch: build ## Run the fetch stage. [SOURCES=file] [OUT=dir] [ARGS='…']
	@$(if $(SOURCES),$(JUGGLE) add $(SOURCES) --output-dir $(OUT) &&) $(JUGGLE) fetch --output-dir $(OUT) $(ARGS)
store: build ## Run the store stage. [OUT=dir] [ARGS='…']
	@$(JUGGLE) store --output-dir $(OUT) $(ARGS)
process: build ## Run the process stage. [OUT=dir] [ARGS='…']
	@$(JUGGLE) process --output-dir $(OUT) $(ARGS)

.PHONY: status
status: build ## Show the progress of a run. [OUT=dir] [ARGS='…']
	@$(JUGGLE) status --output-dir $(OUT) $(ARGS)

.PHONY: report
report: build ## Write a report of a run as one HTML file. [OUT=dir] [ARGS='…']
	@$(JUGGLE) report --output-dir $(OUT) $(ARGS)

.PHONY: compare
compare: build ## Compare serial, concurrent and parallel work on this machine. [OUT=dir] [ARGS='…']
	@$(JUGGLE) compare --output-dir $(OUT) $(ARGS)

# The optional features.
FEATURES := juggle/hf

# The benchmarks are a workspace of their own, which shares the build directory.
BENCH := --manifest-path bench/Cargo.toml --target-dir target --locked

# Many tests wait for other processes, so twice as many of them run at a time as there are cores.
export RUST_TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

.PHONY: test
test: ## Run all tests, with all optional features.
	@$(CARGO) test --workspace --features $(FEATURES) --locked --doc --quiet
	@$(CARGO) test --workspace --features $(FEATURES) --locked --lib --bins --tests

.PHONY: torture
torture: ## Run long crash tests: 1,000 kills, 5,000 power cuts of the queue, 10,000 of the store, 2,000 faults of a pipeline.
	@JUGGLE_TORTURE_KILLS=1000 JUGGLE_TORTURE_STATES=5000 \
		$(CARGO) test --locked --package queue --package store --test crash -- --nocapture
	@JUGGLE_TORTURE_FAULTS=2000 $(CARGO) test --locked --package juggle --test it -- --nocapture faults::

# The targets of make fuzz, and the seconds for each.
TARGETS ?= source_list catalog headers robots coding text words
SECONDS ?= 600
FUZZ    := RUSTC_BOOTSTRAP=1 $(CARGO) fuzz

.PHONY: fuzz fuzz-check
fuzz: ## Run the fuzz targets, one after the other; see fuzz/README.md. [SECONDS=600] [TARGETS='…']
	@for target in $(TARGETS); do mkdir -p fuzz/grown/$$target && \
		$(FUZZ) run -s none $$target fuzz/grown/$$target fuzz/corpus/$$target -- -max_total_time=$(SECONDS) \
		-max_len=65536 -timeout=20 -print_final_stats=1 || exit; done
fuzz-check: ## Check that the fuzz targets compile.
	@$(FUZZ) check -s none

.PHONY: lint
lint: bench-check browser-check ## Check formatting, clippy and documentation, with and without optional features; warnings are errors.
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@$(CARGO) clippy --workspace --all-targets --features $(FEATURES) --locked -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --features $(FEATURES) --locked

.PHONY: bench-check bench-test
bench-check: ## Lint the benchmarks.
	@$(CARGO) fmt --manifest-path bench/Cargo.toml --check
	@$(CARGO) clippy $(BENCH) --all-targets -- -D warnings
bench-test: ## Test the benchmarks: short runs of each.
	@$(CARGO) test $(BENCH)

.PHONY: bench-queue
bench-queue: ## Compare the queue with Redis, NATS and SQLite; print a table, and write JSON to target/bench. [ARGS='…']
	@$(CARGO) run --release $(BENCH) --quiet -- queue $(ARGS)

.PHONY: bench-fetch
bench-fetch: build ## Compare downloads with curl, wget2, aria2c and Python; print a table, and write JSON to target/bench. [ARGS='…']
	@$(CARGO) run --release $(BENCH) --quiet -- fetch $(ARGS)

.PHONY: bench-store
bench-store: ## Measure the store stage with each layout and compression; print a table, and write JSON to target/bench. [ARGS='…']
	@$(CARGO) run --release $(BENCH) --quiet -- store $(ARGS)

.PHONY: bench-process
bench-process: ## Measure the process stage, and compare counting with coreutils, C, Python, Polars, DuckDB and NLTK; print a table, and write JSON to target/bench. [ARGS='…']
	@$(CARGO) run --release $(BENCH) --quiet -- process $(ARGS)

.PHONY: bench
bench: bench-queue bench-fetch bench-store bench-process ## Run all benchmarks.

# The tests in a browser are a workspace of their own, which shares the build directory.
BROWSER := --manifest-path tests/browser/Cargo.toml --target-dir target --locked

.PHONY: test-browser browser-check
test-browser: ## Test the dashboard and the report in Chromium; installs Chromium and axe-core.
	@tests/browser/install.sh
	@$(CARGO) build --workspace --features $(FEATURES) --locked --bin juggle
	@$(CARGO) test $(BROWSER) -- --test-threads 2
browser-check: ## Lint the tests in a browser.
	@$(CARGO) fmt --manifest-path tests/browser/Cargo.toml --check
	@$(CARGO) clippy $(BROWSER) --all-targets -- -D warnings

# The run directory of make check-exports. Without it, the sample is used, from a loopback server.
RUN ?=

.PHONY: check-exports check-warc
check-exports: check-warc ## Check that pyarrow, DuckDB, Polars, datasets and dolma read the exports; installs them with pip. [RUN=dir]
	@$(if $(RUN),,$(JUGGLE) pipeline http://nowhere.invalid/none.txt --output-dir target/check-exports-none \
		--sample data/sample --sample-output target/check-exports-sample --no-progress >/dev/null)
	@tests/check_exports.py $(JUGGLE) $(or $(RUN),target/check-exports-sample)

check-warc: build ## Check that warcio, FastWARC and datatrove read segments and web archives; installs them with pip for the time of the check.
	@tests/check_warc.py $(JUGGLE)

.PHONY: check
check: lint test ## Run lint and test.

.PHONY: clean
clean: ## Remove build files, but no corpus.
	@$(CARGO) clean

.PHONY: distclean
distclean: clean ## Remove build files, and the corpora of make pipeline in data/.
	@rm -rf data/corpus data/corpus-sample
