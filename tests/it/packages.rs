//! The packages that livetape depends on follow the rules of `deny.toml`: their licences, names and sources.

use std::{path::Path, process::Command};

use serde_json::Value;

fn rules() -> toml::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn texts<'a>(value: &'a toml::Value, table: &str, key: &str) -> Vec<&'a str> {
    let list = value[table][key].as_array().unwrap();
    list.iter().map(|entry| entry.as_str().unwrap_or_else(|| entry["name"].as_str().unwrap())).collect()
}

/// Returns all packages of the lock file, for every platform and with all features.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--all-features"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether a licence expression can be satisfied with the allowed licences. Parentheses contain alternatives.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    // Old manifests separate alternatives with a slash.
    let expression = expression.replace('/', " OR ");
    if let Some((group, rest)) = expression.strip_prefix('(').and_then(|inner| inner.split_once(") AND ")) {
        return is_allowed(group, allowed) && is_allowed(rest, allowed);
    }
    let any = |part: &str| {
        part.split(" OR ").any(|each| {
            // An exception only permits more.
            let licence = each.split(" WITH ").next().unwrap_or_default();
            allowed.contains(&licence.trim())
        })
    };
    expression.split(" AND ").all(any)
}

#[test]
fn licence_expressions_need_an_allowed_choice() {
    let allowed = ["MIT", "Apache-2.0"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Unlicense/MIT", true),
        ("Apache-2.0 / GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn every_package_follows_the_rules() {
    let (rules, packages) = (rules(), packages());
    let (licences, registries) =
        (texts(&rules, "licenses", "allow"), texts(&rules, "sources", "allow-registry"));
    let banned = texts(&rules, "bans", "deny");
    assert!(packages.len() > 100, "{}", packages.len());
    let mut unused = licences.clone();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &licences), "{name} is under {licence:?}");
        assert!(!banned.contains(&name), "{name} is banned");
        // The packages of the workspace have no source.
        let source = package["source"].as_str().map(|source| source.trim_start_matches("registry+"));
        assert!(source.is_none_or(|source| registries.contains(&source)), "{name} comes from {source:?}");
        unused.retain(|allowed| !licence.contains(allowed));
    }
    assert_eq!(unused, [""; 0], "no package needs these licences");
}
