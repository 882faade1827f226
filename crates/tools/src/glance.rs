//! Summarises a recording from its first and last bytes, without reading the rest.

use std::{
    io::{Read, Seek, SeekFrom},
    time::Duration,
};

use livetape_core::recording::{Error, Reader, What};

use super::info::{HeaderInfo, read_header};

/// Length of the end to read for the duration, in bytes.
const TAIL_BYTES: u64 = 256 << 10;
/// Number of records in which to look for the header. It is the first record, unless the file is damaged.
const HEAD_RECORDS_MAX: usize = 16;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// The header, if it is readable.
    pub header: Option<HeaderInfo>,
    /// Offset of the last record; `None` if it is unknown.
    pub duration: Option<Duration>,
    pub sealed: bool,
}

/// Summarises a file of this length.
///
/// # Errors
/// Any error of [`Reader::open`], or [`Error::NotARecording`] if no record is readable.
pub fn glance(mut input: impl Read + Seek, bytes: u64) -> Result<Glance, Error> {
    let mut glance = Glance { header: first_header(&mut input)?, ..Glance::default() };
    input.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES))).map_err(Error::Read)?;
    if let Ok(mut tail) = Reader::open(&mut input) {
        let mut any = false;
        while tail.next_head()?.is_some() {
            any = true;
        }
        glance.duration = any.then_some(tail.report().last_offset);
        glance.sealed = tail.report().sealed;
    }
    Ok(glance)
}

fn first_header(input: impl Read) -> Result<Option<HeaderInfo>, Error> {
    let mut reader = Reader::open(input)?;
    for at in 0..HEAD_RECORDS_MAX {
        match reader.next()? {
            None if at == 0 => return Err(Error::NotARecording),
            None => break,
            Some(record) => {
                if let What::Header(header) = record.item.what {
                    return Ok(Some(read_header(*header)));
                }
            }
        }
    }
    Ok(None)
}
