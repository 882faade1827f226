//! The files in `fixtures/golden` are frozen at major version 1 of the format. Every later version must read
//! them as the snapshot says. `UPDATE_GOLDEN=1 cargo test -p livetape-core golden` only writes missing files, and never
//! changes existing ones.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use livetape_core::recording::records::{conn_close, gap, header, http};

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/golden");

/// Checksums of the frozen files. New files get a new row; rows never change.
const FROZEN: &[(&str, u32)] = &[
    ("cut-tail", 0x02802f19),
    ("damaged-preamble", 0xcd9dc2bd),
    ("every-type", 0x47ae4f95),
    ("flipped-bit", 0x44713e68),
    ("hole", 0x99ed377a),
    ("minimal", 0xc13cb6bf),
    ("newer-major", 0x47ae4f95),
    ("newer-minor", 0x47ae4f95),
    ("older-major", 0x47ae4f95),
    ("unsealed", 0x07468de6),
];

#[test]
fn frozen_files_do_not_change() {
    assert_eq!(FROZEN.len(), cases().len());
    for (name, checksum) in FROZEN {
        let bytes = std::fs::read(Path::new(GOLDEN).join(format!("{name}.bin"))).unwrap();
        assert_eq!(crc32fast::hash(&bytes), *checksum, "{name}.bin is frozen");
    }
}

#[test]
fn golden_files_are_written_and_read_unchanged() {
    let mut listings = String::new();
    for (name, bytes) in cases() {
        let path = Path::new(GOLDEN).join(format!("{name}.bin"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(bytes == committed, "{name}.bin differs from the generated file");
        writeln!(listings, "── {name}\n{}", listing(&bytes)).unwrap();
    }
    insta::assert_snapshot!("golden", listings);
}

/// The hex dump in docs/format.md matches `minimal.bin`.
#[test]
fn the_example_in_the_specification_is_a_valid_recording() {
    let document = include_str!("../../../../../docs/format.md");
    let block = document.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
    let digits = block.lines().flat_map(|line| line.split("  ").nth(1).unwrap().split(' '));
    let bytes = Vec::from_iter(digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()));
    assert_eq!(bytes, minimal(), "docs/format.md");
}

fn cases() -> BTreeMap<&'static str, Vec<u8>> {
    let all = every_type();
    let bytes = sealed(&all);
    let starts = boundaries(&bytes);
    let mut flipped = bytes.clone();
    flipped[starts[3] + 40] ^= 0x10;
    let mut bad_preamble = bytes.clone();
    bad_preamble[8] ^= 0x01;
    BTreeMap::from([
        ("minimal", minimal()),
        ("every-type", bytes.clone()),
        ("unsealed", unsealed(&all)),
        ("cut-tail", bytes[..starts[9] + 25].to_vec()),
        ("flipped-bit", flipped),
        ("damaged-preamble", bad_preamble),
        ("newer-minor", with_version(&bytes, 1, 1)),
        ("newer-major", with_version(&bytes, 2, 0)),
        ("older-major", with_version(&bytes, 0, 0)),
        ("hole", [&bytes[..starts[2]], &bytes[starts[6]..]].concat()),
    ])
}

/// A header, one frame and `End`.
fn minimal() -> Vec<u8> {
    let header = Header {
        tool: "livetape".into(),
        source: "synthetic".into(),
        privacy: header::Privacy::Synthetic.into(),
        ..Default::default()
    };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    writer.write(&frame(1500, &b"\x3a\x02hb"[..])).unwrap();
    writer.finish().unwrap()
}

fn with_version(bytes: &[u8], major: u8, minor: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    (bytes[8], bytes[9]) = (major, minor);
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// One item of each type, with all flags. The writer adds `Header` and `End`.
fn every_type() -> Vec<Item> {
    let header = |name: &str, value: &str| records::HttpHeader { name: name.into(), value: value.into() };
    let on = |conn, flags, item: Item| Item { conn, flags: Flags(flags), ..item };
    let initial = http::Role::InitialBatch.into();
    vec![
        item(
            0,
            What::Http(records::Http {
                role: initial,
                request_line: "GET /webcast/fetch?room_id=1".into(),
                status: 200,
                headers: vec![header("x-room-id", "1")],
                body: Bytes::from_static(b"\x12\x01c"),
            }),
        ),
        on(
            1,
            0,
            item(
                120,
                What::ConnOpen(records::ConnOpen {
                    room_id: 7_309_142_864_777_853_434,
                    unique_id: "host_078".into(),
                    attempt: 1,
                    url: "wss://webcast-ws.example.invalid/webcast/im/".into(),
                    handshake_status: 101,
                    headers: vec![header("handshake-msg", "ok")],
                }),
            ),
        ),
        frame(350, &b"\x10\x05\x3a\x03msg\x42\x02\x0a\x00"[..]),
        on(1, Flags::SENT, frame(360, &b"\x3a\x02hb"[..])),
        on(1, Flags::INJECTED | Flags::EDITED | 0x80, frame(400, &b""[..])),
        item(500, What::ClockAnchor(records::ClockAnchor { wall_ns: 1_700_000_000_000_000_000 })),
        item(600, What::Marker(records::Marker { label: "🎁 first gift".into() })),
        item(
            61_000,
            What::Gap(records::Gap {
                first_t_ns: 600_000_000,
                last_t_ns: 60_900_000_000,
                records: 12,
                bytes: 3456,
                direction: gap::Direction::Received.into(),
                reason: "disk too slow".into(),
            }),
        ),
        item(
            61_500,
            What::Status(records::Status {
                code: "rate_limited".into(),
                attempt: 2,
                retrying: true,
                retry_after_ms: Some(30_000),
                detail: "too many connections".into(),
                hint: String::new(),
            }),
        ),
        on(
            1,
            0,
            item(
                62_000,
                What::ConnClose(records::ConnClose {
                    code: 1006,
                    reason: "reset".into(),
                    who: conn_close::Who::Network.into(),
                    will_retry: true,
                }),
            ),
        ),
        item(62_500, What::Checkpoint(records::Checkpoint::default())),
        item(63_000, What::Other { record_type: 200, opcode: 7, payload: Bytes::from_static(b"private") }),
    ]
}

/// Lists the records that a reader returns.
fn listing(bytes: &[u8]) -> String {
    let mut reader = match Reader::open(bytes) {
        Ok(reader) => reader,
        Err(error) => return format!("error: {error}\n"),
    };
    let mut text = String::new();
    while let Some(record) = reader.next().unwrap() {
        let Record { rec_no, item: Item { offset, conn, flags, what } } = record;
        writeln!(text, "{rec_no} {offset:?} conn {conn} flags {:#04x} {what:?}", flags.0).unwrap();
    }
    let report = reader.report();
    writeln!(text, "preamble {:?}, sealed {}", report.preamble, report.sealed).unwrap();
    writeln!(text, "records {}, missing {}", report.records, report.missing).unwrap();
    writeln!(text, "tail bytes {}, last at {:?}", report.tail_bytes, report.last_offset).unwrap();
    for damage in &report.damage {
        writeln!(text, "damaged at {}: {} bytes, {} records", damage.position, damage.bytes, damage.missing)
            .unwrap();
    }
    text
}
