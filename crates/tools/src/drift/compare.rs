//! Finds the differences between a baseline and a capture.

use livetape_core::{
    event::{self, app_method},
    wire::{Field, FieldKind, Schema},
};
use serde::Serialize;

use super::{
    VALUES_MIN, is_significant,
    profile::{Place, Profile, Shape, Stats},
};
use crate::dissect::kind_name;

/// Maximum number of findings. Others are counted.
const FINDINGS_MAX: usize = 500;

/// What captures are compared with.
#[derive(Debug)]
pub enum Baseline {
    /// The types in `proto/webcast.proto`. Fields without a name there are no findings.
    Schema,
    /// An older capture.
    Capture(Profile),
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// What the method or field is now.
    pub is: Is,
    pub method: String,
    /// Path of the field: `user.badges.7`, with numbers for fields without a name; empty for the method.
    pub path: String,
    /// What it was before, where that has a name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub was: String,
    /// What it is now.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub now: String,
    /// Number of observations with what was found, and of all; 0 of all for what is gone.
    pub count: u64,
    pub of: u64,
    /// The same in the older capture, for what is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Share>,
    /// First observation, unless it is gone.
    pub first: Option<Place>,
}

/// A number of observations, and of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    pub count: u64,
    pub of: u64,
}

/// Kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Is {
    Retyped,
    Repeated,
    Gone,
    Empty,
    Constant,
    New,
}

impl Is {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retyped => "retyped",
            Self::Repeated => "repeated",
            Self::Gone => "gone",
            Self::Empty => "empty",
            Self::Constant => "constant",
            Self::New => "new",
        }
    }
}

/// How much a difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Events are wrong or missing: a named field or method cannot be read any more.
    High,
    /// Something is new, or a named field has one value only.
    Medium,
    /// Only fields without a name.
    Low,
}

impl Severity {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// In order of their severity.
    pub findings: Vec<Finding>,
    /// Number of further findings.
    pub more: u64,
    /// Number of fields in the capture that the schema does not name. Only for [`Baseline::Schema`].
    pub unnamed: u64,
    /// Number of methods and fields that the schema names, and only the new capture has. They are no findings:
    /// a few messages do not show all that there is.
    pub appeared: u64,
}

/// Compares a capture with a baseline.
#[must_use]
pub fn compare(baseline: &Baseline, new: &Profile) -> Comparison {
    let mut found = Comparison::default();
    let old = if let Baseline::Capture(old) = baseline { Some(old) } else { None };
    let empty = Shape::default();
    for (name, method) in &new.methods {
        let schema = event::schema(name);
        let before = old.and_then(|old| old.methods.get(name));
        if schema.is_none() && before.is_none() {
            if app_method(name).is_some() {
                found.appeared += u64::from(old.is_some());
            } else {
                let counts = (method.messages, new.messages);
                found.push(Finding::new(name, "", Severity::Medium, Is::New, counts, Some(method.first)));
            }
            continue;
        }
        // The first field of an unknown method is known.
        let schema = schema.or_else(|| Schema::named("Speaker"));
        found.appeared += u64::from(old.is_some() && before.is_none());
        let place = At { method: name, path: "", schema };
        place.compare(old.map(|_| before.map_or(&empty, |before| &before.shape)), &method.shape, &mut found);
    }
    for (name, before) in old.iter().flat_map(|old| &old.methods) {
        let blocks = old.map_or(0, Profile::blocks);
        if !new.methods.contains_key(name) && before.blocks.is_missing_in(blocks, new.blocks()) {
            let severity = if event::schema(name).is_some() { Severity::High } else { Severity::Low };
            let was = Share { count: before.messages, of: old.map_or(0, |old| old.messages) };
            found.push(Finding::gone(name, "", severity, new.messages, was));
        }
    }
    found
        .findings
        .sort_by(|a, b| (a.severity, a.is, &a.method, &a.path).cmp(&(b.severity, b.is, &b.method, &b.path)));
    found
}

/// A message in a method.
struct At<'a> {
    method: &'a str,
    path: &'a str,
    schema: Option<&'static Schema>,
}

impl At<'_> {
    /// Compares the fields of a message; `old` is `None` if the baseline is the schema.
    fn compare(&self, old: Option<&Shape>, new: &Shape, found: &mut Comparison) {
        for (number, now) in &new.fields {
            let field = self.schema.and_then(|schema| schema.field(*number));
            found.unnamed += u64::from(field.is_none() && old.is_none());
            let path = self.path_of(*number, field);
            let before = old.and_then(|old| old.fields.get(number));
            let is_named = field.is_some() && old.is_some_and(|old| old.messages > 0);
            found.appeared += u64::from(is_named && before.is_none());
            let pair = Pair { at: self, path: &path, field, old, before, new, now };
            if let Some(retyped) = pair.retyped() {
                found.push(retyped);
                continue;
            }
            pair.repeated().into_iter().chain(pair.appeared()).for_each(|finding| found.push(finding));
            let inner = field.and_then(|field| field.kind.schema());
            // Bytes without a name can look like messages now and then.
            let is_message = |stats: &Stats| inner.is_some() || stats.messages == stats.lengths;
            let before = before.map(|before| (is_message(before), &before.shape));
            let at = At { method: self.method, path: &path, schema: inner };
            match (old, before) {
                (None, _) if is_message(now) => at.compare(None, &now.shape, found),
                (_, Some((true, before))) if is_message(now) => at.compare(Some(before), &now.shape, found),
                _ => {}
            }
        }
        let Some(old) = old else { return };
        for (number, before) in old.fields.iter().filter(|(number, _)| !new.fields.contains_key(number)) {
            if before.present.is_missing_in(old.messages, new.messages) {
                let field = self.schema.and_then(|schema| schema.field(*number));
                let (path, severity) = (self.path_of(*number, field), severity(field, Severity::High));
                let was = Share { count: before.present.count, of: old.messages };
                found.push(Finding::gone(self.method, &path, severity, new.messages, was));
            }
        }
    }

    fn path_of(&self, number: u32, field: Option<&Field>) -> String {
        let name = field.map_or_else(|| number.to_string(), |field| field.name.to_owned());
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }
}

/// A field of the capture, and what it was before.
struct Pair<'a> {
    at: &'a At<'a>,
    path: &'a str,
    field: Option<&'static Field>,
    old: Option<&'a Shape>,
    before: Option<&'a Stats>,
    new: &'a Shape,
    now: &'a Stats,
}

impl Pair<'_> {
    fn finding(&self, named: Severity, is: Is, counts: (u64, u64), first: Place) -> Finding {
        Finding::new(self.at.method, self.path, severity(self.field, named), is, counts, Some(first))
    }

    fn retyped(&self) -> Option<Finding> {
        let Self { field, before, now, .. } = *self;
        let values = |stats: &Stats| stats.wires.values().map(|(count, _)| count).sum::<u64>();
        let retyped = |was: &str, is: &str, counts, first| {
            let finding = self.finding(Severity::High, Is::Retyped, counts, first);
            Some(Finding { was: was.into(), now: is.into(), ..finding })
        };
        for (&wire, &(count, first)) in &now.wires {
            let is_old = before.is_some_and(|before| before.wires.contains_key(wire));
            if is_old || field.is_some_and(|field| fits(field, wire)) {
                continue;
            }
            if field.is_some() || before.is_some_and(|it| is_significant(count, values(now), values(it))) {
                let was = before.and_then(|before| before.wires.keys().next()).copied();
                let was = field.map(|field| kind_name(field.kind)).or(was).unwrap_or_default();
                return retyped(was, wire, (count, values(now)), first);
            }
        }
        let is_most = |stats: &Stats, count: u64| count * 2 > stats.lengths;
        let is = if is_most(now, now.texts) {
            TEXT
        } else if is_most(now, now.messages) {
            MESSAGE
        } else {
            BYTES
        };
        let other = |stats: &Stats, kind| match kind {
            TEXT => stats.lengths - stats.texts,
            MESSAGE => stats.lengths - stats.messages,
            _ => stats.texts.max(stats.messages),
        };
        if let Some(field) = field {
            let kind = kind_name(field.kind);
            let is_other = |stats: &Stats| is_most(stats, other(stats, kind));
            let is_new = [TEXT, MESSAGE].contains(&kind) && is_other(now) && !before.is_some_and(is_other);
            return if is_new { retyped(kind, is, (other(now, kind), now.lengths), now.first) } else { None };
        }
        let before = before?;
        let was = [TEXT, MESSAGE, BYTES].into_iter().find(|&was| {
            let count = other(now, was);
            was != is && other(before, was) == 0 && is_significant(count, now.lengths, before.lengths)
        })?;
        retyped(was, is, (other(now, was), now.lengths), now.first)
    }

    fn repeated(&self) -> Option<Finding> {
        let Self { before, now, .. } = *self;
        let is_new = match self.field {
            Some(field) => !field.repeated && now.repeated > 0 && before.is_none_or(|it| it.repeated == 0),
            None => before.is_some_and(|before| {
                before.repeated == 0 && is_significant(now.repeated, now.present.count, before.present.count)
            }),
        };
        let counts = (now.repeated, now.present.count);
        is_new.then(|| self.finding(Severity::High, Is::Repeated, counts, now.first_repeated))
    }

    /// Returns whether the field is new, empty or constant.
    fn appeared(&self) -> Option<Finding> {
        let (old, new, now) = (self.old?, self.new, self.now);
        let Some(before) = self.before else {
            let is_new = self.field.is_none() && now.present.is_missing_in(new.messages, old.messages);
            let counts = (now.present.count, new.messages);
            return is_new.then(|| self.finding(Severity::Medium, Is::New, counts, now.first));
        };
        let counts = (now.present.count, now.present.count);
        if now.filled.count == 0 && before.filled.is_missing_in(old.messages, new.messages) {
            return Some(self.finding(Severity::High, Is::Empty, counts, now.first));
        }
        let is_constant = now.changes.count == 0
            && before.values.len() >= VALUES_MIN
            && before.changes.is_missing_in(before.steps, now.steps);
        is_constant.then(|| self.finding(Severity::Medium, Is::Constant, counts, now.first))
    }
}

/// Types of values that have a length, as [`kind_name`] calls them.
const TEXT: &str = "text";
const MESSAGE: &str = "message";
const BYTES: &str = "bytes";

/// Returns the severity of a change; `named` for a field with a name.
fn severity(field: Option<&Field>, named: Severity) -> Severity {
    match (field, named) {
        (None, Severity::High) => Severity::Low,
        (_, named) => named,
    }
}

/// Whether values of a field can have this wire type.
fn fits(field: &Field, wire: &str) -> bool {
    match field.kind {
        FieldKind::Number => wire == "varint" || (field.repeated && wire == "len"),
        _ => wire == "len",
    }
}

impl Finding {
    fn new(
        method: &str,
        path: &str,
        severity: Severity,
        is: Is,
        (count, of): (u64, u64),
        first: Option<Place>,
    ) -> Self {
        let [method, path, was, now] = [method, path, "", ""].map(str::to_owned);
        Self { severity, is, method, path, was, now, count, of, before: None, first }
    }

    /// What no one of `of` messages has.
    fn gone(method: &str, path: &str, severity: Severity, of: u64, before: Share) -> Self {
        Self { before: Some(before), ..Self::new(method, path, severity, Is::Gone, (0, of), None) }
    }
}

impl Comparison {
    fn push(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}
