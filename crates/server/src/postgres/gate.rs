//! The gate of an environment: while its database is copied, new requests wait at it and those inside finish first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::error::{Error, Result};

/// How many requests may wait at one gate; more are turned away at once rather than piling up.
const MAX_WAITING: usize = 2_000;
/// How long a request waits at a closed gate before it is turned away.
const MAX_WAIT: Duration = Duration::from_secs(15);

#[derive(Default)]
struct State {
    closed: bool,
    inside: usize,
    waiting: usize,
}

/// Counts the requests inside and can be closed.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    opened: Notify,
    left: Notify,
}

/// The right to use the environment's connections, for as long as it is kept.
pub(crate) struct Pass {
    gate: Arc<Gate>,
}

/// A closed gate with nobody inside. Dropping it opens the gate.
pub(crate) struct Closed {
    gate: Arc<Gate>,
    since: Instant,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        // The critical sections below cannot panic half-way, so a poisoned lock still guards a sound state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes in, waiting while the gate is closed.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<Pass> {
        match self.pass() {
            Some(pass) => Ok(pass),
            // Rare, and with much to keep meanwhile: every request comes through here.
            None => Box::pin(self.wait()).await,
        }
    }

    fn pass(self: &Arc<Self>) -> Option<Pass> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.inside += 1;
        Some(Pass { gate: Arc::clone(self) })
    }

    async fn wait(self: &Arc<Self>) -> Result<Pass> {
        let mut waiter: Option<Waiter<'_>> = None;
        let deadline = tokio::time::Instant::now() + MAX_WAIT;
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            // Registered before looking, so that an opening in between is not missed.
            opened.as_mut().enable();
            if let Some(pass) = self.pass() {
                return Ok(pass);
            }
            if waiter.is_none() {
                let mut state = self.state();
                if state.waiting >= MAX_WAITING {
                    return Err(busy());
                }
                state.waiting += 1;
                waiter = Some(Waiter(self));
            }
            tokio::time::timeout_at(deadline, opened).await.map_err(|_| busy())?;
        }
    }

    /// Closes: on return nobody new goes in. Nothing if it is closed already.
    pub(crate) fn shut(self: &Arc<Self>) -> Option<Closed> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.closed = true;
        Some(Closed { gate: Arc::clone(self), since: Instant::now() })
    }

    /// Closes and waits for those inside to leave. Nothing, and the gate open again, if that takes longer than `patience` or it is closed already.
    pub(crate) async fn close(self: &Arc<Self>, patience: Duration) -> Option<Closed> {
        let closed = self.shut()?;
        tokio::time::timeout(patience, self.emptied()).await.ok()?;
        Some(closed)
    }

    /// Waits until nobody is inside.
    pub(crate) async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.state().inside == 0 {
                return;
            }
            left.await;
        }
    }

    /// How many requests are inside.
    pub(crate) fn inside(&self) -> usize {
        self.state().inside
    }
}

impl Closed {
    /// Opens the gate; answers how long it was closed.
    pub(crate) fn open(self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.gate.state().closed = false;
        self.gate.opened.notify_waiters();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.inside -= 1;
        let tell = state.inside == 0 && state.closed;
        drop(state);
        if tell {
            self.gate.left.notify_waiters();
        }
    }
}

struct Waiter<'a>(&'a Gate);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

fn busy() -> Error {
    Error::unavailable(
        "environment/busy",
        "The environment is being copied and does not take requests yet.",
        Duration::from_secs(2),
    )
    .hint("Send the request again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn closes_only_when_nobody_is_inside_and_lets_the_waiting_in_afterwards() {
        let gate = Arc::new(Gate::default());
        let pass = gate.enter().await.unwrap();
        assert!(gate.close(Duration::from_millis(10)).await.is_none(), "somebody is inside");
        let second = gate.enter().await.unwrap();
        drop((pass, second));
        let closed = gate.close(Duration::from_secs(5)).await.unwrap();
        assert!(gate.close(Duration::from_millis(1)).await.is_none(), "it is closed already");
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await.map(drop).is_ok() }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        closed.open();
        assert!(waiting.await.unwrap());
        assert_eq!(gate.inside(), 0);
    }
}
