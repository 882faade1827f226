//! Writes items to a file, one record per call.

use std::{borrow::Cow, io::Write, time::Duration};

use super::{
    Body, Error, Flags, Item, What,
    layout::{BODY_BYTES_MAX, HEAD_BYTES, MAJOR, MINOR, record_type, write_body, write_head, write_preamble},
    records::{Checkpoint, Counts, End, Header, Http},
};

/// Interval of repeated headers in stream time, so that a file without its beginning can still be identified.
pub const HEADER_EVERY: Duration = Duration::from_secs(60);
/// Maximum length of an HTTP body, in bytes. Longer ones are cut off and flagged.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;

/// Writes a recording. The same items produce the same bytes. Each record is one call of `write_all`, so
/// records written before a crash are complete; wrap the target in a `BufWriter` for fewer system calls.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    header: Header,
    /// When to repeat the header; `None` for copies, which contain their own headers.
    header_due: Option<Duration>,
    /// Number of the next record.
    next: u64,
    last: Duration,
    counts: Counts,
    bytes: u64,
    failed: bool,
    /// Head and body of the current record; kept for its capacity.
    record: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a recording with the preamble and the header.
    ///
    /// # Errors
    /// [`Error::Write`], or [`Error::TooLarge`] for a header with huge tags.
    pub fn new(out: W, header: &Header) -> Result<Self, Error> {
        let mut writer = Self::begin(out, MINOR, header, Some(Duration::ZERO))?;
        writer.repeat_header(Duration::ZERO)?;
        Ok(writer)
    }

    /// Starts a copy of a recording with this minor version. No headers are added to the copied records.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn transcribe(out: W, minor: u8) -> Result<Self, Error> {
        Self::begin(out, minor, &Header::default(), None)
    }

    fn begin(mut out: W, minor: u8, header: &Header, header_due: Option<Duration>) -> Result<Self, Error> {
        let preamble = write_preamble(MAJOR, minor);
        out.write_all(&preamble).map_err(Error::Write)?;
        Ok(Self {
            out,
            header: header.clone(),
            header_due,
            next: 0,
            last: Duration::ZERO,
            counts: Counts::default(),
            bytes: preamble.len() as u64,
            failed: false,
            record: Vec::new(),
        })
    }

    /// Appends an item. A decreasing offset is raised to the previous one and counted in [`Writer::counts`].
    /// An HTTP body above [`HTTP_BODY_BYTES_MAX`] is cut off and flagged. A header item replaces the repeated
    /// header.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Full`] skip the item. After [`Error::Write`], every call returns
    /// [`Error::Failed`].
    pub fn write(&mut self, item: &Item) -> Result<(), Error> {
        if !matches!(item.what, What::Header(_)) {
            self.repeat_header(item.offset)?;
        }
        let (what, flags) = truncate(&item.what, item.flags);
        self.append(item.offset, item.conn, flags, &what)?;
        if let What::Header(header) = &item.what {
            self.header = Header::clone(header);
        }
        Ok(())
    }

    /// Appends a record of another recording unchanged, even if its type is unknown.
    ///
    /// # Errors
    /// See [`Writer::write`].
    pub fn copy(&mut self, body: Body<'_>) -> Result<(), Error> {
        if body.record_type() != record_type::HEADER {
            self.repeat_header(body.offset())?;
        }
        self.start_record();
        self.record.extend_from_slice(body.bytes());
        self.finish_record()?;
        if body.record_type() == record_type::HEADER
            && let What::Header(header) = body.item().what
        {
            self.header = *header;
        }
        Ok(())
    }

    /// Like [`Writer::copy`], with another offset and connection.
    ///
    /// # Errors
    /// See [`Writer::write`].
    pub fn copy_to(&mut self, body: Body<'_>, offset: Duration, conn: u32) -> Result<(), Error> {
        self.repeat_header(offset)?;
        self.start_record();
        self.record.extend_from_slice(body.bytes());
        let offset_ns = u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX);
        self.record[HEAD_BYTES + 4..HEAD_BYTES + 8].copy_from_slice(&conn.to_le_bytes());
        self.record[HEAD_BYTES + 8..HEAD_BYTES + 16].copy_from_slice(&offset_ns.to_le_bytes());
        self.finish_record()
    }

    /// Like [`Writer::copy`], but keeps the record's number, so that gaps remain visible.
    ///
    /// # Errors
    /// See [`Writer::write`].
    pub fn copy_numbered(&mut self, body: Body<'_>, rec_no: u32) -> Result<(), Error> {
        self.skip_to(u64::from(rec_no));
        self.copy(body)
    }

    /// Skips the numbers before `rec_no`, so that readers report lost records.
    pub fn skip_to(&mut self, rec_no: u64) {
        self.next = self.next.max(rec_no);
    }

    /// Appends the counts so far. Recorders do so periodically, and when they stop.
    ///
    /// # Errors
    /// See [`Writer::write`].
    pub fn checkpoint(&mut self, offset: Duration) -> Result<(), Error> {
        let checkpoint = What::Checkpoint(Checkpoint { counts: Some(self.counts) });
        self.append(offset, 0, Flags::default(), &checkpoint)
    }

    /// Seals the recording at the last offset, and flushes it.
    ///
    /// # Errors
    /// See [`Writer::write`].
    pub fn finish(mut self) -> Result<W, Error> {
        let duration_ns = u64::try_from(self.last.as_nanos()).unwrap_or(u64::MAX);
        let end = What::End(End { counts: Some(self.counts), duration_ns });
        self.append(self.last, 0, Flags::default(), &end)?;
        self.flush()?;
        Ok(self.out)
    }

    /// Flushes the target.
    ///
    /// # Errors
    /// See [`Writer::write`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.checked(|writer| writer.out.flush())
    }

    /// Returns the counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the length of the file so far, in bytes.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.bytes
    }

    /// Returns the offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Duration {
        self.last
    }

    /// Returns the target, for example to sync a file.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// Returns the target, for example to read back a file. Nothing more can be written properly if it is changed.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn repeat_header(&mut self, offset: Duration) -> Result<(), Error> {
        let offset = offset.max(self.last);
        if self.header_due.is_none_or(|due| offset < due) {
            return Ok(());
        }
        let header = What::Header(Box::new(self.header.clone()));
        self.append(offset, 0, Flags::default(), &header)
    }

    fn append(&mut self, offset: Duration, conn: u32, flags: Flags, what: &What) -> Result<(), Error> {
        self.start_record();
        write_body(offset, conn, flags, what, &mut self.record);
        self.finish_record()
    }

    fn start_record(&mut self) {
        self.record.clear();
        self.record.resize(HEAD_BYTES, 0);
    }

    /// Checks, clamps, numbers and writes the body in `record`.
    fn finish_record(&mut self) -> Result<(), Error> {
        let rec_no = u32::try_from(self.next).map_err(|_| Error::Full)?;
        let bytes = self.record.len() - HEAD_BYTES;
        if bytes > BODY_BYTES_MAX {
            self.record = Vec::new();
            return Err(Error::TooLarge { bytes });
        }
        let clamped = self.clamp();
        let (head, body) = self.record.split_at_mut(HEAD_BYTES);
        head.copy_from_slice(&write_head(rec_no, body));
        self.checked(|writer| writer.out.write_all(&writer.record))?;
        self.count(clamped);
        Ok(())
    }

    /// Raises a decreasing offset to the previous one, in the encoded bytes.
    fn clamp(&mut self) -> bool {
        let back = self.body().offset() < self.last;
        if back {
            let last_ns = u64::try_from(self.last.as_nanos()).expect("it came from 64 bits");
            self.record[HEAD_BYTES + 8..HEAD_BYTES + 16].copy_from_slice(&last_ns.to_le_bytes());
        }
        back
    }

    fn count(&mut self, clamped: bool) {
        let body = self.body();
        let is_header = body.record_type() == record_type::HEADER;
        let (is_frame, is_sent) = (body.record_type() == record_type::FRAME, body.flags().is_sent());
        let (offset, payload) = (body.offset(), body.payload().len() as u64);
        if is_header {
            self.header_due = self.header_due.map(|_| offset.saturating_add(HEADER_EVERY));
        }
        self.next += 1;
        self.last = offset;
        self.bytes += self.record.len() as u64;
        self.counts.records += 1;
        self.counts.clamped += u64::from(clamped);
        self.counts.frames_sent += u64::from(is_frame && is_sent);
        self.counts.frames_received += u64::from(is_frame && !is_sent);
        self.counts.frame_bytes += if is_frame { payload } else { 0 };
    }

    fn body(&self) -> Body<'_> {
        Body::new(&self.record[HEAD_BYTES..]).expect("a body was written")
    }

    fn checked(&mut self, work: impl FnOnce(&mut Self) -> std::io::Result<()>) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        work(self).map_err(|error| {
            self.failed = true;
            Error::Write(error)
        })
    }
}

/// Cuts off a long HTTP body, and flags the item.
fn truncate(what: &What, flags: Flags) -> (Cow<'_, What>, Flags) {
    match what {
        What::Http(http) if http.body.len() > HTTP_BODY_BYTES_MAX => {
            let http = Http { body: http.body.slice(..HTTP_BODY_BYTES_MAX), ..http.clone() };
            (Cow::Owned(What::Http(http)), Flags(flags.0 | Flags::TRUNCATED))
        }
        _ => (Cow::Borrowed(what), flags),
    }
}
