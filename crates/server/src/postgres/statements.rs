//! Prepared statements of ONE connection, by SQL text; the least recently used makes room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::map::Map;

/// How many a connection keeps. More are prepared by callers that put values into SQL, or by an attack.
const KEPT: usize = 256;

/// What is kept of each.
pub(super) struct Statements<T> {
    entries: Mutex<Entries<T>>,
}

struct Entries<T> {
    by_sql: Map<Box<str>, (Arc<T>, u64)>,
    clock: u64,
}

impl<T> Default for Statements<T> {
    fn default() -> Self {
        Self { entries: Mutex::new(Entries { by_sql: Map::default(), clock: 0 }) }
    }
}

impl<T> Statements<T> {
    pub(super) fn get(&self, sql: &str) -> Option<Arc<T>> {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let (prepared, used) = entries.by_sql.get_mut(sql)?;
        *used = now;
        Some(Arc::clone(prepared))
    }

    /// Keeps one, and gives what it takes the place of.
    #[must_use]
    pub(super) fn insert(&self, sql: &str, prepared: Arc<T>) -> Option<Arc<T>> {
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let mut evicted = None;
        if entries.by_sql.len() >= KEPT && !entries.by_sql.contains_key(sql) {
            let oldest = entries.by_sql.iter().min_by_key(|(_, (_, used))| *used).map(|(sql, _)| sql.clone());
            evicted = oldest.and_then(|oldest| entries.by_sql.remove(&oldest));
        }
        let replaced = entries.by_sql.insert(sql.into(), (prepared, now));
        replaced.or(evicted).map(|(prepared, _)| prepared)
    }

    /// Forgets it, if it is still this one.
    pub(super) fn forget(&self, sql: &str, prepared: &Arc<T>) {
        let mut entries = self.lock();
        if entries.by_sql.get(sql).is_some_and(|(kept, _)| Arc::ptr_eq(kept, prepared)) {
            entries.by_sql.remove(sql);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        // A panic while holding it leaves a usable map behind.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_makes_room() {
        let statements = Statements::default();
        for number in 0..KEPT {
            assert!(statements.insert(&number.to_string(), Arc::new(number)).is_none());
        }
        assert_eq!(statements.get("0").as_deref(), Some(&0));
        assert_eq!(statements.insert("more", Arc::new(KEPT)).as_deref(), Some(&1), "number 0 was used since");
        assert_eq!(statements.insert("more", Arc::new(0)).as_deref(), Some(&KEPT), "replaced");
        assert!(statements.get("1").is_none() && statements.get("0").is_some());
    }

    #[test]
    fn another_one_of_the_same_text_is_not_forgotten() {
        let statements = Statements::default();
        let (old, new) = (Arc::new(1), Arc::new(2));
        assert!(statements.insert("", Arc::clone(&old)).is_none());
        assert!(statements.insert("", Arc::clone(&new)).is_some());
        statements.forget("", &old);
        assert!(statements.get("").is_some());
        statements.forget("", &new);
        assert!(statements.get("").is_none());
    }
}
