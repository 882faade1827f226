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
mod domains;
mod front;
mod head;
mod hosts;
mod prefixed;
mod refused;
mod reports;
mod stream;
mod tls;
mod tunnel;

pub use ca::{Ca, Opened};
pub use domains::{DOMAINS, is_answered};
pub use front::{Front, Mode};
pub use hosts::Hosts;
pub use reports::Report;
