//! gzip, within bounds.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::{Compression, GzBuilder, read::GzDecoder};

use super::{Fault, FaultKind, UNZIPPED_BYTES_MAX};

/// The first bytes of a gzip member. No protobuf message starts with them.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One byte more than is let through.
const LIMIT: usize = UNZIPPED_BYTES_MAX + 1;

/// Unpacks gzip, and hands out other bytes as they are. Of a bomb nothing is kept, of a stream that breaks off what
/// came before the break.
pub fn unzip(payload: Bytes, faults: &mut Vec<Fault>) -> Bytes {
    if !payload.starts_with(&GZIP_MAGIC) {
        return payload;
    }
    let (unzipped, result) = inflate(&payload);
    if let Err(error) = result {
        faults.push(Fault::new(FaultKind::BadGzip, error));
    }
    if unzipped.len() == LIMIT {
        let detail = format!("{} bytes unpack to more than {UNZIPPED_BYTES_MAX}", payload.len());
        faults.push(Fault::new(FaultKind::GzipBomb, detail));
        return Bytes::new();
    }
    Bytes::from(unzipped)
}

/// What comes out, [`LIMIT`] at most. The memory grows in steps that end there: a vector left alone would double it.
fn inflate(payload: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let (mut decoder, mut unzipped) = (GzDecoder::new(payload), Vec::new());
    let mut size = payload.len().saturating_mul(4).clamp(1024, LIMIT);
    loop {
        let room = size - unzipped.len();
        unzipped.reserve_exact(room);
        match decoder.by_ref().take(room as u64).read_to_end(&mut unzipped) {
            Err(error) => return (unzipped, Err(error)),
            Ok(read) if read < room || size == LIMIT => return (unzipped, Ok(())),
            Ok(_) => size = size.saturating_mul(2).min(LIMIT),
        }
    }
}

/// Packs `payload`, the same bytes on every run: no time, no name, no operating system in the header.
#[must_use]
pub fn zip(payload: &[u8]) -> Bytes {
    let mut encoder = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::default());
    encoder.write_all(payload).expect("a vector takes every byte");
    Bytes::from(encoder.finish().expect("a vector takes every byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        (0_u32..).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).take(length).collect()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        for length in [0, 1, 1023, 1024, 1025, 4096, 200_000] {
            let (bytes, mut faults) = (Bytes::from(noise(length)), vec![]);
            assert_eq!(unzip(zip(&bytes), &mut faults), bytes);
            assert_eq!(faults, []);
        }
    }

    #[test]
    fn other_bytes_pass() {
        let mut faults = vec![];
        assert_eq!(unzip(Bytes::from_static(b"\x0a\x00"), &mut faults), b"\x0a\x00"[..]);
        assert_eq!(faults, []);
    }

    #[test]
    fn of_a_truncated_stream_the_beginning_is_kept() {
        let (bytes, mut faults) = (noise(100_000), vec![]);
        let zipped = zip(&bytes);
        let unzipped = unzip(zipped.slice(..zipped.len() / 2), &mut faults);
        assert!(unzipped.len() > 10_000 && bytes.starts_with(&unzipped), "{}", unzipped.len());
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::BadGzip));
    }

    #[test]
    fn a_stream_with_a_wrong_checksum_is_kept_with_a_fault() {
        let (bytes, mut faults) = (noise(1000), vec![]);
        let mut zipped = zip(&bytes).to_vec();
        let checksum = zipped.len() - 8;
        zipped[checksum] ^= 1;
        assert_eq!(unzip(Bytes::from(zipped), &mut faults), bytes);
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::BadGzip));
    }

    #[test]
    fn a_bomb_is_a_fault_and_takes_no_more_memory_than_the_limit() {
        let bomb = zip(&vec![0; UNZIPPED_BYTES_MAX * 2]);
        let (unzipped, result) = inflate(&bomb);
        assert_eq!((unzipped.len(), result.is_ok()), (LIMIT, true));
        assert!(unzipped.capacity() <= LIMIT + 64, "{}", unzipped.capacity());
        let mut faults = vec![];
        assert_eq!(unzip(bomb, &mut faults), Bytes::new());
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::GzipBomb));
    }

    #[test]
    fn the_largest_batch_passes() {
        let mut faults = vec![];
        assert_eq!(unzip(zip(&vec![0; UNZIPPED_BYTES_MAX]), &mut faults).len(), UNZIPPED_BYTES_MAX);
        assert_eq!(faults, []);
    }
}
