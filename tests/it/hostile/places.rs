//! The targets of redirects: a second host that may be contacted, and canaries that may not.

use super::{
    row::{answering, fine, other_text, whole},
    server::{Host, Request, Step},
};

/// The hosts that belong to no row.
pub(super) struct Places {
    /// May be contacted. It gives the text only to who tells it nothing: no user, cookie or referer.
    pub(super) other: Host,
    /// 127.0.0.2, and its like: no flag names them.
    pub(super) second: Host,
    pub(super) third: Host,
    /// On 127.0.0.1 as well, but reached by other names of it.
    pub(super) local: Host,
    /// `None` if this machine has no IPv6.
    pub(super) six: Option<Host>,
}

impl Places {
    pub(super) async fn start() -> Self {
        let tells_nothing = |request: &Request| {
            ["authorization", "cookie", "referer", "proxy-authorization"]
                .iter()
                .all(|name| request.field(name).is_none())
        };
        let other = answering(move |request| {
            let body = Self::text_of_other(request.target());
            tells_nothing(request).then(|| vec![Step::Send(whole("200 OK", "", &body))])
        });
        let canary = async |address: &str| Host::start(address, vec![fine()]).await;
        Self {
            other: Host::start("127.0.0.1", vec![other]).await.unwrap(),
            second: canary("127.0.0.2").await.unwrap(),
            third: canary("127.0.0.3").await.unwrap(),
            local: canary("127.0.0.1").await.unwrap(),
            six: canary("::1").await.ok(),
        }
    }

    /// Returns the text of the second host at this path. It differs between paths: otherwise the host would
    /// be suspected of blocking robots.
    pub(super) fn text_of_other(path: &str) -> Vec<u8> {
        [path.as_bytes(), b" stands here\n", &other_text()].concat()
    }

    /// Those that nobody may contact.
    pub(super) fn canaries(&self) -> impl Iterator<Item = &Host> {
        [&self.second, &self.third, &self.local].into_iter().chain(&self.six)
    }
}
