//! `livetape doctor`, also if a clock is wrong: Debian's libfaketime shifts the wall clock of its process.

use std::{path::PathBuf, process::Command};

use crate::{
    logins::{documented_permissions, users},
    support::{CLUSTER, Nats, Node, livetape, nats_server, node},
};

/// Long enough for a busy machine.
const LEASE: &str = "10s";

/// Returns the exit code, what works, and what does not.
fn examined(url: &str, lease: &str) -> (Option<i32>, String, String) {
    let mut doctor = livetape(&["doctor", "--nats", url, "--cluster", CLUSTER]);
    let output = doctor.env("LIVETAPE_CLUSTER_LEASE", lease).output().unwrap();
    let [works, fails] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!format!("{works}{fails}").contains("planted"), "{works}{fails}");
    (output.status.code(), works, fails)
}

#[test]
fn everything_that_a_node_needs_is_checked() {
    let nats = Nats::start();
    for _ in 0..2 {
        let (exit, works, fails) = examined(&nats.url(), LEASE);
        assert_eq!((exit, fails.as_str()), (Some(0), ""), "{works}");
        for line in [
            "✅ NATS ",
            "✅ a message takes ",
            "✅ messages may have ",
            "✅ this user may ",
            "✅ JetStream is on",
            "✅ no node has joined yet",
            "✅ the clock differs ",
            "✅ JetStream may acknowledge before it syncs",
        ] {
            assert!(works.lines().any(|told| told.starts_with(line)), "no {line:?} in {works}");
        }
    }
    let (exit, works, fails) = examined(&format!("nats://127.0.0.1:1,{}", nats.url()), LEASE);
    assert!(exit == Some(1) && fails.contains("cannot connect to NATS at nats://127.0.0.1:1:"), "{fails}");
    assert!(works.contains("✅ the clock differs "), "each server is checked: {works}");
    // It decided nothing for the cluster, and does not disturb it.
    let _node = Node::with(&mut node(&nats.url(), "2s"));
    let (exit, works, fails) = examined(&nats.url(), "2s");
    assert_eq!((exit, fails.as_str()), (Some(0), ""));
    assert!(works.contains("✅ the nodes have leases of 2s, like this one"), "{works}");
    assert!(works.contains("✅ one node reports, with the same tokens and --max-live"), "{works}");
    let (exit, _, fails) = examined(&nats.url(), LEASE);
    assert_eq!(exit, Some(2), "{fails}");
    assert!(fails.contains("has leases of 2s, but this node has 10s") && fails.contains('💡'), "{fails}");
}

#[test]
fn each_problem_has_a_line() {
    let without_jetstream = Nats::with(&[]);
    let with_password = Nats::with(&["--jetstream", "--user", "ann", "--pass", "planted-right"]);
    let with_small_messages = Nats::configured(&["--jetstream"], "max_payload: 65536\n");
    let mut allowed = documented_permissions(CLUSTER);
    allowed[1].retain(|subject| !subject.contains(".log."));
    let without_permission = Nats::configured(&["--jetstream"], &users(&allowed));
    for (url, told) in [
        // A free port could belong to another test by now.
        ("nats://127.0.0.1:1".to_owned(), "nothing answers there"),
        (without_jetstream.url(), "JetStream is off"),
        (with_password.url(), "it rejects this user"),
        (with_small_messages.url(), "NATS accepts messages of 65536 bytes"),
        (without_permission.url(), "does not allow this user to subscribe to `livetape.test.log.>`"),
    ] {
        let (exit, works, fails) = examined(&url, LEASE);
        assert_eq!(exit, Some(1), "{works}{fails}");
        assert!(fails.contains(told) && fails.contains('💡') && fails.matches('❌').count() == 1, "{fails}");
    }
    let (exit, _, fails) = examined("http://127.0.0.1:1", LEASE);
    assert!(exit == Some(2) && fails.contains("`http` is not a scheme of NATS"), "{fails}");
    let nothing_given = livetape(&["doctor"]).output().unwrap();
    assert_eq!(nothing_given.status.code(), Some(2));
    assert!(String::from_utf8(nothing_given.stderr).unwrap().contains("nothing to check"));
}

#[test]
fn settings_are_compared_with_those_of_the_nodes() {
    let nats = Nats::start();
    let tokens = |name: &str| format!("planted-token-of-{name}");
    let started = |token: &str, live: &str| {
        Node::with(
            node(&nats.url(), "2s").env("LIVETAPE_TOKEN", tokens(token)).env("LIVETAPE_MAX_LIVE", live),
        )
    };
    let first = started("all", "7");
    let second = started("others", "8");
    // Each says it once, when it learns of the other.
    for (of, told) in [(&first, "--max-live 8 instead of 7"), (&second, "--max-live 7 instead of 8")] {
        assert!(of.process.until(told).contains("Another node has"));
    }
    let mut doctor = livetape(&["doctor", "--nats", &nats.url(), "--cluster", CLUSTER]);
    doctor
        .env("LIVETAPE_CLUSTER_LEASE", "2s")
        .env("LIVETAPE_TOKEN", tokens("all"))
        .env("LIVETAPE_MAX_LIVE", "7");
    let output = doctor.output().unwrap();
    let fails = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{fails}");
    let told = format!("node {} has other tokens and --max-live 8 instead of 7", second.name);
    assert!(fails.contains(&told) && fails.contains('💡') && !fails.contains("planted"), "{fails}");
}

/// A system account that lets livetape's read what servers are like, as documented.
fn with_system_account(jetstream: &str) -> String {
    let accounts = include_str!("../../examples/cluster/accounts.conf");
    format!("{}\njetstream: {jetstream}\n", accounts.replace("a-password", "planted"))
}

#[test]
fn a_system_account_knows_what_a_power_cut_loses() {
    for (jetstream, told) in [
        ("enabled", "✅ JetStream syncs every 120s: a power cut of NATS loses"),
        ("{ sync_interval: always }", "✅ JetStream syncs before it acknowledges"),
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let config = with_system_account(jetstream);
        std::fs::write(folder.path().join("nats.conf"), &config).unwrap();
        let checked =
            nats_server().arg("-t").arg("-c").arg(folder.path().join("nats.conf")).output().unwrap();
        if String::from_utf8_lossy(&checked.stderr).contains(r#"unknown field "sync_interval""#) {
            // nats-server of Debian 12 is too old.
            continue;
        }
        let nats = Nats::configured(&[], &config);
        let (exit, works, fails) = examined(&nats.url().replace("//", "//livetape:planted@"), LEASE);
        assert_eq!((exit, fails.as_str()), (Some(0), ""), "{works}");
        assert!(works.contains(told), "{works}");
    }
}

/// Lets a program see another wall clock.
pub(crate) fn faked(command: &mut Command) -> &mut Command {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let mut libraries: Box<dyn Iterator<Item = PathBuf>> =
        Box::new(folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1")));
    let library =
        libraries.find(|path| path.exists()).expect("`cargo xtask nightly cluster` installs libfaketime");
    command.env("LD_PRELOAD", library).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn the_doctor_sees_a_wrong_clock() {
    let nats = Nats::start();
    for (by, told) in [("+1h", "3600 s ahead of"), ("-1h", "3600 s behind")] {
        let mut doctor = livetape(&["doctor", "--nats", &nats.url(), "--cluster", CLUSTER]);
        let output = faked(&mut doctor).env("FAKETIME", by).output().unwrap();
        let problems = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && problems.contains(told), "{problems}");
    }
}
