//! Recordings made for a test.

use bytes::Bytes;
use livetape_core::recording::{Item, Writer, records};

/// Writes `items` to a sealed recording whose offset 0 is 2024-01-01T00:00:00Z.
pub(crate) fn recording(items: &[Item]) -> Bytes {
    let header =
        records::Header { wall_anchor_ns: Some(1_704_067_200_000_000_000), ..records::Header::default() };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    for item in items {
        writer.write(item).unwrap();
    }
    writer.finish().unwrap().into()
}
