//! Explains in plain words why the upstream could not be reached, because error messages of libraries are
//! written for experts.

use std::{error::Error, io};

use livetape_core::error::Code;
use tungstenite::error::{CapacityError, ProtocolError};

use super::super::FRAME_BYTES_MAX;

#[cfg(feature = "live")]
use super::{
    super::url,
    network::{NotLoopback, Reach},
};
#[cfg(feature = "live")]
use tokio::net::{TcpStream, lookup_host};
#[cfg(feature = "live")]
use tokio_rustls::rustls;

/// Why a request failed or a connection was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// `connection_lost`, `dns_failed` or `offline_mode`.
    pub code: Code,
    pub why: String,
    /// Whether the proxy failed, rather than the server behind it.
    pub is_of_proxy: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot resolve the name `{0}`")]
pub(super) struct NotResolved(pub(super) String);

/// What a proxy answered instead of opening a connection.
#[derive(Debug, thiserror::Error)]
#[error("it rejected the connection: {0}")]
pub(super) struct ProxyRefused(pub(super) String);

/// An error of the proxy, rather than of the server behind it.
#[cfg(feature = "live")]
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.why)]
pub(super) struct ProxyFailed(pub(super) Unreached);

#[cfg(feature = "live")]
impl From<&NotLoopback> for Unreached {
    fn from(error: &NotLoopback) -> Self {
        Self { code: Code::OfflineMode, ..Self::new(error.to_string()) }
    }
}

/// Why a connection with TLS failed.
const WITHOUT_TLS: &str = "the server does not use TLS";
const UNTRUSTED: &str = "its TLS certificate is not trusted";
/// What answers without TLS has no HTTP.
const NOT_HTTP: &str = "the response is not HTTP";
const NO_WEBSOCKET: &str = "the server does not speak the WebSocket protocol";

impl Unreached {
    /// Whether the server has no TLS, but its address requires it.
    #[must_use]
    pub fn is_without_tls(&self) -> bool {
        self.why == WITHOUT_TLS
    }

    /// Whether the certificate of the server is not trusted.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        self.why == UNTRUSTED
    }

    /// Whether what answered has no HTTP, as a server whose address requires TLS.
    #[must_use]
    pub fn is_without_http(&self) -> bool {
        [NOT_HTTP, NO_WEBSOCKET].contains(&&*self.why)
    }

    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self { code: Code::ConnectionLost, why: why.into(), is_of_proxy: false }
    }

    #[cfg(feature = "live")]
    pub(super) fn of_proxy(self, proxy: &str) -> Self {
        let why = format!("no connection through the proxy {}: {}", url::host(proxy), self.why);
        Self { why, is_of_proxy: true, ..self }
    }

    /// Finds the first known error in a chain of causes.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(known) = known(error) {
                return known;
            }
            let io = error.downcast_ref::<io::Error>();
            // `source` of an I/O error skips the inner error, so get that one first.
            next = match io.and_then(io::Error::get_ref) {
                Some(inside) => Some(inside),
                None => error.source(),
            };
        }
        Self::new("unknown error")
    }

    /// Explains why a WebSocket could not be opened, or was lost.
    #[must_use]
    pub fn of_socket(error: &tungstenite::Error) -> Self {
        use tungstenite::Error as Socket;
        match error {
            Socket::Io(error) => Self::of(error),
            Socket::Tls(error) => Self::of(error),
            Socket::ConnectionClosed | Socket::AlreadyClosed => Self::new("already closed"),
            Socket::Protocol(
                ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete,
            ) => Self::new("closed without a close frame"),
            Socket::Protocol(_) => Self::new(NO_WEBSOCKET),
            Socket::Capacity(CapacityError::MessageTooLong { size, .. }) => Self::new(format!(
                "a message of {size} bytes is longer than the maximum of {FRAME_BYTES_MAX}"
            )),
            Socket::Capacity(_) | Socket::AttackAttempt => Self::new("the response head is too long"),
            Socket::WriteBufferFull(_) => Self::new("the server stopped reading"),
            Socket::Utf8(_) => Self::new("a text message is not UTF-8"),
            _ => Self::new("cannot open the WebSocket"),
        }
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<Unreached> {
    if let Some(error) = error.downcast_ref::<NotResolved>() {
        return Some(Unreached { code: Code::DnsFailed, ..Unreached::new(error.to_string()) });
    }
    #[cfg(feature = "live")]
    if let Some(error) = error.downcast_ref::<NotLoopback>() {
        return Some(error.into());
    }
    if let Some(error) = error.downcast_ref::<ProxyRefused>() {
        return Some(Unreached::new(error.to_string()));
    }
    #[cfg(feature = "live")]
    if let Some(ProxyFailed(unreached)) = error.downcast_ref() {
        return Some(unreached.clone());
    }
    #[cfg(feature = "live")]
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(Unreached::new(match error {
            rustls::Error::InvalidCertificate(_) => UNTRUSTED,
            // The first bytes are no record of TLS.
            rustls::Error::InvalidMessage(_) => WITHOUT_TLS,
            _ => "the TLS handshake failed",
        }));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        let why = match error {
            _ if error.is_parse_too_large() => "the response head is too long",
            _ if error.is_parse() => NOT_HTTP,
            _ if error.is_incomplete_message() => "closed before the response was complete",
            _ => return None,
        };
        return Some(Unreached::new(why));
    }
    let error = error.downcast_ref::<io::Error>()?;
    if is_unresolved(error) {
        return Some(Unreached { code: Code::DnsFailed, ..Unreached::new("its name cannot be resolved") });
    }
    error.get_ref().is_none().then(|| Unreached::new(words(error.kind())))
}

/// Whether the resolver of the system found no address, for which the standard library has no kind of error.
fn is_unresolved(error: &io::Error) -> bool {
    const WINSOCK: [i32; 3] = [11_001, 11_002, 11_004];
    error.raw_os_error().is_some_and(|code| cfg!(windows) && WINSOCK.contains(&code))
        || error.get_ref().is_some_and(|inside| inside.to_string().starts_with("failed to lookup address"))
}

fn words(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind;
    match kind {
        ErrorKind::ConnectionRefused => "connection refused: no server listens there",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "reset by the other side"
        }
        ErrorKind::UnexpectedEof => "closed too early",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => "the network is unreachable",
        _ => "unknown error",
    }
}

#[cfg(feature = "live")]
/// Opens a TCP connection. Reports names that cannot be resolved as a separate error.
pub(super) async fn dial(reach: Reach, host: &str, port: u16) -> io::Result<TcpStream> {
    reach.check(host).map_err(io::Error::other)?;
    // IPv6 addresses have brackets in URLs, but not in look-ups.
    let host = host.trim_matches(['[', ']']);
    let found =
        lookup_host((host, port)).await.map_err(|_| io::Error::other(NotResolved(host.to_owned())))?;
    TcpStream::connect(&reach.keep(host, found).map_err(io::Error::other)?[..]).await
}

#[cfg(all(test, feature = "live"))]
mod tests {
    use super::*;

    #[test]
    fn known_errors_are_found_among_the_causes() {
        let wrapped = io::Error::other(io::Error::other(NotResolved("nowhere".into())));
        let found = Unreached::of(&wrapped);
        assert_eq!((found.code, &*found.why), (Code::DnsFailed, "cannot resolve the name `nowhere`"));
        let refused = tungstenite::Error::Io(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(Unreached::of_socket(&refused).why, "connection refused: no server listens there");
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete);
        assert_eq!(Unreached::of(&tls).why, "the TLS handshake failed");
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let plain = tungstenite::Error::Io(io::Error::new(io::ErrorKind::InvalidData, plain));
        assert!(Unreached::of_socket(&plain).is_without_tls());
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(Unreached::of(&io::Error::new(io::ErrorKind::InvalidData, unknown)).is_untrusted());
    }

    #[test]
    fn messages_of_libraries_are_not_shown() {
        let errors = [
            tungstenite::Error::Protocol(ProtocolError::InvalidOpcode(7)),
            tungstenite::Error::Io(io::Error::other("tcp connect error: os error 111 (planted)")),
            tungstenite::Error::Io(io::Error::from_raw_os_error(104)),
            tungstenite::Error::AttackAttempt,
        ];
        for error in errors {
            let why = Unreached::of_socket(&error).why;
            assert!(
                !why.contains("os error") && !why.contains("planted") && !why.contains("nvalid"),
                "{why}"
            );
        }
    }
}
