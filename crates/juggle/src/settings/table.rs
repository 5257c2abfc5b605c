//! The table of settings: one row a setting.

/// A setting as it is named and explained.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The long flag without its dashes. The environment and `juggle.toml` use the same word, see [`Setting::key`].
    pub name: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// What a value looks like.
    pub takes: Takes,
    /// The value where none is given; empty for none.
    pub default: &'static str,
    /// One line for `--help`, with units.
    pub help: &'static str,
}

/// What a value of a setting looks like; the name is shown in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A whole number.
    Number(&'static str),
    /// A number, perhaps with a unit.
    Amount(&'static str),
    /// Words.
    Text(&'static str),
    /// Words, any number of times; in the environment separated by spaces.
    Texts(&'static str),
    /// A path. In `juggle.toml`, relative to the directory of that file.
    Path(&'static str),
    /// Paths, any number of times; in the environment separated like those of `PATH`.
    Paths(&'static str),
    /// On or off; off unless given.
    Switch,
    /// A switch that counts.
    Count,
}

impl Setting {
    /// The key in `juggle.toml`: `max_filesize`.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The name in the environment: `JUGGLE_MAX_FILESIZE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("JUGGLE_{}", self.key().to_ascii_uppercase())
    }

    /// A value that was given, fit for a message: a password in it must not come back in a log.
    #[must_use]
    pub fn redact(&self, value: &str) -> String {
        let redacted = match (self.name, value.rsplit_once('@')) {
            ("proxy" | "mirror" | "gutenberg-mirror", Some((_, host))) => format!("…@{host}"),
            _ => value.to_owned(),
        };
        redacted.chars().take(100).flat_map(char::escape_debug).collect()
    }

    /// The row of this name.
    ///
    /// # Panics
    /// Where the table has no such row: a programmer's mistake.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        TABLE
            .iter()
            .find(|setting| setting.name == name)
            .expect("settings are read by the names of the table")
    }
}

const fn row(
    name: &'static str,
    short: Option<char>,
    takes: Takes,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, short, takes, default, help }
}

/// The flag that names the settings file.
pub const CONFIG: Setting = row(
    "config",
    None,
    Takes::Path("FILE"),
    "",
    "Read settings from this file instead of juggle.toml in the current directory",
);

/// All settings that can also stand in `juggle.toml`, in the order of `--help`.
pub const TABLE: &[Setting] = &[
    row("output-dir", Some('o'), Takes::Path("DIR"), "./corpus", "Run directory: queue and texts"),
    row(
        "input-file",
        Some('i'),
        Takes::Paths("FILE"),
        "",
        "Source list to add, also a URL; may be repeated; - is standard input, gzip and zstd are unpacked",
    ),
    row(
        "url-column",
        None,
        Takes::Text("NAME"),
        "",
        "Column of a table, or key of JSON Lines, that holds the URLs [default: url, or another common name such as link or href]",
    ),
    row(
        "max-concurrent-downloads",
        Some('j'),
        Takes::Number("N"),
        "16",
        "Downloads at a time, over all hosts",
    ),
    row("max-connection-per-server", Some('x'), Takes::Number("N"), "1", "Downloads at a time from one host"),
    row(
        "wait",
        Some('w'),
        Takes::Amount("SECONDS"),
        "2",
        "Minimum time from the end of a response to the next request to the same host, in seconds or with a unit: 0.5, 500ms, 2s",
    ),
    row("threads", None, Takes::Number("N"), "0", "Threads that process texts; 0 for one per core"),
    row(
        "chunk",
        None,
        Takes::Text("whole|docs:N|bytes:N|auto"),
        "auto",
        "How work is divided over threads: whole texts, so many texts at a time, or pieces of texts, as large as auto finds \
         good or at least so many bytes; changes the speed, never the result",
    ),
    row(
        "tokenizer",
        None,
        Takes::Text("NAME"),
        "uax29",
        "What a token is: uax29, whitespace, spgc, regex:PATTERN, or, where juggle is built with --features hf, hf:PATH for a \
         tokenizer.json of Hugging Face. What is asked for from here to --measures is part of the results: those made \
         otherwise are made anew",
    ),
    row("keep-case", None, Takes::Switch, "", "Leave upper case as it is, as hf:PATH always does"),
    row(
        "strip-italics",
        None,
        Takes::Switch,
        "",
        "Remove the low lines of _italics_ before tokens are looked for",
    ),
    row(
        "fold-quotes",
        None,
        Takes::Switch,
        "",
        "Make typographic quotation marks and apostrophes plain ones first",
    ),
    row("ascii", None, Takes::Switch, "", "Remove all characters beyond ASCII first"),
    row(
        "numbers",
        None,
        Takes::Text("keep|drop|mask"),
        "keep",
        "What becomes of numbers; masked, each is <num>",
    ),
    row("min-length", None, Takes::Number("N"), "1", "Leave out tokens of fewer characters"),
    row(
        "stop-words",
        None,
        Takes::Text("FILE|LANG"),
        "",
        "Leave out the words of a list: a language such as en, de, fr, or a file with a word a line",
    ),
    row(
        "ngrams",
        None,
        Takes::Number("N"),
        "1",
        "Count runs of so many tokens, joined by spaces, in counts/",
    ),
    row("sentences", None, Takes::Switch, "", "Count sentences, and measure readability by them"),
    row(
        "measures",
        None,
        Takes::Text("basic|full"),
        "basic",
        "What stats/ says; full adds sentences, readability, lexical measures and the language",
    ),
    row(
        "exec",
        None,
        Takes::Text("COMMAND"),
        "",
        "Process texts by this shell command (sh -c), one for each of --threads: it reads a line {\"id\",\"text\",\"meta\"} a \
         document, and answers each with a line {\"id\",\"tokens\"} or {\"id\",\"text\"}, perhaps with \"measures\", or \
         {\"id\",\"error\"}. The command is named in stats/: keep secrets out of it",
    ),
    row(
        "exec-version",
        None,
        Takes::Text("TEXT"),
        "",
        "Say that the same --exec is another one now, so that what it made before is made anew",
    ),
    row(
        "exec-timeout",
        None,
        Takes::Amount("TIME"),
        "60",
        "Longest time of --exec for one document, in seconds or 15m, 1h; then it is killed and the document fails",
    ),
    row("retry", None, Takes::Number("N"), "5", "Tries after a failure that may pass"),
    row(
        "retry-max-time",
        None,
        Takes::Amount("TIME"),
        "15m",
        "No further try after this time, in seconds or 15m, 1h",
    ),
    row(
        "connect-timeout",
        None,
        Takes::Amount("SECONDS"),
        "10",
        "Longest time until a connection stands, in seconds",
    ),
    row("timeout", None, Takes::Amount("SECONDS"), "60", "Longest time without a byte, in seconds"),
    row("max-time", None, Takes::Amount("TIME"), "10m", "Longest time for one file, in seconds or 10m, 1h"),
    row(
        "speed-limit",
        None,
        Takes::Amount("SIZE"),
        "100",
        "Give up a download that brings fewer bytes a second than this over --speed-time; 0 for never",
    ),
    row(
        "speed-time",
        None,
        Takes::Amount("SECONDS"),
        "30",
        "How long a download may be slower than --speed-limit, in seconds",
    ),
    row("max-filesize", None, Takes::Amount("SIZE"), "64MiB", "Largest file, in bytes or 64MiB, 10MB"),
    row(
        "compressed",
        None,
        Takes::Switch,
        "",
        "Ask servers for compressed texts; what was cut then begins anew. Compressed answers are always unpacked",
    ),
    row(
        "limit-rate",
        None,
        Takes::Amount("SIZE"),
        "0",
        "Most bytes a second over all downloads of this process, such as 500KiB or 10MB; 0 for no limit",
    ),
    row(
        "min-free-space",
        None,
        Takes::Amount("SIZE"),
        "64MiB",
        "Download nothing that would leave less of the disk free, so that the queue can go on writing; 0 for none",
    ),
    row(
        "proxy",
        None,
        Takes::Text("URL|off"),
        "",
        "Fetch through this http or https proxy, not through the one that http_proxy, https_proxy or all_proxy name; \
         no_proxy holds for both; USER:PASSWORD@ in it is never shown; off for none",
    ),
    row("no-proxy", None, Takes::Switch, "", "Fetch without a proxy, as with --proxy off"),
    row(
        "offline",
        None,
        Takes::Switch,
        "",
        "Ask no server for anything: what is here is stored and processed, what would be fetched waits",
    ),
    row("ipv4", Some('4'), Takes::Switch, "", "Connect to IPv4 addresses only"),
    row("ipv6", Some('6'), Takes::Switch, "", "Connect to IPv6 addresses only"),
    row(
        "ca-certificate",
        None,
        Takes::Path("FILE"),
        "",
        "Trust the certificate authorities in this PEM file beside those of the system",
    ),
    row(
        "mirror",
        None,
        Takes::Texts("BASE=BASE"),
        "",
        "Fetch URLs that begin with the first base from the second",
    ),
    row(
        "gutenberg-mirror",
        None,
        Takes::Texts("BASE"),
        "",
        "Fetch books of Project Gutenberg from this mirror, not the built-in ones; may be repeated",
    ),
    row(
        "allow-host",
        None,
        Takes::Texts("HOST[:PORT]"),
        "",
        "Fetch from this host although its address is loopback, private or link-local",
    ),
    row(
        "robots",
        None,
        Takes::Text("on|off"),
        "on",
        "Whether robots.txt is asked for and obeyed; off only for hosts that are yours",
    ),
    row(
        "user-agent",
        None,
        Takes::Text("TEXT"),
        concat!("juggle/", env!("CARGO_PKG_VERSION")),
        "How juggle names itself to servers",
    ),
    row(
        "contact",
        None,
        Takes::Text("MAIL|URL"),
        "",
        "How an administrator reaches you; put into the User-Agent",
    ),
    row(
        "strip",
        None,
        Takes::Text("off|markers|full"),
        "full",
        "How much of Project Gutenberg's boilerplate is cut: nothing, what its markers enclose, or credits and footers too",
    ),
    row(
        "raw",
        None,
        Takes::Text("keep|drop"),
        "keep",
        "What becomes of the bytes as received when their text is stored; without them a text cannot be decoded anew",
    ),
    row(
        "compress",
        None,
        Takes::Text("none|zstd|KINDS"),
        "none",
        "Files that are kept as .zst: none, all of raw, text, tokens and counts, or some of them such as raw,tokens",
    ),
    row(
        "layout",
        None,
        Takes::Text("flat|sharded"),
        "",
        "How a new run directory is laid out: flat by default, or in 256 directories a kind for millions of texts",
    ),
    row(
        "durability",
        None,
        Takes::Text("power|process"),
        "power",
        "What an acknowledged write survives: power loss, or the end of the process",
    ),
    row("keep-going", None, Takes::Switch, "", "Go on after a document failed (the default)"),
    row("fail-fast", None, Takes::Switch, "", "Stop at the first document that failed"),
    row("dry-run", Some('n'), Takes::Switch, "", "Say what would be done, do nothing"),
    row("quiet", Some('q'), Takes::Switch, "", "Print only errors; with --json the result is still printed"),
    row("verbose", Some('v'), Takes::Count, "", "Say more; -vv says most"),
    row("color", None, Takes::Text("auto|always|never"), "auto", "Colours on standard error"),
    row("no-progress", None, Takes::Switch, "", "No progress bars"),
    row("log-format", None, Takes::Text("text|json"), "text", "Form of the log on standard error"),
    row("json", None, Takes::Switch, "", "Result on standard output as JSON"),
];
