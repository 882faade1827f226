//! gzip, within bounds.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, GzBuilder, read::GzDecoder};

use super::{Fault, FaultKind, UNZIPPED_BYTES_MAX};

/// The first bytes of a gzip member. No protobuf message starts with them.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks gzip, and hands out other bytes as they are. Of a bomb nothing is kept, of a stream that breaks off what
/// came before the break.
pub fn unzip(payload: Bytes, faults: &mut Vec<Fault>) -> Bytes {
    if !payload.starts_with(&GZIP_MAGIC) {
        return payload;
    }
    let mut unzipped = Vec::with_capacity(payload.len().saturating_mul(4).min(UNZIPPED_BYTES_MAX));
    let limit = UNZIPPED_BYTES_MAX as u64 + 1;
    if let Err(error) = GzDecoder::new(&payload[..]).take(limit).read_to_end(&mut unzipped) {
        faults.push(Fault::new(FaultKind::BadGzip, error));
    }
    if unzipped.len() > UNZIPPED_BYTES_MAX {
        let detail = format!("{} bytes unpack to more than {UNZIPPED_BYTES_MAX}", payload.len());
        faults.push(Fault::new(FaultKind::GzipBomb, detail));
        return Bytes::new();
    }
    Bytes::from(unzipped)
}

/// Packs `payload`, the same bytes on every run: no time, no name, no operating system in the header.
#[must_use]
pub fn zip(payload: &[u8]) -> Bytes {
    let mut encoder = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::default());
    encoder.write_all(payload).expect("a vector takes every byte");
    Bytes::from(encoder.finish().expect("a vector takes every byte"))
}
