//! Reads a recording to copy from.

use std::{io::Read, time::Duration};

use livetape_core::recording::{
    Body, Error, Flags, Head, Item, Reader, What, Writer, record_type,
    records::{Gap, gap::Direction},
};

/// The [`Gap::reason`] of unreadable records.
const DAMAGED: &str = "damaged in the source recording";

/// Reads records one by one, and tracks the missing ones.
pub(super) struct Source<R> {
    pub(super) reader: Reader<R>,
    missing: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn open(input: R) -> Result<Self, Error> {
        Ok(Self { reader: Reader::open(input)?, missing: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<Head>, Error> {
        self.reader.next_head()
    }

    /// Returns the record read last.
    pub(super) fn body(&self) -> Body<'_> {
        self.reader.body().expect("a head was read")
    }

    /// Returns a Gap for the records found missing since the last call, if there are any.
    pub(super) fn gap(&mut self, offset: Duration) -> Option<Item> {
        let missing = self.reader.report().missing;
        let records = missing - std::mem::replace(&mut self.missing, missing);
        let offset_ns = u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX);
        let gap = Gap {
            first_t_ns: offset_ns,
            last_t_ns: offset_ns,
            records,
            direction: Direction::Unknown.into(),
            reason: DAMAGED.into(),
            ..Gap::default()
        };
        (records > 0).then_some(Item { offset, conn: 0, flags: Flags::default(), what: What::Gap(gap) })
    }

    /// Copies the record read last to `offset`, instead of `head.offset`.
    pub(super) fn copy<W: std::io::Write>(
        &self,
        head: &Head,
        offset: Duration,
        conn: u32,
        writer: &mut Writer<W>,
    ) -> Result<(), Error> {
        let mut item = match head.record_type {
            record_type::GAP => self.body().item(),
            _ => return writer.copy_to(self.body(), offset, conn),
        };
        if let What::Gap(gap) = &mut item.what {
            let moved = |t_ns: u64| {
                let moved = Duration::from_nanos(t_ns).saturating_add(offset).saturating_sub(head.offset);
                u64::try_from(moved.as_nanos()).unwrap_or(u64::MAX)
            };
            (gap.first_t_ns, gap.last_t_ns) = (moved(gap.first_t_ns), moved(gap.last_t_ns));
        }
        writer.write(&Item { offset, conn, ..item })
    }
}

/// Whether a record describes its file, so that it must be rewritten rather than copied.
pub(super) fn is_of_the_file(head: &Head) -> bool {
    use record_type::{CHECKPOINT, END, HEADER};
    /// Reserved for an index.
    const INDEX: u8 = 10;
    matches!(head.record_type, HEADER | CHECKPOINT | END | INDEX)
}
