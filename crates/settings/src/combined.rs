//! Values that are decided by two settings, such as `--proxy` and `--no-proxy`.

use fetch::config::{ip_family::IpFamily, proxy::ProxyChoice};

use super::{
    enums::{OnFailure, Verbosity},
    error::SettingsError,
    layers::Layers,
};

const USER_AGENT_BYTES_MAX: usize = 256;
const CONTACT_BYTES_MAX: usize = 200;

pub(super) fn proxy(from: &mut Layers<'_>) -> Result<ProxyChoice, SettingsError> {
    let proxy: Option<ProxyChoice> = from.optional("proxy")?;
    // `--proxy off` agrees with --no-proxy, so only a real proxy contradicts it.
    let is_named = matches!(proxy, Some(ProxyChoice::At(_)));
    let is_off = from.is_on("no-proxy")?;
    Ok(match from.decide(("proxy", is_named), ("no-proxy", is_off))? {
        Some("no-proxy") => ProxyChoice::Off,
        Some(_) | None => proxy.unwrap_or_default(),
    })
}

pub(super) fn family(from: &mut Layers<'_>) -> Result<IpFamily, SettingsError> {
    let (is_v4, is_v6) = (from.is_on("ipv4")?, from.is_on("ipv6")?);
    Ok(match from.decide(("ipv4", is_v4), ("ipv6", is_v6))? {
        Some("ipv4") => IpFamily::V4,
        Some(_) => IpFamily::V6,
        None => IpFamily::Any,
    })
}

pub(super) fn on_failure(from: &mut Layers<'_>) -> Result<OnFailure, SettingsError> {
    let (keeps_going, fails_fast) = (from.is_on("keep-going")?, from.is_on("fail-fast")?);
    Ok(match from.decide(("keep-going", keeps_going), ("fail-fast", fails_fast))? {
        Some("fail-fast") => OnFailure::FailFast,
        Some(_) | None => OnFailure::KeepGoing,
    })
}

pub(super) fn verbosity(from: &mut Layers<'_>) -> Result<Verbosity, SettingsError> {
    let (is_quiet, count) = (from.is_on("quiet")?, from.count("verbose")?);
    Ok(match from.decide(("quiet", is_quiet), ("verbose", count > 0))? {
        Some("quiet") => Verbosity::Quiet,
        Some(_) => Verbosity::Verbose(count),
        None => Verbosity::Normal,
    })
}

pub(super) fn user_agent(from: &mut Layers<'_>) -> Result<String, SettingsError> {
    let name: String = from.one("user-agent")?;
    let contact: Option<String> = from.optional("contact")?;
    let is_plain = |text: &str, bytes_max| {
        let is_visible = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        is_visible && !text.trim().is_empty() && text.len() <= bytes_max
    };
    if !is_plain(&name, USER_AGENT_BYTES_MAX) {
        return Err(from.refuse("user-agent", &name, "use 1 to 256 visible ASCII characters"));
    }
    match contact {
        None => Ok(name),
        // These characters would end the comment that the contact becomes (RFC 9110 §5.6.5).
        Some(contact)
            if !is_plain(&contact, CONTACT_BYTES_MAX) || contact.contains(['(', ')', ' ', '\\']) =>
        {
            let message = "use a mail address or URL of at most 200 visible ASCII characters";
            Err(from.refuse("contact", &contact, message))
        }
        Some(contact) => Ok(format!("{name} (+{contact})")),
    }
}
