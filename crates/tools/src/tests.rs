//! Drives bounds over their edges. The numbers are repeated here, so that nobody changes one by accident.

use std::{io, time::Duration};

use livetape_core::recording::{
    Flags, Item, What, Writer,
    records::{ConnOpen, Gap, Header, Marker},
};

use crate::{
    edit::{Error, find_marker, mark},
    info::info,
    scrub::Auditor,
    timeline::Chart,
    verify::verify,
};

/// A bound: what it limits, the largest number that fits, and whether so many fit.
type Row = (&'static str, usize, fn(usize) -> bool);

const ROWS: &[Row] = &[
    ("characters of a label", 200, |chars| {
        mark(&recording(0, marker)[..], io::sink(), Duration::ZERO, &"x".repeat(chars)).is_ok()
    }),
    ("words of an audit", 10_000, |words| Auditor::new(&"somebody\n".repeat(words)).is_ok()),
    ("markers in an error", 10, |markers| {
        let error = find_marker(&recording(markers, marker)[..], "?").unwrap_err();
        matches!(error, Error::NoMarker { known, .. } if known.len() == markers)
    }),
    ("markers of a timeline", 1_000, |markers| chart(markers, marker).timeline(1).markers.len() == markers),
    ("gaps of a timeline", 1_000, |gaps| chart(gaps, gap).timeline(1).gaps.len() == gaps),
    ("connections of a timeline", 1_000, |opened| {
        chart(opened, open).timeline(1).connections.len() == opened
    }),
    ("connections that are counted one by one", 1_000, |opened| {
        info(&recording(opened, open)[..]).unwrap().connections.len() == opened
    }),
    ("connections in a terminal", 10, |opened| {
        !info(&recording(opened, open)[..]).unwrap().to_string().contains("and 1 more")
    }),
    ("damaged stretches in a terminal", 20, |stretches| {
        let mut bytes = recording(2 * stretches, |n| if n % 2 == 0 { open(n) } else { marker(n) });
        let marks: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"label ")).collect();
        marks.into_iter().for_each(|at| bytes[at] = b'!');
        !verify(&bytes[..]).unwrap().to_string().contains("and 1 more")
    }),
];

fn marker(n: u32) -> What {
    What::Marker(Marker { label: format!("label {n}") })
}

fn gap(_: u32) -> What {
    What::Gap(Gap { records: 1, ..Gap::default() })
}

fn open(_: u32) -> What {
    What::ConnOpen(ConnOpen::default())
}

fn items(count: usize, what: fn(u32) -> What) -> impl Iterator<Item = Item> {
    let item = move |n| Item { offset: Duration::ZERO, conn: n, flags: Flags::default(), what: what(n) };
    (1..=count as u32).map(item)
}

fn recording(count: usize, what: fn(u32) -> What) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    items(count, what).for_each(|item| writer.write(&item).unwrap());
    writer.finish().unwrap()
}

fn chart(count: usize, what: fn(u32) -> What) -> Chart {
    let mut chart = Chart::default();
    items(count, what).for_each(|item| chart.add(item));
    chart
}

#[test]
fn each_bound_holds_at_its_edge() {
    let moved = ROWS.iter().filter(|(_, bound, fits)| !fits(*bound) || fits(bound + 1));
    assert_eq!(moved.map(|(name, ..)| name).collect::<Vec<_>>(), [&""; 0]);
}
