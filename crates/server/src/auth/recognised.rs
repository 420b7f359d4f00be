//! Users whose token was checked a moment ago: checking a signature costs several times what finding a record does.
//!
//! What was found out about a token holds for as long as the token is in force, because nothing but its own words, the environment's id
//! and keys that never change decided it. Tokens are found by the end of their signature, which no two have in common but by chance, and
//! compared whole.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::map::Map;
use crate::postgres::scope::EndUser;

/// Tokens remembered of one environment. More than that forget the others: they are checked again.
const REMEMBERED: usize = 2_000;

/// The users of one environment, by their tokens.
#[derive(Default)]
pub(crate) struct Recognised(Mutex<Map<End, Known>>);

type End = [u8; 16];

struct Known {
    token: Box<[u8]>,
    user: Arc<EndUser>,
    /// Seconds since 1970.
    expires: i64,
}

impl Recognised {
    /// Whose token it is, if it was checked before and is in force at `now`, in seconds since 1970.
    pub(crate) fn find(&self, token: &[u8], now: i64) -> Option<Arc<EndUser>> {
        let known = self.lock();
        let known = known.get(token.last_chunk()?).filter(|known| now < known.expires && *known.token == *token)?;
        Some(Arc::clone(&known.user))
    }

    /// Remembers a token that was checked, until it `expires`.
    pub(crate) fn remember(&self, token: &[u8], user: &Arc<EndUser>, expires: i64, now: i64) {
        let Some(end) = token.last_chunk() else { return };
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.retain(|_, known| now < known.expires);
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.insert(*end, Known { token: token.into(), user: Arc::clone(user), expires });
    }

    fn lock(&self) -> MutexGuard<'_, Map<End, Known>> {
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
        let token = b"eyJ.eyJzdWIi.c2lnbmF0dXJlIG9m";
        assert!(recognised.find(token, 10).is_none());
        recognised.remember(token, &ada, 20, 10);
        assert_eq!(recognised.find(token, 19).map(|user| user.id), Some(ada.id));
        assert!(recognised.find(token, 20).is_none());
        for other in ["eyJ.eyJzdWIj.c2lnbmF0dXJlIG9m", "eyJ.eyJzdWIi.c2lnbmF0dXJlIG9n", "c2lnbmF0dXJlIG9m", "m", ""] {
            assert!(recognised.find(other.as_bytes(), 10).is_none(), "{other}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (recognised, ada) = (Recognised::default(), user());
        let token = |number: usize| format!("eyJ.eyJ.{number:016}").into_bytes();
        for number in 0..3 * REMEMBERED {
            recognised.remember(&token(number), &ada, 20, 10);
        }
        assert!(recognised.lock().len() <= REMEMBERED);
        assert!(recognised.find(&token(3 * REMEMBERED - 1), 10).is_some());
    }
}
