//! Checks what a crash leaves, and what the tools make of it.

use std::{collections::BTreeSet, time::Duration};

use livetape_core::recording::{Error, Item, Preamble, Reader, Record, Report, What};
use livetape_io::simulation::disk::Image;
use livetape_tools::edit::{self, Input, cut, mark, merge, repair};
use proptest::prelude::*;

use super::{plan::number, run::Run};

/// The readable records after a crash.
pub(super) struct Recovered {
    /// Whether all files claim to be complete.
    pub(super) is_complete: bool,
    /// Number of items that were read, or that a Gap reports.
    pub(super) accounted: u64,
}

/// The checks of an image, file by file.
#[derive(Default)]
struct Check {
    found: BTreeSet<u64>,
    /// The items in order, with each copy of an opening whose original is lost.
    order: Vec<u64>,
    /// Number of the next item, if nothing is missing.
    next: u64,
    /// Number of items that Gap records reported since the last item.
    in_gaps: u64,
    /// Whether the reader has reported damage since the last item.
    is_damaged: bool,
    last_offset: Duration,
}

/// Checks that no item is altered or lost without a report, and that all `safe` ones are readable.
pub(super) fn check_image(run: &Run, image: &Image, safe: &[u64]) -> Result<Recovered, TestCaseError> {
    let (mut check, mut is_complete) = (Check::default(), !image.is_empty());
    for (part, bytes) in image.values().enumerate() {
        let Some((records, report)) = read(bytes)? else {
            (check.is_damaged, is_complete) = (true, false);
            continue;
        };
        check.file(run, part, &records)?;
        check.is_damaged |= !report.is_whole();
        is_complete &= report.is_whole() && report.missing == 0;
        check_repair(bytes, &records, &report)?;
        check_cut(bytes, &records, &report)?;
    }
    for number in safe {
        prop_assert!(check.found.contains(number), "item {} of {:?} is gone", number, safe);
    }
    check_merge(image, &check)?;
    Ok(Recovered { is_complete, accounted: check.next + check.in_gaps })
}

impl Check {
    fn file(&mut self, run: &Run, part: usize, records: &[Record]) -> Result<(), TestCaseError> {
        let mut expected = 0;
        for Record { rec_no, item } in records {
            self.is_damaged |= *rec_no != expected;
            expected = rec_no + 1;
            if let What::Gap(gap) = &item.what {
                let (first, last) =
                    (Duration::from_nanos(gap.first_t_ns), Duration::from_nanos(gap.last_t_ns));
                prop_assert!(first <= last && last <= item.offset, "a gap counts from the start of its part");
                self.in_gaps += gap.records;
            }
            if let Some(number) = number(item) {
                // A part begins with copies of the open connections.
                let is_copy = part > 0 && number < self.next && matches!(item.what, What::ConnOpen(_));
                if !is_copy {
                    self.item(run, number, item)?;
                }
                if !is_copy || !self.order.contains(&number) {
                    self.order.push(number);
                }
            }
            self.last_offset = item.offset;
        }
        Ok(())
    }

    fn item(&mut self, run: &Run, number: u64, item: &Item) -> Result<(), TestCaseError> {
        prop_assert!(number >= self.next, "item {} comes after {}", number, self.next);
        if !self.is_damaged {
            prop_assert_eq!(self.next + self.in_gaps, number, "items are missing without a gap");
        }
        let mut original = run.items[number as usize].clone();
        if run.has_parts {
            original.offset = item.offset;
        } else if !self.is_damaged {
            original.offset = original.offset.max(self.last_offset);
        } else {
            prop_assert!(item.offset >= original.offset);
            original.offset = item.offset;
        }
        prop_assert_eq!(&original, item);
        // It may be the copy of a connection whose opening is lost, with more items after it.
        self.is_damaged &= run.has_parts && matches!(item.what, What::ConnOpen(_));
        (self.next, self.in_gaps) = (number + 1, 0);
        self.found.insert(number);
        Ok(())
    }
}

/// Reads all records; `None` for a file without any.
fn read(bytes: &[u8]) -> Result<Option<(Vec<Record>, Report)>, TestCaseError> {
    let mut reader = match Reader::open(bytes) {
        Err(Error::Empty | Error::NotARecording) => return Ok(None),
        reader => reader.map_err(|error| TestCaseError::fail(error.to_string()))?,
    };
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    Ok(Some((records, reader.report().clone())))
}

/// A repaired recording is sealed and contains all readable records, and repairing it again changes nothing.
fn check_repair(bytes: &[u8], records: &[Record], report: &Report) -> Result<(), TestCaseError> {
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    repair(bytes, &mut once).unwrap();
    let (mut kept, repaired) = read(&once)?.unwrap();
    let missing = report.missing + u64::from(report.tail_bytes > 0 && !report.sealed);
    prop_assert_eq!((repaired.sealed, repaired.tail_bytes, repaired.damaged_bytes), (true, 0, 0));
    prop_assert_eq!((repaired.preamble, repaired.missing), (Preamble::Intact, missing), "{:?}", report);
    kept.truncate(records.len());
    prop_assert_eq!(&kept, records);
    prop_assert!(!repair(&once[..], &mut twice).unwrap().is_change());
    prop_assert_eq!(once, twice);
    Ok(())
}

/// A cut that excludes nothing, and a marked copy, contain all items, and report all missing records.
fn check_cut(bytes: &[u8], records: &[Record], report: &Report) -> Result<(), TestCaseError> {
    let mut out = Vec::new();
    let result = cut(bytes, &mut out, Duration::ZERO, None).unwrap();
    let (copied, copy) = read(&out)?.unwrap();
    prop_assert_eq!(numbers(&copied), numbers(records));
    prop_assert_eq!(copy.lost_in_gaps, report.missing + report.lost_in_gaps);
    prop_assert_eq!((result.loss, copy.sealed), (report.loss(), report.sealed));
    let mut marked = Vec::new();
    mark(bytes, &mut marked, Duration::ZERO, "mark").unwrap();
    let (copied, copy) = read(&marked)?.unwrap();
    prop_assert_eq!(numbers(&copied), numbers(records));
    prop_assert_eq!(copy.lost_in_gaps, report.missing + report.lost_in_gaps);
    Ok(())
}

/// The merged parts contain all items in order.
fn check_merge(image: &Image, check: &Check) -> Result<(), TestCaseError> {
    let readable = image.iter().filter(|(_, bytes)| Reader::open(&bytes[..]).is_ok());
    let inputs = Vec::from_iter(readable.map(|(path, bytes)| Input {
        name: path.display().to_string(),
        file: &bytes[..],
        offset: None,
    }));
    let mut out = Vec::new();
    if inputs.is_empty() {
        return Ok(());
    }
    match merge(inputs, &mut out, true) {
        // The header of a part is lost.
        Err(edit::Error::NoClock { .. }) => return Ok(()),
        result => drop(result.unwrap()),
    }
    let (merged, report) = read(&out)?.unwrap();
    prop_assert!(report.missing == 0 && report.damaged_bytes == 0);
    let mut merged = numbers(&merged);
    merged.dedup();
    prop_assert_eq!(&merged, &check.order, "merged");
    Ok(())
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().filter_map(|record| number(&record.item)).collect()
}
