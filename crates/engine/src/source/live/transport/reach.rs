//! Limits connections to loopback addresses if the setting `offline` is on.

use std::net::{IpAddr, SocketAddr};

use livetape_core::error::{Code, Problem};

use super::super::url::is_loopback;

/// Addresses that connections are allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Everywhere,
    Loopback,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a loopback address, and livetape runs offline")]
pub(super) struct NotLoopback(String);

impl From<NotLoopback> for Problem {
    fn from(error: NotLoopback) -> Self {
        Self::new(Code::OfflineMode, error)
    }
}

impl Reach {
    pub(super) fn new(offline: bool) -> Self {
        if offline { Self::Loopback } else { Self::Everywhere }
    }

    /// Checks the host of a URL before its name is resolved.
    pub(super) fn check(self, host: &str) -> Result<(), NotLoopback> {
        self.allow(is_loopback(host), host)
    }

    /// Returns the allowed addresses of `host`, because a hosts file can give `localhost` any address.
    pub(super) fn keep(
        self,
        host: &str,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, NotLoopback> {
        let is_allowed = |ip: IpAddr| self == Self::Everywhere || ip.to_canonical().is_loopback();
        let kept: Vec<_> = found.filter(|address| is_allowed(address.ip())).collect();
        self.allow(!kept.is_empty(), host)?;
        Ok(kept)
    }

    fn allow(self, is_loopback: bool, host: &str) -> Result<(), NotLoopback> {
        if is_loopback || self == Self::Everywhere { Ok(()) } else { Err(NotLoopback(host.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offline_only_loopback_addresses_and_localhost_are_allowed() {
        for host in ["127.0.0.1", "127.9.8.7", "[::1]", "::1", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"]
        {
            assert_eq!(Reach::Loopback.check(host), Ok(()), "{host}");
        }
        for host in [
            "www.tiktok.com",
            "a.localhost",
            "localhost.evil.example",
            "0.0.0.0",
            "[::]",
            "10.0.0.1",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert!(Reach::Loopback.check(host).is_err(), "{host}");
            assert_eq!(Reach::Everywhere.check(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn offline_localhost_must_resolve_to_loopback() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (near, far) = (address("127.0.0.1:80"), address("192.0.2.1:80"));
        let kept = |reach: Reach, found: Vec<SocketAddr>| reach.keep("localhost", found.into_iter()).ok();
        assert_eq!(kept(Reach::Loopback, vec![far, near]), Some(vec![near]));
        assert_eq!(kept(Reach::Loopback, vec![far]), None);
        assert_eq!(kept(Reach::Everywhere, vec![far]), Some(vec![far]));
    }
}
