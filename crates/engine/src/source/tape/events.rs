//! The events of a tape, without a server.

use std::{collections::VecDeque, fmt};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::Problem,
    event::Event,
    recording::Loss,
};

use super::{Step, Tape};

/// `stream` of events that no server broadcast.
pub const OFFLINE: &str = "offline";

/// The events that a replay broadcasts, in its first generation. An error says why the file cannot be read any
/// further.
pub struct Events {
    steps: Box<dyn Iterator<Item = Step> + Send>,
    decoder: Decoder,
    decoded: VecDeque<Event>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Tape {
    /// Decodes the recording. `dedup` is whether messages that TikTok sent twice are left out.
    ///
    /// # Errors
    /// Same as [`Tape::find`].
    pub fn events(&self, dedup: bool) -> Result<Events, Problem> {
        let decoder = Decoder::new(DecoderOptions { replay: true, dedup });
        Ok(Events { steps: Box::new(self.steps()?), decoder, decoded: VecDeque::new() })
    }
}

impl Events {
    /// Returns what is missing in the part that was read.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.decoder.counts().loss()
    }
}

impl Iterator for Events {
    type Item = Result<Event, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.decoded.pop_front() {
                return Some(Ok(event));
            }
            match self.steps.next()? {
                Step::Item(item) => self.decoder.handle(&item),
                Step::Missing(loss) => self.decoder.count_missing(&loss),
                Step::Failed(error) => {
                    self.decoder.count_missing(&Loss::ONE);
                    return Some(Err(error));
                }
                Step::End(offset) => {
                    self.decoder.flush(offset);
                    self.decoder.disconnect(offset, "recording_ended");
                }
            }
            self.decoded.extend(self.decoder.take_events());
        }
    }
}
