//! A recording without a server.

use std::path::Path;

use livetape_core::{
    error::{Code, Problem},
    recording::Loss,
};
use livetape_engine::source::{OFFLINE, Tape};
use livetape_feed::hub::Filter;
use serde_json::Value;

/// A recording that is read without a server.
///
/// ```
/// use livetape_testing::Recording;
///
/// # fn main() -> Result<(), livetape_testing::Problem> {
/// let mut chats = 0;
/// for event in Recording::open("demo")?.events() {
///     let event = event?;
///     chats += i32::from(event["type"] == "chat");
/// }
/// assert_eq!(chats, 63);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Recording(Tape);

impl Recording {
    /// Opens the recording at this path, or the built-in recording for `demo`.
    ///
    /// # Errors
    /// If it cannot be read, or is not a recording that this version can read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Problem> {
        Self::new(Tape::find(path)?)
    }

    /// Reads a recording in memory, for example one from `include_bytes!`.
    ///
    /// ```
    /// use livetape_testing::Recording;
    ///
    /// assert!(Recording::from_bytes(&b"not a recording"[..]).is_err());
    /// ```
    ///
    /// # Errors
    /// If it is not a recording that this version can read.
    pub fn from_bytes(bytes: impl Into<bytes::Bytes>) -> Result<Self, Problem> {
        Self::new(Tape::from_bytes("bytes", bytes.into()))
    }

    fn new(tape: Tape) -> Result<Self, Problem> {
        tape.header()?;
        Ok(Self(tape))
    }

    /// Returns the events that a replay sends to a client, as JSON, with the `stream` `offline`. If part of the
    /// recording is missing or unreadable, the last item is an error, so an incomplete show is not taken for a
    /// whole one.
    ///
    /// ```
    /// use livetape_testing::Recording;
    ///
    /// let events = Recording::open("demo").unwrap().events();
    /// let last = events.last().unwrap().unwrap();
    /// assert_eq!((&last["type"], &last["data"]["reason"]), (&"disconnected".into(), &"recording_ended".into()));
    /// ```
    pub fn events(&self) -> impl Iterator<Item = Result<Value, Problem>> + use<> {
        let (name, filter, mut seq) = (self.0.name.clone(), Filter::default(), 0);
        let mut reading = Some(self.0.events(true));
        std::iter::from_fn(move || {
            let events = match reading.take()? {
                Ok(events) => reading.insert(Ok(events)).as_mut().ok()?,
                Err(problem) => return Some(Err(problem)),
            };
            // Why it cannot be read any further is part of the loss.
            let json = events.filter_map(Result::ok).find_map(|event| {
                let mut json = Vec::new();
                // As on a server, events that a client is not sent are counted too.
                seq += 1;
                filter.encode(OFFLINE, seq, &event, &mut json).then_some(json)
            });
            match json {
                Some(json) => Some(Ok(serde_json::from_slice(&json).expect("events are JSON"))),
                None => {
                    let loss = events.loss();
                    reading = None;
                    loss.is_some().then(|| Err(incomplete(&name, loss)))
                }
            }
        })
    }
}

fn incomplete(name: &str, loss: Loss) -> Problem {
    Problem::new(Code::BadRecording, format!("{name} is incomplete: {loss}"))
        .hint("run `livetape verify` to see where")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOW: &[u8] = include_bytes!("../recordings/six-seconds.bin");

    #[test]
    fn a_recording_that_was_cut_ends_with_an_error() {
        let whole = Vec::from_iter(Recording::from_bytes(SHOW).unwrap().events().map(Result::unwrap));
        let cut = Recording::from_bytes(&SHOW[..SHOW.len() / 2]).unwrap();
        let mut events = Vec::from_iter(cut.events());
        let problem = events.pop().unwrap().unwrap_err().to_string();
        assert!(problem.starts_with("bytes is incomplete: "), "{problem}");
        // All but the end, which says why.
        let read = Vec::from_iter(events.into_iter().map(Result::unwrap));
        assert!(read.len() > 1 && read[..read.len() - 1] == whole[..read.len() - 1]);
    }
}
