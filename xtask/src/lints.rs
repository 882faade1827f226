//! Runs clippy, with warnings denied, on the workspace and with each optional feature alone.

use std::{fs, path::Path};

use anyhow::Result;

use crate::programs::{cargo, status};

/// Internal crates. Each has to compile alone: in the workspace, it could use features of dependencies that
/// only others enable.
const CRATES: [&str; 4] = ["livetape-core", "livetape-io", "livetape-mock", "livetape-tools"];

/// Checks the workspace with default features, then each internal crate alone, then the libraries without
/// features, then livetape with each feature alone.
pub(crate) fn run() -> Result<()> {
    clippy(&["--workspace", "--all-targets"])?;
    // Not one of all targets, because `cargo test` leaves it out.
    clippy(&["--workspace", "--test", "cluster"])?;
    for name in CRATES {
        clippy(&["--lib", "--package", name])?;
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))?;
    for features in feature_sets(&manifest) {
        println!("── livetape without default features: {features:?}");
        // Features that one package enables apply to all selected packages, so `livetape-testing` is checked
        // without its own.
        let packages = ["--lib", "--package", "livetape", "--package", "livetape-testing"];
        clippy(&[&packages[..], &["--no-default-features", "--features", &features]].concat())?;
    }
    Ok(())
}

fn clippy(args: &[&str]) -> Result<()> {
    status(cargo().args(["clippy", "--locked"]).args(args).args(["--", "--deny", "warnings"]))
}

/// Returns the feature sets to check: the empty set, and each feature alone that `default` does not list.
fn feature_sets(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let section = lines.take_while(|line| !line.starts_with('['));
    let features: Vec<_> = section.filter_map(|line| line.split_once(" = ")).collect();
    let default = features.iter().find(|(name, _)| *name == "default").map_or("", |(_, on)| on);
    let is_off = |name: &str| name != "default" && !default.contains(&format!("\"{name}\""));
    let off = features.iter().filter(|(name, _)| !name.starts_with('#') && is_off(name));
    std::iter::once(String::new()).chain(off.map(|(name, _)| format!("livetape/{name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_not_listed_in_default_is_checked_alone() {
        let manifest =
            "[features]\ndefault = [\"all\"]\n# a = b\nall = [\"one\"]\none = []\n\n[lib]\nz = 1\n";
        assert_eq!(feature_sets(manifest), ["", "livetape/one"]);
    }
}
