//! Origins that were rejected, and those that were allowed while the server runs.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{OriginSetting, origin::canonical};
use crate::{clock, sans_io::event::Millis};

/// Maximum number of rejected origins to remember; the oldest is forgotten first. Any page can add to them.
const REFUSED_MAX: usize = 8;
/// Maximum length of a remembered origin, in bytes.
pub(crate) const ORIGIN_BYTES_MAX: usize = 256;
/// Maximum number of rejected origins to log. A site can have any number of subdomains.
const LOGGED_MAX: usize = 32;
/// Maximum number of origins allowed while the server runs.
const ALLOWED_MAX: usize = 32;

/// An origin whose pages were rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedOrigin {
    /// The origin, such as `https://overlay.example`; `null` for pages from disk and sandboxed frames.
    pub(crate) origin: String,
    /// The setting that would allow it.
    pub(crate) setting: OriginSetting,
    /// Number of rejected requests.
    pub(crate) requests: u64,
    /// Time of the last one.
    pub(crate) last_at: Millis,
}

/// An origin that was allowed while the server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct AllowedOrigin {
    /// The origin.
    pub(crate) origin: String,
    /// The setting whose rights it has.
    pub(crate) setting: OriginSetting,
}

/// Rejected origins, and those allowed while the server runs. All listeners share them.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    allowed: Vec<AllowedOrigin>,
    refused: VecDeque<RefusedOrigin>,
    logged: Vec<AllowedOrigin>,
}

impl Origins {
    /// Remembers that a request of this origin was rejected. Returns whether to log it: each origin once.
    pub(super) fn refuse(&self, setting: OriginSetting, origin: &str) -> bool {
        if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX {
            return false;
        }
        let last_at = Millis(clock::wall().as_millis().try_into().unwrap_or(i64::MAX));
        let origin = canonical(origin);
        let mut state = self.lock();
        let known = state.refused.iter().position(|it| it.setting == setting && it.origin == origin);
        let before = known.and_then(|at| state.refused.remove(at)).map_or(0, |it| it.requests);
        state.refused.truncate(REFUSED_MAX - 1);
        let logged = AllowedOrigin { origin: origin.clone(), setting };
        state.refused.push_front(RefusedOrigin { origin, setting, requests: before + 1, last_at });
        let is_news = state.logged.len() < LOGGED_MAX && !state.logged.contains(&logged);
        if is_news {
            state.logged.push(logged);
        }
        is_news
    }

    /// Allows an origin until the server stops. Returns `false` if too many are allowed already.
    pub(crate) fn allow(&self, setting: OriginSetting, origin: &str) -> bool {
        let allowed = AllowedOrigin { origin: canonical(origin), setting };
        let mut state = self.lock();
        state.refused.retain(|it| it.setting != setting || it.origin != allowed.origin);
        if !state.allowed.contains(&allowed) {
            if state.allowed.len() >= ALLOWED_MAX {
                return false;
            }
            state.allowed.push(allowed);
        }
        true
    }

    /// Forgets an origin, whether it was rejected or allowed.
    pub(crate) fn forget(&self, origin: &str) {
        let origin = canonical(origin);
        let mut state = self.lock();
        state.allowed.retain(|it| it.origin != origin);
        state.refused.retain(|it| it.origin != origin);
    }

    pub(super) fn allows(&self, setting: OriginSetting, origin: &str) -> bool {
        let origin = canonical(origin);
        self.lock().allowed.iter().any(|it| it.setting == setting && it.origin == origin)
    }

    /// Returns the origins allowed while the server runs, and those rejected, newest first.
    pub(crate) fn lists(&self) -> (Vec<AllowedOrigin>, Vec<RefusedOrigin>) {
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
            origins.refuse(OriginSetting::Server, &format!("https://{number}.example"));
        }
        origins.refuse(OriginSetting::Server, "https://15.example");
        let long = "x".repeat(256);
        origins.refuse(OriginSetting::Server, &format!("{long}x"));
        let list = refused(&origins);
        assert_eq!((list.len(), &list[0]), (REFUSED_MAX, &("https://15.example".to_owned(), 2)));
        origins.refuse(OriginSetting::Server, &long);
        assert_eq!(refused(&origins)[0], (long, 1));
    }

    #[test]
    fn each_rejected_origin_is_logged_once_up_to_a_limit() {
        let origins = Origins::default();
        let refuse = |origin: &str| origins.refuse(OriginSetting::Server, origin);
        assert!(refuse("null") && !refuse("null") && refuse("https://a.example"));
        assert!(!refuse("https://A.example:443") && !refuse(""));
        let logged = (0..100).filter(|number| refuse(&format!("https://{number}.example"))).count();
        assert_eq!((logged, refuse("null")), (LOGGED_MAX - 2, false));
    }

    #[test]
    fn an_allowed_origin_is_no_longer_rejected_until_it_is_forgotten() {
        let origins = Origins::default();
        let allows = |setting| origins.allows(setting, "https://a.example");
        origins.refuse(OriginSetting::Server, "https://a.example");
        origins.refuse(OriginSetting::Tikfinity, "https://a.example");
        assert!(!allows(OriginSetting::Server));
        assert!(origins.allow(OriginSetting::Server, "https://A.example:443"));
        assert!(allows(OriginSetting::Server) && !allows(OriginSetting::Tikfinity));
        assert_eq!(refused(&origins), [("https://a.example".to_owned(), 1)]);
        origins.forget("https://a.example");
        assert_eq!((allows(OriginSetting::Server), refused(&origins)), (false, vec![]));
    }

    #[test]
    fn only_so_many_origins_can_be_allowed() {
        let origins = Origins::default();
        let allow = |number| origins.allow(OriginSetting::Server, &format!("https://{number}.example"));
        assert!((0..ALLOWED_MAX).all(allow));
        assert!(!allow(ALLOWED_MAX) && allow(0));
    }
}
