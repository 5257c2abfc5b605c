//! nginx, serving a directory on a free port of 127.0.0.1.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

use anyhow::{Context, bail};

use crate::program::{self, Program, Says, held};

/// The command that installs it.
pub const INSTALL: &str = "apt-get install nginx-light";

/// A running nginx. Ends when dropped.
#[derive(Debug)]
pub struct Nginx {
    /// Address it listens on.
    pub address: SocketAddr,
    _program: Program,
}

impl Nginx {
    /// Serves the files of `root`. Its configuration and its temporary files lie in `directory`.
    ///
    /// # Errors
    /// If it is not installed or does not start.
    pub fn start(root: &Path, directory: &Path) -> anyhow::Result<Self> {
        let Some(nginx) = program::find("nginx") else {
            bail!("nginx, which serves the files, is not installed: {INSTALL}");
        };
        // Free a moment ago; if another program takes it first, nginx says so and the benchmark ends.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let configuration = directory.join("nginx.conf");
        fs::write(&configuration, configured(address, root, directory)?)
            .with_context(|| format!("failed to write '{}'", configuration.display()))?;
        let mut command = held(nginx.as_os_str())?;
        command.arg("-p").arg(directory).arg("-e").arg("stderr").arg("-c").arg(&configuration);
        let mut program = Program::start("nginx", command, Says::Error)?;
        // It listens before it says so.
        program.wait_for("event method")?;
        Ok(Self { address, _program: program })
    }

    /// Its version.
    #[must_use]
    pub fn version() -> Option<String> {
        let output = std::process::Command::new(program::find("nginx")?).arg("-v").output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(said.trim().rsplit('/').next()?.to_owned())
    }
}

/// One process, so that killing it ends all of it.
fn configured(address: SocketAddr, root: &Path, directory: &Path) -> anyhow::Result<String> {
    let quoted = |path: &Path| {
        let path = path.to_str().context("the path of the data is not UTF-8")?;
        Ok::<_, anyhow::Error>(format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"")))
    };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| Ok(format!("  {kind}_temp_path {};\n", quoted(&directory.join(kind))?)))
        .into_iter()
        .collect::<anyhow::Result<String>>()?;
    Ok(format!(
        "daemon off;\nmaster_process off;\npid {pid};\nerror_log stderr notice;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n{temporary}  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 1000000;\n\
         \x20 keepalive_timeout 300s;\n  types {{ text/plain txt; }}\n  charset utf-8;\n\
         \x20 open_file_cache max=20000;\n\
         \x20 server {{ listen {address} backlog=4096; root {root}; }}\n}}\n",
        pid = quoted(&directory.join("nginx.pid"))?,
        root = quoted(root)?,
    ))
}
