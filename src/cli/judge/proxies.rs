//! Proxies in the environment of a command, which cannot reach the servers of this machine.

use std::{
    env,
    ffi::{OsStr, OsString},
};

/// Hosts that clients reach directly: the feed and the mock's sockets.
pub(super) const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The variables that name such hosts. Clients read either.
pub(super) const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY"];

/// Returns the variables with which a command reaches this machine directly. What they have in this environment stays.
pub(super) fn direct() -> [(&'static str, OsString); 2] {
    let [upper, lower] = NO_PROXY.map(|name| env::var_os(name).filter(|hosts| !hosts.is_empty()));
    // A client that reads only one of them must find the hosts of the other.
    let [one, other] = [upper.as_ref().or(lower.as_ref()), lower.as_ref().or(upper.as_ref())]
        .map(|hosts| with_loopback(hosts.map_or(OsStr::new(""), |hosts| hosts)));
    [(NO_PROXY[0], one), (NO_PROXY[1], other)]
}

/// Adds the names of this machine to a list of hosts. `*`, which means all hosts, stands alone.
fn with_loopback(hosts: &OsStr) -> OsString {
    let text = hosts.to_string_lossy();
    let mut all = hosts.to_owned();
    if text.trim() == "*" {
        return all;
    }
    let is_listed = |name: &str| text.split(',').any(|host| host.trim().eq_ignore_ascii_case(name));
    for name in LOOPBACK.into_iter().filter(|name| !is_listed(name)) {
        if !all.is_empty() {
            all.push(",");
        }
        all.push(name);
    }
    all
}

/// Adds advice on a proxy of the environment, if there is one, to a hint for a command that did not connect.
pub(super) fn explained(hint: &str) -> String {
    let names = PROXIES.map(|name| [name.to_owned(), name.to_ascii_lowercase()]);
    let set = names.iter().flatten().find(|name| env::var_os(name).is_some_and(|proxy| !proxy.is_empty()));
    match set {
        Some(name) => {
            format!(
                "{name} is set, and a client that ignores NO_PROXY connects through that proxy: unset it, or {hint}"
            )
        }
        None => hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_added_once_and_everything_else_stays() {
        for (hosts, expected) in [
            ("", "localhost,127.0.0.1,::1"),
            ("corp.example", "corp.example,localhost,127.0.0.1,::1"),
            ("127.0.0.1, LOCALHOST", "127.0.0.1, LOCALHOST,::1"),
            ("localhost,127.0.0.1,::1", "localhost,127.0.0.1,::1"),
            ("*", "*"),
            (" * ", " * "),
            ("*.example", "*.example,localhost,127.0.0.1,::1"),
            (",, ;\u{1}", ",, ;\u{1},localhost,127.0.0.1,::1"),
        ] {
            assert_eq!(with_loopback(OsStr::new(hosts)), OsStr::new(expected), "{hosts:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn hosts_that_are_not_unicode_stay() {
        use std::os::unix::ffi::OsStrExt as _;

        let all = with_loopback(OsStr::from_bytes(b"\xff.example"));
        assert_eq!(all.as_bytes(), b"\xff.example,localhost,127.0.0.1,::1");
    }
}
