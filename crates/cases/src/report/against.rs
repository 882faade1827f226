//! Two results of the same shows: what an upgrade of a library changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use livetape_core::error::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{cases, clean, quoted};
use crate::trace::{Field, Summary, Type};

/// Maximum number of changes of a case that are listed.
const CHANGES_MAX: usize = 10;

/// A result, as `livetape test --json` prints it, as far as it is compared.
#[derive(Deserialize)]
struct Compared {
    #[serde(default)]
    version: String,
    #[serde(default)]
    recording: String,
    /// Length and checksum of the recording.
    show: Option<String>,
    #[serde(default)]
    suite: String,
    /// Number and seed of random shows.
    random: Option<Random>,
    cases: Vec<Case>,
}

/// Shows at random.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Random {
    pub count: u32,
    pub seed: String,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    passed: Option<bool>,
    #[serde(default)]
    failures: Vec<Message>,
    #[serde(default)]
    printed: Summary,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// How a case differs from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Worse,
    Better,
    /// It passes or fails as before, and prints something else.
    Differs,
}

/// Cases that changed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    pub how: How,
    pub cases: Vec<String>,
    pub changes: Vec<String>,
}

/// What two results differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Against {
    pub changed: Vec<Changed>,
    /// Number of cases without a difference.
    pub same: usize,
    /// Cases that only one of the results has.
    pub apart: Vec<String>,
}

/// Reads an older result, and checks that it is about the same shows as this one, which may have no cases yet.
///
/// # Errors
/// `bad_request` for another version of livetape, recording, suite or seed.
pub fn check_against(old: &Value, new: &Value) -> Result<(), Problem> {
    let read = |value: &Value| {
        Compared::deserialize(value).map_err(|error: serde_json::Error| {
            let message = format!("it is not a result: {}", clean(&error.to_string()));
            Problem::new(Code::BadRequest, message)
                .hint("use a file that `livetape test … --json` has written")
        })
    };
    let (old, new) = (read(old)?, read(new)?);
    let other = |message: String, hint: &str| Err(Problem::new(Code::BadRequest, message).hint(hint));
    if old.version != new.version {
        let version = if old.version.is_empty() { "unknown" } else { &old.version };
        return other(
            format!("it is of livetape {}, and this is {}: their shows differ", clean(version), new.version),
            "run the old program again with this livetape and --json",
        );
    }
    if old.suite != new.suite {
        let hint = "compare results of the same suite";
        return other(format!("it is of the suite {}, and this is {}", clean(&old.suite), new.suite), hint);
    }
    if old.show != new.show {
        let hint = "play the recording that both programs are compared with, unchanged";
        let [was, is] = [&old, &new].map(|result| clean(&result.recording));
        let what = if was == is {
            format!("it is of another content of {was}")
        } else {
            format!("it is of the recording {was}, and this is {is}")
        };
        return other(what, hint);
    }
    if old.random != new.random {
        let shown = |random: &Option<Random>| match random {
            Some(Random { count, seed }) => format!("--random {count} --seed {}", clean(seed)),
            None => "no --random".to_owned(),
        };
        let hint = match &old.random {
            Some(_) => format!("add {}", shown(&old.random)),
            None => "leave --random out".to_owned(),
        };
        let message =
            format!("it is of other shows: {}, and this has {}", shown(&old.random), shown(&new.random));
        return other(message, &hint);
    }
    Ok(())
}

/// Compares two results of the same shows.
///
/// # Errors
/// Those of [`check_against`].
pub fn against(old: &Value, new: &Value) -> Result<Against, Problem> {
    check_against(old, new)?;
    let [old, new] = [old, new].map(|value| Compared::deserialize(value).map(|result| result.cases));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let mut compared = Against::default();
    let is_in = |name: &str, all: &[Case]| all.iter().any(|case| case.name == name);
    let apart = old.iter().filter(|case| !is_in(&case.name, &new));
    let apart = apart.chain(new.iter().filter(|case| !is_in(&case.name, &old)));
    compared.apart = apart.map(|case| clean(&case.name)).collect();
    for now in &new {
        let Some(before) = old.iter().find(|case| case.name == now.name) else { continue };
        let Some((how, changes)) = now.changes_since(before) else {
            compared.same += 1;
            continue;
        };
        let name = clean(&now.name);
        match compared.changed.iter_mut().find(|it| (it.how, &it.changes) == (how, &changes)) {
            Some(same) => same.cases.push(name),
            None => compared.changed.push(Changed { how, cases: vec![name], changes }),
        }
    }
    compared.changed.sort_by_key(|it| it.how);
    Ok(compared)
}

impl Case {
    /// Describes how it ended.
    fn end(&self) -> String {
        match (self.passed, self.failures.first()) {
            (Some(true), _) => "passed".to_owned(),
            (Some(false), Some(failure)) => {
                format!("failed: {}", clean(failure.message.split("; ").next().unwrap_or_default()))
            }
            (Some(false), None) => "failed".to_owned(),
            (None, _) => "did not run".to_owned(),
        }
    }

    fn changes_since(&self, before: &Self) -> Option<(How, Vec<String>)> {
        let how = match (before.passed, self.passed) {
            (Some(true), Some(false)) => How::Worse,
            (Some(false), Some(true)) => How::Better,
            _ => How::Differs,
        };
        let [was, is] = [before.end(), self.end()];
        let ends = (was != is).then(|| format!("{was}; now: {is}"));
        let changes = ends.into_iter().chain(self.printed.changes_since(&before.printed));
        let mut changes = Vec::from_iter(changes);
        let more = changes.len().saturating_sub(CHANGES_MAX);
        changes.truncate(CHANGES_MAX);
        if more > 0 {
            changes.push(format!("and {more} more"));
        }
        (!changes.is_empty()).then_some((how, changes))
    }
}

impl Summary {
    /// Describes numbers, texts and types that differ from before.
    fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (name, was) in &before.values {
            if let Some(is) = self.values.get(name).filter(|is| *is != was) {
                changes.push(format!("the number `{}` was {was}, and is {is}", clean(name)));
            }
        }
        let [was, is] = [&before.fields.0, &self.fields.0];
        let absent = |from: &BTreeMap<String, Field>, other: &BTreeMap<String, Field>| {
            BTreeSet::from_iter(from.keys().filter(|key| !other.contains_key(*key)).cloned())
        };
        let (gone, mut added) = (absent(was, is), absent(is, was));
        for key in gone {
            let renamed = added.iter().find(|new| is[*new] == was[&key]).cloned();
            changes.push(match &renamed {
                Some(new) => format!("`{}` is called `{}` now", clean(&key), clean(new)),
                None => format!("`{}` is not printed any more", clean(&key)),
            });
            added.retain(|new| Some(new) != renamed.as_ref());
        }
        changes.extend(added.iter().map(|key| format!("`{}` is printed, and was not before", clean(key))));
        for (key, is) in is {
            if let Some(was) = was.get(key) {
                changes.extend(is.change_since(was).map(|change| format!("`{}` {change}", clean(key))));
            }
        }
        changes
    }
}

impl Field {
    fn change_since(&self, before: &Self) -> Option<String> {
        let named = |field: &Self| Vec::from_iter(field.types.iter().map(|kind| kind.name())).join(" or ");
        if self.types != before.types {
            let [was, is] = [before, self].map(|field| format!("{} ({})", named(field), quoted(&field.last)));
            return Some(format!("was {was}, and is {is}"));
        }
        // Numbers within texts are those of a moment, such as times.
        let fixed = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
        let differs = |was: &str, is: &str| fixed(was) != fixed(is);
        let is_text = self.types.contains(&Type::Text);
        let pairs = [(&before.first, &self.first), (&before.last, &self.last)];
        let (was, is) = pairs.into_iter().find(|(was, is)| is_text && differs(was, is))?;
        Some(format!("was {}, and is {}", quoted(was), quoted(is)))
    }
}

impl How {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Differs => "differs",
        }
    }
}

/// Formats the differences for people. `old` names the older result.
#[must_use]
pub fn differences(against: &Against, old: &str) -> String {
    let mut lines = vec![format!("compared with {}:", clean(old))];
    for Changed { how, cases: named, changes } in &against.changed {
        let others = match named.len() {
            1 => String::new(),
            several => format!(", and {} more", cases(several - 1)),
        };
        lines.push(format!("  {:<9}{}{others}", how.name(), named[0]));
        lines.extend(changes.iter().map(|change| format!("        {change}")));
    }
    lines.push(against.counted());
    lines.join("\n")
}

impl Against {
    /// Counts cases: `1 case is worse, 2 cases are better, …`
    pub(crate) fn counted(&self) -> String {
        let count =
            |how| self.changed.iter().filter(|it| it.how == how).map(|it| it.cases.len()).sum::<usize>();
        let of = |number: usize, one: &str, several: &str| {
            (number > 0).then(|| format!("{} {}", cases(number), if number == 1 { one } else { several }))
        };
        let counts = [
            of(count(How::Worse), "is worse", "are worse"),
            of(count(How::Better), "is better", "are better"),
            of(count(How::Differs), "prints something else", "print something else"),
            of(self.apart.len(), "is only in one result", "are only in one result"),
        ];
        let same = of(self.same, "is the same", "are the same").or(Some("no case is the same".to_owned()));
        Vec::from_iter(counts.into_iter().chain(iter::once(same)).flatten()).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        expect::{Expectation, Output, Stream},
        report::{html, tests::HOSTILE},
    };

    fn result(cases: &[Value]) -> Value {
        json!({
            "version": "0.1.0", "recording": "demo", "show": "9-00ff", "suite": "feed", "tested": "node bot.mjs", "cases": cases,
        })
    }

    fn case(name: &str, failure: Option<&str>, lines: &[&str]) -> Value {
        let mut output = Output::new(&[Expectation::parse("diamonds: {diamonds}").unwrap()]);
        lines.iter().for_each(|line| output.push(Stream::Stdout, format!("{line}\n").as_bytes()));
        let failures =
            Vec::from_iter(failure.map(|message| json!({ "message": message, "what": "diamonds" })));
        json!({
            "name": name, "passed": failure.is_none(), "seconds": 1.0, "failures": failures,
            "printed": output.record().summary(),
        })
    }

    #[test]
    fn an_upgrade_that_renames_a_field_is_seen_also_where_everything_passes() {
        let before = [r#"{"user":"ann","nickname":"Ann","likes":3}"#, "diamonds: 114 last: ann at=12:30:01"];
        let after = [
            r#"{"user":"ann","displayName":"Ann","likes":"3"}"#,
            "diamonds: 114 last: undefined at=13:31:59",
        ];
        let wrong = "printed \"diamonds: 9\", right is 114; 9 is what a mistake gives";
        let old = result(&[
            case("plain", None, &before),
            case("no-final", None, &["diamonds: 114"]),
            case("cut", Some("did not come back"), &[]),
            case("names", None, &before),
            case("big", None, &before),
            case("late", None, &[]),
        ]);
        let new = result(&[
            case("plain", None, &after),
            case("no-final", Some(wrong), &["diamonds: 9"]),
            case("cut", None, &[]),
            case("names", None, &after),
            case("big", None, &before),
        ]);
        let compared = against(&old, &new).unwrap();
        let expected = "compared with old.json:
  worse    no-final
        passed; now: failed: printed \"diamonds: 9\", right is 114
        the number `diamonds` was 114, and is 9
  better   cut
        failed: did not come back; now: passed
  differs  plain, and 1 case more
        `nickname` is called `displayName` now
        `last` was a text (\"ann\"), and is nothing (\"undefined\")
        `likes` was a number (\"3\"), and is a text (\"3\")
1 case is worse, 1 case is better, 2 cases print something else, 1 case is only in one result, 1 case is the same";
        assert_eq!(differences(&compared, "old.json"), expected);
        let mut shown = new.clone();
        shown["against"] = json!(compared);
        let page = html(&[shown, old], &|_, _| None).unwrap();
        assert!(page.contains("<h3>What changed</h3>"), "{page}");
        assert!(page.contains("<code>nickname</code> is called <code>displayName</code> now"), "{page}");
        assert_eq!(against(&new, &new).unwrap().counted(), "5 cases are the same");
    }

    #[test]
    fn results_of_other_shows_are_rejected() {
        let new = result(&[]);
        let with = |key: &str, value: Value| {
            let mut old = result(&[]);
            old[key] = value;
            check_against(&old, &new).unwrap_err()
        };
        let random = json!({ "count": 3, "seed": "7" });
        for (problem, message, hint) in [
            (
                with("version", json!("0.0.9")),
                "livetape 0.0.9, and this is 0.1.0",
                "run the old program again",
            ),
            (with("version", json!("")), "livetape unknown", "run the old program again"),
            (with("suite", json!("room")), "the suite room, and this is feed", "the same suite"),
            (with("show", json!("9-00fe")), "of another content of demo", "play the recording"),
            (
                with("random", random),
                "--random 3 --seed 7, and this has no --random",
                "add --random 3 --seed 7",
            ),
            (with("cases", json!(7)), "not a result", "`livetape test … --json`"),
            (with("recording", json!([])), "not a result", "`livetape test … --json`"),
        ] {
            assert!(problem.message.contains(message) && problem.hint.contains(hint), "{problem:?}");
            assert_eq!(problem.code, Code::BadRequest);
        }
        assert!(check_against(&new, &new).is_ok());
    }

    #[test]
    fn hostile_keys_and_values_are_texts() {
        let line = format!("<b>{HOSTILE}: {HOSTILE}");
        let json = r#"{"<img src=x>\u202e":"</code><script>"}"#;
        let old = result(&[case("plain", None, &[])]);
        let mut new = result(&[case("plain", Some(HOSTILE), &[&line, json])]);
        let compared = against(&old, &new).unwrap();
        let shown = differences(&compared, HOSTILE);
        assert!(!shown.chars().any(|c| c != '\n' && livetape_core::terminal::is_invisible(c)), "{shown}");
        new["against"] = json!(compared);
        let page = html(&[new], &|_, _| None).unwrap();
        assert!(page.contains("&lt;img src=x&gt;") && !page.contains("<img"), "{page}");
        assert_eq!(page.matches("<script").count(), 1);
    }
}
