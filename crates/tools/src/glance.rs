//! What the first and the last bytes of a recording tell, without reading the rest.

use std::{
    io::{Read, Seek, SeekFrom},
    time::Duration,
};

use super::info::{HeaderInfo, read_header};
use crate::sans_io::recording::{Error, Reader, What};

/// How much of the end is read to learn how long it is, in bytes.
const TAIL_BYTES: u64 = 256 << 10;
/// The header is the first record; in a damaged file it may be another.
const HEAD_RECORDS_MAX: usize = 16;

/// What can be learnt at a glance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// What the header says, if it can be read.
    pub header: Option<HeaderInfo>,
    /// The offset of the last record; `None` if the end tells nothing.
    pub duration: Option<Duration>,
    /// Whether it was closed in order.
    pub sealed: bool,
}

/// Looks at both ends of a file of so many bytes.
///
/// # Errors
/// As [`Reader::open`]; [`Error::NotARecording`] too if no record can be read.
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
                    return Ok(Some(read_header(header)));
                }
            }
        }
    }
    Ok(None)
}
