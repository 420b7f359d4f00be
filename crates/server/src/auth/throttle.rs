//! How often passwords may be tried: for one account, and from one address.
//!
//! A stranger's wrong passwords must not keep a person out: they count where they come from, and for the account from everywhere only
//! when there are very many. A person who is signed in counts for themselves alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cloche_wire::{EnvironmentId, MemberId};

use crate::error::{Error, Result};

/// Wrong passwords of one account from one address, or of somebody who is signed in; after these, one more every [`PERSON_PAUSE`].
const PERSON_TRIES: u32 = 10;
const PERSON_PAUSE: Duration = Duration::from_secs(60);
/// Wrong passwords of one account from everywhere.
const ACCOUNT_TRIES: u32 = 200;
const ACCOUNT_PAUSE: Duration = Duration::from_secs(10);
/// Wrong passwords from one address, which may be a whole office's.
const ADDRESS_TRIES: u32 = 50;
const ADDRESS_PAUSE: Duration = Duration::from_secs(10);
/// Users who sign up in one environment from one address, and mails to one address there; each more after a pause.
const SIGN_UPS: u32 = 60;
const SIGN_UP_PAUSE: Duration = Duration::from_secs(10);
const MAILS: u32 = 5;
const MAIL_PAUSE: Duration = Duration::from_secs(60);
/// What is remembered at most. Each is forgotten once it has its full number of tries again.
const REMEMBERED: usize = 50_000;
/// An e-mail address is no longer than this; what is longer is nobody's, and all of it counts as one.
const EMAIL: usize = 254;

/// Tries that were made lately. In memory: with several servers, each counts for itself.
#[derive(Default)]
pub(crate) struct Throttle {
    tries: Mutex<HashMap<Who, Instant>>,
    /// Anybody may ask for a mail to any address, so these are kept apart, and forgotten when they become too many: nobody is kept from
    /// signing in by them.
    mails: Mutex<HashMap<Who, Instant>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    /// By e-mail address in one spelling, whether there is such a member or not.
    AccountFrom(String, IpAddr),
    Account(String),
    Address(IpAddr),
    SignedIn(MemberId),
    /// In an environment, which others must not be kept out of.
    UserAddress(EnvironmentId, IpAddr),
    SignUps(EnvironmentId, IpAddr),
    Mails(EnvironmentId, String),
}

/// A try that is counted unless it turns out to be right.
#[must_use]
pub(crate) struct Try<'t> {
    throttle: &'t Throttle,
    who: Vec<Who>,
}

impl Who {
    /// All that a sign-in counts for.
    fn of(account: &str, address: IpAddr) -> Vec<Self> {
        let (account, network) = (if account.len() > EMAIL { "" } else { account }, network(address));
        vec![Self::AccountFrom(account.to_owned(), network), Self::Account(account.to_owned()), Self::Address(network)]
    }

    fn limits(&self) -> (u32, Duration) {
        match self {
            Self::AccountFrom(..) | Self::SignedIn(_) => (PERSON_TRIES, PERSON_PAUSE),
            Self::Account(_) => (ACCOUNT_TRIES, ACCOUNT_PAUSE),
            Self::Address(_) | Self::UserAddress(..) => (ADDRESS_TRIES, ADDRESS_PAUSE),
            Self::SignUps(..) => (SIGN_UPS, SIGN_UP_PAUSE),
            Self::Mails(..) => (MAILS, MAIL_PAUSE),
        }
    }
}

impl Throttle {
    /// Counts a try before it is made, so that many at once do not slip through.
    pub(crate) fn begin(&self, account: &str, address: IpAddr) -> Result<Try<'_>> {
        self.begin_at(Who::of(account, address), Instant::now())
    }

    /// The same for somebody who is signed in, and gives the password once more.
    pub(crate) fn begin_signed_in(&self, member: MemberId) -> Result<Try<'_>> {
        self.begin_at(vec![Who::SignedIn(member)], Instant::now())
    }

    /// The same for a user of an environment, who counts there alone.
    pub(crate) fn begin_user(&self, environment: EnvironmentId, email: &str, address: IpAddr) -> Result<Try<'_>> {
        let (email, network) = (if email.len() > EMAIL { "" } else { email }, network(address));
        let account = format!("{environment}/{email}");
        let who = vec![Who::AccountFrom(account.clone(), network), Who::Account(account), Who::UserAddress(environment, network)];
        self.begin_at(who, Instant::now())
    }

    /// Counts somebody who makes themselves a user.
    pub(crate) fn sign_up(&self, environment: EnvironmentId, address: IpAddr) -> Result<()> {
        self.begin_at(vec![Who::SignUps(environment, network(address))], Instant::now()).map(drop)
    }

    /// Counts a mail, whether the address is anybody's or not.
    pub(crate) fn mail(&self, environment: EnvironmentId, email: &str) -> Result<()> {
        let email = if email.len() > EMAIL { "" } else { email };
        let counted = self.begin_at(vec![Who::Mails(environment, email.to_owned())], Instant::now());
        counted.map(drop).map_err(|error| Error { code: "mail/too-many".into(), message: "Too many mails.".into(), ..error })
    }

    fn begin_at(&self, who: Vec<Who>, now: Instant) -> Result<Try<'_>> {
        // For each, the instant at which it has all its tries back: every try moves it on by one pause.
        let are_mails = matches!(who.as_slice(), [Who::Mails(..)]);
        let kept = if are_mails { &self.mails } else { &self.tries };
        let mut full_at = kept.lock().unwrap_or_else(PoisonError::into_inner);
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
        if are_mails && full_at.len() >= REMEMBERED {
            full_at.clear();
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
    /// The password was right: the person has all tries again, and neither account nor address loses one.
    pub(crate) fn succeed(self) {
        let mut full_at = self.throttle.tries.lock().unwrap_or_else(PoisonError::into_inner);
        for who in &self.who {
            match who {
                Who::AccountFrom(..) | Who::SignedIn(_) => _ = full_at.remove(who),
                Who::SignUps(..) | Who::Mails(..) => {}
                Who::Account(_) | Who::Address(_) | Who::UserAddress(..) => {
                    if let Some(at) = full_at.get_mut(who) {
                        *at = at.checked_sub(who.limits().1).unwrap_or(*at);
                    }
                }
            }
        }
    }
}

/// Who has one IPv6 address has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
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

    fn begin<'t>(throttle: &'t Throttle, email: &str, address: IpAddr, now: Instant) -> Result<Try<'t>> {
        throttle.begin_at(Who::of(email, address), now)
    }

    #[test]
    fn an_account_is_tried_ten_times_from_one_address() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..10 {
            _ = begin(&throttle, "ada@example.com", HERE, start).unwrap();
        }
        let error = begin(&throttle, "ada@example.com", HERE, start).err().unwrap();
        assert_eq!(error.code, "session/too-many");
        assert_eq!(error.retry_after, Some(Duration::from_secs(61)));
        assert!(begin(&throttle, "bea@example.com", HERE, start).is_ok());
        assert!(begin(&throttle, "ada@example.com", other(1), start).is_ok(), "the person, who is elsewhere, is not kept out");
        let later = start + PERSON_PAUSE + Duration::from_secs(1);
        assert!(begin(&throttle, "ada@example.com", HERE, later).is_ok());
        assert!(begin(&throttle, "ada@example.com", HERE, later).is_err());
    }

    #[test]
    fn an_account_is_tried_two_hundred_times_from_everywhere() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for number in 0..200 {
            _ = begin(&throttle, "ada@example.com", other(number), start).unwrap();
        }
        assert!(begin(&throttle, "ada@example.com", HERE, start).is_err());
    }

    #[test]
    fn texts_that_are_no_address_count_as_one() {
        assert_eq!(Who::of(&"a".repeat(255), HERE), Who::of(&"b".repeat(16_000), HERE));
    }

    #[test]
    fn who_is_signed_in_counts_alone() {
        let (throttle, member) = (Throttle::default(), MemberId::new());
        for _ in 0..10 {
            _ = throttle.begin("ada@example.com", HERE).unwrap();
        }
        for _ in 0..10 {
            _ = throttle.begin_signed_in(member).unwrap();
        }
        assert!(throttle.begin_signed_in(member).is_err());
        assert!(throttle.begin_signed_in(MemberId::new()).is_ok());
    }

    #[test]
    fn an_address_tries_fifty_accounts() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for number in 0..50 {
            _ = begin(&throttle, &format!("{number}@example.com"), HERE, start).unwrap();
        }
        assert!(begin(&throttle, "new@example.com", HERE, start).is_err());
        assert!(begin(&throttle, "new@example.com", other(1), start).is_ok());
        let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        assert_eq!(network(six(1)), network(six(2)));
    }

    #[test]
    fn right_passwords_do_not_count() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..300 {
            begin(&throttle, "ada@example.com", HERE, start).unwrap().succeed();
        }
        assert!(begin(&throttle, "ada@example.com", HERE, start).is_ok());
    }
}
