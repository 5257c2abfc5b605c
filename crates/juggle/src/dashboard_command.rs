//! `juggle dashboard`, and the dashboard of `juggle pipeline --dashboard`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::Stdio,
    sync::Arc,
};

use dashboard::{Config, Dashboard, QueueAccess, TOKEN_MIN};
use flow::{blobs::BlobStore, queue::QueueAdmin};
use serde::Serialize;
use tempfile::NamedTempFile;
use tokio::process::Command;

use crate::{
    cli::DashboardArgs,
    directory,
    exit::{CliError, Exit},
    output::Out,
    status::waits,
};
use settings::resolved::Settings;

/// The environment variable with a token that stays the same.
const TOKEN: &str = "JUGGLE_DASHBOARD_TOKEN";
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// The JSON of `juggle dashboard`.
#[derive(Debug, Serialize)]
struct Listening {
    url: String,
    address: String,
}

/// Runs `juggle dashboard` until it is stopped.
///
/// # Errors
/// Returns an error if there is no run, or the address cannot be listened on.
pub async fn run(args: &DashboardArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let blobs: Arc<dyn BlobStore> = Arc::new(directory::open_blobs(settings).await?);
    let dashboard = start(args.listen, QueueAccess::Visits, blobs, settings)?;
    let (url, address) = (dashboard.url(), dashboard.address().to_string());
    if out.is_json() {
        out.json(&Listening { url: url.clone(), address })?;
    } else {
        out.line(&url)?;
    }
    let _page = if args.open { open(url).await } else { None };
    tokio::signal::ctrl_c().await.map_err(|error| CliError::caused(Exit::Bug, &error))?;
    dashboard.stop();
    Ok(Exit::Done)
}

/// Starts the dashboard of a run in this process, and writes its URL to standard error.
///
/// # Errors
/// Returns an error if the address cannot be listened on.
pub(crate) fn beside(
    listen: SocketAddr,
    queue: Arc<dyn QueueAdmin>,
    blobs: Arc<dyn BlobStore>,
    settings: &Settings,
) -> Result<Dashboard, CliError> {
    let dashboard = start(listen, QueueAccess::Shared(queue), blobs, settings)?;
    // Not in the log of the program: the URL has the token.
    drop(writeln!(io::stderr(), "Dashboard: {}", dashboard.url()));
    Ok(dashboard)
}

fn start(
    listen: SocketAddr,
    queue: QueueAccess,
    blobs: Arc<dyn BlobStore>,
    settings: &Settings,
) -> Result<Dashboard, CliError> {
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let is_right = |token: &str| {
        token.len() >= TOKEN_MIN
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if token.as_deref().is_some_and(|token| !is_right(token)) {
        let message = format!("{TOKEN} needs at least {TOKEN_MIN} letters, digits, '-' or '_'");
        return Err(CliError::new(Exit::Usage, message).advise("Unset it to use a new token each time."));
    }
    if !listen.ip().is_loopback() {
        tracing::warn!(
            "{} can be reached from other machines, and the connection is not encrypted",
            listen.ip()
        );
    }
    let config =
        Config { listen, token, run: settings.output_dir.clone(), queue, blobs, waits: waits(settings) };
    Dashboard::start(config).map_err(|error| {
        let message = format!("cannot listen on {listen}: {error}");
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => "Use --listen with another port, or with port 0 for a free one.",
            _ => "Use --listen with an address of this machine, such as 127.0.0.1:0.",
        };
        CliError::new(Exit::Usage, message).advise(advice)
    })
}

/// Opens the URL in the browser. Returns a file that must stay until the browser has read it.
async fn open(url: String) -> Option<NamedTempFile> {
    let opening = async {
        // Arguments of a process can be read by every user of the machine, and the URL has the token. So the
        // browser gets a file that only this user can read, which leads to the URL.
        let writing = tokio::task::spawn_blocking(move || {
            let mut page = tempfile::Builder::new().prefix("juggle-").suffix(".html").tempfile()?;
            writeln!(page, "<!DOCTYPE html><meta http-equiv=\"refresh\" content=\"0; url={url}\">")?;
            Ok::<_, io::Error>(page)
        });
        let page = writing.await??;
        let mut command = Command::new(OPENER);
        command.arg(page.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok::<_, io::Error>(page)
    };
    match opening.await {
        Ok(page) => Some(page),
        Err(error) => {
            tracing::warn!("cannot open a browser: {OPENER}: {error}. Open the URL yourself.");
            None
        }
    }
}
