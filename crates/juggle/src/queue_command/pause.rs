//! `juggle queue pause|resume`: pauses and resumes a lane.

use event_log::{line::Kind, writer};
use flow::queue::Pause;

use super::visit;
use crate::{
    cli::queue::LaneArgs,
    exit::{CliError, Exit},
    output::Out,
};
use settings::{enums::Run, resolved::Settings};

pub(super) async fn run(
    args: &LaneArgs,
    pause: Pause,
    settings: &Settings,
    out: &Out,
) -> Result<Exit, CliError> {
    let what = match pause {
        Pause::Paused => "paused",
        Pause::Running => "running",
    };
    if settings.run == Run::Dry {
        // The dry run fails for the same reason as the real one would.
        crate::directory::must_exist(&settings.output_dir)?;
        if out.is_json() {
            out.json(&serde_json::json!({ "lane": args.lane, "would_be": what }))?;
        } else {
            out.line(&format!("The {} lane would be {what}. Dry run: nothing was changed.", args.lane))?;
        }
        return Ok(Exit::Done);
    }
    visit(settings, async |queue| Ok(queue.set_paused(args.lane, pause).await?)).await?;
    let event = match pause {
        Pause::Paused => Kind::Paused,
        Pause::Running => Kind::Resumed,
    };
    writer::note_change(&settings.output_dir, event, Some(args.lane), None);
    if out.is_json() {
        out.json(&serde_json::json!({ "lane": args.lane, "state": what }))?;
    } else {
        out.line(&format!("The {} lane is {what}.", args.lane))?;
    }
    Ok(Exit::Done)
}
