//! Malicious bytes, and bytes in other formats.

use livetape_core::recording::{Error, MAGIC, Preamble};

use super::*;

/// Reads everything, which must terminate without a panic.
fn read_through(bytes: &[u8]) -> Option<Report> {
    let mut reader = Reader::open(bytes).ok()?;
    while reader.next().unwrap().is_some() {}
    Some(reader.report().clone())
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_handled_safely(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in any::<bool>()) {
        let preamble = unsealed(&[])[..16].to_vec();
        read_through(&if start { [preamble, bytes].concat() } else { bytes });
    }

    #[test]
    fn mangled_recordings_are_handled_safely(
        items in any_items(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..40), 0..12),
    ) {
        let mut bytes = sealed(&items);
        for (at, byte, length) in edits {
            let at = at.index(bytes.len());
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..(at + length).min(bytes.len() - 1).max(at))),
                _ => bytes.splice(at..at, bytes[..length.min(bytes.len())].to_vec()).for_each(drop),
            }
        }
        if let Some(report) = read_through(&bytes) {
            prop_assert!(report.damaged_bytes + report.tail_bytes <= bytes.len() as u64);
        }
    }
}

#[test]
fn other_files_are_reported_as_not_a_recording() {
    assert!(matches!(Reader::open(&b""[..]), Err(Error::Empty)));
    for bytes in [&b"{\"offset_ms\":0}\n"[..], &MAGIC, &[0; 100_000], b"x"] {
        assert!(matches!(Reader::open(bytes), Err(Error::NotARecording)));
    }
}

#[test]
fn another_major_version_is_rejected_and_a_newer_minor_one_read() {
    let with_version = |major: u8, minor: u8| {
        let mut bytes = sealed(&[frame(0, "x")]);
        (bytes[8], bytes[9]) = (major, minor);
        let checksum = crc32fast::hash(&bytes[..12]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    };
    let refused = |major, minor| Reader::open(&with_version(major, minor)[..]).unwrap_err().to_string();
    let newer = "format 3.1 is too new: this livetape reads major version 1";
    let older = "format 0.0 was never released: record again, or import the capture again";
    assert_eq!((refused(3, 1).as_str(), refused(0, 0).as_str()), (newer, older));
    let (records, report) = read(&with_version(1, 9));
    assert_eq!((records.len(), report.preamble), (3, Preamble::NewerMinor(9)));
}

#[test]
fn a_lying_length_allocates_nothing() {
    let mut bytes = unsealed(&[]);
    bytes.extend_from_slice(&[0xd1, 0xa5, 0x3c, 0x9e, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    let report = read_through(&bytes).unwrap();
    assert_eq!((report.records, report.tail_bytes), (1, 16));
}

/// 700,000 sync words, each followed by a length that spans much of the file.
#[test]
fn overlapping_candidates_are_searched_in_bounded_time() {
    let mut bytes = unsealed(&[]);
    bytes.push(0);
    for _ in 0..700_000 {
        bytes.extend_from_slice(&[0xd1, 0xa5, 0x3c, 0x9e, 0, 0, 0x70, 0, 5, 0, 0, 0]);
    }
    let report = read_through(&bytes).unwrap();
    assert_eq!((report.records, report.tail_bytes), (1, 8_400_001));
}

/// Returns one byte per call, like a slow pipe.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let one = buffer.len().min(1);
        std::io::Read::read(&mut self.0, &mut buffer[..one])
    }
}

#[test]
fn a_slow_source_gives_the_same_records() {
    let bytes = sealed(&[frame(1, "a"), frame(2, "b")]);
    let mut reader = Reader::open(Trickle(&bytes)).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    assert_eq!(records, read(&bytes).0);
}

/// Returns its bytes, then fails.
struct BadDisk<'a>(&'a [u8]);

impl std::io::Read for BadDisk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match std::io::Read::read(&mut self.0, buffer)? {
            0 => Err(std::io::Error::other("bad sector")),
            got => Ok(got),
        }
    }
}

#[test]
fn a_failing_source_is_an_error_rather_than_the_end() {
    let bytes = unsealed(&[frame(1, "a"), frame(2, "b")]);
    assert!(matches!(Reader::open(BadDisk(&bytes[..10])), Err(Error::Read(_))));
    let mut reader = Reader::open(BadDisk(&bytes[..bytes.len() - 1])).unwrap();
    for _ in 0..2 {
        assert!(reader.next().unwrap().is_some());
    }
    assert_eq!(reader.next().unwrap_err().to_string(), "reading failed: bad sector");
}
