//! What people typed, without the secrets that may be in it: errors repeat it, and logs keep errors.

use std::borrow::Cow;

use livetape_core::redact::redact_text;

/// Returns an address, or a port of this machine, without its secrets: the password and the query.
pub(crate) fn address(url: &str) -> String {
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let query = if address.len() < url.len() { "?***" } else { "" };
    // Only addresses with a scheme are searched for a password.
    let scheme = if address.contains("://") { "" } else { "ws://" };
    let masked = redact_text(&format!("{scheme}{address}")).into_owned();
    livetape_server::masked(&format!("{}{query}", masked.strip_prefix(scheme).unwrap_or(&masked)))
        .into_owned()
}

/// Returns an argument or the value of a setting without its secrets.
pub(crate) fn argument(text: &str) -> Cow<'_, str> {
    if text.contains("://") || text.contains('?') { address(text).into() } else { redact_text(text) }
}

/// Masks the addresses in a message. Somebody may take one for the name of a file.
pub(crate) fn addresses(message: &str) -> String {
    let masked = |word: &str| {
        let written = word.trim_end_matches(['`', '\'', '"', ')', ',', ';', ':', '.']);
        if word.contains("://") { address(written) + &word[written.len()..] } else { word.to_owned() }
    };
    Vec::from_iter(message.split(' ').map(masked)).join(" ")
}

/// Masks an argument or value, and each part of a list, in a message that repeats it.
pub(crate) fn repeated(message: &str, text: &str) -> String {
    let mut message = message.to_owned();
    for part in std::iter::once(text).chain(text.split(',').map(str::trim)) {
        let masked = argument(part);
        if masked != part {
            message = message.replace(part, &masked);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_messages_are_masked() {
        for (message, masked) in [
            ("recording http://h:1/?token=planted not found", "recording http://h:1/?*** not found"),
            ("`https://ann:planted@h/x`: no such file", "`https://***@h/x`: no such file"),
            ("(see ws://h/ws/planted).", "(see ws://h/ws/***)."),
        ] {
            assert_eq!(addresses(message), masked);
        }
        for message in
            ["a://", "  two  spaces?", "x is not a ws:// or wss:// address", "http://127.0.0.1:1/: refused"]
        {
            assert_eq!(addresses(message), message);
        }
    }

    #[test]
    fn only_secrets_are_masked() {
        for (text, masked) in [
            ("http://h:1/?token=planted", "http://h:1/?***"),
            ("http://ann:planted@h:1/", "http://***@h:1/"),
            ("127.0.0.1:1/?token=planted", "127.0.0.1:1/?***"),
            ("ws://h/ws/planted", "ws://h/ws/***"),
            ("token=planted", "token=***"),
            ("Authorization: Basic planted==", "Authorization: ***"),
        ] {
            assert_eq!(argument(text), masked);
            let message = repeated(&format!("`{text}` is wrong"), &format!("x,{text}"));
            assert_eq!(message, format!("`{masked}` is wrong"));
        }
        for text in
            ["", "1", "demo", "a/b.bin", "C:\\x.bin", "1m30s", "gift,chat", "127.0.0.1:3000", "--types"]
        {
            assert_eq!(argument(text), text);
        }
    }
}
