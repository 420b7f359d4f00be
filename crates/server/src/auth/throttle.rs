//! How often passwords may be tried: for one account, and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Wrong passwords of one account in a row; after these, one more every [`ACCOUNT_PAUSE`].
const ACCOUNT_TRIES: u32 = 10;
const ACCOUNT_PAUSE: Duration = Duration::from_secs(60);
/// Wrong passwords from one address, which may be a whole office's.
const ADDRESS_TRIES: u32 = 50;
const ADDRESS_PAUSE: Duration = Duration::from_secs(10);
/// Accounts and addresses remembered at most. Each is forgotten once it has its full number of tries again.
const REMEMBERED: usize = 50_000;

/// Tries that were made lately. In memory: with several servers, each counts for itself.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<Who, Instant>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    /// By e-mail address in small letters, whether there is such a member or not.
    Account(String),
    Address(IpAddr),
}

/// A try that is counted unless it turns out to be right.
#[must_use]
pub(crate) struct Try<'t> {
    throttle: &'t Throttle,
    who: [Who; 2],
}

impl Who {
    fn limits(&self) -> (u32, Duration) {
        match self {
            Self::Account(_) => (ACCOUNT_TRIES, ACCOUNT_PAUSE),
            Self::Address(_) => (ADDRESS_TRIES, ADDRESS_PAUSE),
        }
    }
}

impl Throttle {
    /// Counts a try before it is made, so that many at once do not slip through.
    pub(crate) fn begin(&self, email: &str, address: IpAddr) -> Result<Try<'_>> {
        self.begin_at(email, address, Instant::now())
    }

    fn begin_at(&self, email: &str, address: IpAddr, now: Instant) -> Result<Try<'_>> {
        let who = [Who::Account(email.to_lowercase()), Who::Address(network(address))];
        // For each, the instant at which it has all its tries back: every try moves it on by one pause.
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for who in &who {
            let (tries, pause) = who.limits();
            let ahead = full_at.get(who).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
            let room = pause * (tries - 1);
            if ahead > room {
                return Err(too_many(ahead - room));
            }
        }
        if full_at.len() >= REMEMBERED {
            full_at.retain(|_, at| *at > now);
        }
        if full_at.len() >= REMEMBERED {
            return Err(too_many(ADDRESS_PAUSE));
        }
        for who in &who {
            let at = full_at.entry(who.clone()).or_insert(now);
            *at = (*at).max(now) + who.limits().1;
        }
        Ok(Try { throttle: self, who })
    }
}

impl Try<'_> {
    /// The password was right: the account has all its tries again, and the address loses none.
    pub(crate) fn succeed(self) {
        let mut full_at = self.throttle.0.lock().unwrap_or_else(PoisonError::into_inner);
        for who in &self.who {
            match who {
                Who::Account(_) => _ = full_at.remove(who),
                Who::Address(_) => {
                    if let Some(at) = full_at.get_mut(who) {
                        *at = at.checked_sub(ADDRESS_PAUSE).unwrap_or(*at);
                    }
                }
            }
        }
    }
}

/// Who has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

fn too_many(wait: Duration) -> Error {
    let seconds = wait.as_secs() + 1;
    Error::too_many("session/too-many", "There were too many wrong passwords.", Duration::from_secs(seconds))
        .hint(format!("Try again in {seconds} seconds."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn other(number: u8) -> IpAddr {
        IpAddr::from([198, 51, 100, number])
    }

    #[test]
    fn an_account_is_tried_ten_times_from_wherever() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for number in 0..10 {
            _ = throttle.begin_at("Ada@example.com", other(number), start).unwrap();
        }
        let error = throttle.begin_at("ada@example.com", other(99), start).err().unwrap();
        assert_eq!(error.code, "session/too-many");
        assert_eq!(error.retry_after, Some(Duration::from_secs(61)));
        assert!(throttle.begin_at("bea@example.com", other(99), start).is_ok());
        let later = start + ACCOUNT_PAUSE + Duration::from_secs(1);
        assert!(throttle.begin_at("ada@example.com", other(99), later).is_ok());
        assert!(throttle.begin_at("ada@example.com", other(99), later).is_err());
    }

    #[test]
    fn an_address_tries_fifty_accounts() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for number in 0..50 {
            _ = throttle.begin_at(&format!("{number}@example.com"), HERE, start).unwrap();
        }
        assert!(throttle.begin_at("new@example.com", HERE, start).is_err());
        assert!(throttle.begin_at("new@example.com", other(1), start).is_ok());
        let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        assert_eq!(network(six(1)), network(six(2)));
    }

    #[test]
    fn right_passwords_do_not_count() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..200 {
            throttle.begin_at("ada@example.com", HERE, start).unwrap().succeed();
        }
        assert!(throttle.begin_at("ada@example.com", HERE, start).is_ok());
    }
}
