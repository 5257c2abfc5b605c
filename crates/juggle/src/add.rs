//! `juggle add`: sources into the queue.

use queue::connection::QueueConnection;
use sources::refresh::Refresh;

use crate::{
    cli::AddArgs,
    directory::{self, new_layout},
    exit::{CliError, Exit},
    output::{Out, counted, peak_rss_bytes},
    plan,
    source_arguments::{no_sources, sources_of},
};
use settings::{enums::Run, resolved::Settings};

/// Runs `juggle add`.
///
/// # Errors
/// Returns an error if there is no source, one of them cannot be read, or the queue cannot be used.
pub async fn run(args: &AddArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let sources = sources_of(&args.sources, settings).await?;
    let refresh = sources.refresh;
    // A refresh without sources is of all lists that were added before, so it needs a run.
    if sources.inputs.is_empty() && (refresh == Refresh::No || !directory::has_run(&settings.output_dir)) {
        return Err(no_sources());
    }
    // Before the run directory is created: a dry run leaves no trace.
    if settings.run == Run::Dry {
        return plan::plan(sources, settings, out).await;
    }
    directory::prepare(&settings.output_dir)?;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let added = new_layout::add(sources, settings, &*connection.queue()).await;
    // Closed also after an error: other processes wait for the lock of the queue.
    connection.close().await;
    let added = added?;
    directory::remember(settings).await?;
    if out.is_json() {
        let peak = peak_rss_bytes();
        let report =
            serde_json::json!({ "entries": added.entries, "bad_lines": added.bad, "peak_rss_bytes": peak });
        out.json(&report)?;
    } else {
        out.line(&format!(
            "{} listed in '{}'",
            counted(added.entries, "text"),
            settings.output_dir.display()
        ))?;
        if refresh == Refresh::Yes {
            out.line("The next run requests their stored texts again.")?;
        }
    }
    Ok(if added.bad > 0 { Exit::SomeFailed } else { Exit::Done })
}
