//! What a tool needs to run: if its data lies, its server if it has one, and what its "durable" means.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use tempfile::TempDir;

use crate::{
    machine,
    program::{self, Program, Says},
    serve::SYNCS,
    shape::{Reach, Shape},
    syncs::Watch,
    tool::Tool,
};

/// The hidden command that serves a juggle queue until its standard input ends.
pub const SERVE: &str = "serve";
/// From this version on, JetStream can fsync every message (`sync_interval: always`).
const NATS_SYNC_SINCE: (u32, u32) = (2, 10);

/// A tool as it is installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its version, with a remark if it cannot do the same work.
    pub version: String,
    /// Durability of its acknowledgements, with the configuration that gives it.
    pub durability: String,
}

/// Looks for a tool; none where it is not installed.
#[must_use]
pub fn installed(tool: Tool) -> Option<Installed> {
    let (version, durability) = match tool {
        Tool::Juggle => (
            env!("CARGO_PKG_VERSION").to_owned(),
            "power loss (fdatasync before every answer); a lease alone survives the death of the process only",
        ),
        Tool::Redis => {
            let said = program::output_of(&program::find("redis-server")?, &["--version"])?;
            let version = said.split("v=").nth(1)?.split(' ').next()?.to_owned();
            (version, "power loss (appendonly yes, appendfsync always)")
        }
        Tool::JetStream => {
            let version = nats_version()?;
            match can_sync(&version) {
                true => (version, "power loss (file storage, sync_interval: always)"),
                false => (
                    format!("{version} (no fsync per message)"),
                    "the death of the process only (file storage, fsync every 2 minutes: this version has no \
                     sync_interval: always)",
                ),
            }
        }
        Tool::Sqlite => (rusqlite::version().to_owned(), "power loss (journal_mode=WAL, synchronous=FULL)"),
    };
    Some(Installed { version, durability: durability.to_owned() })
}

fn nats_version() -> Option<String> {
    let said = program::output_of(&program::find("nats-server")?, &["--version"])?;
    Some(said.rsplit(' ').next()?.trim_start_matches('v').to_owned())
}

fn can_sync(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NATS_SYNC_SINCE
}

/// A queue that workers can reach, with its data in a directory of its own.
#[derive(Debug)]
pub struct Server {
    /// Its place, in the form that [`Work::at`](crate::worker::Work::at) takes.
    pub at: String,
    program: Option<Program>,
    /// For a socket, whose path must be short. Data never lies here.
    _socket_directory: Option<TempDir>,
}

impl Server {
    /// Makes a tool's queue in the directory, and starts its server if it needs one.
    ///
    /// # Errors
    /// If the server does not start.
    pub fn start(tool: Tool, shape: Shape, directory: &Path, watch: &Watch) -> anyhow::Result<Self> {
        let here = directory.to_str().context("the path of the data is not UTF-8")?.to_owned();
        match (tool, shape.reach()) {
            (Tool::Juggle, Reach::InProcess) => Ok(Self::none(here)),
            (Tool::Juggle, Reach::Socket) => {
                let this = std::env::current_exe().context("failed to find this program")?;
                let mut command = watch.command("server", this.as_os_str())?;
                command.arg(SERVE).arg(directory);
                let mut program = Program::start("juggle's broker", command, Says::Output)?;
                program.wait_for(crate::worker::READY)?;
                Ok(Self { at: here, program: Some(program), _socket_directory: None })
            }
            (Tool::Redis, Reach::InProcess | Reach::Socket) => Self::redis(directory, watch),
            (Tool::JetStream, Reach::InProcess | Reach::Socket) => Self::nats(directory, watch),
            (Tool::Sqlite, Reach::InProcess | Reach::Socket) => Ok(Self::none(format!("{here}/jobs.sqlite"))),
        }
    }

    fn none(at: String) -> Self {
        Self { at, program: None, _socket_directory: None }
    }

    fn redis(directory: &Path, watch: &Watch) -> anyhow::Result<Self> {
        let socket_directory = TempDir::new()?;
        let socket = socket_directory.path().join("redis.sock");
        let server = program::find("redis-server").context("redis-server is not installed")?;
        let mut command = watch.command("server", server.as_os_str())?;
        command.args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        command.arg("--unixsocket").arg(&socket).arg("--dir").arg(directory);
        let mut program = Program::start("redis-server", command, Says::Output)?;
        program.wait_for("ready to accept connections")?;
        let at = socket.to_str().context("the path of temporary files is not UTF-8")?.to_owned();
        Ok(Self { at, program: Some(program), _socket_directory: Some(socket_directory) })
    }

    fn nats(directory: &Path, watch: &Watch) -> anyhow::Result<Self> {
        let server = program::find("nats-server").context("nats-server is not installed")?;
        let configuration = directory.join("nats.conf");
        fs::write(&configuration, nats_configuration(directory)?)?;
        let mut command: Command = watch.command("server", server.as_os_str())?;
        command.arg("--config").arg(configuration);
        let mut program = Program::start("nats-server", command, Says::Error)?;
        let marker = "Listening for client connections on ";
        let line = program.wait_for(marker)?;
        let address = line.split(marker).nth(1).context("nats-server does not print its address")?;
        program.wait_for("Server is ready")?;
        Ok(Self { at: address.to_owned(), program: Some(program), _socket_directory: None })
    }

    /// Commits that the server has forced to the medium so far; none if it does not tell.
    ///
    /// # Errors
    /// If it has ended.
    pub fn syncs(&mut self, tool: Tool) -> anyhow::Result<Option<u64>> {
        let (Tool::Juggle, Some(program)) = (tool, &mut self.program) else { return Ok(None) };
        program.tell("syncs")?;
        let line = program.wait_for(SYNCS)?;
        line.trim_start_matches(SYNCS).parse().map(Some).context("the broker's count cannot be read")
    }

    /// The most memory that the server had; none without a server.
    #[must_use]
    pub fn rss_kib(&self) -> Option<u64> {
        machine::rss_peak_kib(&self.program.as_ref()?.id().to_string())
    }
}

/// A free port is the server's to choose.
fn nats_configuration(directory: &Path) -> anyhow::Result<String> {
    let version = nats_version().context("nats-server does not print its version")?;
    let sync = if can_sync(&version) { "sync_interval: always" } else { "" };
    let store = serde_json::to_string(&directory.join("store"))?;
    Ok(format!("listen: \"127.0.0.1:-1\"\njetstream {{\n  store_dir: {store}\n  {sync}\n}}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jetstream_can_sync_each_message_from_2_10_on() {
        assert!(!can_sync("2.9.10") && !can_sync("1.99"));
        assert!(can_sync("2.10.0") && can_sync("2.11.3") && can_sync("3.0"));
    }

    #[test]
    fn what_is_built_in_is_installed() {
        for tool in [Tool::Juggle, Tool::Sqlite] {
            let installed = installed(tool).unwrap();
            assert!(installed.durability.starts_with("power loss") && !installed.version.is_empty());
        }
    }
}
