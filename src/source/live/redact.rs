//! What of an exchange may be recorded.

use tungstenite::http::HeaderMap;

use super::Secret;
use crate::sans_io::{recording::records::HttpHeader, redact::redact_text, retry_after};

/// Headers of answers that a recording may hold; cookies are none of them.
const SHOWN: &[&str] = &[
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "handshake-msg",
    "handshake-options",
    "handshake-status",
    "ratelimit-limit",
    "ratelimit-remaining",
    "server",
    "x-agent-id",
    "x-log-code",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-request-id",
    "x-room-id",
    "x-tt-logid",
];
/// Longest value of a header, and longest detail of a failure, that is kept, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Shorter ones are not looked for: they would be found everywhere.
const SECRET_BYTES_MIN: usize = 4;

/// Knows the secrets, and takes them out of what others say: servers quote what they were sent.
#[derive(Clone, Default)]
pub(super) struct Redact {
    secrets: Vec<String>,
}

impl Redact {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut redact = Self::default();
        for secret in secrets {
            redact.hide(secret.reveal());
        }
        redact
    }

    /// Another secret. Cookies are taken apart: the values are what counts.
    pub(super) fn hide(&mut self, secret: &str) {
        let values = secret.split(';').filter_map(|part| part.split_once('=')).map(|(_, value)| value.trim());
        for text in values.chain([secret]) {
            if text.len() >= SECRET_BYTES_MIN && !self.secrets.iter().any(|known| known == text) {
                self.secrets.push(text.to_owned());
            }
        }
    }

    /// The text without the secrets that are known, those that their names give away, and control characters, cut off
    /// where it is too long.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = redact_text(text).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "***");
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
    }

    /// The headers that may be recorded.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Vec<HttpHeader> {
        let shown = |name: &str| SHOWN.contains(&name) || retry_after::HEADERS.contains(&name);
        let headers = headers.iter().filter(|(name, _)| shown(name.as_str()));
        let header =
            |(name, value): (&tungstenite::http::HeaderName, &tungstenite::http::HeaderValue)| HttpHeader {
                name: name.as_str().to_owned(),
                value: self.text(&String::from_utf8_lossy(value.as_bytes())),
            };
        headers.map(header).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_of_what_servers_say() {
        let mut redact = Redact::new(&[Secret::from("key-1234".to_owned())]);
        redact.hide("ttwid=abcdef; other=xy");
        let text = redact.text("the key key-1234 and\nabcdef are bad; xy");
        assert_eq!(text, "the key *** and *** are bad; xy");
        let text = redact.text("go to wss://host/?msToken=planted&room_id=7, sessionid=planted");
        assert_eq!(text, "go to wss://host/?msToken=***&room_id=7, sessionid=***");
        assert_eq!(redact.text(&"a".repeat(10_000)).len(), TEXT_CHARS_MAX);
    }

    #[test]
    fn cookies_are_not_recorded() {
        let mut headers = HeaderMap::new();
        for name in ["set-cookie", "x-set-tt-cookie", "authorization", "retry-after", "handshake-msg"] {
            headers.insert(name, "v".parse().unwrap());
        }
        let kept: Vec<_> =
            Redact::default().headers(&headers).into_iter().map(|header| header.name).collect();
        assert_eq!(kept, ["retry-after", "handshake-msg"]);
    }
}
