//! Settings that are gone, and what to do instead. CHANGELOG.md lists the same ones.

/// The names that a setting had in the file, as a flag and as a variable, and what to do instead.
const GONE: [(&[&str], &str); 17] = [
    (
        &["limits.subscribers", "LIVETAPE_MAX_SUBSCRIBERS"],
        "set limits.connections, of which five of six may be subscribers",
    ),
    (
        &["limits.backlog_bytes", "LIVETAPE_BACKLOG_BYTES"],
        "set limits.backlog_events, each of which has 512 bytes",
    ),
    (
        &["live.session", "--session", "LIVETAPE_SESSION"],
        "use --session-cookie (LIVETAPE_SESSION_COOKIE), which takes all cookies of a session, or a file with them",
    ),
    (
        &["live.sign_form", "--sign-form", "LIVETAPE_SIGN_FORM"],
        "use --way sign, or --way sign-connect for the form `connect`",
    ),
    (
        &["server.read_token", "LIVETAPE_READ_TOKEN"],
        "write read:TOKEN in LIVETAPE_TOKEN or in the file of tokens",
    ),
    (
        &["server.insecure", "--insecure", "LIVETAPE_INSECURE"],
        "set a token with LIVETAPE_TOKEN, which is required beyond loopback (run `livetape token` for one)",
    ),
    (
        &[
            "[tikfinity]",
            "tikfinity.enabled",
            "tikfinity.listen",
            "tikfinity.origins",
            "LIVETAPE_TIKFINITY_LISTEN",
            "LIVETAPE_TIKFINITY_ORIGINS",
        ],
        "use server.tikfinity (--tikfinity=ADDR) and server.origins",
    ),
    (&["watch.ca", "--ca", "LIVETAPE_CA"], "name the file in SSL_CERT_FILE"),
    (&["cluster.ca", "--nats-ca", "LIVETAPE_NATS_CA"], "name the file in SSL_CERT_FILE"),
    (&["watch.url"], "set LIVETAPE_URL"),
    (&["record.output", "LIVETAPE_OUTPUT"], "use the flag -o FILE"),
    (&["record.sync", "--sync", "LIVETAPE_SYNC"], "remove it: recordings are synced every 5 s"),
    (
        &["replay.precise", "--precise", "LIVETAPE_PRECISE"],
        "remove it: frames are sent by the system's most exact timer in any case",
    ),
    (&["cluster.wait", "LIVETAPE_CLUSTER_WAIT"], "remove it: servers wait a minute for NATS"),
    (
        &["limits.message_bytes", "LIVETAPE_MESSAGE_BYTES"],
        "remove it: messages may have 16 KiB; `@livetape/node` has the option `maxMessageBytes`",
    ),
    (
        &["limits.messages_per_second", "LIVETAPE_MESSAGES_PER_SECOND"],
        "remove it: sockets may send 50 per second; `@livetape/node` has the option `messagesPerSecond`",
    ),
    (
        &["limits.connections_per_address", "LIVETAPE_MAX_CONNECTIONS_PER_ADDRESS"],
        "remove it: each public address may have 256 connections",
    ),
];

/// Returns what to do instead of a setting that is gone: a key with its section, a section in brackets, a flag or a
/// variable.
#[must_use]
pub fn instead_of(name: &str) -> Option<&'static str> {
    GONE.iter().find(|(names, _)| names.contains(&name)).map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::settings::KEYS;

    #[test]
    fn the_changelog_and_this_table_list_the_same() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/CHANGELOG.md");
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("- **Gone before the release**")).unwrap();
        // In parentheses, it says what replaces them.
        let named = String::from_iter(
            line.split('(').map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)),
        );
        let named = named.split('`').skip(1).step_by(2).map(|name| name.split(' ').next().unwrap());
        let named = Vec::from_iter(named);
        for name in &named {
            assert!(instead_of(name).is_some(), "{name} has no replacement in gone.rs");
        }
        for (names, _) in GONE {
            assert!(named.iter().any(|name| names.contains(name)), "CHANGELOG.md does not list {names:?}");
        }
        assert_eq!(named.len(), GONE.len(), "{named:?}");
    }

    #[test]
    fn what_is_gone_is_not_there() {
        let names = Vec::from_iter(GONE.iter().flat_map(|(names, _)| *names));
        for key in KEYS {
            let flag = key.flag().map(|flag| format!("--{}", flag.long)).unwrap_or_default();
            for name in [key.path(), key.env.to_owned(), flag] {
                assert!(!names.contains(&&name.as_str()), "{name}");
            }
        }
    }
}
