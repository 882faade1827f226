//! Truncated and corrupted files, of which at most one record is lost and none is wrong; malicious bytes, and bytes in
//! other formats.

use livetape_core::recording::{Damage, Error, MAGIC, Preamble};

use super::*;

/// Reads `damaged`, the file of `whole` with one bit flipped.
fn check_flip(whole: &[Record], damaged: &[u8], bit: usize) {
    let Ok(mut reader) = Reader::open(damaged) else {
        assert!(whole.is_empty() && bit < 128, "a file with a record is a recording");
        return;
    };
    let mut rest = whole.iter();
    let mut read = 0;
    while let Some(record) = reader.next().unwrap() {
        assert!(rest.any(|original| *original == record), "bit {bit}: a wrong record {record:?}");
        read += 1;
    }
    let lost = whole.len() - read;
    let report = reader.report();
    assert!(lost <= 1, "bit {bit}: {lost} records lost");
    assert_eq!(report.missing, lost as u64, "bit {bit}");
    assert_eq!(report.tail_bytes, 0, "bit {bit}");
    assert_eq!(report.preamble == Preamble::Damaged, bit < 128, "bit {bit}");
    assert!(!report.is_whole(), "bit {bit}");
}

fn check_cut(whole: &[Record], boundaries: &[usize], bytes: &[u8], cut: usize) {
    let Ok(mut reader) = Reader::open(&bytes[..cut]) else {
        assert!(cut < 16, "cut at {cut}");
        return;
    };
    let end = boundaries.iter().rposition(|&boundary| boundary <= cut).unwrap();
    for original in &whole[..end] {
        assert_eq!(reader.next().unwrap().as_ref(), Some(original), "cut at {cut}");
    }
    assert_eq!(reader.next().unwrap(), None, "cut at {cut}");
    let report = reader.report();
    assert_eq!(report.tail_bytes, (cut - boundaries[end]) as u64, "cut at {cut}");
    assert_eq!((report.missing, report.damaged_stretches), (0, 0), "cut at {cut}");
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

proptest! {
    #[test]
    fn a_flipped_bit_costs_one_record_at_most(items in any_items(), end in any::<bool>(), at in any::<prop::sample::Index>()) {
        let bytes = if end { sealed(&items) } else { unsealed(&items) };
        let bit = at.index(bytes.len() * 8);
        check_flip(&read(&bytes).0, &flip(&bytes, bit), bit);
    }

    #[test]
    fn a_cut_file_is_read_up_to_the_cut(items in any_items(), at in any::<prop::sample::Index>()) {
        let bytes = sealed(&items);
        check_cut(&read(&bytes).0, &boundaries(&bytes), &bytes, at.index(bytes.len()));
    }
}

/// A file that is read a few bytes at a time, so that everything in it is divided somewhere.
struct Pieces<'a> {
    rest: &'a [u8],
    at_once: usize,
}

impl io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.at_once);
        self.rest.read(&mut buffer[..most])
    }
}

proptest! {
    /// Wherever the damage is, all returned records were written, and missing ones in between are counted.
    #[test]
    fn several_damaged_places_never_yield_a_wrong_record(
        payloads in proptest::collection::vec(any_bytes(), 1..30),
        places in proptest::collection::vec((any::<prop::sample::Index>(), 1u8.., 1usize..40), 1..6),
        at_once in 1usize..8,
    ) {
        let items = Vec::from_iter(payloads.into_iter().map(|payload| frame(0, payload)));
        let bytes = sealed(&items);
        let mut damaged = bytes.clone();
        for (at, change, length) in places {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            damaged[at..end].iter_mut().for_each(|byte| *byte ^= change);
        }
        let Ok(mut reader) = Reader::open(&damaged[..]) else { return Ok(()) };
        let whole = read(&bytes).0;
        let mut in_pieces = Reader::open(Pieces { rest: &damaged, at_once }).unwrap();
        let (mut given, mut rest) = (0, whole.iter());
        while let Some(record) = reader.next().unwrap() {
            let same = in_pieces.next().unwrap();
            prop_assert_eq!(same.as_ref(), Some(&record));
            prop_assert!(rest.any(|original| *original == record), "a wrong record {record:?}");
            given += 1;
        }
        prop_assert_eq!(in_pieces.next().unwrap(), None);
        prop_assert_eq!(in_pieces.report(), reader.report());
        // The number of records after the last readable one is unknown.
        let (missing, lost) = (reader.report().missing, (whole.len() - given) as u64);
        let end_was_given = rest.next().is_none();
        prop_assert!(if end_was_given { missing == lost } else { missing <= lost }, "{missing} of {lost}");
    }
}

/// A reader never takes a damaged sealed file for a complete one.
fn assert_not_whole(damaged: &[u8], how: &str) {
    let Ok(mut reader) = Reader::open(damaged) else { return };
    while reader.next_head().unwrap().is_some() {}
    assert!(reader.report().loss().is_some() && !reader.report().is_whole(), "{how}");
}

proptest! {
    #[test]
    fn no_truncated_file_passes_for_complete(items in any_items()) {
        let bytes = sealed(&items);
        let ends = boundaries(&bytes).into_iter().flat_map(|at| [at.saturating_sub(1), at, at + 1]);
        for end in ends.filter(|end| *end < bytes.len()) {
            assert_not_whole(&bytes[..end], &format!("cut at {end}"));
        }
    }

    #[test]
    fn no_file_with_random_bytes_passes_for_complete(
        items in any_items(),
        at in any::<prop::sample::Index>(),
        noise in proptest::collection::vec(any::<u8>(), 1..400),
        is_longer in any::<bool>(),
    ) {
        let bytes = sealed(&items);
        let at = at.index(bytes.len());
        let mut damaged = bytes.clone();
        damaged.truncate(at);
        damaged.extend(noise);
        if !is_longer {
            damaged.truncate(bytes.len());
            damaged.extend_from_slice(&bytes[damaged.len()..]);
        }
        if damaged != bytes {
            assert_not_whole(&damaged, &format!("noise at {at}"));
        }
    }
}

/// A recording whose second frame contains a recording that continues its record numbers.
fn with_embedded() -> Vec<u8> {
    let inner = Vec::from_iter((0..6).map(|n| frame(0, format!("inner {n}"))));
    let outer =
        [frame(10, "before"), frame(20, sealed(&inner)), frame(30, sealed(&inner)), frame(40, "after")];
    sealed(&outer)
}

#[test]
fn every_single_flipped_bit_costs_one_record_at_most() {
    let bytes = with_embedded();
    let whole = read(&bytes).0;
    for bit in 0..bytes.len() * 8 {
        check_flip(&whole, &flip(&bytes, bit), bit);
    }
}

/// A damaged length can lead to the head of a record in the payload that has the next number.
#[test]
fn a_flipped_length_that_leads_into_the_payload_costs_one_record() {
    let inner = sealed(&[frame(0, "inner 0"), frame(0, "inner 1"), frame(0, "inner 2")]);
    let mut payload = vec![0; 512];
    payload.extend(&inner[boundaries(&inner)[2]..]);
    payload.resize(768, 0);
    // The body has 16 more bytes: without the bit of 256 in its length, it ends where the payload's record
    // begins.
    let bytes = sealed(&[frame(10, payload), frame(20, "after")]);
    let (whole, length_at) = (read(&bytes).0, boundaries(&bytes)[1] + 4);
    for bit in length_at * 8..(length_at + 4) * 8 {
        check_flip(&whole, &flip(&bytes, bit), bit);
    }
}

#[test]
fn every_cut_is_read_up_to_the_cut() {
    let bytes = with_embedded();
    let (whole, boundaries) = (read(&bytes).0, boundaries(&bytes));
    for cut in 0..bytes.len() {
        check_cut(&whole, &boundaries, &bytes, cut);
    }
}

/// Overwrites the records `from..to` with `byte`.
fn overwrite(bytes: &[u8], from: usize, to: usize, byte: u8) -> Vec<u8> {
    let boundaries = boundaries(bytes);
    let mut damaged = bytes.to_vec();
    damaged[boundaries[from]..boundaries[to]].fill(byte);
    damaged
}

#[test]
fn a_burst_is_one_damaged_stretch_and_its_records_are_counted() {
    let bytes = sealed(&Vec::from_iter((0..20).map(|n| frame(n, format!("frame {n}")))));
    let starts = boundaries(&bytes);
    for byte in [0, 0xff, 0xd1] {
        let (records, report) = read(&overwrite(&bytes, 5, 11, byte));
        assert_eq!(records.len(), 22 - 6);
        let stretch =
            Damage { position: starts[5] as u64, bytes: (starts[11] - starts[5]) as u64, missing: 6 };
        assert_eq!(report.damage, [stretch]);
        assert_eq!((report.missing, report.damaged_stretches, report.sealed), (6, 1, true));
    }
}

#[test]
fn a_hole_is_counted_exactly() {
    let bytes = sealed(&Vec::from_iter((0..200).map(|n| frame(n, ""))));
    let starts = boundaries(&bytes);
    let hole = [&bytes[..starts[3]], &bytes[starts[150]..]].concat();
    let report = read(&hole).1;
    assert_eq!(report.damage, [Damage { position: starts[3] as u64, bytes: 0, missing: 147 }]);
    // Without its start, and shifted by one byte.
    let no_beginning = &bytes[starts[20] - 1..];
    let (records, report) = read(no_beginning);
    assert_eq!((records.len(), report.missing), (202 - 20, 20));
    assert_eq!(report.preamble, Preamble::Damaged);
}

#[test]
fn an_appended_recording_is_not_read_as_part_of_the_first() {
    let (first, second) = (sealed(&[frame(1, "a"), frame(2, "b")]), sealed(&[frame(3, "c")]));
    let (records, report) = read(&[&first[..], &second[..]].concat());
    assert_eq!(records, read(&first).0);
    assert_eq!((report.tail_bytes, report.missing), (second.len() as u64, 0));
}

#[test]
fn appended_text_counts_as_tail_bytes() {
    let bytes = [sealed(&[frame(1, "a")]), vec![b'\n'; 100]].concat();
    let (records, report) = read(&bytes);
    assert_eq!((records.len(), report.tail_bytes, report.sealed), (3, 100, true));
}

/// Found by the property tests: after a bit flip, the length of the second-to-last record points to the end
/// of the file.
#[test]
fn a_flipped_length_that_leads_to_the_end_costs_one_record() {
    let bytes = unsealed(&[frame(0, ""), frame(0, vec![0; 32])]);
    let length = boundaries(&bytes)[1] * 8 + 32;
    let flipped = flip(&bytes, length + 6);
    assert_eq!(read(&flipped).1.damage[0].bytes, 32);
    check_flip(&read(&bytes).0, &flipped, length + 6);
}

/// Reads everything, which must terminate without a panic.
fn read_through(bytes: &[u8]) -> Option<ReadReport> {
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

/// Returns its bytes, then fails.
struct BadDisk<'a>(&'a [u8]);

impl io::Read for BadDisk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match io::Read::read(&mut self.0, buffer)? {
            0 => Err(io::Error::other("bad sector")),
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
