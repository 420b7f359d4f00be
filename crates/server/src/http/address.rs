//! Where a request comes from: the other end of its connection, or what proxies that are trusted say of it.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};

use crate::settings::Settings;

/// The other end of a request's connection, among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

const FORWARDED: &str = "x-forwarded-for";

/// The address of whoever sent a request; none in a test without a connection.
pub(super) fn of(extensions: &Extensions, headers: &HeaderMap, settings: &Settings) -> Option<IpAddr> {
    let peer = extensions.get::<Peer>().map(|Peer(peer)| peer.ip().to_canonical())?;
    Some(behind(peer, headers, |address| trusts(settings, address)))
}

/// A proxy on this machine is trusted as soon as there is a public URL, which is to say a proxy; others by their address.
fn trusts(settings: &Settings, address: IpAddr) -> bool {
    (settings.public_url.is_some() && address.is_loopback())
        || settings.trusted_proxies.iter().any(|network| network.contains(address))
}

/// Each proxy adds whom it speaks for on the right. The first one from there that is not trusted is the caller: what stands further left
/// is what that one says.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut address = peer;
    if !trusted(address) {
        return address;
    }
    let values = headers.get_all(FORWARDED).iter().rev().map(|value| value.to_str().unwrap_or(""));
    for text in values.flat_map(|value| value.rsplit(',')) {
        // Some write the port along.
        let text = text.trim();
        let next = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
        let Ok(next) = next else { return address };
        address = next.to_canonical();
        if !trusted(address) {
            return address;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let headers = forwarded.iter().map(|text| (FORWARDED.parse().unwrap(), text.parse().unwrap())).collect::<HeaderMap>();
        let trusted: Vec<crate::settings::Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        behind(peer.parse().unwrap(), &headers, |address| trusted.iter().any(|network| network.contains(address))).to_string()
    }

    #[test]
    fn the_right_most_that_is_not_trusted_counts() {
        let proxies = ["10.0.0.0/8", "127.0.0.1"];
        assert_eq!(from("192.0.2.7", &["198.51.100.1"], &proxies), "192.0.2.7", "anybody can send the header");
        assert_eq!(from("10.1.2.3", &["198.51.100.1, 192.0.2.7"], &proxies), "192.0.2.7");
        assert_eq!(from("10.1.2.3", &["198.51.100.1, 192.0.2.7, 10.9.9.9"], &proxies), "192.0.2.7");
        assert_eq!(from("127.0.0.1", &["198.51.100.1", "192.0.2.7"], &proxies), "192.0.2.7", "the last of several headers");
        assert_eq!(from("10.1.2.3", &[], &proxies), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["unknown"], &proxies), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["192.0.2.7, unknown, 10.0.0.1"], &proxies), "10.0.0.1");
        assert_eq!(from("10.1.2.3", &["192.0.2.7:4711"], &proxies), "192.0.2.7");
        assert_eq!(from("::1", &["2001:db8::1"], &["::1"]), "2001:db8::1");
        assert_eq!(from("127.0.0.1", &["192.0.2.7"], &[]), "127.0.0.1");
    }
}
