//! What a thread reads of a capture, and hands over to be woven.

use std::{collections::BTreeSet, sync::mpsc::SyncSender};

use bytes::BytesMut;

use super::captured::{About, Entry, Message, Said, Stop, Visit};

/// A portion that a thread reads ends at so many strands, as each hand-over takes a wake-up …
const PORTION_STRANDS_MAX: usize = 512;
/// … or so many bytes of frames.
const PORTION_BYTES_MAX: usize = 256 << 10;
/// Longest message that is put together: what a recording takes.
const FRAME_BYTES_MAX: usize = 16 << 20;

/// One thing of a capture that is woven in.
pub(super) enum Strand {
    Message(Message),
    Exchange(Entry),
}

impl Strand {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(Message { said: Said::Frame { bytes, .. }, .. }) => bytes.len(),
            Self::Message(_) => 0,
            Self::Exchange(entry) => entry.body.len(),
        }
    }
}

/// Reads what is wanted, and sends it on.
pub(super) struct Reader {
    wanted: BTreeSet<u64>,
    sender: SyncSender<Vec<Strand>>,
    portion: Vec<Strand>,
    portion_bytes: usize,
    is_exchanges: bool,
    /// A frame that others may continue.
    held: Option<Message>,
}

impl Reader {
    pub(super) fn new(wanted: BTreeSet<u64>, sender: SyncSender<Vec<Strand>>, is_exchanges: bool) -> Self {
        Self { wanted, sender, portion: Vec::new(), portion_bytes: 0, is_exchanges, held: None }
    }

    fn send(&mut self, strand: Strand) -> Result<(), Stop> {
        self.portion_bytes += strand.bytes();
        self.portion.push(strand);
        if self.portion.len() < PORTION_STRANDS_MAX && self.portion_bytes < PORTION_BYTES_MAX {
            return Ok(());
        }
        self.hand_over()
    }

    pub(super) fn hand_over(&mut self) -> Result<(), Stop> {
        self.portion_bytes = 0;
        self.sender.send(std::mem::take(&mut self.portion)).map_err(|_| Stop)
    }

    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        let held = self.held.take();
        held.map_or(Ok(()), |held| self.send(Strand::Message(held)))
    }

    /// Puts a frame behind the one that it continues; `false` if it continues none.
    fn append(&mut self, message: &Message) -> bool {
        let Said::Frame { opcode: 0, sent, bytes, .. } = &message.said else { return false };
        match &mut self.held {
            Some(Message { said: Said::Frame { sent: before, bytes: whole, .. }, .. })
                if before == sent && whole.len() + bytes.len() <= FRAME_BYTES_MAX =>
            {
                let mut joined = BytesMut::with_capacity(whole.len() + bytes.len());
                joined.extend_from_slice(whole);
                joined.extend_from_slice(bytes);
                *whole = joined.freeze();
                true
            }
            _ => false,
        }
    }
}

impl Visit for Reader {
    fn wants(&mut self, id: u64) -> bool {
        self.wanted.contains(&id)
    }

    fn wants_bodies(&self) -> bool {
        self.is_exchanges
    }

    fn wants_data(&self, _: u64) -> bool {
        !self.is_exchanges
    }

    fn message(&mut self, id: u64, message: Message) -> Result<(), Stop> {
        if self.is_exchanges || !self.wanted.contains(&id) {
            return Ok(());
        }
        if self.append(&message) {
            return Ok(());
        }
        self.flush()?;
        match message.said {
            Said::Frame { opcode: 0, .. } => {
                let said = Said::Bad("a frame that continues none".into());
                self.send(Strand::Message(Message { said, ..message }))
            }
            Said::Frame { .. } => {
                self.held = Some(message);
                Ok(())
            }
            _ => self.send(Strand::Message(message)),
        }
    }

    fn entry(&mut self, id: u64, entry: Entry) -> Result<(), Stop> {
        let is_wanted = self.is_exchanges && self.wanted.contains(&id);
        if is_wanted { self.send(Strand::Exchange(entry)) } else { Ok(()) }
    }

    fn about(&mut self, _: About) {}
}
