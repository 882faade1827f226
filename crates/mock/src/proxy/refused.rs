//! Reasons for refusing a connection, and the responses that state them.

use std::fmt;

use super::domains::DOMAINS;

/// Why the proxy does not connect a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The client sent no request that a proxy can read.
    Bad(&'static str),
    /// The head of the request is too long, or has too many headers.
    TooLong,
    /// The client did not send the request in time.
    Late,
    /// The host is neither answered nor passed. The last field is how to pass it, without the host.
    Host(String, u16, &'static str),
    /// The host is an IP address.
    Address(String),
    /// The host is answered, but not on this port.
    Port(String, u16),
    /// The host is this proxy.
    Itself,
    /// A passed host cannot be reached.
    Unreachable(String, String),
}

impl Refused {
    /// Stable code, HTTP status and its usual phrase.
    fn row(&self) -> (&'static str, u16) {
        match self {
            Self::Bad(_) => ("bad_request", 400),
            Self::TooLong => ("too_large", 431),
            Self::Late => ("too_slow", 408),
            Self::Host(..) => ("host_refused", 502),
            Self::Address(_) => ("address_refused", 403),
            Self::Port(..) => ("port_refused", 403),
            Self::Itself => ("loop_refused", 403),
            Self::Unreachable(..) => ("host_unreachable", 502),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Host(host, 80 | 443, how) => {
                format!("to let requests to it leave this machine, {how}{host}")
            }
            Self::Host(host, port, how) => {
                format!("to let requests to it leave this machine, {how}{host}:{port}")
            }
            Self::Address(_) | Self::Itself => {
                "add local addresses to NO_PROXY, so that clients connect to them directly".to_owned()
            }
            Self::Port(..) => "use https:// or http:// without a port".to_owned(),
            Self::Bad(_) => "use this address as an HTTP proxy, for example as HTTPS_PROXY".to_owned(),
            Self::TooLong => "send fewer or shorter headers".to_owned(),
            Self::Late => "send the complete head of the request within 60 s".to_owned(),
            Self::Unreachable(..) => "check the name and the network of this machine".to_owned(),
        }
    }

    /// Returns the response. Many clients print only the status line, so the message is its reason.
    pub(super) fn response(&self) -> String {
        let ((code, status), hint) = (self.row(), self.hint());
        let body = format!("{self}\n{hint}\n");
        format!(
            "HTTP/1.1 {status} {self}\r\nLivetape-Error: {code}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// Returns the message and the hint as one line of the log.
    pub(super) fn line(&self) -> String {
        format!("{self}; {}", self.hint())
    }
}

/// In one line of ASCII: hosts are checked, and reasons of the system are reduced to it.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => write!(f, "not a request to a proxy: {why}"),
            Self::TooLong => write!(f, "the head of the request is too long, or has too many headers"),
            Self::Late => write!(f, "the request did not arrive in time"),
            Self::Host(host, ..) => {
                write!(f, "refused {host}: livetape answers only for {}", DOMAINS.join(" and "))
            }
            Self::Address(host) => {
                write!(f, "refused {host}: livetape answers for host names, not for IP addresses")
            }
            Self::Port(host, port) => {
                write!(f, "refused port {port} of {host}: livetape answers on 80 and 443")
            }
            Self::Itself => write!(f, "refused a connection to the proxy itself"),
            Self::Unreachable(host, why) => {
                let why: String = why.chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
                write!(f, "cannot connect to {host}: {why}")
            }
        }
    }
}
