//! The command that starts an owner of the queue in the background.

use std::path::Path;

use flow::{durability::Durability, queue::QueueError};
use queue::transport::socket::BrokerCommand;

use crate::exit::Exit;

/// Returns the command that starts `juggle-queue`, from the directory of this program if it is there.
///
/// # Errors
/// Returns [`QueueError::Unreachable`] if the path of this program or of the run directory is unknown.
pub(crate) fn broker_command(run: &Path, durability: Durability) -> Result<BrokerCommand, QueueError> {
    let unreachable = |error: std::io::Error| QueueError::Unreachable(error.to_string());
    let this = std::env::current_exe().map_err(unreachable)?;
    let beside = this.with_file_name("juggle-queue");
    let program = if beside.exists() { beside } else { "juggle-queue".into() };
    // The owner outlives this command and its working directory.
    let run = std::path::absolute(run).map_err(unreachable)?;
    let arguments = vec![
        "serve".into(),
        "--output-dir".into(),
        run.into(),
        "--durability".into(),
        durability.to_string().into(),
    ];
    Ok(BrokerCommand { program, arguments, disk_full_code: Exit::DiskFull as i32 })
}
