//! Files and who serves them.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::Context;
use tempfile::TempDir;

use super::{
    item::{Item, file_name, write_files},
    nginx::Nginx,
    running::sync,
    server::Server,
    text::Prose,
};

/// The server of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ServedBy {
    /// nginx, from the page cache.
    Nginx,
    /// The benchmark itself: slower than nginx.
    BuiltIn,
}

/// A text of a source: its id, seed and length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Number of the text.
    pub seed: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// Texts that are served until this is dropped.
#[derive(Debug)]
pub struct Source {
    /// The texts.
    pub items: Vec<Item>,
    /// Base URL of the files.
    pub address: SocketAddr,
    _serving: Serving,
}

#[derive(Debug)]
enum Serving {
    Nginx { _nginx: Nginx, _files: TempDir },
    BuiltIn { _server: Server },
}

impl Source {
    /// Serves these texts. nginx has them as files below `directory`, which are on the medium when this
    /// returns.
    ///
    /// # Errors
    /// If nginx is wanted and not installed, or the files cannot be written.
    pub fn start(
        served_by: ServedBy,
        texts: Vec<Listed>,
        prose: &Prose,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        match served_by {
            ServedBy::Nginx => Self::nginx(texts, prose, directory),
            ServedBy::BuiltIn => {
                let server = Server::start(prose.clone())?;
                let host = Ipv4Addr::LOCALHOST;
                let item = |Listed { id, seed, bytes }| server.item(host, id, seed, bytes);
                let items = texts.into_iter().map(item).collect();
                Ok(Self { items, address: server.at(host), _serving: Serving::BuiltIn { _server: server } })
            }
        }
    }

    fn nginx(texts: Vec<Listed>, prose: &Prose, directory: &Path) -> anyhow::Result<Self> {
        let files = tempfile::Builder::new().prefix(crate::speed::RUN).tempdir_in(directory)?;
        let root = files.path().join("files");
        fs::create_dir(&root).with_context(|| format!("failed to create '{}'", root.display()))?;
        let nginx = Nginx::start(&root, files.path())?;
        let item = |Listed { id, seed, bytes }| Item {
            path: format!("/{}", file_name(&id)),
            host: nginx.address,
            id,
            seed,
            bytes,
        };
        let items: Vec<Item> = texts.into_iter().map(item).collect();
        write_files(&root, &items, prose)?;
        sync(&root, files.path())?;
        let address = nginx.address;
        Ok(Self { items, address, _serving: Serving::Nginx { _nginx: nginx, _files: files } })
    }

    /// The same texts through another address.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Vec<Item> {
        self.items.iter().cloned().map(|item| Item { host: address, ..item }).collect()
    }
}
