//! What a token may look like: it stands in addresses, headers and queries.

/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 256;
/// What stands in addresses where a token would stand.
pub const RESERVED: [&str; 2] = ["test", "echo"];

/// Whether it can stand in a header, in a query, in a path and in a WebSocket's subprotocol.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_unreserved)
}

/// Checks what is to stand in `/ws/{token}`.
///
/// # Errors
/// Why it cannot; the token is not repeated.
pub fn check(token: &str) -> Result<(), &'static str> {
    if !is_plain(token) {
        return Err("a token is 1 to 256 letters, digits, `-`, `_`, `.` or `~`: it stands in an address");
    }
    // Clients leave dots out of addresses.
    if RESERVED.contains(&token) || token.bytes().all(|byte| byte == b'.') {
        return Err("this token cannot be: `test`, `echo` and dots alone mean something else in an address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_no_token() {
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
