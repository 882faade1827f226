//! Parser of addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr};

use super::value::{Form, Value, quoted};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl Listen {
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl Value for Listen {
    const FORM: Form = Form::NumberOrText;

    /// Parses a port of loopback, or an address and port.
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self::loopback(port));
        }
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        local.as_deref().unwrap_or(text).parse().map(Self).map_err(|_| {
            format!("`{text}` is not an address to listen on: use a port, or an address and port, e.g. 127.0.0.1:3000 or [::1]:3000")
        })
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.0.to_string()))
    }
}
