//! Address of a server to watch.

use std::fmt;

use livetape_core::redact::redact_text;

use super::value::{Form, Value, quoted};

/// The address of a server, or a port of this machine. Its password and query are masked when shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(pub String);

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0.split(['?', '#']).next().unwrap_or_default();
        let query = if address.len() < self.0.len() { "?***" } else { "" };
        // Only addresses with a scheme are searched for a password.
        let scheme = if address.contains("://") { "" } else { "ws://" };
        let masked = redact_text(&format!("{scheme}{address}")).into_owned();
        write!(f, "{}{query}", masked.strip_prefix(scheme).unwrap_or(&masked))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for ServerUrl {
    const FORM: Form = Form::Text;
    const SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_queries_are_masked() {
        for (url, shown) in [
            ("ws://127.0.0.1:3000/", "ws://127.0.0.1:3000/"),
            ("3000", "3000"),
            ("wss://u:planted@h:1/a?token=planted", "wss://***@h:1/a?***"),
            ("u:planted@h/#planted", "***@h/?***"),
        ] {
            assert_eq!(ServerUrl(url.to_owned()).to_string(), shown);
        }
    }
}
