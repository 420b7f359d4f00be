//! Rates: how many requests a key or an address may send. Kept in memory, by each server for itself.
//!
//! One number for each, the instant at which all its requests are there again (the generic cell rate algorithm), so that nothing has to
//! run in the background. The crate governor computes the same, but has no bound on the addresses it remembers and wants a limiter of
//! its own for every rate, while these change with an environment's settings.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cloche_wire::EnvironmentId;
use uuid::Uuid;

use crate::postgres::settings::Rate;

const SHARDS: usize = 16;
/// Remembered in a shard at most. What more come forgets the others: a limit that is kept too loosely is the milder mistake.
const REMEMBERED: usize = 8_192;

/// Whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Key(Uuid),
    /// One IPv6 network of 64 bits, or one IPv4 address.
    Address(IpAddr),
}

/// What was counted lately.
pub(crate) struct Limits {
    started: Instant,
    hasher: RandomState,
    shards: [Mutex<HashMap<(EnvironmentId, Who), Duration>>; SHARDS],
}

/// How somebody stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests that may be sent at once.
    pub(crate) remaining: u32,
    /// Until all may again.
    pub(crate) full_in: Duration,
    /// Until the next may, when this one may not.
    pub(crate) refused: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { started: Instant::now(), hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Limits {
    /// Counts a request. One that is refused does not count.
    pub(crate) fn count(&self, environment: EnvironmentId, who: Who, rate: Rate) -> Standing {
        self.count_at(environment, who, rate, self.started.elapsed())
    }

    fn count_at(&self, environment: EnvironmentId, who: Who, rate: Rate, now: Duration) -> Standing {
        let key = (environment, who);
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        let mut full_at = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let pause = Duration::from_secs(rate.seconds.into()) / rate.requests;
        let room = pause * rate.burst;
        let before = full_at.get(&key).copied().unwrap_or_default().max(now);
        let after = before + pause;
        let remaining = |full: Duration| ((room.saturating_sub(full - now)).as_nanos() / pause.as_nanos().max(1)) as u32;
        if after - now > room {
            return Standing { remaining: 0, full_in: before - now, refused: Some(after - now - room) };
        }
        if full_at.len() >= REMEMBERED && !full_at.contains_key(&key) {
            full_at.retain(|_, at| *at > now);
            if full_at.len() >= REMEMBERED {
                full_at.clear();
            }
        }
        full_at.insert(key, after);
        Standing { remaining: remaining(after), full_in: after - now, refused: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(number: u8) -> Who {
        Who::Address(IpAddr::from([192, 0, 2, number]))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (limits, environment) = (Limits::default(), EnvironmentId::new());
        let rate: Rate = "2/s burst 4".parse().unwrap();
        let at = |milliseconds| Duration::from_millis(milliseconds);
        for remaining in [3, 2, 1, 0] {
            let standing = limits.count_at(environment, who(1), rate, at(0));
            assert_eq!((standing.remaining, standing.refused), (remaining, None));
        }
        let refused = limits.count_at(environment, who(1), rate, at(0));
        assert_eq!(refused, Standing { remaining: 0, full_in: at(2000), refused: Some(at(500)) });
        assert_eq!(limits.count_at(environment, who(1), rate, at(499)).refused, Some(at(1)), "a refused request does not count");
        assert_eq!(limits.count_at(environment, who(1), rate, at(500)).refused, None);
        assert!(limits.count_at(environment, who(1), rate, at(500)).refused.is_some());
        assert_eq!(limits.count_at(environment, who(1), rate, at(60_000)).remaining, 3, "a pause gives all back, and no more");
        assert_eq!(limits.count_at(environment, who(2), rate, at(0)).remaining, 3, "others count for themselves");
        assert_eq!(limits.count_at(EnvironmentId::new(), who(1), rate, at(0)).remaining, 3, "and so do other environments");
    }

    #[test]
    fn memory_is_bounded() {
        let (limits, environment) = (Limits::default(), EnvironmentId::new());
        let rate: Rate = "1/h".parse().unwrap();
        for _ in 0..SHARDS * REMEMBERED * 2 {
            limits.count_at(environment, Who::Key(Uuid::new_v4()), rate, Duration::ZERO);
        }
        let remembered: usize = limits.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(remembered <= SHARDS * REMEMBERED, "{remembered}");
    }
}
