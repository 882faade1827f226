//! How many crates a dev-dependency on this one brings.

use std::{collections::BTreeSet, process::Command};

/// Most crates with `Tape`.
const WITH_TAPE_MAX: usize = 140;
/// Most crates with `MockTikTok` alone.
const MOCK_MAX: usize = 110;

/// The crates that the package of this test depends on, on this machine, each as its name and version.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let tree = ["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"];
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(tree).args(features).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    String::from_utf8(output.stdout).expect("names are text").lines().skip(1).map(name).collect()
}

#[test]
fn a_test_takes_few_crates_and_none_of_the_command_line() {
    for (features, most) in [(&[][..], WITH_TAPE_MAX), (&["--no-default-features"], MOCK_MAX)] {
        let crates = crates(features);
        assert!(crates.iter().any(|name| name.starts_with("livetape-mock ")), "{crates:?}");
        assert!(crates.len() <= most, "{} crates, of {most} at most: {crates:?}", crates.len());
        for unwanted in ["clap", "indicatif", "reqwest", "zip"] {
            assert!(!crates.iter().any(|name| name.split(' ').next() == Some(unwanted)), "{unwanted}");
        }
    }
}
