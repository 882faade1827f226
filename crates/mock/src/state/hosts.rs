//! Hosts that the mock answers for. They only matter in absolute addresses:
//! `GET http://www.tiktok.com/@ann HTTP/1.1`.

use std::net::IpAddr;

use livetape_core::host;

/// Whether a mock that listens on the addresses `own` answers for a host.
pub(crate) fn is_answered(host: &str, own: &[IpAddr]) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        let is_own = |own: &IpAddr| *own == address || own.is_unspecified();
        return address.is_loopback() || own.iter().any(is_own);
    }
    let is_known = |host: &str| host == "localhost" || host::DOMAINS.iter().any(|it| host::is_in(host, it));
    host::name(host).is_some_and(|host| is_known(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_for_tiktok_sign_servers_and_itself() {
        let own = ["192.0.2.1".parse().unwrap()];
        for host in [
            "tiktok.com",
            "WWW.TikTok.com.",
            "a.eulerstream.com",
            "localhost",
            "127.9.9.9",
            "::1",
            "192.0.2.1",
        ] {
            assert!(is_answered(host, &own), "{host}");
        }
        for host in ["", "evil.com", "tiktok.com.evil.com", "eviltiktok.com", "192.0.2.2", "a b"] {
            assert!(!is_answered(host, &own), "{host}");
        }
        assert!(is_answered("192.0.2.2", &["0.0.0.0".parse().unwrap()]));
    }
}
