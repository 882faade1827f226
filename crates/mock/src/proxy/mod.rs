//! Answers clients of the mock whose hosts cannot be changed: as an HTTP proxy, and as a TLS server for hosts
//! that are redirected to it.
//!
//! ```text
//! client ── CONNECT www.tiktok.com:443 ──► Front ── the mock
//!                                            │  decrypted, with a certificate of the Ca
//!                                            └── --pass HOST: a tunnel, unchanged
//! ```
//!
//! A [`Front`] accepts connections, decrypts them and passes each to the mock, which sees plain HTTP/1.1.
//! Only the hosts of TikTok and of sign servers are answered; the [`Ca`] cannot sign for any other.

mod ca;
mod front;
mod hosts;
mod tls;

pub use ca::{Ca, Opened};
pub use front::{Front, Mode, ReportLine};
pub use hosts::{DOMAINS, Hosts, is_answered};
