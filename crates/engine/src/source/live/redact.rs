//! Removes secrets from the parts of an exchange that may be recorded.

use livetape_core::{
    recording::records::HttpHeader,
    redact::{Place, is_harmless, redact_text},
};
use tungstenite::http::HeaderMap;

use super::Secret;

/// Maximum length of a header value and of a failure's detail, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Minimum length of a secret, in bytes. Shorter ones would match unrelated text.
const SECRET_BYTES_MIN: usize = 4;

/// Removes known secrets from text of servers, which may quote what they received.
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

    /// Adds a secret. For cookies, each value is added, too.
    pub(super) fn hide(&mut self, secret: &str) {
        let values = secret.split(';').filter_map(|part| part.split_once('=')).map(|(_, value)| value.trim());
        for text in values.chain([secret]) {
            if text.len() >= SECRET_BYTES_MIN && !self.secrets.iter().any(|known| known == text) {
                self.secrets.push(text.to_owned());
            }
        }
    }

    /// Removes known secrets, values whose names are not known to be harmless, and control characters.
    /// Truncates the text to the maximum length.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = redact_text(text).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "***");
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
    }

    /// Returns the headers that may be recorded.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Vec<HttpHeader> {
        let headers = headers.iter().filter(|(name, _)| is_harmless(Place::Header, name.as_str().as_bytes()));
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
    fn secrets_are_removed_from_text_of_servers() {
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
