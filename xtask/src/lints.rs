//! Warnings of the compiler and of clippy, with all features and with few.

use std::{fs, path::Path};

use anyhow::Result;

use crate::programs::{cargo, status};

/// Checks all of the workspace with its features, then the libraries without, then livetape with each feature alone.
pub(crate) fn run() -> Result<()> {
    clippy(&["--workspace", "--all-targets"])?;
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))?;
    for features in feature_sets(&manifest) {
        println!("── livetape without default features: {features:?}");
        // One crate brings the features of its dependencies: beside livetape, `livetape-testing` is without its own.
        let packages = ["--lib", "--package", "livetape", "--package", "livetape-testing"];
        clippy(&[&packages[..], &["--no-default-features", "--features", &features]].concat())?;
    }
    Ok(())
}

fn clippy(args: &[&str]) -> Result<()> {
    status(cargo().args(["clippy", "--locked"]).args(args).args(["--", "--deny", "warnings"]))
}

/// Returns the sets of features to check: none, and each feature that is off by default or part of `cli`, alone.
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
    fn every_feature_that_is_off_by_default_is_checked_alone() {
        let manifest =
            "[features]\ndefault = [\"all\"]\n# a = b\nall = [\"one\"]\none = []\n\n[lib]\nz = 1\n";
        assert_eq!(feature_sets(manifest), ["", "livetape/one"]);
    }
}
