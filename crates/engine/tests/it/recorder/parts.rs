//! Recordings in parts: each part is readable by itself, and together they contain everything.

use std::{fs, path::Path};

use livetape_engine::recorder::Rotate;
use livetape_tools::edit::{Input, merge};

use super::*;
use crate::support::messages::show;

fn record(path: &Path, items: &[Item], rotate: Option<Rotate>) -> Vec<std::path::PathBuf> {
    let options = RecorderOptions { rotate, wall: None, ..RecorderOptions::default() };
    let header = records::Header { wall_anchor_ns: Some(1_704_067_200_123_456_789), ..live_header("ann") };
    let recorder = Recorder::start(&Target::File(path.into()), header, &options).unwrap();
    items.iter().for_each(|item| recorder.record(item));
    let files = recorder.files();
    let summary = recorder.finish().unwrap();
    assert_eq!((summary.lost, summary.duration), (0, items.last().unwrap().offset));
    files.paths()
}

/// Returns the items, without the metadata of each file.
fn happened(bytes: &[u8]) -> Vec<Item> {
    let (items, report) = read(bytes);
    assert!(report.is_whole() && report.sealed);
    let is_of_the_file = |item: &Item| {
        matches!(item.what, What::Header(_) | What::Checkpoint(_) | What::End(_) | What::ClockAnchor(_))
    };
    items.into_iter().filter(|item| !is_of_the_file(item)).collect()
}

fn check(items: &[Item], rotate: Rotate, parts_min: usize) {
    let folder = tempfile::tempdir().unwrap();
    let whole = record(&folder.path().join("whole.bin"), items, None);
    let parts = record(&folder.path().join("show.bin"), items, Some(rotate));
    assert!(parts.len() >= parts_min, "{rotate:?}: {} parts", parts.len());
    for (at, part) in parts.iter().enumerate() {
        assert_eq!(part.file_name().unwrap().to_str().unwrap(), format!("show.{at:03}.bin"));
        let first = happened(&fs::read(part).unwrap()).remove(0);
        assert!(matches!(first.what, What::ConnOpen(_)), "{}: {first:?}", part.display());
    }
    let input = |path: &std::path::PathBuf| Input {
        name: path.display().to_string(),
        file: fs::File::open(path).unwrap(),
        offset: None,
    };
    let mut merged = Vec::new();
    merge(parts.iter().map(input).collect(), &mut merged, false).unwrap();
    assert_eq!(happened(&merged), happened(&fs::read(&whole[0]).unwrap()), "{rotate:?}");
    let header = |bytes: &[u8]| match read_all(bytes).0.remove(0).item.what {
        What::Header(header) => header,
        other => panic!("{other:?}"),
    };
    assert_eq!(header(&merged), header(&fs::read(&whole[0]).unwrap()));
}

#[test]
fn parts_by_size_add_up_to_the_whole() {
    check(&session_items(1), Rotate::Bytes(64 << 10), 8);
}

#[test]
fn parts_by_time_add_up_to_the_whole() {
    check(&session_items(2), Rotate::Every(Duration::from_secs(20)), 5);
    // With a closed and an open connection.
    check(&show()[..12], Rotate::Every(Duration::from_secs(1)), 4);
}

#[test]
fn an_existing_part_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("show.001.bin");
    fs::write(&taken, "mine").unwrap();
    let options =
        RecorderOptions { rotate: Some(Rotate::Every(Duration::from_secs(1))), ..RecorderOptions::default() };
    let target = Target::File(folder.path().join("show.bin"));
    let recorder = Recorder::start(&target, live_header("ann"), &options).unwrap();
    session_items(2).iter().for_each(|item| recorder.record(item));
    let problem = recorder.finish().unwrap_err();
    assert!(problem.message.contains("show.001.bin already exists"), "{problem}");
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    let first = fs::read(folder.path().join("show.000.bin")).unwrap();
    assert!(read(&first).1.records > 2, "earlier records stay");
}
