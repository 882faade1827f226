//! Origins that were rejected, and those that were allowed while the server runs.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{clock, sans_io::event::Millis};

/// Maximum number of rejected origins to remember; the oldest is forgotten first. Any page can add to them.
const REFUSED_MAX: usize = 8;
/// Maximum length of a remembered origin, in bytes.
const ORIGIN_BYTES_MAX: usize = 256;
/// Maximum number of origins allowed while the server runs.
const ALLOWED_MAX: usize = 32;

/// An origin whose pages were rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedOrigin {
    /// The origin, such as `https://overlay.example`; `null` for pages from disk and sandboxed frames.
    pub(crate) origin: String,
    /// Number of rejected requests.
    pub(crate) requests: u64,
    /// Time of the last one.
    pub(crate) last_at: Millis,
}

/// Rejected origins, and those allowed while the server runs.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    allowed: Vec<String>,
    refused: VecDeque<RefusedOrigin>,
}

impl Origins {
    /// Remembers that a request of this origin was rejected.
    pub(super) fn refuse(&self, origin: &str) {
        if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX {
            return;
        }
        let last_at = Millis(clock::wall().as_millis().try_into().unwrap_or(i64::MAX));
        let mut state = self.lock();
        let known = state.refused.iter().position(|it| it.origin == origin);
        let before = known.and_then(|at| state.refused.remove(at)).map_or(0, |it| it.requests);
        state.refused.truncate(REFUSED_MAX - 1);
        state.refused.push_front(RefusedOrigin { origin: origin.to_owned(), requests: before + 1, last_at });
    }

    /// Allows an origin until the server stops. Returns `false` if too many are allowed already.
    pub(crate) fn allow(&self, origin: &str) -> bool {
        let mut state = self.lock();
        if !state.allowed.iter().any(|it| it.eq_ignore_ascii_case(origin)) {
            if state.allowed.len() >= ALLOWED_MAX {
                return false;
            }
            state.allowed.push(origin.to_owned());
        }
        state.refused.retain(|it| !it.origin.eq_ignore_ascii_case(origin));
        true
    }

    pub(super) fn allows(&self, origin: &str) -> bool {
        self.lock().allowed.iter().any(|it| it.eq_ignore_ascii_case(origin))
    }

    /// Returns the origins allowed while the server runs, and those rejected, newest first.
    pub(crate) fn lists(&self) -> (Vec<String>, Vec<RefusedOrigin>) {
        let state = self.lock();
        (state.allowed.clone(), state.refused.iter().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(origins: &Origins) -> Vec<(String, u64)> {
        origins.lists().1.into_iter().map(|it| (it.origin, it.requests)).collect()
    }

    #[test]
    fn only_the_newest_rejected_origins_are_remembered() {
        let origins = Origins::default();
        for number in 0..20 {
            origins.refuse(&format!("https://{number}.example"));
        }
        origins.refuse("https://15.example");
        origins.refuse(&"x".repeat(10_000));
        let list = refused(&origins);
        assert_eq!((list.len(), &list[0]), (REFUSED_MAX, &("https://15.example".to_owned(), 2)));
    }

    #[test]
    fn an_allowed_origin_is_no_longer_rejected() {
        let origins = Origins::default();
        origins.refuse("https://a.example");
        assert!(!origins.allows("https://a.example"));
        assert!(origins.allow("https://A.example") && origins.allows("https://a.example"));
        assert_eq!(refused(&origins), []);
        assert!((1..ALLOWED_MAX).all(|number| origins.allow(&format!("https://{number}.example"))));
        assert!(!origins.allow("https://one-too-many.example"));
    }
}
