//! Resolves names, and refuses addresses that are not on the public internet.
//!
//! Tables: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its successors). An IPv6
//! address that embeds an IPv4 one (mapped, compatible, NAT64, 6to4) is checked by the embedded one.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::ip_family::IpFamily;

/// Returns the reason that an address may not be contacted, or `None` if it may.
pub(crate) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("unspecified"),
        [127, ..] => Some("loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("private"),
        [100, 64..=127, ..] => Some("shared (carrier-grade NAT)"),
        // 169.254.169.254 and its like are where clouds serve credentials; Azure has one in public space too.
        [169, 254, ..] => Some("link-local"),
        [168, 63, 129, 16] => Some("cloud metadata"),
        [192, 0, 0, _] | [192, 88, 99, _] => Some("reserved for protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("documentation"),
        [198, 18..=19, ..] => Some("benchmarking"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        forbidden_v4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if (g, h) == (0, 1) => Some("loopback"),
        // Compatible, mapped, translated and NAT64 (RFC 6052) addresses end in the IPv4 address that is
        // reached.
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => carried(g, h),
        // 6to4 (RFC 3056 §2): the IPv4 address follows the prefix.
        [0x2002, high, low, ..] => carried(high, low),
        [0x2001, 0, ..] => Some("a tunnel (Teredo)"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("documentation"),
        [0x2001, 0..=0x01ff, ..] => Some("reserved for protocols"),
        // All public addresses are assigned from 2000::/3. Its special blocks are matched above.
        [0x2000..=0x3fff, ..] => None,
        [0xfc00..=0xfdff, ..] => Some("private (unique local)"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        _ => Some("reserved"),
    }
}

/// A name resolves only to addresses that may not be contacted.
#[derive(Debug, thiserror::Error)]
#[error("'{name}' resolves to {address}, which is {why}. Use --allow-host to allow it")]
pub(crate) struct ForbiddenName {
    name: String,
    address: IpAddr,
    why: &'static str,
}

/// A name could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("cannot resolve '{name}': {source}")]
pub(crate) struct Unresolved {
    name: String,
    source: io::Error,
}

/// Resolves names to their addresses of a family. It is not called for hosts that are addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resolver {
    /// Keeps only addresses that may be contacted. The client connects to the addresses it is given, so the
    /// checked address is the contacted one.
    Guarded(IpFamily),
    /// Keeps all addresses of the family.
    Open(IpFamily),
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let addresses = match resolver {
                Self::Guarded(family) => permitted(name.as_str(), lookup(name.as_str(), family).await?)?,
                Self::Open(family) => lookup(name.as_str(), family).await?,
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

async fn lookup(name: &str, family: IpFamily) -> Result<Vec<SocketAddr>, Unresolved> {
    let unresolved = |source| Unresolved { name: name.to_owned(), source };
    // Port 0: the client replaces it by the port of the URL.
    let addresses = tokio::net::lookup_host((name, 0)).await.map_err(unresolved)?.collect();
    of_family(addresses, family).map_err(unresolved)
}

/// Keeps the addresses of the family.
fn of_family(addresses: Vec<SocketAddr>, family: IpFamily) -> io::Result<Vec<SocketAddr>> {
    let mut kept = addresses;
    let found = kept.len();
    kept.retain(|address| family.includes(address.ip()));
    if kept.is_empty() && found > 0 {
        let why = format!("it has no {family} address");
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
    }
    Ok(kept)
}

fn permitted(name: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ForbiddenName> {
    let mut refused = None;
    let mut permitted = addresses;
    permitted.retain(|address| {
        let why = forbidden(address.ip());
        refused = refused.or(why.map(|why| (address.ip(), why)));
        why.is_none()
    });
    match refused {
        // One permitted address is enough: the client never learns of the refused ones.
        Some((address, why)) if permitted.is_empty() => {
            Err(ForbiddenName { name: name.to_owned(), address, why })
        }
        _ => Ok(permitted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_contacted() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:0:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(forbidden(address.parse().unwrap()).is_some(), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "152.19.134.47",
            "2610:28:3090:3000::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(forbidden(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn of_a_name_only_the_public_addresses_are_used() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        assert_eq!(permitted("n", vec![at("10.0.0.1"), at("1.1.1.1")]).unwrap(), [at("1.1.1.1")]);
        let refused = permitted("n", vec![at("10.0.0.1"), at("::1")]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "'n' resolves to 10.0.0.1, which is private. Use --allow-host to allow it"
        );
        assert!(permitted("n", vec![]).unwrap().is_empty());
    }

    #[test]
    fn of_a_name_only_the_addresses_of_the_family_are_used() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        let both = || vec![at("1.1.1.1"), at("2001:4860:4860::8888")];
        assert_eq!(of_family(both(), IpFamily::Any).unwrap(), both());
        assert_eq!(of_family(both(), IpFamily::V4).unwrap(), both()[..1]);
        assert_eq!(of_family(both(), IpFamily::V6).unwrap(), both()[1..]);
        let refused = of_family(vec![at("1.1.1.1")], IpFamily::V6).unwrap_err();
        assert!(refused.to_string().contains("no IPv6 address"), "{refused}");
    }
}
