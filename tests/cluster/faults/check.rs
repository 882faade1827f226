//! What must hold for all logs together, whatever happened.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde_json::Value;

use super::clients::{Outcome, Seen, UNKNOWN_POSITION};
use crate::support::{assert_same, contents, numbers};

/// All that readers have seen so far.
#[derive(Default)]
pub(super) struct Check {
    /// The JSON of each number of each stream.
    events: BTreeMap<(String, u64), String>,
    /// The positions of each injected chat.
    chats: HashMap<String, Vec<(String, u64)>>,
    readers: [Progress; READERS],
    /// Chats of orders that were executed, or may have been.
    executed: Vec<String>,
    refused: Vec<String>,
    confirmed: usize,
    lost: usize,
}

/// Number of readers.
pub(super) const READERS: usize = 3;

/// A reader's position.
#[derive(Default)]
struct Progress {
    taken: usize,
    last: Option<(String, u64)>,
    /// Whether it was told, after that, that its position is void.
    is_void: bool,
    voided: usize,
}

impl Check {
    /// Returns the length of a reader's log when it was last read.
    pub(super) fn taken(&self, reader: usize) -> usize {
        self.readers[reader].taken
    }

    /// Takes what a reader has seen since. `may_void`: something removed stored events.
    pub(super) fn read(&mut self, reader: usize, log: &[Seen], may_void: bool) {
        let taken = std::mem::replace(&mut self.readers[reader].taken, log.len());
        for seen in &log[taken..] {
            let progress = &mut self.readers[reader];
            match seen {
                Seen::Event { stream, seq, line, chat } => {
                    if let Some((last, number)) = &progress.last
                        && !progress.is_void
                    {
                        assert!(
                            last == stream && number + 1 == *seq,
                            "reader {reader} got {stream}:{seq} after {last}:{number}, and nobody told why"
                        );
                    }
                    progress.last = Some((stream.clone(), *seq));
                    progress.is_void = false;
                    self.add(stream, *seq, line, chat.as_deref());
                }
                Seen::Closed(UNKNOWN_POSITION) => {
                    assert!(may_void, "the position of reader {reader}, {:?}, became void", progress.last);
                    progress.is_void = true;
                    progress.voided += 1;
                }
                Seen::Closed(_) | Seen::Told(_) => {}
            }
        }
    }

    /// Reads what a node still has.
    pub(super) fn backlog(&mut self, lines: &[String]) {
        assert!(numbers(lines).is_sorted_by(|a, b| a + 1 == *b), "a backlog has a gap");
        for line in lines {
            if let Some(Seen::Event { stream, seq, line, chat }) = Seen::parse(line) {
                self.add(&stream, seq, &line, chat.as_deref());
            }
        }
    }

    fn add(&mut self, stream: &str, seq: u64, line: &str, chat: Option<&str>) {
        let position = (stream.to_owned(), seq);
        if let Some(before) = self.events.get(&position) {
            assert_eq!(before, line, "{stream}:{seq} has two contents");
            return;
        }
        if let Some(chat) = chat {
            self.chats.entry(chat.to_owned()).or_default().push(position.clone());
        }
        self.events.insert(position, line.to_owned());
    }

    /// Takes chats that were answered before an event that all readers have read.
    pub(super) fn sent(&mut self, sent: Vec<(String, Outcome)>, may_void: bool) {
        for (chat, outcome) in sent {
            let found = self.chats.get(&chat).map_or(&[][..], |found| found);
            match outcome {
                Outcome::Executed(answer) => {
                    self.confirmed += 1;
                    let seq =
                        answer["seqs"][0].as_u64().unwrap_or_else(|| panic!("{chat:?}: {answer}, {found:?}"));
                    if found.is_empty() {
                        assert!(may_void, "{chat:?} was confirmed as {seq}, and is lost");
                        self.lost += 1;
                    }
                    let is_there = found.is_empty() || found.iter().any(|(_, at)| *at == seq);
                    assert!(is_there, "{chat:?} was confirmed as {seq}, and is {found:?}");
                    self.executed.push(chat);
                }
                Outcome::Unknown => self.executed.push(chat),
                Outcome::Refused => self.refused.push(chat),
            }
        }
    }

    /// Checks what may have become wrong later, at the end.
    pub(super) fn finish(&self, recording: &[Value]) {
        for chat in &self.refused {
            assert!(!self.chats.contains_key(chat), "{chat:?} was refused, and executed");
        }
        for chat in &self.executed {
            let found = self.chats.get(chat).map_or(0, Vec::len);
            assert!(found <= 1, "{chat:?} was executed {found} times: {:?}", self.chats[chat]);
        }
        let mut streams: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for ((stream, _), line) in &self.events {
            if !line.contains(r#""injected":true"#) {
                streams.entry(stream).or_default().push(line);
            }
        }
        for (stream, lines) in streams {
            let shown: Vec<_> = contents(lines).into_iter().map(without_generation).collect();
            let begins = recording.iter().position(|event| *event == shown[0]);
            let begins = begins.unwrap_or_else(|| panic!("{stream} begins with {}", shown[0]));
            assert_same(&shown, &recording[begins..][..shown.len()]);
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, voided) = (self.events.len(), self.readers.iter().map(|it| it.voided).sum::<usize>());
        let (confirmed, lost) = (self.confirmed, self.lost);
        write!(f, "{events} events, {confirmed} chats confirmed, {lost} lost, {voided} positions void")
    }
}

/// Later replays name their generation, and ids end in `~generation`.
pub(crate) fn without_generation(mut event: Value) -> Value {
    event["data"].as_object_mut().unwrap().remove("generation");
    for pointer in ["/id", "/data/streakId"] {
        if let Some(Value::String(id)) = event.pointer_mut(pointer) {
            id.truncate(id.find('~').unwrap_or(id.len()));
        }
    }
    event
}
