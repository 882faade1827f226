//! Adds a marker to a recording.

use std::{
    io::{Read, Write},
    time::Duration,
};

use livetape_core::{
    offset::check_within,
    recording::{Flags, Item, Loss, MINOR, Preamble, What, Writer, record_type, records::Marker},
};

use super::{Error, Source, finish};

pub const LABEL_CHARS_MAX: usize = 200;

/// Copies a recording with a marker inserted after all records up to `at`. Returns the missing data.
///
/// # Errors
/// [`Error::BadLabel`], [`Error::BeyondEnd`], and any error in reading or writing.
pub fn mark(input: impl Read, output: impl Write, at: Duration, label: &str) -> Result<Loss, Error> {
    if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX || label.contains(char::is_control) {
        return Err(Error::BadLabel);
    }
    let mut source = Source::open(input)?;
    let minor = match source.reader.report().preamble {
        Preamble::NewerMinor(minor) => minor,
        Preamble::Intact | Preamble::Damaged => MINOR,
    };
    let mut writer = Writer::transcribe(output, minor)?;
    let what = What::Marker(Marker { label: label.to_owned() });
    let mut marker = Some(Item { offset: at, conn: 0, flags: Flags::default(), what });
    while let Some(head) = source.next()? {
        if head.offset > at
            && let Some(marker) = marker.take()
        {
            writer.write(&marker)?;
        }
        if let Some(gap) = source.gap(head.offset) {
            writer.write(&gap)?;
        }
        match head.record_type {
            // Its counts are no longer correct.
            record_type::CHECKPOINT => writer.checkpoint(head.offset)?,
            record_type::END => {}
            _ => writer.copy(source.body())?,
        }
    }
    if let Some(marker) = marker {
        check_within(at, source.reader.report().last_offset)?;
        writer.write(&marker)?;
    }
    if let Some(gap) = source.gap(writer.last_offset()) {
        writer.write(&gap)?;
    }
    let loss = source.reader.report().loss();
    finish(writer, loss)?;
    Ok(loss)
}
