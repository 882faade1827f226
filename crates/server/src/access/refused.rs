//! Rejected origins that were logged.

use parking_lot::Mutex;

use super::origin::canonical;

/// Maximum length of a logged origin, in bytes.
const ORIGIN_BYTES_MAX: usize = 256;
/// Maximum number of rejected origins to log. A site can have any number of subdomains.
const LOGGED_MAX: usize = 32;

/// Rejected origins that a listener has logged.
#[derive(Debug, Default)]
pub(crate) struct Logged(Mutex<Vec<String>>);

impl Logged {
    /// Returns whether to log that a request of this origin was rejected: each origin once.
    pub(super) fn is_news(&self, origin: &str) -> bool {
        if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX {
            return false;
        }
        let origin = canonical(origin);
        let mut logged = self.0.lock();
        let is_news = logged.len() < LOGGED_MAX && !logged.contains(&origin);
        if is_news {
            logged.push(origin);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rejected_origin_is_logged_once_up_to_a_limit() {
        let logged = Logged::default();
        let is_news = |origin: &str| logged.is_news(origin);
        assert!(is_news("null") && !is_news("null") && is_news("https://a.example"));
        assert!(!is_news("https://A.example:443") && !is_news("") && !is_news(&"x".repeat(257)));
        let logged = (0..100).filter(|number| is_news(&format!("https://{number}.example"))).count();
        assert_eq!((logged, is_news("null")), (LOGGED_MAX - 2, false));
    }
}
