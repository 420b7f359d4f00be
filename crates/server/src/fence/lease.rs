//! A lease on remembering: until when a node may answer from its memory.

#![allow(unsafe_code, reason = "the clock that counts while the machine sleeps has no safe wrapper in the standard library")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts on the clock that goes on while the process is stopped and while the machine sleeps: such a node finds its lease run out.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// Nanoseconds of the boot-time clock; 0 for none.
    until: AtomicU64,
}

/// An instant of the boot-time clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootTime(u64);

impl BootTime {
    pub(crate) fn now() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid place for the answer. The clock exists on every Linux since 2.6.39, so this cannot fail.
        let failed = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
        // If it did, a time later than every lease is the safe answer.
        if failed != 0 {
            return Self(u64::MAX);
        }
        let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
        Self(seconds.unwrap_or(u64::MAX).saturating_mul(1_000_000_000).saturating_add(nanoseconds.unwrap_or(0)))
    }

    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}

impl Lease {
    /// Whether it has not run out.
    pub(crate) fn holds(&self) -> bool {
        BootTime::now().0 < self.until.load(Ordering::SeqCst)
    }

    /// Lasts for `length` from `since`, unless it lasts longer already.
    pub(crate) fn extend(&self, since: BootTime, length: Duration) {
        let length = u64::try_from(length.as_nanos()).unwrap_or(0);
        self.until.fetch_max(since.0.saturating_add(length), Ordering::SeqCst);
    }

    /// Ends it now.
    pub(crate) fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_before_it_was_asked_for() {
        let lease = Lease::default();
        assert!(!lease.holds(), "there is none at first");
        let long_ago = BootTime(BootTime::now().0 - 1_000_000_000);
        lease.extend(long_ago, Duration::from_millis(500));
        assert!(!lease.holds(), "it was over before it was given");
        lease.extend(BootTime::now(), Duration::from_secs(60));
        assert!(lease.holds());
        lease.extend(long_ago, Duration::from_secs(1));
        assert!(lease.holds(), "a late answer to an early question does not shorten it");
        lease.end();
        assert!(!lease.holds());
    }
}
