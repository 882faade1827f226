//! Seeking by record headers.

use std::io::Cursor;

use livetape_core::recording::record_type;

use super::*;

#[test]
fn heads_describe_records_and_allow_seeking_back() {
    let bytes = sealed(&Vec::from_iter((0..50).map(|n| frame(n * 100, format!("frame {n}")))));
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let mut heads = Vec::new();
    while let Some(head) = reader.next_head().unwrap() {
        assert_eq!(reader.body().unwrap().payload().len(), head.payload_bytes);
        heads.push(head);
    }
    let starts = boundaries(&bytes);
    assert_eq!(Vec::from_iter(heads.iter().map(|head| head.position as usize)), starts[..starts.len() - 1]);

    let late = heads.iter().find(|head| head.offset >= Duration::from_millis(2050)).unwrap();
    assert_eq!((late.record_type, late.rec_no), (record_type::FRAME, 22));
    for _ in 0..2 {
        reader.seek(late).unwrap();
        assert_eq!(reader.body(), None);
        let record = reader.next().unwrap().unwrap();
        assert_eq!(record, Record { rec_no: 22, item: frame(2100, "frame 21") });
    }
}

#[test]
fn damage_that_is_read_twice_is_reported_once() {
    let mut bytes = sealed(&Vec::from_iter((0..9).map(|n| frame(n, "frame"))));
    let damaged = boundaries(&bytes)[4] + 20;
    bytes[damaged] ^= 1;
    let report = read(&bytes).1;
    let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let first = reader.next_head().unwrap().unwrap();
    for _ in 0..3 {
        while reader.next().unwrap().is_some() {}
        assert_eq!(reader.report(), &report);
        reader.seek(&first).unwrap();
    }
}
