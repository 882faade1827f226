//! Rate-limit windows and 429 answers.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    http::Response,
    scenario::{Form, Header, Limit, Per},
};

/// Maximum number of keys and addresses counted separately. Beyond it, expired windows are removed, or else
/// the first.
const CLIENTS_MAX: usize = 10_000;

/// The windows of one limit, by key or address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows(BTreeMap<String, (Instant, u32)>);

impl Windows {
    /// Counts a request. Returns how long to wait if it exceeds the limit.
    pub(crate) fn hit(&mut self, limit: &Limit, key: &str, address: &str, now: Instant) -> Option<Duration> {
        let length = Duration::from_secs(limit.seconds);
        let who = match limit.per {
            Per::Key if !key.is_empty() => format!("key {key}"),
            Per::Key | Per::Address => format!("address {address}"),
            Per::All => String::new(),
        };
        if self.0.len() >= CLIENTS_MAX && !self.0.contains_key(&who) {
            self.0.retain(|_, (start, _)| now < *start + length);
            if self.0.len() >= CLIENTS_MAX {
                self.0.pop_first();
            }
        }
        let window = self.0.entry(who).or_insert((now, 0));
        if now >= window.0 + length {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(1);
        (window.1 > limit.max).then(|| window.0 + length - now)
    }
}

/// The content of a 429 answer.
#[derive(Clone, Debug)]
pub(crate) struct TooMany<'a> {
    pub(crate) message: &'a str,
    pub(crate) label: &'a str,
    pub(crate) headers: &'a BTreeMap<Header, Form>,
    pub(crate) wait: Duration,
    /// Number of requests allowed per window.
    pub(crate) max: u32,
    /// The mock's wall clock, in Unix milliseconds.
    pub(crate) wall_ms: u64,
}

impl TooMany<'_> {
    pub(crate) fn response(&self) -> Response {
        let mut body = serde_json::json!({ "code": 429, "message": self.message });
        if !self.label.is_empty() {
            body["limit_label"] = self.label.into();
        }
        let mut response = Response::json(429, &body);
        // A number of requests is not a time.
        response.wait = self.headers.values().any(|form| *form != Form::Count).then_some(self.wait);
        for (header, form) in self.headers {
            response = response.with(header.name(), self.value(*header, *form));
        }
        response
    }

    /// Formats a header value. Waits are rounded up to whole seconds, because an early retry would be
    /// rejected again.
    fn value(&self, header: Header, form: Form) -> String {
        let until = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX).saturating_add(self.wall_ms);
        let epoch = until.div_ceil(1000);
        match form {
            Form::Count if header == Header::RatelimitLimit => self.max.to_string(),
            Form::Count => "0".into(),
            Form::Delta => self.wait.as_millis().div_ceil(1000).to_string(),
            Form::Epoch => epoch.to_string(),
            Form::Date => http_date(epoch),
        }
    }
}

/// Formats an HTTP date: `Fri, 20 Nov 2026 10:33:40 GMT`
pub(crate) fn http_date(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or_default();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Formats a timestamp: `20261120103340`
pub(crate) fn compact_date(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y%m%d%H%M%S").to_string()
}
