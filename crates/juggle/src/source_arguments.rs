//! Reads the sources that a command line and the settings name.

use sources::{
    add::Sources,
    arguments::{Download, Input, InputArgument, ListLocation},
    formats::ListKind,
    refresh::Refresh,
};

use crate::{
    cli::sources::SourceArgs,
    exit::{CliError, Exit},
};
use settings::{enums::Network, resolved::Settings};

/// Returns the error for a command without sources.
#[must_use]
pub(crate) fn no_sources() -> CliError {
    CliError::new(Exit::Usage, "no sources were given").advise(
        "Name source lists, directories of texts, URLs or books (pg:NUMBER, pg:FIRST-LAST), or use -i FILE \
         or --catalog FILE. Example: juggle pipeline books.tsv",
    )
}

/// Returns the sources named on the command line and in the settings. Lists on the web are fetched, each
/// once.
///
/// # Errors
/// Returns an error if one of them is no source, cannot be read or cannot be downloaded.
pub(crate) async fn sources_of(args: &SourceArgs, settings: &Settings) -> Result<Sources, CliError> {
    let mut all = InputArgument::of_arguments(args.sources.iter().cloned())?;
    let lists = settings.input_files.iter().map(|file| (file.as_os_str(), ListKind::List));
    let catalogs = args.catalog.iter().map(|catalog| (catalog.as_os_str(), ListKind::Catalog));
    for (at, form) in catalogs.chain(lists) {
        let named = InputArgument::list(at, form)?;
        // A list may be named by -i, --catalog and as an argument; it is read once.
        if !all.contains(&named) {
            all.push(named);
        }
    }
    let mut inputs = Vec::with_capacity(all.len());
    // One after the other: the lists often come from one host.
    for named in all {
        inputs.push(match named {
            InputArgument::Here(input) => input,
            InputArgument::Web(form, url) => {
                Input::List(ListLocation::Web(download(url, settings).await?), form)
            }
        });
    }
    let refresh = args.refresh();
    // Refused here, before the queue is changed: every refreshed text would wait for a server.
    if refresh == Refresh::Yes && settings.network == Network::Offline {
        return Err(CliError::new(Exit::Usage, "--refresh needs requests, and --offline makes none")
            .advise("Remove one of them."));
    }
    Ok(Sources { inputs, config: settings.source_config(args.filters()), refresh })
}

async fn download(url: String, settings: &Settings) -> Result<Download, CliError> {
    if settings.network == Network::Offline {
        return Err(CliError::new(
            Exit::Usage,
            format!("the list {url} is on the web, and --offline makes no requests"),
        )
        .advise(
            "Download the list first and use the file. A list that was added before does not have to be \
             named again.",
        ));
    }
    Ok(Download::get(url, &settings.fetch_config()).await?)
}
