//! `verify`: losses and the exit code.

use std::{fs, time::Duration};

use livetape_core::recording::{Flags, Frame, Item, Opcode, What, Writer, records::Header};
use livetape_tools::verify::{Verification, verify};

fn golden(name: &str) -> Verification {
    let path = format!("{}/../../fixtures/golden/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    verify(fs::File::open(path).unwrap()).unwrap()
}

fn of_frame(bytes: &'static [u8]) -> Verification {
    let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() });
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    writer.write(&Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what }).unwrap();
    verify(&writer.finish().unwrap()[..]).unwrap()
}

#[test]
fn the_exit_code_reports_missing_data() {
    assert_eq!(golden("minimal").exit_code(), 0);
    // Items that the recorder lost also count as missing.
    for name in ["every-type", "unsealed", "flipped-bit", "hole", "cut-tail", "damaged-preamble"] {
        assert_eq!(golden(name).exit_code(), 3, "{name}");
    }
    assert_eq!(of_frame(b"\x3a\x02hb").exit_code(), 0);
    let bad_gzip = of_frame(b"\x3a\x03msg\x42\x03\x1f\x8b\x08");
    assert_eq!((bad_gzip.unreadable, bad_gzip.faults["bad_gzip"], bad_gzip.exit_code()), (1, 1, 3));
    // A chat with a truncated payload: the batch is intact, but the message is not.
    let bad_message = of_frame(b"\x3a\x03msg\x42\x19\x0a\x17\x0a\x12WebcastChatMessage\x12\x01\x0a");
    assert_eq!((bad_message.faults.len(), bad_message.exit_code()), (1, 3), "{bad_message}");
    let nothing = verify(&Writer::new(Vec::new(), &Header::default()).unwrap().get_ref()[..16]).unwrap();
    assert_eq!(nothing.exit_code(), 1);
}

#[test]
fn the_text_lists_the_damage() {
    insta::assert_snapshot!(golden("flipped-bit"), @r"
    sealed, 14 records, last at 00:01:03.000
    decoded: frames 2, batches 1, messages 0
    at byte 259: 43 bytes unreadable, 1 record missing
    lost while recording: 12 records
    incomplete: 13 records missing; 43 bytes unreadable
    ");
}
