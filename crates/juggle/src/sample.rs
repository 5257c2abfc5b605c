//! The bundled sample library: compiled in, and served if no host of the list of `make pipeline` can be
//! reached.

use std::{collections::BTreeSet, fs, io, path::Path, time::Duration};

use fetch::{candidate, config::ip_family::IpFamily};
use test_server::Server;
use tokio::{net::TcpStream, task::JoinSet};

use sources::{add::Sources, arguments::Input, config::ReadContext, formats::ListKind, reader::EntryReader};

use crate::exit::{CliError, Exit};
use settings::{enums::Robots, resolved::Settings};

/// The maximum time to find a host that answers.
// Without a network, connections often time out instead of failing.
const PROBE_MAX: Duration = Duration::from_secs(4);
/// The maximum number of texts and hosts of a list that are probed.
const PROBED_ENTRIES_MAX: usize = 256;
const PROBED_HOSTS_MAX: usize = 16;
/// The host that the sample's source list names.
const SAMPLE_BASE: &str = "http://sample.invalid";

/// Names files of the sample, with their bytes.
macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../data/sample/", $name)).as_slice())),*]
    };
}

/// The texts of the sample library, with the names of their files.
const TEXTS: [(&str, &[u8]); 13] = bundled![
    "biblioteca.txt",
    "boulangerie.txt",
    "gan.txt",
    "lighthouse.txt",
    "moth.txt",
    "orchard-again.txt",
    "orchard.txt",
    "patang.txt",
    "thalassa.txt",
    "train.txt",
    "uhrmacher.txt",
    "umbrellas.txt",
    "yuubin.txt",
];

/// Writes the texts that are compiled into the program to a directory. Blocking.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub fn write_texts(directory: &Path) -> io::Result<()> {
    TEXTS.iter().try_for_each(|(name, text)| fs::write(directory.join(name), text))
}

/// Returns whether any host of these lists accepts connections. Local texts and hosts behind a proxy count as
/// reachable.
///
/// # Errors
/// Returns an error if a list cannot be read.
pub async fn any_host_answers(sources: &Sources, settings: &Settings) -> Result<bool, CliError> {
    let mut hosts = BTreeSet::new();
    let context = ReadContext::new(&sources.config);
    for input in &sources.inputs {
        for entry in EntryReader::open(input.clone(), &context)?.take(PROBED_ENTRIES_MAX).flatten() {
            for url in &entry.urls {
                let Ok(url) = candidate::parse(url, &settings.mirrors) else { continue };
                let Some(host) = url.host_str() else { return Ok(true) };
                // Only the proxy can know.
                if settings.proxy.is_asked_for(&url) {
                    return Ok(true);
                }
                hosts.insert((host.to_owned(), url.port_or_known_default().unwrap_or(443)));
            }
        }
    }
    let mut probes: JoinSet<bool> =
        hosts
            .into_iter()
            .take(PROBED_HOSTS_MAX)
            .map(|(host, port)| async move {
                TcpStream::connect((host.trim_matches(['[', ']']), port)).await.is_ok()
            })
            .collect();
    let any = async {
        while let Some(probe) = probes.join_next().await {
            // One answer is enough; the other probes are dropped.
            if probe.unwrap_or(false) {
                return true;
            }
        }
        false
    };
    Ok(tokio::time::timeout(PROBE_MAX, any).await.unwrap_or(false))
}

/// The sample library and its server.
pub struct Sample {
    /// Ends when dropped.
    _server: Server,
    /// The settings to run it with.
    pub settings: Settings,
    /// The source list.
    pub sources: Sources,
}

/// Serves the sample library in `directory` on loopback, to run it in `output`.
///
/// # Errors
/// Returns an error if the library is missing or cannot be served.
pub fn serve(directory: &Path, output: &Path, settings: &Settings) -> Result<Sample, CliError> {
    let list = Input::file(&directory.join("sources.tsv"), ListKind::List)?;
    let server = Server::start(directory).map_err(|error| CliError::caused(Exit::File, &error))?;
    let mirror = format!("{SAMPLE_BASE}={}", server.base_url());
    let bug = |error: &dyn std::error::Error| CliError::caused(Exit::Bug, error);
    let mut settings = settings.clone();
    settings.output_dir = output.to_owned();
    settings.mirrors = vec![mirror.parse().map_err(|error| bug(&error))?];
    settings.allow_hosts = vec!["127.0.0.1".parse().map_err(|error| bug(&error))?];
    settings.family = IpFamily::Any;
    // Politeness rules protect foreign hosts; this server is our own, on loopback.
    settings.wait = Duration::ZERO;
    settings.robots = Robots::Off;
    settings.max_connection_per_server = settings.max_concurrent_downloads;
    let sources = Sources { inputs: vec![list], ..Sources::default() };
    Ok(Sample { _server: server, settings, sources })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_sample_is_compiled_in() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample");
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".txt"));
        names.sort();
        assert_eq!(names, TEXTS.map(|(name, _)| name));
    }
}
