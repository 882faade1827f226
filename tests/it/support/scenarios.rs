//! The files of `fixtures/scenarios`.

use std::path::PathBuf;

use livetape_samples::repository;

pub(crate) fn scenario_path(name: &str) -> PathBuf {
    repository().join("fixtures/scenarios").join(name)
}

/// Returns the names of all scenarios.
pub(crate) fn names() -> Vec<String> {
    let files = std::fs::read_dir(scenario_path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".toml")).collect();
    names.sort();
    names
}
