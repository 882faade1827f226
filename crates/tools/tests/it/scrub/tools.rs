//! The tool: once, twice, with another key, and on damaged files.

use livetape_core::recording::{Item, Reader, What, records::header::Privacy};
use livetape_tools::scrub::{Error, PROFILE, Scrubber, scrub};

use super::{TESTED, Tested, items, key, scrubbed};
use crate::support::{item, recording};

#[test]
fn scrubbing_twice_with_one_key_changes_nothing() {
    for Tested { name, out, report, .. } in &*TESTED {
        assert!(!report.copied && report.identities > 20, "{name}: {report:?}");
        let (twice, report) = scrubbed(out, key(1));
        assert!(report.copied && twice == *out, "{name}");
    }
    let Tested { file, out, .. } = &TESTED[0];
    assert!(scrubbed(file, key(1)).0 == *out, "the same key gives the same bytes");
}

#[test]
fn another_key_gives_other_pseudonyms() {
    let Tested { file, out, .. } = &TESTED[0];
    let (two, report) = scrubbed(file, key(2));
    assert!(two != *out && !report.again);
    let (again, report) = scrubbed(out, key(2));
    assert!(report.again && !report.copied && again != *out);
}

#[test]
fn the_header_records_the_scrub() {
    let mut headers = 0;
    for item in items(&TESTED[0].out) {
        let What::Header(header) = item.what else { continue };
        headers += 1;
        assert_eq!((header.privacy(), header.scrub_profile.as_str()), (Privacy::Scrubbed, PROFILE));
        assert_eq!(header.scrub_key_fingerprint, key(1).fingerprint()[..]);
    }
    assert!(headers > 0);
}

#[test]
fn damaged_records_become_a_gap() {
    let mut file = TESTED[0].file.to_vec();
    let middle = file.len() / 2;
    file[middle] ^= 0x10;
    let (out, report) = scrubbed(&file, key(1));
    assert!(report.lost() && report.damage.missing == 1, "{report:?}");
    let is_gap =
        |item: &Item| matches!(&item.what, What::Gap(gap) if gap.records == 1 && gap.reason == "damaged");
    assert_eq!(items(&out).iter().filter(|item| is_gap(item)).count(), 1);

    let cut = &file[..middle];
    let (out, report) = scrubbed(cut, key(1));
    assert!(report.lost());
    let mut reader = Reader::open(&out[..]).unwrap();
    while reader.next().unwrap().is_some() {}
    assert!(!reader.report().sealed, "a truncated file is not sealed");
}

#[test]
fn a_damaged_copy_is_not_written() {
    let mut damaged = TESTED[0].out.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let (out, report) = scrubbed(&damaged, key(1));
    assert!(!report.copied && report.lost() && out != damaged);
}

#[test]
fn records_of_unknown_types_are_dropped() {
    let other = What::Other { record_type: 200, opcode: 0, payload: b"Ann Smith"[..].into() };
    let (out, report) = scrubbed(&recording(&[item(0, other)]), key(1));
    assert_eq!(report.tally.dropped_records, 1);
    assert!(report.lost() && memchr::memmem::find(&out, b"Ann").is_none());
}

#[test]
fn files_that_are_not_recordings_are_rejected() {
    let tried =
        |bytes: &[u8]| scrub(bytes, bytes, Vec::new(), Scrubber::new(key(1))).map(|_| ()).unwrap_err();
    assert!(matches!(tried(b"GIF89a"), Error::Read(_)));
    assert!(matches!(tried(&recording(&[])[..16]), Error::Empty));
}
