//! What the server is told at start: resolved once by the command line, read-only afterwards.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything `cloche serve` can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds the embedded database, the secrets and the owner token.
    pub data_dir: PathBuf,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// An existing PostgreSQL server (a superuser's URL) instead of the embedded one.
    pub database_url: Option<String>,
    /// Where PostgreSQL's programs are; looked for when not given.
    pub postgres_bin: Option<PathBuf>,
    /// The system user the embedded PostgreSQL runs as when the server runs as root.
    pub postgres_user: Option<String>,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Which log lines are written, as `tracing` filters: `info,cloche_server=debug`.
    pub log_filter: String,
    /// The URL under which clients reach the server; `http://LISTEN` when not given.
    pub public_url: Option<String>,
    /// What these say in `X-Forwarded-For` of where a request comes from is believed.
    pub trusted_proxies: Vec<Network>,
}

/// Addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
        wide(address) & mask == self.address & mask
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no address and no network: write 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32");
        let text = text.trim();
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = bits.map_or(Ok(most), str::parse).map_err(|_| refuse())?;
        if bits > most {
            return Err(refuse());
        }
        Ok(Self { address: wide(address), bits: bits + 128 - most })
    }
}

/// One space for both families, as IPv6 has it.
fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_begins_alike() {
        let holds = |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "192.0.2.7") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && holds("::/0", "192.0.2.7") && holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::/129", "example.com", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
