//! `juggle redecode`: reads stored texts again in an encoding that the user gives. Nothing is asked of any server.
//!
//! Each document goes through the stages anew from the store stage on, by a job with the encoding. That finds the bytes as
//! received in `raw/`; what depends on the text follows.

use corpus::meta::Meta;
use flow::{
    blobs::BlobKind,
    document::DocumentId,
    job::{JobState, NewJob, Selection},
    lane::Lane,
    payload::StoreJob,
    queue::{BATCH_MAX, QueueAdmin},
    shell::quoted_path,
};
use store::text::codec;

use crate::{
    anew::{self, DOCUMENTS_MAX},
    attach::Attached,
    blocking::blocking,
    cli::RedecodeArgs,
    directory,
    exit::{CliError, Exit},
    output::Out,
    rebuild::survey::Surveyor,
    settings::resolved::Settings,
    stages::group_of,
};

/// Runs it.
///
/// # Errors
/// Where there is no run, the encoding is unknown, or a document is not stored or on its way; then nothing is done.
pub async fn run(args: &RedecodeArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    if !codec::is_known_label(&args.encoding) {
        let message = format!("'{}' is no encoding", args.encoding);
        return Err(CliError::new(Exit::Usage, message)
            .advise("use a name such as windows-1251, shift_jis, cp850, latin2, MacRoman or utf-32"));
    }
    directory::must_exist(&settings.output_dir)?;
    let blobs = directory::open_blobs(settings).await?;
    let (documents, encoding, group_of) = (args.ids.clone(), args.encoding.clone(), group_of(settings));
    let finding = blocking(move || {
        let surveyor = Surveyor { blobs: &blobs, group_of: &*group_of };
        let job = |document: &DocumentId| job(document, &encoding, &surveyor);
        documents.iter().map(job).collect::<Result<Vec<_>, _>>()
    });
    let jobs = finding.await??;
    let attached = Attached::visit(&settings.output_dir).await?;
    let pushed = push(jobs, &*attached.queue()).await;
    attached.close().await;
    pushed?;
    let (count, run) = (args.ids.len(), quoted_path(&settings.output_dir));
    if out.is_json() {
        out.json(&serde_json::json!({ "documents": count, "encoding": args.encoding }))?;
    } else {
        out.line(&format!("{count} documents will be read as {}: juggle pipeline -o {run}", args.encoding))?;
    }
    Ok(Exit::Done)
}

/// The job that reads a document anew.
fn job(document: &DocumentId, encoding: &str, surveyor: &Surveyor<'_>) -> Result<StoreJob, CliError> {
    let meta = surveyor.record::<Meta>(BlobKind::Meta, document)?;
    let Some(meta) = meta.filter(|meta| meta.document == *document) else {
        return Err(CliError::new(
            Exit::File,
            format!("'{document}' is not stored, or its meta cannot be read"),
        ));
    };
    if !meta.raw.fate.is_kept() {
        let message =
            format!("the bytes of '{document}' as received were not kept, so it cannot be decoded anew");
        return Err(CliError::new(Exit::File, message).advise(
            "fetch it into another output directory, from a list with the column 'encoding'; --raw keep keeps them",
        ));
    }
    let mut job = surveyor.known(meta, surveyor.record(BlobKind::Arrival, document)?).store;
    job.listed.encoding = Some(encoding.to_owned());
    Ok(job)
}

async fn push(jobs: Vec<StoreJob>, queue: &dyn QueueAdmin) -> Result<(), CliError> {
    let ids = |job: &StoreJob| anew::jobs_from(Lane::Store, job.document.as_str()).collect::<Vec<_>>();
    for batch in jobs.chunks(DOCUMENTS_MAX) {
        let selection = Selection { ids: batch.iter().flat_map(ids).collect(), ..Selection::default() };
        let views = queue.list(selection, None, BATCH_MAX).await?;
        if let Some(view) = views.iter().find(|view| JobState::PENDING.contains(&view.state)) {
            let message = format!("'{}' is still on its way; nothing was done", view.key);
            return Err(CliError::new(Exit::File, message).advise("let the run end first: juggle pipeline"));
        }
    }
    for batch in jobs.chunks(DOCUMENTS_MAX) {
        anew::push(queue, batch.iter().cloned().map(NewJob::from).collect()).await?;
    }
    Ok(())
}
