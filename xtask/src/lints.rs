//! Runs clippy, with warnings denied, on the workspace, or on each crate and each optional feature alone.

use std::{fs, path::Path};

use anyhow::Result;

use crate::programs::{cargo, status};

/// Internal crates. Each has to compile alone: in the workspace, it could use features of dependencies that
/// only others enable.
const CRATES: [&str; 7] = [
    "livetape-cases",
    "livetape-cluster",
    "livetape-core",
    "livetape-feed",
    "livetape-io",
    "livetape-mock",
    "livetape-tools",
];

/// Checks the workspace with default features, then the libraries without features.
pub(crate) fn run() -> Result<()> {
    clippy(&["--workspace", "--all-targets"])?;
    // Not one of all targets, because `cargo test` leaves it out.
    clippy(&["--workspace", "--test", "cluster"])?;
    without_default("")
}

/// Checks each internal crate alone, then livetape with each feature alone.
pub(crate) fn run_alone() -> Result<()> {
    for name in CRATES {
        clippy(&["--lib", "--package", name])?;
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))?;
    optional_features(&manifest).iter().try_for_each(|feature| without_default(feature))
}

fn without_default(features: &str) -> Result<()> {
    println!("── livetape without default features: {features:?}");
    // Features that one package enables apply to all selected packages, so `livetape-testing` is checked
    // without its own.
    let packages = ["--lib", "--package", "livetape", "--package", "livetape-testing"];
    clippy(&[&packages[..], &["--no-default-features", "--features", features]].concat())
}

fn clippy(args: &[&str]) -> Result<()> {
    status(cargo().args(["clippy", "--locked"]).args(args).args(["--", "--deny", "warnings"]))
}

/// Returns the features that `default` does not list.
fn optional_features(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let section = lines.take_while(|line| !line.starts_with('['));
    let features: Vec<_> = section.filter_map(|line| line.split_once(" = ")).collect();
    let default = features.iter().find(|(name, _)| *name == "default").map_or("", |(_, on)| on);
    let is_off = |name: &str| name != "default" && !default.contains(&format!("\"{name}\""));
    let off = features.iter().filter(|(name, _)| !name.starts_with('#') && is_off(name));
    off.map(|(name, _)| format!("livetape/{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_not_listed_in_default_is_checked_alone() {
        let manifest =
            "[features]\ndefault = [\"all\"]\n# a = b\nall = [\"one\"]\none = []\n\n[lib]\nz = 1\n";
        assert_eq!(optional_features(manifest), ["livetape/one"]);
    }
}
