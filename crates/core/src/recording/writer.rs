//! Items → file, one record a call.

use std::{borrow::Cow, io::Write, time::Duration};

use super::{
    Body, Error, Flags, Item, What,
    body::{record_type, write_body},
    layout::{BODY_BYTES_MAX, HEAD_BYTES, MAJOR, MINOR, write_head, write_preamble},
    records::{Checkpoint, Counts, End, Header, Http},
};

/// How often the header is repeated, in stream time: a file whose beginning is lost still says what it is.
pub const HEADER_EVERY: Duration = Duration::from_secs(60);
/// Longer bodies of HTTP answers are cut off there, and flagged.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;

/// Writes a recording: the same items give the same bytes. Each record is one call of `write_all`, so that what was
/// written before a crash is whole; whoever wants to call the system less often wraps a `BufWriter`.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    header: Header,
    /// When the header is repeated; `None`: never, as what is copied has headers of its own.
    header_due: Option<Duration>,
    /// The number of the next record.
    next: u64,
    last: Duration,
    counts: Counts,
    bytes: u64,
    failed: bool,
    /// Head and body of the record that is being written; kept for its capacity.
    record: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a recording: writes the preamble and the header.
    ///
    /// # Errors
    /// [`Error::Write`], or [`Error::TooLarge`] for a header with huge tags.
    pub fn new(out: W, header: &Header) -> Result<Self, Error> {
        let mut writer = Self::begin(out, MINOR, header, Some(Duration::ZERO))?;
        writer.repeat_header(Duration::ZERO)?;
        Ok(writer)
    }

    /// Starts a copy of a recording of this minor version: nothing is added to what is copied, not even a header.
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

    /// Appends an item. An offset that goes back becomes the one before and is counted in [`Writer::counts`]. The body of
    /// an HTTP answer above [`HTTP_BODY_BYTES_MAX`] is cut off and flagged. A header replaces the one that is repeated.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Full`] leave the item out; after [`Error::Write`] every call gives
    /// [`Error::Failed`].
    pub fn write(&mut self, item: &Item) -> Result<(), Error> {
        if !matches!(item.what, What::Header(_)) {
            self.repeat_header(item.offset)?;
        }
        let (what, flags) = truncate(&item.what, item.flags);
        self.append(item.offset, item.conn, flags, &what)?;
        if let What::Header(header) = &item.what {
            self.header = header.clone();
        }
        Ok(())
    }

    /// Appends a record of another recording as it is, also one that this version does not know.
    ///
    /// # Errors
    /// As [`Writer::write`].
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
            self.header = header;
        }
        Ok(())
    }

    /// As [`Writer::copy`], at another offset and on another connection.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn copy_to(&mut self, body: Body<'_>, offset: Duration, conn: u32) -> Result<(), Error> {
        self.repeat_header(offset)?;
        self.start_record();
        self.record.extend_from_slice(body.bytes());
        let offset_ns = u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX);
        self.record[HEAD_BYTES + 4..HEAD_BYTES + 8].copy_from_slice(&conn.to_le_bytes());
        self.record[HEAD_BYTES + 8..HEAD_BYTES + 16].copy_from_slice(&offset_ns.to_le_bytes());
        self.finish_record()
    }

    /// As [`Writer::copy`], with the number that the record had: where records are missing, that stays known.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn copy_numbered(&mut self, body: Body<'_>, rec_no: u32) -> Result<(), Error> {
        self.next = self.next.max(u64::from(rec_no));
        self.copy(body)
    }

    /// Leaves a number out: a record was lost here, and readers report it.
    pub fn leave_out(&mut self) {
        self.next += 1;
    }

    /// Appends the counts so far: a recorder does so now and then, and at the time at which it stops.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn checkpoint(&mut self, offset: Duration) -> Result<(), Error> {
        let checkpoint = What::Checkpoint(Checkpoint { counts: Some(self.counts) });
        self.append(offset, 0, Flags::default(), &checkpoint)
    }

    /// Seals the recording at the last offset, and flushes.
    ///
    /// # Errors
    /// As [`Writer::write`].
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
    /// As [`Writer::write`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.checked(|writer| writer.out.flush())
    }

    /// What was written so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The length of the file so far.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.bytes
    }

    /// The offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Duration {
        self.last
    }

    /// The target, e.g. to sync a file.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    fn repeat_header(&mut self, offset: Duration) -> Result<(), Error> {
        let offset = offset.max(self.last);
        if self.header_due.is_none_or(|due| offset < due) {
            return Ok(());
        }
        let header = What::Header(self.header.clone());
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

    /// Checks, clamps, numbers and writes the body that stands in `record`.
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

    /// Sets an offset that goes back to the last one, in the bytes themselves.
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

/// Cuts the body of a long HTTP answer, and flags it.
fn truncate(what: &What, flags: Flags) -> (Cow<'_, What>, Flags) {
    match what {
        What::Http(http) if http.body.len() > HTTP_BODY_BYTES_MAX => {
            let http = Http { body: http.body.slice(..HTTP_BODY_BYTES_MAX), ..http.clone() };
            (Cow::Owned(What::Http(http)), Flags(flags.0 | Flags::TRUNCATED))
        }
        _ => (Cow::Borrowed(what), flags),
    }
}
