//! Limits the number of crates that a dev-dependency on `livetape-testing` adds.

use std::{collections::BTreeSet, process::Command};

/// Maximum number of crates with `Tape`.
const WITH_TAPE_MAX: usize = 140;
/// Maximum number of crates with `MockTikTok` alone.
const MOCK_MAX: usize = 110;

/// Returns the name and version of each crate that the package of this test depends on, on this platform.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let tree = ["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"];
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(tree).args(features).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    String::from_utf8(output.stdout).expect("names are text").lines().skip(1).map(name).collect()
}

#[test]
fn dependencies_are_few_and_exclude_the_command_line() {
    for (features, most) in [(&[][..], WITH_TAPE_MAX), (&["--no-default-features"], MOCK_MAX)] {
        let crates = crates(features);
        assert!(crates.iter().any(|name| name.starts_with("livetape-mock ")), "{crates:?}");
        assert!(crates.len() <= most, "{} crates, of {most} at most: {crates:?}", crates.len());
        for unwanted in ["clap", "indicatif", "reqwest", "zip"] {
            assert!(!crates.iter().any(|name| name.split(' ').next() == Some(unwanted)), "{unwanted}");
        }
    }
}
