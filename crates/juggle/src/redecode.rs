//! `juggle redecode`: decodes stored texts again, in an encoding that the user gives.

use corpus::{
    redecode::{self, RedecodeError},
    survey::Surveyor,
};
use flow::shell::quoted_path;
use queue::connection::QueueConnection;
use store::text::codec;

use crate::{
    blocking::blocking,
    cli::RedecodeArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, counted},
};
use settings::resolved::Settings;

/// Runs `juggle redecode`.
///
/// # Errors
/// Returns an error, and changes nothing, if there is no run, the encoding is unknown, or a document is not
/// stored or has a pending job.
pub async fn run(args: &RedecodeArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    // Checked here, because an unknown label would only fail later in the store stage.
    if !codec::is_known_label(&args.encoding) {
        let message = format!("unknown encoding '{}'", args.encoding);
        return Err(CliError::new(Exit::Usage, message)
            .advise("Use a name such as windows-1251, shift_jis, cp850, latin2, MacRoman or utf-32."));
    }
    directory::must_exist(&settings.output_dir)?;
    let blobs = directory::open_blobs(settings).await?;
    let (documents, encoding, group_of) = (args.ids.clone(), args.encoding.clone(), settings.group_of());
    let finding = blocking(move || {
        let surveyor = Surveyor { blobs: &blobs, group_of: &*group_of };
        documents
            .iter()
            .map(|document| redecode::job(document, &encoding, &surveyor))
            .collect::<Result<Vec<_>, _>>()
    });
    let jobs = finding.await??;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    // All jobs are made before the first is pushed: an error in one document changes nothing.
    let pushed = redecode::push(jobs, &*connection.queue()).await;
    connection.close().await;
    pushed?;
    let (count, run) = (args.ids.len(), quoted_path(&settings.output_dir));
    if out.is_json() {
        out.json(&serde_json::json!({ "documents": count, "encoding": args.encoding }))?;
    } else {
        out.line(&format!(
            "{} will be decoded as {}. To continue: juggle pipeline -o {run}",
            counted(count as u64, "document"),
            args.encoding
        ))?;
    }
    Ok(Exit::Done)
}

impl From<RedecodeError> for CliError {
    fn from(error: RedecodeError) -> Self {
        match error {
            RedecodeError::NotStored(_) => Self::caused(Exit::File, &error),
            RedecodeError::RawDropped(_) => Self::caused(Exit::File, &error).advise(
                "Fetch it into another output directory, from a list with the column 'encoding'. Use --raw \
                 keep to keep the received bytes.",
            ),
            RedecodeError::Pending(_) => {
                Self::caused(Exit::File, &error).advise("Finish the run first: juggle pipeline")
            }
            RedecodeError::Blob(error) => error.into(),
            RedecodeError::Queue(error) => error.into(),
        }
    }
}
