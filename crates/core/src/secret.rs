//! Secrets that must not be displayed: keys, cookies and tokens. And the rules for tokens, which are used in URLs, headers and
//! queries.

use std::{convert::Infallible, fmt, str::FromStr};

/// A key or cookie that is always formatted as `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text itself, for sending.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether the text can be the value of a header: one line of printable ASCII.
    #[must_use]
    pub fn is_header_value(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Maximum length of a token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 256;
/// Words with another meaning in the place of a token.
pub const RESERVED: [&str; 2] = ["test", "echo"];

/// Whether a text can be used in a header, a query, a path and a WebSocket subprotocol.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_unreserved)
}

/// Checks a token for `/ws/{token}`.
///
/// # Errors
/// The reason, without repeating the token.
pub fn check(token: &str) -> Result<(), &'static str> {
    if !is_plain(token) {
        return Err(
            "a token must have 1 to 256 letters, digits, `-`, `_`, `.` or `~`, because it is part of a URL",
        );
    }
    // Clients remove dot segments from URLs.
    if RESERVED.contains(&token) || token.bytes().all(|byte| byte == b'.') {
        return Err("`test`, `echo` and dots alone are reserved and cannot be tokens");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_another_meaning_are_not_tokens() {
        let long = "x".repeat(TOKEN_BYTES_MAX);
        for good in ["a", "Aa0-._~", "tests", ".a", &long] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let longer = "x".repeat(TOKEN_BYTES_MAX + 1);
        for bad in ["", "test", "echo", ".", "..", "...", "a/b", "a b", "a?b", "a%41", "ä", "a\n", &longer] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
