//! Which events a filter hides. Subscribers with a filter miss numbers; two witnesses, each with another
//! filter, see what the other one misses, so that every missing number is explained, or lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use super::Problem;

/// Maximum number of hidden events to describe, for each filter.
const SHOWN_MAX: usize = 4;

/// What a subscriber asks for of a gift streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gifts {
    /// Hides inferred finals, and nothing else.
    Raw,
    /// Hides gift events that add no gifts and are not finals, and nothing else.
    Delta,
}

impl fmt::Display for Gifts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Raw { "raw" } else { "delta" })
    }
}

/// What subscribers missed, and what witnesses saw.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// By filter, stream and number: the event that the filter may hide.
    events: BTreeMap<(Gifts, String, u64), String>,
    /// Filter and stream of a subscriber, and the numbers around what it missed.
    missed: BTreeSet<(Gifts, String, u64, u64)>,
}

impl Hidden {
    /// Remembers an event of a stream if a filter may hide it.
    pub(super) fn see(&mut self, event: &Value) {
        let (gift, Some(seq)) = (&event["data"], event["seq"].as_u64()) else { return };
        if event["type"] != "gift" {
            return;
        }
        let hides = if gift["inferred"] == true {
            Gifts::Raw
        } else if gift["repeatDelta"] == 0 && gift["isFinal"] == false {
            Gifts::Delta
        } else {
            return;
        };
        let stream = event["stream"].as_str().unwrap_or_default().to_owned();
        let what = format!(
            "gift {}: streak {}, repeatCount {}, repeatDelta {}, inferred {}, id {}",
            seq, gift["streakId"], gift["repeatCount"], gift["repeatDelta"], gift["inferred"], event["id"]
        );
        self.events.insert((hides, stream, seq), what);
    }

    /// Remembers that a subscriber received `next` after `last`.
    pub(super) fn miss(&mut self, gifts: Gifts, stream: &str, last: u64, next: u64) {
        self.missed.insert((gifts, stream.to_owned(), last, next));
    }

    /// Returns a problem for each missed number that no filter explains, and describes some that one does.
    pub(super) fn judge(&self) -> (Vec<Problem>, Vec<String>) {
        let (mut problems, mut explained) = (Vec::new(), Vec::new());
        for (gifts, stream, last, next) in &self.missed {
            let between = last.saturating_add(1)..*next;
            let hidden = |seq: u64| self.events.get(&(*gifts, stream.clone(), seq));
            match between.clone().find(|seq| hidden(*seq).is_none()) {
                _ if next <= last => problems.push(format!("event {next} follows {last} with gifts={gifts}")),
                Some(seq) => problems
                    .push(format!("event {next} follows {last} with gifts={gifts}: nothing hides {seq}")),
                None => {
                    let shown = between.filter_map(hidden);
                    explained.extend(shown.map(|what| format!("gifts={gifts} hides {what}")));
                }
            }
        }
        let of = |gifts: Gifts| {
            let start = format!("gifts={gifts} ");
            explained.iter().filter(move |it| it.starts_with(&start)).take(SHOWN_MAX).cloned()
        };
        (problems, of(Gifts::Raw).chain(of(Gifts::Delta)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gift(seq: u64, repeat_delta: i32, is_final: bool, is_inferred: bool) -> Value {
        let data = json!({"repeatDelta": repeat_delta, "isFinal": is_final, "inferred": is_inferred});
        json!({"type": "gift", "stream": "s", "seq": seq, "data": data})
    }

    #[test]
    fn only_what_the_filter_hides_explains_a_missing_number() {
        let mut hidden = Hidden::default();
        let chat =
            json!({"type": "chat", "stream": "s", "seq": 9, "data": {"repeatDelta": 0, "isFinal": false}});
        let gifts = [
            gift(4, 0, false, false),
            gift(5, 0, false, false),
            gift(6, 1, false, false),
            gift(7, 0, true, false),
            gift(8, 0, true, true),
        ];
        gifts.iter().chain([&chat]).for_each(|event| hidden.see(event));
        let is_fine = |gifts, stream, last, next| {
            let mut asked = Hidden { events: hidden.events.clone(), ..Hidden::default() };
            asked.miss(gifts, stream, last, next);
            asked.judge().0.is_empty()
        };
        assert!(is_fine(Gifts::Delta, "s", 3, 6) && is_fine(Gifts::Raw, "s", 7, 9));
        assert!(!is_fine(Gifts::Raw, "s", 3, 6), "the other filter hides these");
        assert!(!is_fine(Gifts::Delta, "other", 3, 6), "another stream");
        assert!(!is_fine(Gifts::Delta, "s", 2, 6) && !is_fine(Gifts::Delta, "s", 3, 7), "one more is lost");
        assert!(!is_fine(Gifts::Delta, "s", 6, 8), "a final");
        assert!(!is_fine(Gifts::Delta, "s", 8, 10), "a chat");
        assert!(!is_fine(Gifts::Delta, "s", 5, 5) && !is_fine(Gifts::Delta, "s", 5, 4), "a repetition");
    }
}
