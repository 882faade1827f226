//! The limit on list entries in a batch.

use super::{BATCH_ENTRIES_MAX, Kind, Message, RawFields, Schema};

/// Minimum length of an entry on the wire, in bytes: a key and the length 0.
const ENTRY_BYTES_MIN: usize = 2;

/// Number of list entries that may still be decoded of a batch. An empty entry takes two bytes on the wire and
/// hundreds in memory.
#[derive(Debug)]
pub struct EntriesLeft(Option<usize>);

/// A payload has more entries than are left.
#[derive(Debug, thiserror::Error)]
#[error("more than {BATCH_ENTRIES_MAX} list entries in the batch")]
pub(super) struct TooMany;

impl EntriesLeft {
    /// Returns the limit for the messages of a batch: [`BATCH_ENTRIES_MAX`].
    #[must_use]
    pub fn of(messages: &[Message]) -> Self {
        let bytes = messages.iter().map(|message| message.payload.len()).sum::<usize>();
        // Too small a batch to exceed the limit, as nearly all real ones are, needs no counting.
        Self((bytes / ENTRY_BYTES_MIN > BATCH_ENTRIES_MAX).then_some(BATCH_ENTRIES_MAX))
    }

    /// Takes the entries of a payload, unless it has too many.
    pub(super) fn take(&mut self, payload: &[u8], method: &str) -> Result<(), TooMany> {
        let Some(left) = &mut self.0 else { return Ok(()) };
        *left = left
            .checked_sub(Schema::of_method(method).map_or(0, |schema| count(payload, schema)))
            .ok_or(TooMany)?;
        Ok(())
    }
}

/// Counts the messages in lists, up to the first malformed field, where decoding stops as well.
fn count(bytes: &[u8], schema: &Schema) -> usize {
    let mut entries = 0;
    for field in RawFields::of(bytes) {
        let kind = schema.field(field.number).map(|field| field.kind);
        if let (Some(kind), Some(value)) = (kind, field.bytes()) {
            entries += usize::from(matches!(kind, Kind::Messages(_)));
            entries += kind.schema().map_or(0, |inner| count(value, inner));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Fault, FaultKind, Reading, read_in_batch, read_message},
        *,
    };

    fn message(method: &str, payload: &[&[u8]]) -> Message {
        Message { method: method.into(), payload: payload.concat().into(), ..Default::default() }
    }

    /// Field 2 of a `RoomUserSeq`, empty.
    const VIEWER: [u8; 2] = [0x12, 0];

    fn viewers(count: usize) -> Vec<u8> {
        VIEWER.repeat(count)
    }

    fn is_read(message: &Message, left: &mut EntriesLeft) -> bool {
        matches!(read_in_batch(message, left, &mut vec![]), Reading::Known(_))
    }

    #[test]
    fn entries_of_entries_count_and_other_fields_do_not() {
        let schema = Schema::named("RoomUserSeq").unwrap();
        let count = |bytes: &[u8]| count(bytes, schema);
        assert_eq!(count(&viewers(3)), 3);
        // A viewer with a user with two badges.
        assert_eq!(count(&[0x12, 8, 0x12, 6, 0x82, 4, 0, 0x82, 4, 0]), 3);
        assert_eq!(count(&[0x12, 2, 0x7a, 0, 0x7a, 0, 0x18, 1, 0x12]), 1);
    }

    #[test]
    fn the_messages_of_a_batch_share_a_limit() {
        let method = "WebcastRoomUserSeqMessage";
        let messages = [BATCH_ENTRIES_MAX - 1, 2, 1, 1].map(|count| message(method, &[&viewers(count)]));
        let mut left = EntriesLeft::of(&messages);
        assert_eq!(messages.each_ref().map(|it| is_read(it, &mut left)), [true, false, true, false]);
        assert!(is_read(&messages[1], &mut EntriesLeft::of(&messages[1..])), "each batch has its own limit");
    }

    #[test]
    fn repairing_a_text_does_not_lift_the_limit() {
        // A viewer with a user with a nickname of one invalid byte.
        let viewer = [0x12, 5, 0x12, 3, 0x1a, 1, 0xff];
        let read = |count| {
            let message = message("WebcastRoomUserSeqMessage", &[&viewer, &viewers(count)]);
            let mut faults: Vec<Fault> = vec![];
            let is_known = matches!(read_message(&message, &mut faults), Reading::Known(_));
            (is_known, faults.iter().map(|fault| fault.kind).collect::<Vec<_>>())
        };
        assert_eq!(read(BATCH_ENTRIES_MAX / 3), (true, vec![FaultKind::BadUtf8]));
        assert_eq!(read(BATCH_ENTRIES_MAX + 1), (false, vec![FaultKind::BadMessage]));
    }
}
