//! `juggle add`: sources into the queue.

use sources::{
    add::{self, Sources},
    arguments::{Download, Input, InputArgument, ListLocation},
    formats::ListKind,
    refresh::Refresh,
};

use crate::{
    cli::{AddArgs, sources::SourceArgs},
    directory,
    exit::{CliError, Exit},
    output::{Out, peak_rss_bytes},
    plan,
    queue_connection::QueueConnection,
    settings::{
        enums::{Network, Run},
        resolved::Settings,
    },
};

/// Returns the error for a command without sources.
#[must_use]
pub fn no_sources() -> CliError {
    CliError::new(Exit::Usage, "there are no sources").advise(
        "name source lists, directories of texts, URLs, pg:NUMBER or pg:FIRST-LAST, as in 'juggle pipeline books.tsv', \
         or use -i FILE or --catalog FILE",
    )
}

/// Runs `juggle add`.
///
/// # Errors
/// Returns the errors of [`sources_of`] and of [`add::add`].
pub async fn run(args: &AddArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let sources = sources_of(&args.sources, settings).await?;
    let refresh = sources.refresh;
    if sources.inputs.is_empty() && (refresh == Refresh::No || !directory::has_run(&settings.output_dir)) {
        return Err(no_sources());
    }
    if settings.run == Run::Dry {
        return plan::plan(sources, settings, out).await;
    }
    directory::prepare(&settings.output_dir)?;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let added = add::add(sources, &directory::sources(&settings.output_dir), &*connection.queue()).await;
    connection.close().await;
    let added = added?;
    if out.is_json() {
        let peak = peak_rss_bytes();
        let report =
            serde_json::json!({ "entries": added.entries, "bad_lines": added.bad, "peak_rss_bytes": peak });
        out.json(&report)?;
    } else {
        out.line(&format!("{} texts listed in '{}'", added.entries, settings.output_dir.display()))?;
        if refresh == Refresh::Yes {
            out.line("what is stored of them is asked for again by the next run")?;
        }
    }
    Ok(if added.bad > 0 { Exit::SomeFailed } else { Exit::Done })
}

/// Returns the sources named on the command line and in the settings. Lists on the web are fetched, each
/// once.
///
/// # Errors
/// Returns an error if one of them is no source, cannot be read or cannot be downloaded.
pub async fn sources_of(args: &SourceArgs, settings: &Settings) -> Result<Sources, CliError> {
    let mut all = InputArgument::of_arguments(args.sources.iter().cloned())?;
    let lists = settings.input_files.iter().map(|file| (file.as_os_str(), ListKind::List));
    let catalogs = args.catalog.iter().map(|catalog| (catalog.as_os_str(), ListKind::Catalog));
    for (at, form) in catalogs.chain(lists) {
        let named = InputArgument::list(at, form)?;
        if !all.contains(&named) {
            all.push(named);
        }
    }
    let mut inputs = Vec::with_capacity(all.len());
    for named in all {
        inputs.push(match named {
            InputArgument::Here(input) => input,
            InputArgument::Web(form, url) => {
                Input::List(ListLocation::Web(download(url, settings).await?), form)
            }
        });
    }
    let refresh = args.refresh();
    if refresh == Refresh::Yes && settings.network == Network::Offline {
        return Err(CliError::new(Exit::Usage, "--refresh asks servers, and --offline asks none")
            .advise("leave one of them out"));
    }
    Ok(Sources { inputs, config: settings.source_config(args.filters()), refresh })
}

async fn download(url: String, settings: &Settings) -> Result<Download, CliError> {
    if settings.network == Network::Offline {
        return Err(CliError::new(
            Exit::Usage,
            format!("the list {url} is on the web, and --offline asks no server"),
        )
        .advise(
            "fetch the list before, and name the file; a list that was added before need not be named again",
        ));
    }
    Ok(Download::get(url, &settings.fetch_config()).await?)
}
