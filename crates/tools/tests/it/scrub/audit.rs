//! The audit finds everything that a scrubber removes, and nothing afterwards.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use livetape_core::{
    recording::{Frame, Item, Opcode, What, Writer, records},
    wire::{Batch, Message, Push, write_batch, write_push, zip},
};
use livetape_tools::{
    audit::{AuditReport, audit},
    scrub::{Auditor, FindingKind},
};

use super::{TESTED, Tested, key, scrubbed};
use crate::support::{item, recording};

fn audited(file: &[u8], words: &str) -> AuditReport {
    audit(file, Auditor::new(words).unwrap()).unwrap()
}

#[test]
fn a_scrubbed_recording_passes_the_audit() {
    for Tested { name, file, out, .. } in &*TESTED {
        let before = audited(file, "");
        assert_eq!(before.exit_code(), 1, "{name}");
        let after = audited(out, "host_078\nAnn Smith\nplanted\n7309142864777853434\nfresco_tange82");
        assert_eq!(after.exit_code(), 0, "{name}: {after}");
    }
}

#[test]
fn shipped_recordings_pass_the_audit_before_and_after_a_scrub() {
    for name in
        ["demo", "cut-streaks", "gifts", "short", "quiet", "busy", "raid", "battle", "everything", "guests"]
    {
        let file =
            std::fs::read(format!("{}/../../recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let report = audited(&file, "");
        assert_eq!(report.exit_code(), 0, "{name}: {report}");
        // They have the same kinds of people, and a unit test tries 1,000 keys.
        if matches!(name, "demo" | "everything") {
            let report = audited(&scrubbed(&file, key(10)).0, "");
            assert_eq!(report.exit_code(), 0, "{name}: {report}");
        }
    }
}

#[test]
fn each_kind_is_found_before_scrubbing() {
    let report = audited(&TESTED[0].file, "ann smith\n7309142864777853434");
    for kind in [
        FindingKind::Id,
        FindingKind::Name,
        FindingKind::Text,
        FindingKind::SecUid,
        FindingKind::Picture,
        FindingKind::Mail,
        FindingKind::Secret,
        FindingKind::Word,
    ] {
        assert!(report.counts.contains_key(&kind), "{kind} in {:?}", report.counts);
    }
    let found = &report.findings[0];
    assert!(found.position > 16 && found.record > 0);
}

/// A text deep inside an unknown message.
fn hidden(text: &str) -> Vec<u8> {
    let base64 = BASE64_STANDARD.encode(zip(text.as_bytes()));
    let length = [base64.len() as u8 & 0x7f | 0x80, (base64.len() >> 7) as u8];
    let payload = [&[0xa2, 0x06][..], &length, base64.as_bytes()].concat();
    let method = "WebcastNobodyKnowsMessage".to_owned();
    let message = Message { method: method.into(), payload: payload.into(), ..Message::default() };
    let payload = zip(&write_batch(&Batch { messages: vec![message], ..Batch::default() }));
    let push = Push { payload_type: "msg".into(), payload, ..Push::default() };
    let bytes = write_push(&push);
    recording(&[item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes }))]).to_vec()
}

#[test]
fn words_are_found_in_every_encoding() {
    let file = hidden("hello ANN smith");
    let report = audited(&file, "# people\nAnn Smith\n");
    let found = report.findings.iter().find(|found| found.finding.kind == FindingKind::Word).unwrap();
    assert!(found.finding.place.ends_with("base64 > gzip"), "{}", found.finding.place);
    assert_eq!(found.finding.shown, "Ann Smith");
    let (out, _) = scrubbed(&file, key(1));
    assert_eq!(audited(&out, "Ann Smith").exit_code(), 0);
}

#[test]
fn mail_addresses_and_phone_numbers_in_comments_are_removed() {
    let file = hidden("write to ann.smith@example.org or call +49 170 1234567");
    let kinds = audited(&file, "").counts;
    assert!(kinds.contains_key(&FindingKind::Mail) && kinds.contains_key(&FindingKind::Phone), "{kinds:?}");
    let report = audited(&scrubbed(&file, key(1)).0, "");
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[test]
fn invented_people_in_synthetic_recordings_pass_the_audit() {
    let mut header = records::Header::default();
    header.set_privacy(records::header::Privacy::Synthetic);
    let open = records::ConnOpen {
        unique_id: "ann".into(),
        room_id: 7_000_000_000_000_000_001,
        ..Default::default()
    };
    let file = |header: &records::Header, items: &[Item]| {
        let mut writer = Writer::new(Vec::new(), header).unwrap();
        items.iter().for_each(|item| writer.write(item).unwrap());
        writer.finish().unwrap()
    };
    let items = [item(0, What::ConnOpen(open))];
    assert_eq!(audited(&file(&header, &items), "").exit_code(), 0);
    assert_eq!(audited(&file(&header, &items), "ann").exit_code(), 1);
    header.set_privacy(records::header::Privacy::Scrubbed);
    assert_eq!(audited(&file(&header, &items), "").exit_code(), 1);
}

#[test]
fn damaged_recordings_do_not_pass_the_audit() {
    let mut out = TESTED[0].out.clone();
    let middle = out.len() / 2;
    out[middle] ^= 1;
    let report = audited(&out, "");
    assert_eq!(report.exit_code(), 3, "{report}");
    assert!(report.to_string().contains("unreadable"), "{report}");
}

#[test]
fn words_that_are_too_short_are_rejected() {
    assert_eq!(Auditor::new("# a note\n\nann\nab").unwrap_err(), 4);
}
