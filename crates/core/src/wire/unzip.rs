//! Bounded gzip decompression.

use std::io::{self, Read, Write};

use bytes::{Bytes, BytesMut};
use flate2::{
    Compression, GzBuilder, bufread,
    read::{GzDecoder, MultiGzDecoder},
};
use libdeflater::Decompressor;

use super::{Fault, FaultKind, UNZIPPED_BYTES_MAX};

/// First bytes of gzip data. No protobuf message starts with them.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a body is not decompressed whole: it is longer than the limit.
pub const BODY_TOO_LONG: &str = "the body of a response is too long";

/// One byte more than the limit.
const LIMIT: usize = UNZIPPED_BYTES_MAX + 1;
/// Bytes after the magic number in TikTok's data: deflate, and no optional header fields.
const BARE_HEADER: [u8; 2] = [8, 0];
/// Maximum compression ratio of deflate.
const RATIO_MAX: usize = 1032;
/// Maximum memory that an idle [`Unzipper`] keeps, in bytes.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Decompresses successive payloads into the same memory, unless the previous output is still in use. The
/// same payload twice in a row is decompressed once.
#[derive(Default)]
pub struct Unzipper {
    /// Created on first use.
    decompressor: Option<Decompressor>,
    memory: Bytes,
    /// The last payload, and its decompressed length.
    last: (Bytes, usize),
}

impl std::fmt::Debug for Unzipper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unzipper").field("memory", &self.memory.len()).finish_non_exhaustive()
    }
}

impl Unzipper {
    /// Decompresses like [`unzip`].
    pub fn unzip(&mut self, payload: Bytes, faults: &mut Vec<Fault>) -> Bytes {
        if !payload.starts_with(&GZIP_MAGIC) {
            return payload;
        }
        let (last, size) = &self.last;
        if *last == payload {
            return self.memory.slice(..*size);
        }
        self.at_once(&payload).unwrap_or_else(|| piecemeal(&payload, faults))
    }

    /// Decompresses a valid stream in one step; returns `None` if anything is unusual.
    fn at_once(&mut self, payload: &Bytes) -> Option<Bytes> {
        let size = stated_size(payload)?;
        self.last = Default::default();
        let mut memory = std::mem::take(&mut self.memory).try_into_mut().unwrap_or_default();
        if memory.len() < size {
            memory = BytesMut::zeroed(size.next_power_of_two());
        }
        let decompressor = self.decompressor.get_or_insert_with(Decompressor::new);
        let result = decompressor.gzip_decompress(payload, &mut memory[..size]);
        let memory = memory.freeze();
        if memory.len() <= KEPT_BYTES_MAX {
            self.memory = memory.clone();
        }
        if result != Ok(size) {
            return None;
        }
        if memory.len() <= KEPT_BYTES_MAX {
            self.last = (payload.clone(), size);
        }
        Some(memory.slice(..size))
    }
}

/// Returns the length in the trailer of the stream, if it is plausible and within the limit.
fn stated_size(payload: &[u8]) -> Option<usize> {
    let size = usize::try_from(u32::from_le_bytes(*payload.last_chunk()?)).ok()?;
    let is_bare = payload[GZIP_MAGIC.len()..].starts_with(&BARE_HEADER);
    (is_bare && size <= UNZIPPED_BYTES_MAX && size / RATIO_MAX <= payload.len()).then_some(size)
}

/// Decompresses gzip data, and returns other bytes unchanged. A stream beyond the limit is dropped; of a
/// malformed one, the data before the error is kept.
pub fn unzip(payload: Bytes, faults: &mut Vec<Fault>) -> Bytes {
    Unzipper::default().unzip(payload, faults)
}

/// Decompresses a malformed, oversized or merely unusual stream in steps.
fn piecemeal(payload: &[u8], faults: &mut Vec<Fault>) -> Bytes {
    let (unzipped, result) = inflate(payload);
    if let Err(error) = result {
        faults.push(Fault::new(FaultKind::BadGzip, error));
    }
    if unzipped.len() == LIMIT {
        let detail = format!("{} bytes decompress to more than {UNZIPPED_BYTES_MAX}", payload.len());
        faults.push(Fault::new(FaultKind::GzipBomb, detail));
        return Bytes::new();
    }
    Bytes::from(unzipped)
}

/// Decompresses up to [`LIMIT`] bytes. Memory grows in steps up to the limit, because a growing vector would
/// overshoot it.
fn inflate(payload: &[u8]) -> (Vec<u8>, io::Result<()>) {
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

/// Decompresses a whole HTTP body, of one or several gzip members, and returns other bytes unchanged. Of a
/// malformed one, and of one longer than `most` bytes, the beginning is returned with the reason.
pub fn unzip_body(body: Bytes, most: usize) -> (Bytes, Option<&'static str>) {
    if !body.starts_with(&GZIP_MAGIC) {
        return (body, None);
    }
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(&body[..]).take(most as u64 + 1).read_to_end(&mut plain);
    let why = match read {
        Err(_) => Some("the compression of a response is damaged"),
        Ok(length) => (length > most).then_some(BODY_TOO_LONG),
    };
    plain.truncate(most);
    (plain.into(), why)
}

/// The first stream of gzip data, and what else is stored with it.
#[derive(Debug)]
pub struct Member {
    /// The decompressed data, up to the limit or the first error.
    pub plain: Vec<u8>,
    /// Texts and fields in the header: name, comment and extra field, each followed by a zero byte. A time counts, too.
    pub header: Vec<u8>,
    /// Length of the stream, if it is complete and its data within the limit.
    pub length: Option<usize>,
}

/// Decompresses up to `most` bytes of the gzip stream at the start of `bytes`. Returns `None` if nothing can be
/// decompressed.
#[must_use]
pub fn gzip_member(bytes: &[u8], most: usize) -> Option<Member> {
    let mut decoder = bufread::GzDecoder::new(bytes);
    let mut plain = Vec::new();
    let read = decoder.by_ref().take(most as u64 + 1).read_to_end(&mut plain);
    let mut header = Vec::new();
    let head = decoder.header()?;
    let time = head.mtime().to_le_bytes();
    let time = (head.mtime() > 0).then_some(&time[..]);
    for field in [head.filename(), head.comment(), head.extra(), time].into_iter().flatten() {
        header.extend_from_slice(field);
        header.push(0);
    }
    let is_whole = read.is_ok() && plain.len() <= most;
    plain.truncate(most);
    let length = is_whole.then(|| bytes.len() - decoder.into_inner().len());
    (length.is_some() || !plain.is_empty() || !header.is_empty()).then_some(Member { plain, header, length })
}

/// Compresses `payload` reproducibly: the header contains no time, name or operating system.
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
    fn compressed_data_decompresses_to_the_original() {
        for length in [0, 1, 1023, 1024, 1025, 4096, 200_000] {
            let (bytes, mut faults) = (Bytes::from(noise(length)), vec![]);
            assert_eq!(unzip(zip(&bytes), &mut faults), bytes);
            assert_eq!(faults, []);
        }
    }

    #[test]
    fn other_bytes_are_returned_unchanged() {
        let mut faults = vec![];
        assert_eq!(unzip(Bytes::from_static(b"\x0a\x00"), &mut faults), b"\x0a\x00"[..]);
        assert_eq!(faults, []);
    }

    #[test]
    fn the_beginning_of_a_truncated_stream_is_kept() {
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
    fn memory_is_reused_once_it_is_free() {
        let (mut unzipper, mut faults) = (Unzipper::default(), vec![]);
        let packed = [noise(3000), noise(4000)].map(|bytes| zip(&bytes));
        let first = unzipper.unzip(packed[0].clone(), &mut faults);
        let place = first.as_ptr();
        let held = first.slice(10..20);
        drop(first);
        let second = unzipper.unzip(packed[1].clone(), &mut faults);
        assert_eq!((&held[..], &second[..]), (&noise(3000)[10..20], &noise(4000)[..]));
        assert_ne!(second.as_ptr(), place);
        let place = second.as_ptr();
        drop(second);
        let third = unzipper.unzip(packed[0].clone(), &mut faults);
        assert_eq!((&third[..], third.as_ptr()), (&noise(3000)[..], place));
        assert_eq!(faults, []);
    }

    #[test]
    fn the_same_payload_twice_in_a_row_is_decompressed_once() {
        let (mut unzipper, mut faults) = (Unzipper::default(), vec![]);
        let packed = [noise(3000), noise(4000)].map(|bytes| zip(&bytes));
        let place = unzipper.unzip(packed[0].clone(), &mut faults).as_ptr();
        let again = unzipper.unzip(Bytes::copy_from_slice(&packed[0]), &mut faults);
        assert_eq!((&again[..], again.as_ptr()), (&noise(3000)[..], place));
        // While the output is in use, other memory is allocated and cached instead.
        assert_eq!(unzipper.unzip(packed[1].clone(), &mut faults), noise(4000));
        assert_eq!(unzipper.unzip(packed[1].clone(), &mut faults), noise(4000));
        assert_eq!(
            (&again[..], &unzipper.unzip(packed[0].clone(), &mut faults)[..]),
            (&noise(3000)[..], &again[..])
        );
        let mut broken = packed[0].to_vec();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(unzipper.unzip(broken.into(), &mut faults), noise(3000));
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_large_batch_is_not_kept_in_memory() {
        let (mut unzipper, mut faults) = (Unzipper::default(), vec![]);
        assert_eq!(unzipper.unzip(zip(&noise(KEPT_BYTES_MAX + 1)), &mut faults).len(), KEPT_BYTES_MAX + 1);
        assert_eq!((unzipper.memory.len(), faults), (0, vec![]));
    }

    #[test]
    fn unusual_streams_are_decompressed_in_steps() {
        let bytes = noise(5000);
        let mut named = GzBuilder::new().filename("a").write(Vec::new(), Compression::fast());
        named.write_all(&bytes).unwrap();
        let named = named.finish().unwrap();
        let longer = [&zip(&bytes)[..], b"something else"].concat();
        let twice = [&zip(&bytes)[..], &zip(b"and more")[..]].concat();
        for unusual in [named, longer, twice] {
            let mut faults = vec![];
            assert_eq!(unzip(Bytes::from(unusual), &mut faults), bytes);
            assert_eq!(faults, []);
        }
        for length in 2..zip(&bytes).len() {
            let broken = zip(&bytes).slice(..length);
            let (expected, result) = inflate(&broken);
            let mut faults = vec![];
            assert_eq!(unzip(broken, &mut faults), expected, "{length}");
            assert_eq!(faults.len(), usize::from(result.is_err()), "{length}");
        }
    }

    #[test]
    fn a_member_is_told_from_what_is_around_it() {
        let named = GzBuilder::new().filename("a").comment("b").extra("c").mtime(7);
        let mut named = named.write(Vec::new(), Compression::fast());
        named.write_all(b"plain").unwrap();
        let named = named.finish().unwrap();
        let twice = [&named[..], &zip(b"more")].concat();
        let member = gzip_member(&twice, 5).unwrap();
        assert_eq!((&member.plain[..], &member.header[..]), (&b"plain"[..], &b"a\0b\0c\0\x07\0\0\0\0"[..]));
        assert_eq!(member.length, Some(named.len()));
        let cut = gzip_member(&twice, 4).unwrap();
        assert_eq!((&cut.plain[..], cut.length), (&b"plai"[..], None));
        let broken = zip(&noise(1000));
        let broken = gzip_member(&broken[..400], 2000).unwrap();
        assert!(!broken.plain.is_empty() && broken.length.is_none() && broken.header.is_empty());
        assert!(gzip_member(b"\x1f\x8b\x08", 9).is_none() && gzip_member(b"plain", 9).is_none());
    }

    #[test]
    fn a_body_is_decompressed_whole_or_with_a_reason() {
        let twice = [zip(b"one "), zip(b"two")].concat();
        assert_eq!(unzip_body(twice.clone().into(), 7), (Bytes::from_static(b"one two"), None));
        assert_eq!(unzip_body(twice.clone().into(), 6).1, Some(BODY_TOO_LONG));
        for end in 2..twice.len() {
            let (plain, why) = unzip_body(Bytes::copy_from_slice(&twice[..end]), 7);
            assert!(b"one two".starts_with(&plain) && why.is_some() == (end != zip(b"one ").len()), "{end}");
        }
        assert_eq!(unzip_body(Bytes::from_static(b"plain"), 2), (Bytes::from_static(b"plain"), None));
    }

    #[test]
    fn a_bomb_is_a_fault_and_takes_at_most_the_limit_of_memory() {
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
