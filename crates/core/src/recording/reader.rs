//! Reads the records of a file, despite damage, and reports what is missing.

use std::{
    fmt,
    io::{self, Read, Seek},
    ops::AddAssign,
    time::Duration,
};

use memchr::memmem;
use serde::Serialize;

use super::{
    Body, Error, Flags, Record, What,
    layout::{
        BODY_BYTES_MAX, HEAD_BYTES, MAJOR, MINOR, PREAMBLE_BYTES, RECORD_BYTES_MIN, RecordHead, SYNC,
        read_preamble, record_type,
    },
};
use crate::terminal::thousands;

/// Maximum search for the first record after a damaged preamble, in bytes: the two largest records.
const FIRST_RECORD_BYTES_MAX: u64 = 2 * BODY_BYTES_MAX as u64;
/// Budget for checksums of candidates longer than [`CANDIDATE_BYTES_FREE`] in one file, in bytes. Overlapping
/// candidates would otherwise take quadratic time.
const SEARCH_BYTES_MAX: u64 = 4 << 30;
/// Maximum length of candidates that are checked outside the budget, in bytes.
const CANDIDATE_BYTES_FREE: usize = 16 << 10;
/// Minimum number of bytes to read at once.
const READ_BYTES: usize = 64 << 10;

/// Reads a recording from any stream, in memory bounded by the largest record. Damage is skipped and listed
/// in [`Reader::report`].
#[derive(Debug)]
pub struct Reader<R> {
    pub(super) window: Window<R>,
    /// Expected number of the next record.
    pub(super) expected: u64,
    /// Length of the last returned record, at the start of the window; 0 if there is none.
    current: usize,
    /// Position up to which the report is complete.
    reported: u64,
    pub(super) report: ReadReport,
    /// Bytes that the search for records may still spend on checksums of long candidates.
    search_budget: u64,
}

/// The fields of a record other than its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position of the record in the file.
    pub position: u64,
    /// Number of the record.
    pub rec_no: u32,
    /// One of [`super::record_type`], or an unknown type.
    pub record_type: u8,
    /// Direction, origin and changes.
    pub flags: Flags,
    /// Opcode of a frame; 0 for other records.
    pub opcode: u8,
    /// Connection number; 0 if the record belongs to none.
    pub conn: u32,
    /// Time since the start of the stream; never less than that of the previous record.
    pub offset: Duration,
    /// Length of the payload, in bytes.
    pub payload_bytes: usize,
}

impl<R: Read> Reader<R> {
    /// Reads the preamble. If it is damaged, skips to the first valid record.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotARecording`], [`Error::NewerMajor`], [`Error::OlderMajor`] or
    /// [`Error::Read`].
    pub fn open(source: R) -> Result<Self, Error> {
        let mut reader = Self {
            window: Window::new(source),
            expected: 0,
            current: 0,
            reported: 0,
            report: ReadReport::default(),
            search_budget: SEARCH_BYTES_MAX,
        };
        reader.window.ensure(PREAMBLE_BYTES).map_err(Error::Read)?;
        if reader.window.bytes().is_empty() {
            return Err(Error::Empty);
        }
        match read_preamble(reader.window.bytes()) {
            Some((major, minor)) if major > MAJOR => return Err(Error::NewerMajor { major, minor }),
            Some((major, minor)) if major < MAJOR => return Err(Error::OlderMajor { major, minor }),
            Some((_, minor)) if minor > MINOR => reader.report.preamble = Preamble::NewerMinor(minor),
            Some(_) => {}
            None => return reader.open_damaged().map_err(Error::Read)?.ok_or(Error::NotARecording),
        }
        reader.window.consume(PREAMBLE_BYTES);
        Ok(reader)
    }

    /// Finds the first record after a damaged preamble: directly after it, or within
    /// [`FIRST_RECORD_BYTES_MAX`].
    fn open_damaged(mut self) -> io::Result<Option<Self>> {
        self.report.preamble = Preamble::Damaged;
        if self.verified(PREAMBLE_BYTES)?.is_some_and(|head| head.rec_no == 0) {
            self.window.consume(PREAMBLE_BYTES);
            return Ok(Some(self));
        }
        let found = self.search(0, FIRST_RECORD_BYTES_MAX)?;
        Ok(found.then_some(self))
    }

    /// Returns the next intact record, decoded, or `None` at the end of the file.
    ///
    /// # Errors
    /// [`Error::Read`] if the source fails. Damage is not an error.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would have to be stopped by its user"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        let Some(head) = self.next_head()? else { return Ok(None) };
        let mut item = self.body().expect("there is a record").item();
        item.offset = head.offset;
        Ok(Some(Record { rec_no: head.rec_no, item }))
    }

    /// Returns the head of the next intact record, without decoding or copying: for seeking, counting and
    /// copying. [`Reader::body`] returns the rest of it.
    ///
    /// # Errors
    /// See [`Reader::next`].
    pub fn next_head(&mut self) -> Result<Option<Head>, Error> {
        self.window.consume(std::mem::take(&mut self.current));
        while self.window.ensure(1).map_err(Error::Read)? {
            match self.verified(0).map_err(Error::Read)? {
                Some(head) if u64::from(head.rec_no) >= self.expected => return Ok(Some(self.accept(head))),
                // An earlier number means that it belongs to another recording.
                Some(_) => drop(self.search(4, u64::MAX).map_err(Error::Read)?),
                None => self.resync().map_err(Error::Read)?,
            }
        }
        Ok(None)
    }

    /// Skips records with an offset before `from` and a type that is not `kept`, for as long as each record
    /// leads directly to the next. Only heads are read, so damage within skipped records goes unnoticed.
    ///
    /// # Errors
    /// See [`Reader::next`].
    pub fn skip_before(&mut self, from: Duration, kept: impl Fn(u8) -> bool) -> Result<(), Error> {
        self.window.consume(std::mem::take(&mut self.current));
        while let Some(bytes) = self.skippable(from, &kept).map_err(Error::Read)? {
            self.expected += 1;
            if self.window.position() >= self.reported {
                self.report.records += 1;
                self.reported = self.window.position() + bytes as u64;
            }
            self.window.consume(bytes);
        }
        Ok(())
    }

    /// Returns the length of the record at the start of the window, if it can be skipped.
    fn skippable(&mut self, from: Duration, kept: &impl Fn(u8) -> bool) -> io::Result<Option<usize>> {
        let Some(head) = self.head_at(0)? else { return Ok(None) };
        let expected = head.sync && u64::from(head.rec_no) == self.expected;
        let Some(bytes) = head.record_bytes().filter(|_| expected) else { return Ok(None) };
        if !self.followed_by(bytes, self.expected + 1)? {
            return Ok(None);
        }
        let body = Body::new(&self.window.bytes()[HEAD_BYTES..bytes]);
        Ok(body.filter(|body| body.offset() < from && !kept(body.record_type())).map(|_| bytes))
    }

    /// Returns the body of the record that [`Reader::next_head`] or [`Reader::next`] returned last.
    #[must_use]
    pub fn body(&self) -> Option<Body<'_>> {
        Body::new(self.window.bytes().get(HEAD_BYTES..self.current)?)
    }

    /// Returns the report so far. It is complete once [`Reader::next`] has returned `None`.
    #[must_use]
    pub fn report(&self) -> &ReadReport {
        &self.report
    }

    /// Returns the head at `at` in the window, if a record with a valid checksum starts there.
    pub(super) fn verified(&mut self, at: usize) -> io::Result<Option<RecordHead>> {
        let Some(head) = self.head_at(at)? else { return Ok(None) };
        let Some(bytes) = head.record_bytes().filter(|_| head.sync) else { return Ok(None) };
        if !self.window.ensure(at + bytes)? {
            return Ok(None);
        }
        let body = &self.window.bytes()[at + HEAD_BYTES..at + bytes];
        Ok(head.fits(body).then_some(head))
    }

    /// Returns the unchecked head at `at` in the window, or `None` if the file ends before the head does.
    fn head_at(&mut self, at: usize) -> io::Result<Option<RecordHead>> {
        self.window.ensure(at + HEAD_BYTES)?;
        Ok(self.window.bytes().get(at..).and_then(RecordHead::read))
    }

    /// Accepts the verified record at the start of the window.
    fn accept(&mut self, head: RecordHead) -> Head {
        let missing = u64::from(head.rec_no) - self.expected;
        if missing > 0 {
            self.damaged(Damage { position: self.window.position(), bytes: 0, missing });
        }
        self.expected = u64::from(head.rec_no) + 1;
        self.current = head.record_bytes().expect("a verified record has a valid length");
        let body = self.body().expect("a verified record has a body");
        let head = Head {
            position: self.window.position(),
            rec_no: head.rec_no,
            record_type: body.record_type(),
            flags: body.flags(),
            opcode: body.opcode(),
            conn: body.conn(),
            offset: body.offset().max(self.report.last_offset),
            payload_bytes: body.payload().len(),
        };
        let back = body.offset() < head.offset;
        let lost = match head.record_type {
            record_type::GAP => lost_in(&body),
            _ => 0,
        };
        self.count(head, back, lost);
        head
    }

    fn count(&mut self, head: Head, back: bool, lost: u64) {
        self.report.last_offset = head.offset;
        self.report.sealed = head.record_type == record_type::END;
        if head.position >= self.reported {
            self.report.records += 1;
            self.report.clamped += u64::from(back);
            self.report.lost_in_gaps = self.report.lost_in_gaps.saturating_add(lost);
            self.reported = head.position + self.current as u64;
        }
    }

    /// Reports a damaged stretch, unless it was already reported before a seek.
    pub(super) fn damaged(&mut self, damage: Damage) {
        // A damaged record after an End was not written by a recorder that had sealed the file.
        self.report.sealed = false;
        if damage.position >= self.reported {
            self.report.add(damage);
            self.reported = damage.position + damage.bytes;
        }
    }

    /// Skips the damaged record at the start of the window, and everything else that is unreadable.
    fn resync(&mut self) -> io::Result<()> {
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
    fn followed_by(&mut self, at: usize, rec_no: u64) -> io::Result<bool> {
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

impl<R: Read + Seek> Reader<R> {
    /// Seeks to a record whose head was returned before, so that it is read next. Data read twice is reported
    /// once.
    ///
    /// # Errors
    /// [`Error::Read`] if the source cannot seek.
    pub fn seek(&mut self, to: &Head) -> Result<(), Error> {
        self.window.seek(to.position).map_err(Error::Read)?;
        self.current = 0;
        self.expected = u64::from(to.rec_no);
        self.report.last_offset = to.offset;
        Ok(())
    }
}

/// Buffers a stream from `position` on, as far as needed. It grows with the data received, never with the
/// value of a length field.
#[derive(Debug)]
pub(super) struct Window<R> {
    source: R,
    /// Fully initialised, so that it need not be cleared before each read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
    ended: bool,
}

impl<R> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0, end: 0, position: 0, ended: false }
    }

    /// Returns the buffered bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns the position of [`Window::bytes`] in the stream.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Advances by `count` buffered bytes.
    fn consume(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
        assert!(self.start <= self.end, "only buffered bytes can be consumed");
    }
}

impl<R: Read> Window<R> {
    /// Buffers at least `count` bytes; returns `false` if the stream ends before.
    fn ensure(&mut self, count: usize) -> io::Result<bool> {
        while self.bytes().len() < count {
            let missing = count - self.bytes().len();
            let available = self.bytes().len();
            // A large window is moved less often than once per READ_BYTES.
            if !self.read(missing.min(available).max(available / 4).max(READ_BYTES))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads up to `count` more bytes; returns `false` at the end of the stream.
    fn read(&mut self, count: usize) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let wanted = self.end + count;
        if self.buffer.len() < wanted {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
        let got = read_some(&mut self.source, &mut self.buffer[self.end..])?;
        self.end += got;
        self.ended = got == 0;
        Ok(!self.ended)
    }

    /// Reads at least one more byte; returns `false` at the end of the stream.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        self.read(READ_BYTES)
    }
}

impl<R: Seek> Window<R> {
    /// Seeks to a position of the stream.
    pub(super) fn seek(&mut self, position: u64) -> io::Result<()> {
        self.source.seek(io::SeekFrom::Start(position))?;
        (self.start, self.end, self.position, self.ended) = (0, 0, position, false);
        Ok(())
    }
}

/// Returns the number of lost records that a Gap reports.
fn lost_in(gap: &Body<'_>) -> u64 {
    match gap.item().what {
        What::Gap(gap) => gap.lost(),
        _ => 0,
    }
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Maximum number of stretches listed in [`ReadReport::damage`]. All are counted.
pub const DAMAGE_LISTED_MAX: usize = 1000;
/// Message for a recording whose last record is not an End.
const UNSEALED: &str = "not sealed: the end may be missing";

/// Counts of the records read, and of the damage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadReport {
    /// State of the first 16 bytes.
    pub preamble: Preamble,
    /// Number of records read.
    pub records: u64,
    /// Number of records missing between those that were read. Records lost after the last one, such as in a
    /// crash, are unknown.
    pub missing: u64,
    /// The damaged stretches, up to [`DAMAGE_LISTED_MAX`].
    pub damage: Vec<Damage>,
    /// Number of damaged stretches.
    pub damaged_stretches: u64,
    /// Number of bytes in damaged stretches.
    pub damaged_bytes: u64,
    /// Whether the last record is an End, so the recording was completed properly.
    pub sealed: bool,
    /// Bytes of a record that was cut off after the last intact one. Known once the file has been read to its
    /// end.
    pub tail_bytes: u64,
    /// Number of records that the recorder lost before writing them, according to the file's Gap records.
    pub lost_in_gaps: u64,
    /// Number of decreasing offsets, each raised to the previous offset.
    pub clamped: u64,
    /// Offset of the last record.
    #[serde(skip)]
    pub last_offset: Duration,
}

impl ReadReport {
    /// Whether the file is sealed and undamaged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_damaged = self.damaged_stretches > 0 || self.tail_bytes > 0;
        self.sealed && !is_damaged && self.preamble != Preamble::Damaged
    }

    /// Returns the missing data, once the file has been read to its end.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { unsealed: !self.sealed, ..self.loss_so_far() }
    }

    /// Returns the missing data in the part read so far.
    #[must_use]
    pub fn loss_so_far(&self) -> Loss {
        let preamble = if self.preamble == Preamble::Damaged { PREAMBLE_BYTES as u64 } else { 0 };
        Loss {
            records: self.missing.saturating_add(self.lost_in_gaps),
            bytes: preamble + self.damaged_bytes + self.tail_bytes,
            ..Loss::default()
        }
    }

    pub(super) fn add(&mut self, found: Damage) {
        self.missing += found.missing;
        self.damaged_bytes += found.bytes;
        // Adjacent damage forms one stretch.
        if let Some(last) = self.damage.last_mut()
            && last.position + last.bytes == found.position
        {
            last.bytes += found.bytes;
            last.missing += found.missing;
            return;
        }
        self.damaged_stretches += 1;
        if self.damage.len() < DAMAGE_LISTED_MAX {
            self.damage.push(found);
        }
    }
}

/// State of a file's first 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Preamble {
    /// Valid, and of this version.
    #[default]
    Intact,
    /// Of a newer minor version: records may contain more than is displayed.
    NewerMinor(u8),
    /// Damaged or missing. The records were found without it.
    Damaged,
}

/// A stretch of a file without a readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Position in the file.
    pub position: u64,
    /// Number of bytes skipped; 0 if records are missing without a trace.
    pub bytes: u64,
    /// Number of records missing there.
    pub missing: u64,
}

/// Data that is missing from a recording, or may be. Commands that find any exit with code 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Records that are damaged, or were lost before they could be written.
    pub records: u64,
    /// Unreadable bytes of the file.
    pub bytes: u64,
    /// Frames and messages that cannot be decoded.
    pub undecoded: u64,
    /// Whether the recording was never sealed. An unknown amount may be missing at its end.
    pub unsealed: bool,
}

impl Loss {
    /// The loss of at least one record, where a file cannot be read further.
    pub const ONE: Self = Self { records: 1, bytes: 0, undecoded: 0, unsealed: false };

    /// Whether anything is missing, or may be.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }

    /// Returns the loss found since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            records: self.records.saturating_sub(before.records),
            bytes: self.bytes.saturating_sub(before.bytes),
            undecoded: self.undecoded.saturating_sub(before.undecoded),
            unsealed: self.unsealed && !before.unsealed,
        }
    }
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.undecoded = self.undecoded.saturating_add(other.undecoded);
        self.unsealed = self.unsealed || other.unsealed;
    }
}

/// Formats one line: the counts that are not zero, then a note if the end may be missing.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = [
            (self.records, "record missing", "records missing"),
            (self.bytes, "byte unreadable", "bytes unreadable"),
            (self.undecoded, "frame or message unreadable", "frames and messages unreadable"),
        ];
        let mut separator = "";
        for (number, one, many) in counted.into_iter().filter(|(number, ..)| *number > 0) {
            write!(f, "{separator}{} {}", thousands(number), if number == 1 { one } else { many })?;
            separator = "; ";
        }
        if self.unsealed {
            write!(f, "{separator}{UNSEALED}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{
        super::{Frame, Item, Opcode, Writer, records},
        *,
    };

    fn recording(count: u64) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &records::Header::default()).unwrap();
        for n in 0..count {
            let what = match n % 7 {
                0 => What::ConnOpen(records::ConnOpen::default()),
                _ => What::Frame(Frame {
                    opcode: Opcode::BINARY,
                    bytes: Bytes::from(vec![7; n as usize % 50]),
                }),
            };
            let offset = Duration::from_millis(n / 2);
            writer.write(&Item { offset, conn: 1, flags: Flags::default(), what }).unwrap();
        }
        writer.finish().unwrap()
    }

    fn heads(bytes: &[u8], skip: Option<Duration>) -> (Vec<Head>, ReadReport) {
        let (mut reader, mut heads) = (Reader::open(bytes).unwrap(), vec![]);
        loop {
            if let Some(from) = skip {
                reader.skip_before(from, |record_type| record_type == record_type::CONN_OPEN).unwrap();
            }
            let Some(head) = reader.next_head().unwrap() else { return (heads, reader.report().clone()) };
            heads.push(head);
        }
    }

    proptest! {
        /// Wanted records are never skipped, whichever byte is damaged, and unwanted ones are not read.
        #[test]
        fn only_unwanted_records_are_skipped(from_ms in 0_u64..60, at in any::<prop::sample::Index>()) {
            let (mut bytes, from) = (recording(100), Duration::from_millis(from_ms));
            let wanted = |head: &Head| head.offset >= from || head.record_type == record_type::CONN_OPEN;
            let (all, whole) = heads(&bytes, None);
            let (kept, report) = heads(&bytes, Some(from));
            let expected: Vec<Head> = all.into_iter().filter(wanted).collect();
            prop_assert_eq!(kept.into_iter().filter(wanted).collect::<Vec<_>>(), expected);
            prop_assert_eq!((report.records, report.missing), (whole.records, 0));

            let broken = 32 + at.index(bytes.len() - 32);
            bytes[broken] ^= 0x10;
            let (all, _) = heads(&bytes, None);
            let (kept, _) = heads(&bytes, Some(from));
            let numbers = |heads: Vec<Head>| {
                heads.into_iter().filter(wanted).map(|head| head.rec_no).collect::<Vec<_>>()
            };
            prop_assert_eq!(numbers(kept), numbers(all));
        }
    }

    #[test]
    fn memory_grows_only_with_received_data() {
        let mut window = Window::new(&[1; 100_000][..]);
        assert!(!window.ensure(16 << 20).unwrap());
        assert_eq!(window.bytes().len(), 100_000);
        assert!(window.buffer.capacity() <= 4 * READ_BYTES, "{}", window.buffer.capacity());
    }

    #[test]
    fn a_long_stream_is_not_kept() {
        let mut window = Window::new(io::repeat(1).take(100 << 20));
        while window.ensure(300).unwrap() {
            window.consume(300);
        }
        assert_eq!(window.position() + window.bytes().len() as u64, 100 << 20);
        assert!(window.buffer.capacity() <= 2 * READ_BYTES, "{}", window.buffer.capacity());
    }

    #[test]
    fn a_loss_is_one_line_with_every_count() {
        let mut loss = Loss { records: 1, ..Loss::default() };
        assert_eq!(loss.to_string(), "1 record missing");
        loss += Loss { records: 1, bytes: 3451, undecoded: 2, unsealed: true };
        let line = "2 records missing; 3,451 bytes unreadable; 2 frames and messages unreadable; \
                not sealed: the end may be missing";
        assert_eq!(loss.to_string(), line);
        let unsealed = Loss { unsealed: true, ..Loss::default() };
        assert_eq!(unsealed.to_string(), "not sealed: the end may be missing");
        assert!(loss.is_some() && unsealed.is_some() && !Loss::default().is_some());
    }
}
