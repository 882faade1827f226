//! Reads the records of a file, despite damage.

use std::{
    io::{Read, Seek},
    time::Duration,
};

use super::{
    Body, Error, Flags, Preamble, Record, Report, What,
    body::record_type,
    layout::{BODY_BYTES_MAX, HEAD_BYTES, MAJOR, MINOR, PREAMBLE_BYTES, RecordHead, read_preamble},
    report::Damage,
    window::Window,
};

/// Maximum search for the first record after a damaged preamble, in bytes: the two largest records.
const FIRST_RECORD_BYTES_MAX: u64 = 2 * BODY_BYTES_MAX as u64;

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
    pub(super) report: Report,
    /// Bytes that the search for records may still spend on checksums of long candidates.
    pub(super) search_budget: u64,
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
            report: Report::default(),
            search_budget: super::resync::SEARCH_BYTES_MAX,
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
    fn open_damaged(mut self) -> std::io::Result<Option<Self>> {
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
    fn skippable(&mut self, from: Duration, kept: &impl Fn(u8) -> bool) -> std::io::Result<Option<usize>> {
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
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the head at `at` in the window, if a record with a valid checksum starts there.
    pub(super) fn verified(&mut self, at: usize) -> std::io::Result<Option<RecordHead>> {
        let Some(head) = self.head_at(at)? else { return Ok(None) };
        let Some(bytes) = head.record_bytes().filter(|_| head.sync) else { return Ok(None) };
        if !self.window.ensure(at + bytes)? {
            return Ok(None);
        }
        let body = &self.window.bytes()[at + HEAD_BYTES..at + bytes];
        Ok(head.fits(body).then_some(head))
    }

    /// Returns the unchecked head at `at` in the window, or `None` if the file ends before the head does.
    pub(super) fn head_at(&mut self, at: usize) -> std::io::Result<Option<RecordHead>> {
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
}

/// Returns the number of lost records that a Gap reports.
fn lost_in(gap: &Body<'_>) -> u64 {
    match gap.item().what {
        What::Gap(gap) => gap.lost(),
        _ => 0,
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::recording::{Frame, Item, Opcode, Writer, records};

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

    fn heads(bytes: &[u8], skip: Option<Duration>) -> (Vec<Head>, Report) {
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
}
