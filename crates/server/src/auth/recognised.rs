//! Users whose token was checked a moment ago: checking a signature costs several times what finding a record does.
//!
//! What was found out about a token holds for as long as the token is in force, because nothing but its own words, the environment's id
//! and keys that never change decided it. Tokens are found by their signature, which is the part that differs from one to the next, and
//! compared whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::postgres::scope::EndUser;

/// Tokens remembered of one environment. More than that forget the others: they are checked again.
const REMEMBERED: usize = 2_000;

/// The users of one environment, by their tokens.
#[derive(Default)]
pub(crate) struct Recognised(Mutex<HashMap<Box<str>, Known>>);

struct Known {
    /// What stands before the signature.
    signed: Box<str>,
    user: Arc<EndUser>,
    /// Seconds since 1970.
    expires: i64,
}

impl Recognised {
    /// Whose token it is, if it was checked before and is in force at `now`, in seconds since 1970.
    pub(crate) fn find(&self, token: &str, now: i64) -> Option<Arc<EndUser>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let known = self.lock();
        let known = known.get(signature).filter(|known| now < known.expires && *known.signed == *signed)?;
        Some(Arc::clone(&known.user))
    }

    /// Remembers a token that was checked, until it `expires`.
    pub(crate) fn remember(&self, token: &str, user: &Arc<EndUser>, expires: i64, now: i64) {
        let Some((signed, signature)) = token.rsplit_once('.') else { return };
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.retain(|_, known| now < known.expires);
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.insert(signature.into(), Known { signed: signed.into(), user: Arc::clone(user), expires });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Known>> {
        // Nothing panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn user() -> Arc<EndUser> {
        Arc::new(EndUser { id: Uuid::new_v4(), roles: Vec::new(), claims: Value::Null })
    }

    #[test]
    fn a_token_is_known_until_it_expires() {
        let (recognised, ada) = (Recognised::default(), user());
        assert!(recognised.find("a.b.c", 10).is_none());
        recognised.remember("a.b.c", &ada, 20, 10);
        assert_eq!(recognised.find("a.b.c", 19).map(|user| user.id), Some(ada.id));
        assert!(recognised.find("a.b.c", 20).is_none());
        for other in ["a.b.", "a.b.d", "a.b.cc", "A.b.c", ".c", "c", ""] {
            assert!(recognised.find(other, 10).is_none(), "{other}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (recognised, ada) = (Recognised::default(), user());
        for number in 0..3 * REMEMBERED {
            recognised.remember(&format!("a.b.{number}"), &ada, 20, 10);
        }
        assert!(recognised.lock().len() <= REMEMBERED);
        assert!(recognised.find(&format!("a.b.{}", 3 * REMEMBERED - 1), 10).is_some());
    }
}
