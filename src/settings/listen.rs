//! Where to listen, as users write it.

use std::net::{Ipv4Addr, SocketAddr};

use super::value::{Form, Value, quoted};

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl Listen {
    /// This port on loopback.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl Value for Listen {
    const FORM: Form = Form::NumberOrText;

    /// A port on loopback, or an address and a port.
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self::loopback(port));
        }
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        local.as_deref().unwrap_or(text).parse().map(Self).map_err(|_| {
            format!("`{text}` is no address to listen on: give a port, or an address and a port, e.g. 127.0.0.1:3000 or [::1]:3000")
        })
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.0.to_string()))
    }
}
