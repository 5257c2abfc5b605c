use std::{collections::HashMap, fs};

use clap::{Args as _, Command, FromArgMatches};
use fetch::config::FetchConfig;
use flow::{job::Group, queue::GroupLimit};
use process::config::ProcessConfig;

use super::{
    super::{origin::Origin, table::Setting},
    *,
};

/// The settings that a command line, an environment and a `juggle.toml` give together.
fn resolve(
    line: &[&str],
    environment: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Settings, SettingsError> {
    let directory = tempfile::tempdir().expect("a directory");
    if let Some(text) = file {
        fs::write(directory.path().join("juggle.toml"), text).expect("writable");
    }
    let command = Args::augment_args(Command::new("juggle").no_binary_name(true));
    let matches = command.try_get_matches_from(line).expect("typed correctly");
    let args = Args::from_arg_matches(&matches).expect("no checks here");
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    Settings::resolve(
        &args,
        |name| environment.get(name).map(OsString::from),
        directory.path(),
        Remembered::Ignored,
    )
}

fn origin(settings: &Settings, name: &str) -> String {
    let row = settings.shown().iter().find(|row| row.name == name).expect("every setting is shown");
    let origin = row.origin.to_string();
    origin.rsplit_once('/').map_or(origin.clone(), |(_, file)| file.to_owned())
}

/// The message with its cause.
fn message(line: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> String {
    resolve(line, environment, file).expect_err("refused").to_string()
}

#[test]
fn defaults_are_those_of_the_crates_that_use_them() {
    let settings = resolve(&[], &[], None).expect("defaults are valid");
    let (fetch, process) = (FetchConfig::default(), ProcessConfig::default());
    assert_eq!(settings.connect_timeout, fetch.connect_timeout);
    assert_eq!(settings.timeout, fetch.idle_timeout);
    assert_eq!(settings.max_time, fetch.max_time);
    assert_eq!((settings.speed_limit_bytes, settings.speed_time), (fetch.rate_min, fetch.rate_time));
    assert_eq!(settings.fetch_config().requests_max, fetch.requests_max);
    assert_eq!(settings.max_filesize_bytes, fetch.body_bytes_max);
    assert_eq!(settings.user_agent, fetch.user_agent);
    assert_eq!(settings.accept_encoding, fetch.accept_encoding);
    assert_eq!(settings.min_free_space_bytes, fetch.free_bytes_min);
    assert_eq!(settings.limit_rate_bytes, fetch.bytes_per_second_max);
    assert_eq!((&settings.proxy, settings.family), (&fetch.proxy, fetch.family));
    assert_eq!(settings.ca_certificate, fetch.ca_certificate);
    assert_eq!((settings.threads, settings.chunk), (process.threads, process.chunk));
    assert_eq!((settings.wait, settings.retry), (Duration::from_secs(2), 5));
    assert_eq!(settings.on_failure, OnFailure::KeepGoing);
    assert!(settings.shown().iter().all(|row| row.origin == Origin::Default));
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let file = Some("# mine\nwait = 3\nretry = 7\nthreads = 2\n");
    let environment = [("JUGGLE_WAIT", "500ms"), ("JUGGLE_RETRY", "8"), ("JUGGLE_THREADS", "")];
    let settings = resolve(&["-w", "0"], &environment, file).expect("valid");
    assert_eq!((settings.wait, settings.retry, settings.threads), (Duration::ZERO, 8, 2));
    let origins = ["wait", "retry", "threads", "timeout"].map(|name| origin(&settings, name));
    assert_eq!(origins, ["flag --wait", "environment JUGGLE_RETRY", "juggle.toml:4", "default"]);
}

#[test]
fn compressed_texts_are_asked_for_only_on_demand() {
    let asked = |line: &[&str]| resolve(line, &[], None).expect("valid").fetch_config().accept_encoding;
    assert_eq!(asked(&[]), AcceptEncoding::Identity);
    assert_eq!(asked(&["--compressed"]), AcceptEncoding::Compressed);
}

#[test]
fn every_setting_can_be_set_in_every_layer() {
    let value = |name: &str| match name {
        "output-dir" | "input-file" | "ca-certificate" => ("out", "\"out\""),
        "url-column" => ("link", "\"link\""),
        "proxy" => ("off", "\"off\""),
        "chunk" => ("whole", "\"whole\""),
        "mirror" => ("http://a.example=http://b.example", "[\"http://a.example=http://b.example\"]"),
        "gutenberg-mirror" => ("http://a.example/pg", "[\"http://a.example/pg\"]"),
        "allow-host" => ("localhost:80", "\"localhost:80\""),
        "user-agent" | "contact" => ("me@example.org", "\"me@example.org\""),
        "durability" => ("process", "\"process\""),
        "robots" | "strip" | "event-log" => ("off", "\"off\""),
        "raw" => ("drop", "\"drop\""),
        "compress" => ("raw,tokens", "\"raw,tokens\""),
        "layout" => ("sharded", "\"sharded\""),
        "tokenizer" => ("spgc", "\"spgc\""),
        "numbers" => ("mask", "\"mask\""),
        "stop-words" => ("en", "\"en\""),
        "measures" => ("full", "\"full\""),
        "exec" | "exec-version" => ("cat", "\"cat\""),
        "color" => ("never", "\"never\""),
        "log-format" => ("json", "\"json\""),
        "compressed" | "keep-going" | "fail-fast" | "accept-dead" | "dry-run" | "quiet" | "no-progress"
        | "json" | "keep-case" | "strip-italics" | "fold-quotes" | "ascii" | "sentences" | "no-proxy"
        | "offline" | "ipv4" | "ipv6" => ("1", "true"),
        "verbose" => ("2", "2"),
        _ => ("3", "3"),
    };
    for setting in TABLE {
        let (text, toml) = value(setting.name);
        let by_environment = resolve(&[], &[(&setting.variable(), text)], None).expect(setting.name);
        assert_eq!(origin(&by_environment, setting.name), format!("environment {}", setting.variable()));
        for key in [setting.key(), setting.name.to_owned()] {
            let by_file = resolve(&[], &[], Some(&format!("{key} = {toml}"))).expect(&key);
            assert_eq!(origin(&by_file, setting.name), "juggle.toml:1");
        }
    }
    assert_eq!(resolve(&[], &[], None).expect("valid").shown().len(), TABLE.len());
}

#[test]
fn a_value_that_is_not_allowed_names_setting_origin_and_what_is() {
    for (name, value, allowed) in [
        ("max-concurrent-downloads", "0", "use 1 to 1024"),
        ("max-concurrent-downloads", "many", "invalid digit"),
        ("max-connection-per-server", "1025", "use 1 to 1024"),
        ("wait", "2d", "use 0s to 1d"),
        ("wait", "2parsec", "500ms"),
        ("threads", "1.5", "invalid digit"),
        ("chunk", "bytes:0", "bytes:1MiB"),
        ("tokenizer", "nltk", "use uax29, whitespace, spgc"),
        ("min-length", "0", "use 1 to 1000"),
        ("ngrams", "17", "use 1 to 16"),
        ("stop-words", "klingon", "neither a language"),
        ("exec", " ", "use a command"),
        ("exec-timeout", "0", "use 1ms to 1d"),
        ("retry", "1001", "use 0 to 1000"),
        ("retry-max-time", "soon", "15m"),
        ("connect-timeout", "0", "use 1ms to 1d"),
        ("timeout", "0s", "use 1ms to 1d"),
        ("max-time", "25h", "use 1ms to 1d"),
        ("max-filesize", "0", "use 1B to 1024TiB"),
        ("max-filesize", "64Mo", "64MiB"),
        ("limit-rate", "1025TiB", "use 0B to 1024TiB"),
        ("limit-rate", "fast", "64MiB"),
        ("min-free-space", "-1", "64MiB"),
        ("proxy", "socks5://a.example", "SOCKS"),
        ("proxy", "ftp://a.example", "http://HOST:PORT"),
        ("strip", "all", "off, markers, full"),
        ("raw", "gone", "keep, drop"),
        ("compress", "gzip", "raw,tokens"),
        ("layout", "deep", "flat, sharded"),
        ("mirror", "https://a.example", "BASE=BASE"),
        ("gutenberg-mirror", "a.example", "https://HOST/PATH"),
        ("allow-host", "a/b", "HOST:PORT"),
        ("user-agent", "a\tb", "visible ASCII"),
        ("contact", "näme@example.org", "mail address"),
        ("contact", "a)b", "mail address"),
        ("durability", "maybe", "power or process"),
        ("color", "blue", "auto, always, never"),
        ("log-format", "xml", "text, json"),
    ] {
        let by_flag = message(&[&format!("--{name}={value}")], &[], None);
        assert!(by_flag.contains(&format!("for {name} (flag --{name})")), "{by_flag}");
        assert!(by_flag.contains(allowed), "{by_flag}");
        let variable = Setting::named(name).variable();
        let by_environment = message(&[], &[(&variable, value)], None);
        assert!(by_environment.contains(&format!("(environment {variable})")), "{by_environment}");
    }
    let by_file = message(&[], &[], Some("\n\nretry = 1001\n"));
    assert!(by_file.contains("juggle.toml:3") && by_file.contains("use 0 to 1000"), "{by_file}");
    for name in ["JUGGLE_QUIET", "JUGGLE_VERBOSE"] {
        assert!(message(&[], &[(name, "maybe")], None).contains(name));
    }
}

#[test]
fn a_mistake_in_the_file_names_file_line_and_what_is_allowed() {
    for (text, line, part) in [
        ("wait = 1\nrobot = \"on\"\n", 2, "unknown setting 'robot'. The settings are: input_file,"),
        ("[fetch]\nwait = 1\n", 1, "unknown setting 'fetch'"),
        ("\nretry = \"5\"\n", 2, "'retry' must be a whole number, not of type string"),
        ("quiet = 1\n", 1, "'quiet' must be true or false"),
        ("output_dir = 5\n", 1, "must be a string"),
        ("mirror = [1]\n", 1, "array of strings"),
        ("wait = [1]\n", 1, "a number and a unit"),
        ("wait = 1\nwait = 2\n", 2, "duplicate"),
        ("max_time = 1\nmax-time = 2\n", 2, "set twice"),
        ("wait = \n", 1, ""),
        ("config = \"x\"\n", 1, "unknown setting 'config'"),
    ] {
        let message = message(&[], &[], Some(text));
        assert!(message.contains(&format!("juggle.toml:{line}: ")) && message.contains(part), "{message}");
    }
}

#[test]
fn a_host_may_have_settings_of_its_own() {
    let file = "wait = 3\n[host.\"Example.org.\"]\nwait = \"500ms\"\nmax_connection_per_server = 4\n\
                [host.\"127.0.0.1:8080\"]\nmax-connection-per-server = 16\n[host.\"a.example:443\"]\n";
    let settings = resolve(&["-x", "2"], &[], Some(file)).expect("valid");
    let (every, named) = (settings.group_limit(), settings.named_limits());
    let limit = |in_flight, interval_ms| GroupLimit { in_flight, interval_ms };
    assert_eq!(every, limit(2, 3_000));
    let expected =
        [("127.0.0.1:8080", limit(16, 3_000)), ("a.example", every), ("example.org", limit(4, 500))];
    assert_eq!(named, expected.map(|(host, limit)| (Group(host.to_owned()), limit)).into());
    let of_hosts: Vec<_> = settings.shown().iter().filter(|row| row.name.starts_with("host.")).collect();
    assert_eq!(of_hosts.len(), 3);
    assert_eq!(origin(&settings, "host.\"example.org\".max-connection-per-server"), "juggle.toml:4");
}

#[test]
fn a_mistake_in_a_host_names_its_line() {
    for (text, line, part) in [
        ("host = 5\n", 1, "[host.\"example.org\"]"),
        ("[host]\nwait = 5\n", 2, "[host.\"example.org\"]"),
        ("[host.\"a b\"]\nwait = 5\n", 1, "not a host"),
        ("[host.\"http://a\"]\nwait = 5\n", 1, "not a host"),
        ("[host.\"a\"]\nwait = 5\nretry = 1\n", 3, "are: wait, max_connection_per_server"),
        ("[host.\"a\"]\nwait = [1]\n", 2, "a number and a unit"),
        ("[host.\"a\"]\nmax_connection_per_server = 1\nmax-connection-per-server = 1\n", 3, "set twice"),
        ("[host.\"a\"]\nwait = 5\n[host.\"A:80\"]\nwait = 1\n", 3, "occurs twice"),
    ] {
        let message = message(&[], &[], Some(text));
        assert!(message.contains(&format!("juggle.toml:{line}: ")) && message.contains(part), "{message}");
    }
    for (line, part) in
        [("wait = \"2d\"", "use 0s to 1d"), ("max_connection_per_server = 0", "use 1 to 1024")]
    {
        let message = message(&[], &[], Some(&format!("[host.\"a\"]\n{line}\n")));
        assert!(message.contains("juggle.toml:2") && message.contains(part), "{message}");
    }
    let many = |count: usize| (0..count).map(|n| format!("[host.\"h{n}\"]\nwait = 1\n")).collect::<String>();
    assert_eq!(resolve(&[], &[], Some(&many(256))).expect("valid").hosts.len(), 256);
    assert!(message(&[], &[], Some(&many(257))).contains("juggle.toml:513: settings of more than 256 hosts"));
}

#[test]
fn numbers_in_the_file_may_be_written_as_toml_allows() {
    let file = "max_filesize = 0x40_00\nwait = 0.5\nretry_max_time = \"1h\"\nmax_time = 1_0\nretry = +4\n";
    let settings = resolve(&[], &[], Some(file)).expect("valid");
    assert_eq!((settings.max_filesize_bytes, settings.retry), (0x4000, 4));
    assert_eq!(settings.wait, Duration::from_millis(500));
    assert_eq!(
        (settings.retry_max_time, settings.max_time),
        (Duration::from_secs(3600), Duration::from_secs(10))
    );
    for bad in ["wait = -1", "wait = nan", "wait = inf", "retry = -1", "retry = 99999999999999999999"] {
        assert!(resolve(&[], &[], Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn repeated_settings_replace_those_of_weaker_layers() {
    let environment =
        [("JUGGLE_ALLOW_HOST", "a.example b.example:81"), ("JUGGLE_INPUT_FILE", "one:two three")];
    let settings = resolve(&[], &environment, Some("allow_host = \"z.example\"")).expect("valid");
    let hosts: Vec<String> = settings.allow_hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["a.example", "b.example:81"]);
    assert_eq!(settings.input_files, ["one", "two three"].map(PathBuf::from));
    let typed = resolve(&["--allow-host", "c.example", "-i", "-"], &environment, None).expect("valid");
    assert_eq!((typed.allow_hosts.len(), typed.input_files), (1, vec![PathBuf::from("-")]));
}

#[test]
fn opposites_are_settled_by_the_stronger_layer_or_refused() {
    let file = Some("fail_fast = true\nquiet = true\n");
    let settings = resolve(&["--keep-going", "-vv"], &[], file).expect("valid");
    assert_eq!((settings.on_failure, settings.verbosity), (OnFailure::KeepGoing, Verbosity::Verbose(2)));
    let settings = resolve(&[], &[], file).expect("valid");
    assert_eq!((settings.on_failure, settings.verbosity), (OnFailure::FailFast, Verbosity::Quiet));
    for line in
        [["--keep-going", "--fail-fast"], ["-q", "-v"], ["-4", "-6"], ["--no-proxy", "--proxy=http://p"]]
    {
        assert!(message(&line, &[], None).contains("Remove one of them"));
    }
    let off = resolve(&[], &[("JUGGLE_FAIL_FAST", "0"), ("JUGGLE_QUIET", "no")], file).expect("valid");
    assert_eq!((off.on_failure, off.verbosity), (OnFailure::KeepGoing, Verbosity::Normal));
}

#[test]
fn the_network_is_chosen_by_the_stronger_layer() {
    let file = Some("proxy = \"http://u:secret@p.example\"\nipv4 = true\n");
    let settings = resolve(&[], &[], file).expect("valid");
    assert_eq!(settings.proxy, "u:secret@p.example".parse().expect("a proxy"));
    assert_eq!(settings.family, IpFamily::V4);
    for line in [["--no-proxy", "-6"], ["--proxy=off", "-6"]] {
        let settings = resolve(&line, &[], file).expect("valid");
        assert_eq!((settings.proxy, settings.family), (ProxyChoice::Off, IpFamily::V6));
    }
    let none = resolve(&["--no-proxy", "--proxy", "off"], &[], None).expect("they say the same");
    assert_eq!(none.proxy, ProxyChoice::Off);
    assert_eq!(resolve(&[], &[], None).expect("valid").proxy, ProxyChoice::Environment);
}

#[test]
fn the_password_of_a_proxy_is_never_shown() {
    let settings = resolve(&["--proxy", "http://u:secret@p.example"], &[], None).expect("valid");
    assert!(!format!("{settings:?}").contains("secret"));
    assert!(settings.shown().iter().any(|row| row.values == ["http://p.example/"]));
    for value in
        ["http://u:secret@p.example/path", "socks5://u:secret@p", "u:secret@", "http://u:sec@ret@p:x"]
    {
        for message in
            [message(&["--proxy", value], &[], None), message(&[], &[], Some(&format!("proxy = '{value}'")))]
        {
            assert!(message.contains("HOST:PORT") && !message.contains("sec"), "{message}");
        }
    }
}

#[test]
fn the_password_of_a_mirror_is_never_shown() {
    let settings = resolve(&["--mirror", "http://a=http://u:secret@b"], &[], None).expect("valid");
    assert!(!format!("{settings:?}").contains("secret"));
    assert!(settings.shown().iter().any(|row| row.values == ["http://a/=http://b/"]));
    for line in [["--mirror", "http://a=http://u:secret@b?q"], ["--gutenberg-mirror", "http://u:secret@b"]] {
        assert!(!message(&line, &[], None).contains("secret"), "{line:?}");
    }
}

#[test]
fn a_contact_is_part_of_the_user_agent() {
    let settings = resolve(&["--contact", "me@example.org"], &[], None).expect("valid");
    assert_eq!(settings.user_agent, format!("juggle/{} (+me@example.org)", env!("CARGO_PKG_VERSION")));
    let settings = resolve(&["--user-agent", "Mine/1"], &[("JUGGLE_CONTACT", "https://me.example/")], None);
    assert_eq!(settings.expect("valid").user_agent, "Mine/1 (+https://me.example/)");
}

#[test]
fn a_named_file_must_exist_and_roots_its_paths() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("my.toml");
    let line = ["--config", path.to_str().expect("UTF-8")];
    let error = resolve(&line, &[], Some("wait = 9")).expect_err("is missing");
    assert!(matches!(error, SettingsError::ReadFile { .. }) && error.to_string().contains("my.toml"));
    fs::write(&path, "output_dir = \"out\"\ninput_file = [\"-\", \"a.tsv\", \"/b.tsv\"]\n")
        .expect("writable");
    for settings in [resolve(&line, &[], Some("wait = 9")), resolve(&[], &[("JUGGLE_CONFIG", line[1])], None)]
    {
        let settings = settings.expect("valid");
        assert_eq!(
            (settings.output_dir, settings.wait),
            (directory.path().join("out"), Duration::from_secs(2))
        );
        let lists = ["-".into(), directory.path().join("a.tsv"), "/b.tsv".into()];
        assert_eq!(settings.input_files, lists);
    }
}

#[test]
fn a_path_need_not_be_utf8_but_words_must() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(b"/tmp/\xff".to_vec());
    let only = |wanted: &'static str| move |name: &str| (name == wanted).then(odd);
    let nowhere = Path::new("/nonexistent");
    let settings =
        Settings::resolve(&Args::default(), only("JUGGLE_OUTPUT_DIR"), nowhere, Remembered::Ignored)
            .expect("valid");
    assert_eq!(settings.output_dir, PathBuf::from(odd()));
    let error = Settings::resolve(&Args::default(), only("JUGGLE_CHUNK"), nowhere, Remembered::Ignored)
        .expect_err("refused");
    assert!(error.to_string().contains("not UTF-8"), "{error}");
}
