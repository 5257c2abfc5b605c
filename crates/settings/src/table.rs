//! The table of settings: one row a setting.

use super::enums::{Color, EventLogging, LogFormat, Robots, names};

/// A setting: its name, its form and its help.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The long flag without its dashes. The environment and `juggle.toml` use the same name, see
    /// [`Setting::key`].
    pub name: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// The form of a value.
    pub takes: Takes,
    /// The default value; empty for none.
    pub default: &'static str,
    /// The heading in the help.
    pub group: Group,
    /// `true` for the most common settings, which are the only ones that `-h` shows.
    pub is_common: bool,
    /// The help in one line.
    pub help: &'static str,
    /// More sentences for `--help`; empty for none.
    pub details: &'static str,
}

/// The form of a setting's value. The text is the name of the value in the help.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A whole number.
    Number(&'static str),
    /// A number with or without a unit.
    Amount(&'static str),
    /// A string.
    Text(&'static str),
    /// One of the names of an enum.
    OneOf(fn() -> String),
    /// Strings, given any number of times; separated by spaces in the environment.
    Texts(&'static str),
    /// A path, relative to the directory of the file if it is set in `juggle.toml`.
    Path(&'static str),
    /// Paths, given any number of times; separated as in `PATH` in the environment.
    Paths(&'static str),
    /// On or off; off by default.
    Switch,
    /// A switch that counts how often it is given.
    Count,
}

/// The group of a setting, which is a heading in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Source lists.
    Sources,
    /// Hosts and downloads.
    Downloads,
    /// Decoding and boilerplate.
    Texts,
    /// Tokens and counts.
    Tokens,
    /// The files of the run directory.
    Files,
    /// Retries and failures.
    Failures,
    /// The run directory and what is printed. Every command uses these.
    General,
}

impl Setting {
    /// Returns the key in `juggle.toml`: `max_filesize`.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Returns the environment variable: `JUGGLE_MAX_FILESIZE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("JUGGLE_{}", self.key().to_ascii_uppercase())
    }

    /// Returns a given value for a message, without passwords and control characters.
    #[must_use]
    pub fn redact(&self, value: &str) -> String {
        // The last @, because a password may contain one.
        let redacted = match (self.name, value.rsplit_once('@')) {
            ("proxy" | "mirror" | "gutenberg-mirror", Some((_, host))) => format!("…@{host}"),
            _ => value.to_owned(),
        };
        // An error message stays on a few lines, whatever was pasted.
        redacted.chars().take(100).flat_map(char::escape_debug).collect()
    }

    /// Returns whether a given value contains a user name or password.
    #[must_use]
    pub fn holds_secret(&self, value: &str) -> bool {
        let has_user = |url: &str| {
            let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
            authority.split('/').next().is_some_and(|authority| authority.contains('@'))
        };
        // A mirror is two URLs.
        matches!(self.name, "proxy" | "mirror" | "gutenberg-mirror") && value.split('=').any(has_user)
    }

    /// Returns the setting of this name.
    ///
    /// # Panics
    /// Panics if there is none: a mistake in the program.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        ALL.iter().find(|setting| setting.name == name).expect("settings are read by the names of the table")
    }
}

/// Expands to the table. A row is `name[/short] form = default, group [common]: help [, details];`.
macro_rules! table {
    ($($name:literal $(/ $short:literal)? $takes:expr => $default:expr, $group:ident $($common:ident)?:
        $help:literal $(, $details:literal)?;)*) => {
        &[$(Setting {
            name: $name,
            short: table!(@short $($short)?),
            takes: $takes,
            default: $default,
            group: Group::$group,
            is_common: table!(@common $($common)?),
            help: $help,
            details: concat!($($details)?),
        },)*]
    };
    (@short) => { None };
    (@short $short:literal) => { Some($short) };
    (@common) => { false };
    (@common common) => { true };
}

use Takes::{Amount, Count, Number, OneOf, Path, Paths, Switch, Text, Texts};

/// The flag that names the settings file.
pub const CONFIG: &Setting = &ALL[TABLE.len()];

/// The settings that can be set in `juggle.toml`: all but [`CONFIG`].
pub const TABLE: &[Setting] = ALL.split_at(ALL.len() - 1).0;

/// All settings, in the order of `--help`.
#[rustfmt::skip]
pub const ALL: &[Setting] = table! {
    "input-file"/'i' Paths("FILE") => "", Sources common: "Source list to add: a file, a URL, or - for standard input",
        "Can be repeated. Files compressed with gzip or zstd are decompressed.";
    "url-column" Text("NAME") => "", Sources: "Column or JSON key that holds the URLs",
        "The default is url, or another common name such as link or href.";
    "gutenberg-mirror" Texts("BASE") => "", Sources: "Fetch Project Gutenberg books from this mirror",
        "Replaces the built-in mirrors. Can be repeated.";

    "max-connection-per-server"/'x' Number("N") => "1", Downloads common: "Maximum downloads at a time from one host";
    "wait"/'w' Amount("SECONDS") => "2", Downloads common: "Minimum time between two requests to one host",
        "Counts from the end of a response to the next request, over all processes. In seconds or with a unit: 0.5, 500ms, 2s.";
    "robots" OneOf(names::<Robots>) => "on", Downloads: "Obey robots.txt",
        "Switch it off only for hosts that are yours.";
    "user-agent" Text("TEXT") => concat!("juggle/", env!("CARGO_PKG_VERSION")), Downloads: "User-Agent header of requests";
    "contact" Text("MAIL|URL") => "", Downloads: "Your address for administrators, added to the User-Agent";
    "mirror" Texts("BASE=BASE") => "", Downloads: "Fetch URLs that begin with the first base from the second",
        "Can be repeated.";
    "allow-host" Texts("HOST[:PORT]") => "", Downloads common: "Allow a host with a loopback or private address",
        "Such addresses, and link-local ones, are refused otherwise. Can be repeated.";

    "max-concurrent-downloads"/'j' Number("N") => "16", Downloads common: "Maximum downloads at a time, over all hosts";
    "connect-timeout" Amount("SECONDS") => "10", Downloads: "Connection timeout";
    "timeout" Amount("SECONDS") => "60", Downloads: "Maximum time without receiving a byte";
    "max-time" Amount("TIME") => "10m", Downloads: "Maximum time for one file";
    "speed-limit" Amount("SIZE") => "100", Downloads: "Minimum speed in bytes per second; 0 for none",
        "A download that is slower for the time of --speed-time is aborted.";
    "speed-time" Amount("SECONDS") => "30", Downloads: "Time that a download may be slower than --speed-limit";
    "max-filesize" Amount("SIZE") => "64MiB", Downloads: "Maximum size of a file";
    "limit-rate" Amount("SIZE") => "0", Downloads: "Maximum bytes per second of this process; 0 for no limit",
        "Such as 500KiB or 10MB.";
    "min-free-space" Amount("SIZE") => "64MiB", Downloads: "Disk space that downloads leave free; 0 for none",
        "The queue needs some space to continue.";
    "compressed" Switch => "", Downloads: "Request compressed responses",
        "An interrupted download then starts over. Compressed responses are decompressed with or without this flag.";
    "proxy" Text("URL|off") => "", Downloads: "Use this HTTP or HTTPS proxy; off for none",
        "Overrides http_proxy, https_proxy and all_proxy; no_proxy is obeyed. A password in it is never printed.";
    "no-proxy" Switch => "", Downloads: "Use no proxy (the same as --proxy off)";
    "offline" Switch => "", Downloads common: "Make no requests; only store and process texts that were \
     fetched";
    "ipv4"/'4' Switch => "", Downloads: "Connect to IPv4 addresses only";
    "ipv6"/'6' Switch => "", Downloads: "Connect to IPv6 addresses only";
    "ca-certificate" Path("FILE") => "", Downloads: "PEM file of certificate authorities to trust",
        "In addition to those of the system.";

    "strip" Text("off|markers|full") => "full", Texts: "How much Project Gutenberg boilerplate to remove",
        "markers removes what is outside the START and END markers; full also removes credits and footers.";
    "raw" Text("keep|drop") => "keep", Texts: "Keep or drop the received bytes once a text is stored",
        "Without them, a text cannot be decoded again.";

    "threads" Number("N") => "0", Tokens common: "Threads that process texts; 0 for one per core";
    "chunk" Text("whole|docs:N|bytes:N|auto") => "auto", Tokens: "How texts are divided over threads",
        "Whole texts, N texts at a time, pieces of at least N bytes, or pieces of a suitable size. Changes the speed, never the result.";
    "tokenizer" Text("NAME") => "uax29", Tokens common: "Tokenizer: uax29, whitespace, spgc, regex:…, hf:…",
        "regex:PATTERN finds tokens by a pattern. hf:PATH is a tokenizer.json of Hugging Face and needs a build with --features hf. The options from here to --exec-version are \
         part of the results: if one changes, texts are processed again.";
    "keep-case" Switch => "", Tokens: "Do not convert to lower case (hf:PATH never does)";
    "strip-italics" Switch => "", Tokens: "Remove the underscores of _italics_ first";
    "fold-quotes" Switch => "", Tokens: "Replace typographic quotation marks by plain ones first";
    "ascii" Switch => "", Tokens: "Remove all characters beyond ASCII first";
    "numbers" Text("keep|drop|mask") => "keep", Tokens: "Keep or drop numbers, or mask each as <num>";
    "min-length" Number("N") => "1", Tokens: "Drop tokens with fewer characters";
    "stop-words" Text("FILE|LANG") => "", Tokens: "Drop the words of a list: a file, or a language such as en",
        "A file has one word per line.";
    "ngrams" Number("N") => "1", Tokens: "Count sequences of N tokens in counts/, joined by spaces";
    "sentences" Switch => "", Tokens: "Count sentences, and measure readability by them";
    "measures" Text("basic|full") => "basic", Tokens: "Measures in stats/",
        "full adds sentences, readability, lexical measures and the language.";
    "exec" Text("COMMAND") => "", Tokens common: "Process texts with this shell command instead",
        "One process for each of --threads. It reads one line {\"id\",\"text\",\"meta\"} for each document \
         and answers with one line \
         {\"id\",\"tokens\"} or {\"id\",\"text\"}, optionally with \"measures\", or {\"id\",\"error\"}. The command is written to stats/, so \
         keep secrets out of it.";
    "exec-version" Text("TEXT") => "", Tokens: "Version of the --exec command",
        "A new version processes the texts of the old one again.";
    "exec-timeout" Amount("TIME") => "60", Tokens: "Maximum time of --exec for one document",
        "After it the command is killed and the document fails.";

    "event-log" OneOf(names::<EventLogging>) => "on", Files: "Write logs/events.jsonl, a line for each request and attempt";
    "compress" Text("none|zstd|KINDS") => "none", Files: "Store files as .zst: none, all, or some kinds",
        "zstd means raw, text, tokens and counts; or name some of them, such as raw,tokens.";
    "layout" Text("flat|sharded|packed") => "", Files: "Layout of a new run directory [default: flat; packed from 5,000 texts on]",
        "sharded has 256 directories for each kind of file, for hundreds of thousands of texts. packed has a few large WARC files.";
    "durability" Text("power|process") => "power", Files: "What a finished write survives",
        "power: a power loss. process: the end of the process, but not a power loss.";

    "retry" Number("N") => "5", Failures: "Retries after a temporary failure";
    "retry-max-time" Amount("TIME") => "15m", Failures: "Maximum time from the first try to the last";
    "keep-going" Switch => "", Failures: "Continue after a document has failed (the default)";
    "fail-fast" Switch => "", Failures: "Stop at the first document that fails";
    "accept-dead" Switch => "", Failures: "Exit with 0 if all failures are from before this run";

    "output-dir"/'o' Path("DIR") => "./corpus", General common: "Run directory, for the queue and the texts";
    "dry-run"/'n' Switch => "", General common: "Print what would be done, but change nothing";
    "quiet"/'q' Switch => "", General common: "Print only errors; --json still prints the result";
    "verbose"/'v' Count => "", General common: "Print each request and attempt; -vv also decisions";
    "json" Switch => "", General common: "Print the result as JSON";
    "color" OneOf(names::<Color>) => "auto", General: "Use colours on standard error";
    "no-progress" Switch => "", General: "Show no progress bars";
    "log-format" OneOf(names::<LogFormat>) => "text", General: "Format of the log on standard error";
    "config" Path("FILE") => "", General: "Read settings from this file [default: juggle.toml, if it exists]";
};
