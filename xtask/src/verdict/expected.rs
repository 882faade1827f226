//! `tests/bots/expected.json`: for each case, the planted bugs that show there what they do not show in `plain`, and how.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use anyhow::{Context as _, Result};

use super::Failed;
use crate::programs::root;

const PLAIN: &str = "plain";
/// What is written of a bug that fails `plain`, and passes the case.
const PASSED: &str = "passed";

/// Each suite's cases. Planted bugs are not played in those with `null`, which are older than the bugs of their suite; nothing
/// is known yet of those with `{}`.
pub(super) struct Expected(BTreeMap<String, BTreeMap<String, Option<Row>>>);

/// Bugs, and why they fail; `null` for those that are not played, because there chance decides.
type Row = BTreeMap<String, Option<String>>;

impl Expected {
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(path())?;
        Ok(Self(serde_json::from_str(&text).context("tests/bots/expected.json")?))
    }

    pub(super) fn write(&self) -> Result<()> {
        let suite = |(suite, rows): (&String, &BTreeMap<_, _>)| {
            let row = |(case, row)| Ok(format!("    {case:?}: {}", serde_json::to_string(row)?));
            let rows: Result<Vec<_>> = rows.iter().map(row).collect();
            Ok(format!("  {suite:?}: {{\n{}\n  }}", rows?.join(",\n")))
        };
        let suites: Result<Vec<_>> = self.0.iter().map(suite).collect();
        Ok(fs::write(path(), format!("{{\n{}\n}}\n", suites?.join(",\n")))?)
    }

    /// Returns the cases in which a bug is played.
    pub(super) fn cases(&self, suite: &str, bug: &str) -> BTreeSet<String> {
        let rows = self.0.get(suite).into_iter().flatten();
        let is_played = |row: &Row| row.get(bug).is_none_or(Option::is_some);
        let played = rows.filter(|(_, row)| row.as_ref().is_some_and(is_played));
        played.map(|(case, _)| case.clone()).collect()
    }

    /// Adds the cases of this list that have no row. Returns those of which nothing is known.
    pub(super) fn add(&mut self, suite: &str, listed: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let rows = self.0.entry(suite.to_owned()).or_default();
        for case in listed {
            rows.entry(case).or_insert_with(|| Some(Row::new()));
        }
        let is_unknown = |row: &Option<Row>| row.as_ref().is_some_and(Row::is_empty);
        rows.iter().filter(|(_, row)| is_unknown(row)).map(|(case, _)| case.clone()).collect()
    }

    pub(super) fn knows(&self, suite: &str, bug: &str) -> bool {
        self.0.get(suite).is_some_and(|rows| rows.values().flatten().any(|row| row.contains_key(bug)))
    }

    fn row(&self, suite: &str, case: &str) -> Option<&Row> {
        self.0.get(suite)?.get(case)?.as_ref()
    }

    /// Returns which of these cases a bug fails, and why.
    pub(super) fn fails(&self, suite: &str, bug: &str, cases: &BTreeSet<String>) -> Failed {
        let why = |case: &str| {
            let why =
                self.row(suite, case)?.get(bug).or_else(|| self.row(suite, PLAIN)?.get(bug))?.as_ref()?;
            (why != PASSED).then(|| why.clone())
        };
        cases.iter().filter_map(|case| Some((case.clone(), why(case)?))).collect()
    }

    /// Notes what a bug failed of these cases.
    pub(super) fn put(&mut self, suite: &str, bug: &str, cases: &BTreeSet<String>, failed: &Failed) {
        let passed = || PASSED.to_owned();
        let why = |case: &str| failed.get(case).cloned().unwrap_or_else(passed);
        let known = self.row(suite, PLAIN).and_then(|row| row.get(bug)).cloned().flatten();
        let plain = if cases.contains(PLAIN) { why(PLAIN) } else { known.unwrap_or_else(passed) };
        for case in cases {
            let usual = if case == PLAIN { PASSED } else { &plain };
            let Some(Some(row)) = self.0.get_mut(suite).and_then(|rows| rows.get_mut(case)) else { continue };
            match why(case) {
                why if why == usual => row.remove(bug),
                why => row.insert(bug.to_owned(), Some(why)),
            };
        }
    }
}

fn path() -> PathBuf {
    root().join("tests/bots/expected.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_expected() {
        let mut table = Expected(BTreeMap::new());
        let listed = ["plain", "late", "offline"].map(str::to_owned);
        let cases = table.add("feed", listed);
        assert_eq!(cases.len(), 3);
        let failed = |all: &[(&str, &str)]| -> Failed {
            all.iter().map(|(case, why)| ((*case).to_owned(), (*why).to_owned())).collect()
        };
        let total = failed(&[("plain", "like_total"), ("late", "like_total")]);
        let late = failed(&[("late", "connection")]);
        table.put("feed", "total", &cases, &total);
        table.put("feed", "never", &cases, &late);
        assert_eq!(serde_json::to_string(&table.0["feed"]["late"]).unwrap(), r#"{"never":"connection"}"#);
        assert_eq!(table.fails("feed", "total", &cases), total);
        assert_eq!(table.fails("feed", "never", &cases), late);
        assert!(
            table.knows("feed", "never") && !table.knows("feed", "other") && !table.knows("room", "never")
        );
        table.put("feed", "never", &cases, &Failed::new());
        assert!(!table.knows("feed", "never") && table.add("feed", []).contains("late"));
    }
}
