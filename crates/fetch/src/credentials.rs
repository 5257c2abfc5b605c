//! User and password in URLs: they are sent to the host they were given for and never shown.

use url::Url;

/// Returns the URL without user and password, for messages and records.
#[must_use]
pub fn strip_credentials(url: &Url) -> Url {
    let mut stripped = url.clone();
    // Both calls fail only for URLs that cannot have a user, so there is nothing to remove.
    let is_stripped = stripped.set_username("").is_ok() && stripped.set_password(None).is_ok();
    if is_stripped { stripped } else { url.clone() }
}

/// Copies user and password of `from` to `to`, a URL of the same origin.
pub(crate) fn copy_credentials(from: &Url, mut to: Url) -> Url {
    let mut copied = to.clone();
    if copied.set_username(from.username()).is_ok() && copied.set_password(from.password()).is_ok() {
        to = copied;
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let url = "http://user:secret@a.b/x?y".parse().unwrap();
        assert_eq!(strip_credentials(&url).as_str(), "http://a.b/x?y");
    }
}
