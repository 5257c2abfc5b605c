//! Detects soft bans: hosts that send pages, or the same body again and again, instead of texts.
//!
//! One page instead of a text may be a wrong link, so the text is tried once more. If three different texts
//! in a row arrive as pages or as the same small body, the host is taken to block robots. It is paused for
//! [`REST`], its texts wait in the queue, and after the pause one more sign is enough. A proper text clears
//! the host.
//!
//! The signs of a host are in the host cache, so they add up over all processes. The last body is known to
//! each process alone. A body that led to a pause is a block page from then on, in all runs: it is never
//! accepted as a text of that host again, unless a list names its hash.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flow::{blobs::Digest, document::DocumentId};
use serde::{Deserialize, Serialize};

use crate::politeness::{
    block_pages::BlockPages,
    host_cache::{CacheKind, HostCache},
};

/// The number of different texts in a row that must show a sign.
pub(crate) const SIGNS_MAX: usize = 3;
/// The pause of a host. It is longer than a run waits, so a run ends if only such hosts are left.
pub const REST: Duration = Duration::from_secs(60 * 60);
/// The size limit of block pages. Larger bodies are not compared.
const NOTICE_BYTES_MAX: u64 = 64 * 1024;
/// The maximum number of hosts in memory. Others are read from the host cache again.
const HOSTS_MAX: usize = 10_000;

/// The meaning of a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SoftBanSign {
    /// The sign may be an accident. The text may be tried once more.
    Suspected,
    /// The host blocks robots.
    Banned,
}

/// Detects soft bans of many hosts.
#[derive(Debug)]
pub(crate) struct SoftBanDetector {
    files: Arc<HostCache>,
    hosts: Mutex<HashMap<String, Host>>,
}

#[derive(Debug)]
struct Host {
    note: CachedSigns,
    notices: BlockPages,
    /// The last body, and the texts that arrived as it, one after the other.
    last: Option<(blake3::Hash, Vec<DocumentId>)>,
}

/// The format of the cached file: the texts that arrived as pages since the last proper one, and whether the
/// host was paused before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct CachedSigns {
    texts: Vec<DocumentId>,
    rested: bool,
}

impl SoftBanDetector {
    pub(crate) fn new(files: Arc<HostCache>) -> Self {
        Self { files, hosts: Mutex::default() }
    }

    /// Returns whether what the cache has about a host was read before, so that checking a body reads
    /// nothing, and writes only if the host sends the same body again and again.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.hosts().contains_key(name)
    }

    /// Records a page that arrived instead of a text. Blocks.
    pub(crate) fn record_block_page(&self, name: &str, text: &DocumentId) -> SoftBanSign {
        let mut hosts = self.hosts();
        let host = self.host(&mut hosts, name);
        // Other processes may have recorded signs.
        host.note = self.files.read(CacheKind::SoftBan, name).unwrap_or_default();
        if !host.note.texts.contains(text) {
            host.note.texts.push(text.clone());
        }
        let sign = host.note.judge();
        self.files.write(CacheKind::SoftBan, name, &host.note);
        sign
    }

    /// Checks a whole body that is not a page. Returns a sign if the same small body arrived for other texts
    /// before. Otherwise clears the host. Blocks.
    pub(crate) fn check_body(&self, name: &str, text: &DocumentId, digest: &Digest) -> Option<SoftBanSign> {
        let mut hosts = self.hosts();
        let host = self.host(&mut hosts, name);
        // A known block page needs no second look.
        if host.notices.bodies.contains(digest.blake3.to_hex().as_str()) {
            host.note.rested = true;
            self.files.write(CacheKind::SoftBan, name, &host.note);
            return Some(SoftBanSign::Banned);
        }
        let is_new = match &mut host.last {
            Some((body, texts)) if *body == digest.blake3 && digest.bytes <= NOTICE_BYTES_MAX => {
                // A further attempt at the same text says nothing new about the host.
                if texts.contains(text) {
                    false
                } else {
                    texts.push(text.clone());
                    true
                }
            }
            // The host sends different bodies, or one that is too large for a notice. Both look like texts.
            last => {
                *last = Some((digest.blake3, vec![text.clone()]));
                self.clear(name, host);
                return None;
            }
        };
        let count = host.last.as_ref().map_or(0, |(_, texts)| texts.len());
        // After a pause, the second text with the same body is enough.
        if count >= SIGNS_MAX || (host.note.rested && count > 1) {
            host.note.rested = true;
            self.files.write(CacheKind::SoftBan, name, &host.note);
            self.remember_notice(name, host, digest);
            return Some(SoftBanSign::Banned);
        }
        (is_new && count > 1).then_some(SoftBanSign::Suspected)
    }

    /// Clears a host that sent the expected body. Blocks.
    pub(crate) fn clear_host(&self, name: &str) {
        let mut hosts = self.hosts();
        let host = self.host(&mut hosts, name);
        host.last = None;
        self.clear(name, host);
    }

    fn remember_notice(&self, name: &str, host: &mut Host, digest: &Digest) {
        // Other processes may have recorded some.
        host.notices = self.notices(name);
        host.notices.bodies.insert(digest.blake3.to_hex().to_string());
        self.files.write(CacheKind::BlockPages, name, &host.notices);
    }

    fn notices(&self, name: &str) -> BlockPages {
        let known = self.files.read(CacheKind::BlockPages, name);
        known.unwrap_or_else(|| BlockPages { host: name.to_owned(), ..BlockPages::default() })
    }

    fn clear(&self, name: &str, host: &mut Host) {
        // Most hosts have no signs. Their file does not exist and is not removed again for each text.
        if host.note != CachedSigns::default() {
            host.note = CachedSigns::default();
            self.files.remove(CacheKind::SoftBan, name);
        }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn host<'h>(&self, hosts: &'h mut HashMap<String, Host>, name: &str) -> &'h mut Host {
        if hosts.len() >= HOSTS_MAX && !hosts.contains_key(name) {
            // Only the last bodies are lost. Signs and block pages are in the host cache.
            hosts.clear();
        }
        hosts.entry(name.to_owned()).or_insert_with(|| Host {
            note: self.files.read(CacheKind::SoftBan, name).unwrap_or_default(),
            notices: self.notices(name),
            last: None,
        })
    }
}

impl CachedSigns {
    fn judge(&mut self) -> SoftBanSign {
        if !self.rested && self.texts.len() < SIGNS_MAX {
            return SoftBanSign::Suspected;
        }
        self.rested = true;
        // From now on each sign is enough, so the texts need not be remembered.
        self.texts.clear();
        SoftBanSign::Banned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> DocumentId {
        name.parse().unwrap()
    }

    fn digest(body: &str) -> Digest {
        Digest { bytes: body.len() as u64, blake3: blake3::hash(body.as_bytes()) }
    }

    fn processes() -> (tempfile::TempDir, [SoftBanDetector; 2]) {
        let directory = tempfile::tempdir().unwrap();
        let files = || Arc::new(HostCache::new(Some(directory.path().join("hosts"))));
        let both = [(); 2].map(|()| SoftBanDetector::new(files()));
        (directory, both)
    }

    #[test]
    fn three_texts_that_came_as_pages_are_enough_over_all_processes() {
        let (_directory, [one, other]) = processes();
        assert_eq!(one.record_block_page("h", &id("a")), SoftBanSign::Suspected);
        assert_eq!(
            one.record_block_page("h", &id("a")),
            SoftBanSign::Suspected,
            "the same text again is no further sign"
        );
        assert_eq!(other.record_block_page("h", &id("b")), SoftBanSign::Suspected);
        assert_eq!(other.record_block_page("elsewhere", &id("c")), SoftBanSign::Suspected);
        assert_eq!(one.record_block_page("h", &id("c")), SoftBanSign::Banned);
        assert_eq!(
            other.record_block_page("h", &id("d")),
            SoftBanSign::Banned,
            "after a rest one sign is enough"
        );
        assert_eq!(one.check_body("h", &id("a"), &digest("good")), None);
        assert_eq!(
            one.record_block_page("h", &id("e")),
            SoftBanSign::Suspected,
            "a good text clears the host"
        );
    }

    #[test]
    fn a_good_text_clears_what_an_earlier_run_saw() {
        let (_directory, [one, other]) = processes();
        for text in ["a", "b"] {
            assert_eq!(one.record_block_page("h", &id(text)), SoftBanSign::Suspected);
        }
        assert_eq!(other.check_body("h", &id("c"), &digest("good")), None);
        assert_eq!(other.record_block_page("h", &id("d")), SoftBanSign::Suspected);
    }

    #[test]
    fn the_same_small_body_for_three_texts_is_enough() {
        let (directory, [one, other]) = processes();
        let hex = |body: &str| digest(body).blake3.to_hex().to_string();
        assert_eq!(one.check_body("h", &id("a"), &digest("wait")), None);
        assert_eq!(one.check_body("h", &id("b"), &digest("wait")), Some(SoftBanSign::Suspected));
        assert_eq!(one.check_body("h", &id("b"), &digest("wait")), None, "tried again, it is taken as it is");
        assert_eq!(one.check_body("h", &id("c"), &digest("wait")), Some(SoftBanSign::Banned));
        assert_eq!(one.check_body("h", &id("d"), &digest("wait")), Some(SoftBanSign::Banned));
        let notices = [BlockPages { host: "h".to_owned(), bodies: [hex("wait")].into() }];
        assert_eq!(crate::politeness::block_pages::read_all(&directory.path().join("hosts")), notices);
        assert_eq!(one.check_body("h", &id("e"), &digest("another")), None);
        assert_eq!(
            other.check_body("h", &id("a"), &digest("wait")),
            Some(SoftBanSign::Banned),
            "it is known for what it is"
        );
        assert_eq!(other.check_body("elsewhere", &id("a"), &digest("wait")), None);
        assert_eq!(one.check_body("h", &id("f"), &digest("another")), Some(SoftBanSign::Suspected));
        one.clear_host("h");
        assert_eq!(one.check_body("h", &id("g"), &digest("another")), None, "it begins anew");
        let large = Digest { bytes: NOTICE_BYTES_MAX + 1, ..digest("large") };
        for text in ["a", "b", "c", "d"] {
            assert_eq!(one.check_body("h", &id(text), &large), None, "{text}");
        }
    }
}
