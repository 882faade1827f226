//! Resumes reading after damage.
//!
//! A payload can contain another recording, possibly placed there on purpose. So bytes are only searched for
//! records if the end of the damaged record cannot be determined otherwise:
//!
//! 1. If a length with one bit flipped leads to the head of the next record or to the end of the file, and
//!    matches the checksum, the length was damaged. This comes first: the damaged length can lead to the head
//!    of a record within the payload.
//! 2. If its length leads to the head of the next record, the damage is elsewhere in the record.
//! 3. If its length leads to the end of the file, it was the last record.
//! 4. If the head is intact and the record reaches beyond the end of the file, it was cut off and nothing
//!    follows.
//! 5. Otherwise, the next sync word is searched for.

use std::io::{self, Read};

use memchr::memmem;

use super::{
    Reader,
    layout::{HEAD_BYTES, RECORD_BYTES_MIN, RecordHead, SYNC},
    report::Damage,
};

/// Budget for checksums of candidates longer than [`CANDIDATE_BYTES_FREE`] in one file, in bytes. Overlapping
/// candidates would otherwise take quadratic time.
pub(super) const SEARCH_BYTES_MAX: u64 = 4 << 30;
/// Maximum length of candidates that are checked outside the budget, in bytes.
const CANDIDATE_BYTES_FREE: usize = 16 << 10;

impl<R: Read> Reader<R> {
    /// Skips the damaged record at the start of the window, and everything else that is unreadable.
    pub(super) fn resync(&mut self) -> io::Result<()> {
        if let Some(bytes) = self.damaged_record()? {
            self.damaged(Damage { position: self.window.position(), bytes: bytes as u64, missing: 1 });
            self.expected += 1;
            self.window.consume(bytes);
        } else if self.is_cut_off()? {
            self.report.tail_bytes = self.window.bytes().len() as u64;
            self.window.consume(self.window.bytes().len());
        } else {
            self.search(SYNC.len(), u64::MAX)?;
        }
        Ok(())
    }

    /// Returns the length of the damaged record at the start of the window, if it can be determined.
    fn damaged_record(&mut self) -> io::Result<Option<usize>> {
        let Some(head) = self.head_at(0)? else { return Ok(None) };
        if let Some(bytes) = self.with_mended_length(head)? {
            return Ok(Some(bytes));
        }
        let stated = head.record_bytes();
        if let Some(bytes) = stated
            && self.followed_by(bytes, self.expected + 1)?
        {
            return Ok(stated);
        }
        let ours = head.sync || u64::from(head.rec_no) == self.expected;
        match stated.filter(|_| ours) {
            Some(bytes) if self.ends_at(bytes)? => Ok(stated),
            _ => Ok(None),
        }
    }

    /// Returns the length of the record at the start of the window, if one flipped bit in the length is its
    /// only damage.
    fn with_mended_length(&mut self, head: RecordHead) -> io::Result<Option<usize>> {
        let mut heads = Vec::from_iter(
            (0..u32::BITS).map(|bit| RecordHead { body_len: head.body_len ^ (1 << bit), ..head }),
        );
        heads.sort_by_key(|head| head.body_len);
        for head in heads {
            let Some(bytes) = head.record_bytes() else { continue };
            let leads_on = self.followed_by(bytes, self.expected + 1)? || self.ends_at(bytes)?;
            if leads_on && head.fits(&self.window.bytes()[HEAD_BYTES..bytes]) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Whether the file ends at `at`.
    fn ends_at(&mut self, at: usize) -> io::Result<bool> {
        Ok(!self.window.ensure(at + 1)? && self.window.bytes().len() == at)
    }

    /// Whether the head of record `rec_no` is at `at`.
    pub(super) fn followed_by(&mut self, at: usize, rec_no: u64) -> io::Result<bool> {
        let next = self.head_at(at)?.filter(|next| next.sync && next.record_bytes().is_some());
        Ok(next.is_some_and(|next| u64::from(next.rec_no) == rec_no))
    }

    /// Whether the file ends within the record at the start of the window, whose head is intact.
    fn is_cut_off(&mut self) -> io::Result<bool> {
        let Some(head) = self.head_at(0)? else { return Ok(true) };
        let intact = head.sync && u64::from(head.rec_no) == self.expected;
        match head.record_bytes().filter(|_| intact) {
            Some(bytes) => Ok(!self.window.ensure(bytes)?),
            None => Ok(false),
        }
    }

    /// Moves to the next record after the first `skip` bytes. Returns `false` if there is none in the rest of
    /// the file, or within `bytes_max` bytes.
    pub(super) fn search(&mut self, skip: usize, bytes_max: u64) -> io::Result<bool> {
        let start = self.window.position();
        self.window.ensure(skip)?;
        self.window.consume(skip.min(self.window.bytes().len()));
        loop {
            if let Some(at) = memmem::find(self.window.bytes(), &SYNC) {
                self.window.consume(at);
                if let Some(rec_no) = self.candidate(start)? {
                    let bytes = self.window.position() - start;
                    self.damaged(Damage { position: start, bytes, missing: rec_no - self.expected });
                    self.expected = rec_no;
                    return Ok(true);
                }
                self.window.consume(SYNC.len());
                continue;
            }
            // A sync word may begin in the last bytes.
            let searched = self.window.bytes().len().saturating_sub(SYNC.len() - 1);
            self.window.consume(searched);
            if self.window.position() - start > bytes_max || !self.window.more()? {
                self.window.consume(self.window.bytes().len());
                self.report.tail_bytes = self.window.position() - start;
                return Ok(false);
            }
        }
    }

    /// Returns the number of the record at the start of the window, if it plausibly belongs to this
    /// recording. `start` is the position of the damage.
    fn candidate(&mut self, start: u64) -> io::Result<Option<u64>> {
        let Some(head) = self.head_at(0)? else { return Ok(None) };
        let (Some(bytes), rec_no) = (head.record_bytes(), u64::from(head.rec_no)) else { return Ok(None) };
        if rec_no < self.expected || !self.may_check(bytes) || self.verified(0)?.is_none() {
            return Ok(None);
        }
        // The most records that fit into the damaged stretch, plus one that began before it.
        let lost_max = (self.window.position() - start) / RECORD_BYTES_MIN as u64 + 1;
        let plausible = rec_no - self.expected <= lost_max
            || self.ends_at(bytes)?
            || self.followed_by(bytes, rec_no + 1)?;
        Ok(plausible.then_some(rec_no))
    }

    fn may_check(&mut self, bytes: usize) -> bool {
        let cost = if bytes > CANDIDATE_BYTES_FREE { bytes as u64 } else { 0 };
        let left = self.search_budget.checked_sub(cost);
        self.search_budget = left.unwrap_or(self.search_budget);
        left.is_some()
    }
}
