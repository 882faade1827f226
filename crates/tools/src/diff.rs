//! Compares two streams of events, in bounded memory.
//!
//! Events with ids match by type and id, and inferred finals by their streak. Other events without ids match
//! if their contents are equal. The next match is searched for within [`WINDOW`] events.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
};

use serde::Serialize;
use serde_json::Value;

use super::text::{COLUMNS_MAX, printable};

/// Number of events per side in which to search for the next match.
pub const WINDOW: usize = 2048;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum Change {
    Added {
        event: Value,
    },
    Removed {
        event: Value,
    },
    Changed {
        /// The event in the first stream.
        event: Value,
        fields: Vec<Field>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Path of the field, e.g. `data.user.nickname`.
    pub path: String,
    /// Value in the first stream; `null` if missing.
    pub before: Value,
    /// Value in the second stream; `null` if missing.
    pub after: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiffCounts {
    pub same: u64,
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
}

impl DiffCounts {
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.added + self.removed + self.changed == 0
    }
}

/// An event with its key for comparison.
struct QueuedEvent {
    key: String,
    event: Value,
}

/// Compares two streams of events, and passes the differences to `emit`, in order.
///
/// # Errors
/// Any error of the streams or of `emit`.
pub fn diff<E>(
    before: impl Iterator<Item = Result<Value, E>>,
    after: impl Iterator<Item = Result<Value, E>>,
    mut emit: impl FnMut(Change) -> Result<(), E>,
) -> Result<DiffCounts, E> {
    let (mut left, mut right) = (Side::new(before), Side::new(after));
    let mut counts = DiffCounts::default();
    loop {
        left.fill(1)?;
        right.fill(1)?;
        let in_step = match (left.queue.front(), right.queue.front()) {
            (None, None) => return Ok(counts),
            (Some(a), Some(b)) => a.key == b.key,
            _ => false,
        };
        let (removed, added) = if in_step { (0, 0) } else { out_of_step(&mut left, &mut right)? };
        for entry in left.queue.drain(..removed) {
            counts.removed += 1;
            emit(Change::Removed { event: entry.event })?;
        }
        for entry in right.queue.drain(..added) {
            counts.added += 1;
            emit(Change::Added { event: entry.event })?;
        }
        if let (Some(a), Some(b)) = (left.queue.front(), right.queue.front())
            && a.key == b.key
        {
            let (Some(a), Some(b)) = (left.queue.pop_front(), right.queue.pop_front()) else { continue };
            let mut fields = Vec::new();
            compare("", &a.event, &b.event, &mut fields);
            if fields.is_empty() {
                counts.same += 1;
            } else {
                counts.changed += 1;
                emit(Change::Changed { event: a.event, fields })?;
            }
        }
    }
}

/// Returns how many events precede the next match on each side. The next match is the one with the smallest
/// sum.
fn out_of_step<E>(
    left: &mut Side<impl Iterator<Item = Result<Value, E>>>,
    right: &mut Side<impl Iterator<Item = Result<Value, E>>>,
) -> Result<(usize, usize), E> {
    left.fill(WINDOW)?;
    right.fill(WINDOW)?;
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (at, entry) in right.queue.iter().enumerate() {
        places.entry(&entry.key).or_insert(at);
    }
    let mut best: Option<(usize, usize)> = None;
    for (at, entry) in left.queue.iter().enumerate() {
        if best.is_some_and(|(a, b)| at >= a + b) {
            break;
        }
        if let Some(&place) = places.get(entry.key.as_str())
            && best.is_none_or(|(a, b)| at + place < a + b)
        {
            best = Some((at, place));
        }
    }
    // Without a match in the window, all events in it differ.
    Ok(best.unwrap_or((left.queue.len(), right.queue.len())))
}

struct Side<I> {
    events: I,
    queue: VecDeque<QueuedEvent>,
}

impl<E, I: Iterator<Item = Result<Value, E>>> Side<I> {
    fn new(events: I) -> Self {
        Self { events, queue: VecDeque::new() }
    }

    fn fill(&mut self, count: usize) -> Result<(), E> {
        while self.queue.len() < count {
            let Some(event) = self.events.next() else { break };
            self.queue.push_back(QueuedEvent::new(event?));
        }
        Ok(())
    }
}

impl QueuedEvent {
    /// Removes the fields set by the server: sequence number, stream, and time of receipt.
    fn new(mut event: Value) -> Self {
        if let Value::Object(fields) = &mut event {
            let received = fields.remove("ts");
            fields.remove("seq");
            fields.remove("stream");
            if let Some(Value::Object(data)) = fields.get_mut("data")
                && data.get("timestamp") == received.as_ref()
            {
                data.remove("timestamp");
            }
        }
        let kind = event["type"].as_str().unwrap_or_default();
        let data = &event["data"];
        let key = match event["id"].as_str() {
            // TikTok did not send it, so it has no id.
            _ if data["inferred"] == true => format!("{kind} {} inferred", data["streakId"]),
            Some(id) => format!("{kind} {id}"),
            None => format!("{kind} {data}"),
        };
        Self { key, event }
    }
}

fn compare(path: &str, before: &Value, after: &Value, fields: &mut Vec<Field>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let new = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(new) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let [a, b] = [a, b].map(|map| map.get(key).unwrap_or(&Value::Null));
                compare(&path, a, b, fields);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{at}]"), a, b, fields);
            }
        }
        _ if before == after => {}
        _ => fields.push(Field { path: path.into(), before: before.clone(), after: after.clone() }),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |text: String| writeln!(f, "{}", printable(&text, COLUMNS_MAX));
        match self {
            Self::Added { event } => line(format!("+ {}", outline(event))),
            Self::Removed { event } => line(format!("- {}", outline(event))),
            Self::Changed { event, fields } => {
                line(format!("~ {}", outline(event)))?;
                for field in fields {
                    line(format!("    {}: {} → {}", field.path, field.before, field.after))?;
                }
                Ok(())
            }
        }
    }
}

/// Formats an event as in a terminal, or as type and id.
fn outline(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap_or("?");
    let id = event["id"].as_str().unwrap_or_default();
    match livetape_core::terminal::line(event) {
        Some(line) => format!("{kind} {}", line.lines().next().unwrap_or_default()),
        None => format!("{kind} {id}").trim_end().to_owned(),
    }
}

impl fmt::Display for DiffCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { same, added, removed, changed } = self;
        if self.is_same() {
            return writeln!(f, "✅ no differences in {same} events");
        }
        writeln!(f, "{added} added, {removed} removed, {changed} changed, {same} equal")
    }
}
