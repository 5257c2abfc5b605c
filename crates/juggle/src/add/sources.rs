//! The sources of a command: from what was named to inputs that can be read.

use std::{io::Write, sync::Arc};

use fetch::list::{self, ListError};

use sources::{
    catalog::Filters,
    error::SourceError,
    input::{Download, Form, Input, Named, Place},
    reading::Rules,
};

use crate::{
    cli::sources::SourceArgs,
    exit::{CliError, Exit, is_full},
    refresh::Refresh,
    settings::{choice::Network, resolved::Settings},
};

/// What is to be read, and how.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Where entries come from, in order.
    pub inputs: Vec<Input>,
    /// What holds for all of them.
    pub rules: Rules,
    /// Whether what is stored of them is asked for again.
    pub refresh: Refresh,
}

impl Sources {
    /// The sources named on the command line and in the settings. Lists on the web are fetched, each once.
    ///
    /// # Errors
    /// Where one of them is no source, cannot be read or does not come.
    pub async fn of(args: &SourceArgs, settings: &Settings) -> Result<Self, CliError> {
        let mut all = Named::of_arguments(args.sources.iter().cloned())?;
        let lists = settings.input_files.iter().map(|file| (file.as_os_str(), Form::List));
        let catalogs = args.catalog.iter().map(|catalog| (catalog.as_os_str(), Form::Catalog));
        for (at, form) in catalogs.chain(lists) {
            let named = Named::list(at, form)?;
            if !all.contains(&named) {
                all.push(named);
            }
        }
        let mut inputs = Vec::with_capacity(all.len());
        for named in all {
            inputs.push(match named {
                Named::Here(input) => input,
                Named::Web(form, url) => Input::at(Place::Web(fetch(url, settings).await?), form),
            });
        }
        let refresh = args.refresh();
        if refresh == Refresh::Yes && settings.network == Network::Offline {
            return Err(CliError::new(Exit::Usage, "--refresh asks servers, and --offline asks none")
                .advise("leave one of them out"));
        }
        Ok(Self { inputs, rules: settings.rules(args.filters()), refresh })
    }

    /// The sources of the settings alone.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub async fn of_settings(settings: &Settings) -> Result<Self, CliError> {
        Self::of(&SourceArgs::default(), settings).await
    }

    /// # Errors
    /// [`Exit::Usage`] where there are filters but none of the inputs, of which so many were catalogues, is one.
    pub(crate) fn check_filters(&self, catalogs: usize) -> Result<(), CliError> {
        if catalogs > 0 || self.rules.filters == Filters::default() {
            return Ok(());
        }
        let message = "--language, --author, --title, --subject, --bookshelf and --limit choose from Gutenberg's \
                       catalogue, and none of the sources is one";
        Err(CliError::new(Exit::Usage, message).advise(
            "name it, as in --catalog https://www.gutenberg.org/cache/epub/feeds/pg_catalog.csv.gz, or as a file",
        ))
    }
}

async fn fetch(url: String, settings: &Settings) -> Result<Download, CliError> {
    if settings.network == Network::Offline {
        return Err(CliError::new(
            Exit::Usage,
            format!("the list {url} is on the web, and --offline asks no server"),
        )
        .advise(
            "fetch the list before, and name the file; a list that was added before need not be named again",
        ));
    }
    tracing::info!("fetching the list {url}");
    let keep = |source| CliError::from(SourceError::Write { path: std::env::temp_dir(), source });
    let mut file = tempfile::Builder::new().prefix("juggle-list-").tempfile().map_err(keep)?;
    list::get(&settings.fetch_config(), &url, &mut file).await.map_err(|error| exit_of(&error))?;
    file.flush().map_err(keep)?;
    Ok(Download { url, file: Arc::new(file.into_temp_path()) })
}

fn exit_of(error: &ListError) -> CliError {
    match error {
        ListError::Invalid(_) | ListError::Client(_) => CliError::caused(Exit::Usage, error),
        ListError::Failed(_) => CliError::failed_to(Exit::Network, error)
            .advise("nothing was added; try again, or fetch the list another way and name the file"),
        ListError::Keep { source, .. } if is_full(source) => CliError::failed_to(Exit::DiskFull, error),
        ListError::Keep { .. } => CliError::failed_to(Exit::File, error),
    }
}
