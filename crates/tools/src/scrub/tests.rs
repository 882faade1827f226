//! Tests that all generated data passes an audit, with any key.

use std::{collections::BTreeSet, time::Duration};

use livetape_core::{
    recording::{Flags, Frame, Item, Opcode, What},
    wire::{Schema, write_bytes},
};
use prost::encoding::encode_varint;

use super::{
    Auditor, ChangeCounts, Scrubber,
    check::Checker,
    class::Class,
    identities::{Identities, Name},
    made_up::{KEY_BYTES, Key},
    patterns,
    rewriter::Rewriter,
    views::views,
    walk::{Context, Leaves, Place, message},
};

const KEYS: u16 = 1_000;

/// Texts that could be turned into data that an audit finds.
const TEXTS: [&str; 22] = [
    "ann.smith@example.org",
    "ann_@host.example.org",
    "ann-@host.org, or bob%@host.org.",
    "@host.org",
    "mail: <ann@ann.smith>",
    "+49 170 1234567",
    "call (+1) 555-123-4567 or 0049.170.1234567",
    "1234567890",
    "170 123 45 67 89",
    "2000-01-01 12:34:56 +0100",
    "v1.4.0+build.7@host.example",
    "7286469691624746063@host.org",
    "a|b=ann@example.org|room_id:7286469691624746063|+491701234567",
    "ann.smith",
    "Ann Smith",
    "Ann.Smith.Berlin",
    "привет@пример.рф",
    "大家好 @ann.smith !",
    "MS4wLjABAAAAmsI4POHsFNrWGpEofyaaaaaaaa",
    "https://p16-sign-sg.tiktokcdn.com/aweme/100x100/tos-alisg-avt-0068/1f2e3d.webp?x-signature=a@b.org",
    "tos-maliva-avt-0068/9f8e7d",
    "{\"nickname\":\"ann@example.org\",\"x\":\"+491701234567\",\"y\":[\"ann.smith@example.org\"]}",
];

const CLASSES: [Class; 9] = [
    Class::Unknown,
    Class::Id,
    Class::Handle,
    Class::Nickname,
    Class::SecUid,
    Class::Text,
    Class::Picture,
    Class::Link,
    Class::Token,
];

fn key(number: u16) -> Key {
    let mut bytes = [7; KEY_BYTES];
    bytes[..2].copy_from_slice(&number.to_le_bytes());
    Key::new(&bytes)
}

/// Returns the findings in a text of this class: by field, and by pattern in any encoding.
fn findings(class: Class, text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let _ = Leaves::text(&mut Checker::new(&mut found, false), &Place::unnamed(class), text);
    let mut found: Vec<String> = found.into_iter().map(|finding| format!("{finding:?}")).collect();
    // In a message, a text is surrounded by field numbers and lengths, which can be letters and symbols.
    for around in [text.to_owned(), format!("xx{text}x"), format!("xxB@{text}B")] {
        for view in &views(around.as_bytes()).0 {
            patterns::search(&view.bytes, |kind, bytes| {
                found.push(format!("{kind} in {:?}: {}", view.way, String::from_utf8_lossy(bytes)));
            });
        }
    }
    found
}

#[test]
fn generated_data_passes_an_audit_with_each_of_1000_keys() {
    let mut identities = Identities::default();
    identities.add_name("ann.smith", Name::Handle);
    identities.add_name("Ann Smith", Name::Nickname);
    let mut tally = ChangeCounts::default();
    for number in 0..KEYS {
        let key = key(number);
        let mut rewriter = Rewriter { key: &key, identities: &identities, tally: &mut tally };
        // Every text is used with some keys, and every key with some text.
        let text = TEXTS[usize::from(number) % TEXTS.len()];
        for class in CLASSES {
            let made = rewriter.text(&Place::unnamed(class), text);
            let made = made.as_deref().unwrap_or(text);
            let found = findings(class, made);
            assert!(found.is_empty(), "key {number}, {class:?}: {text} became {made}: {found:?}");
        }
        let line = rewriter.line(text);
        let mut found = Vec::new();
        patterns::search(line.as_bytes(), |kind, _| found.push(kind));
        found.retain(|kind| !matches!(kind, super::FindingKind::Picture | super::FindingKind::SecUid));
        assert!(found.is_empty(), "key {number}: {text} became the line {line}: {found:?}");
    }
}

/// The bytes of a list of ids are not text, and so are not replaced as one. Those of generated ids must not be, either.
#[test]
fn lists_of_generated_ids_pass_an_audit_with_each_of_1000_keys() {
    let (context, identities) = (Context::named("ImDelete"), Identities::default());
    let user_ids = Schema::named("ImDelete").unwrap().fields.iter().find(|field| field.name == "user_ids");
    for number in 0..KEYS {
        let (key, mut tally) = (key(number), ChangeCounts::default());
        for id in
            [7_309_140_079_413_332_769_u64, 6_812_345_678_901_234_567, 107_955_123, 27_021_597_764_222_973]
        {
            let (mut list, mut bytes) = (Vec::new(), Vec::new());
            encode_varint(id + u64::from(number), &mut list);
            write_bytes(user_ids.unwrap().number, &list, &mut bytes);
            let rewriter = &mut Rewriter { key: &key, identities: &identities, tally: &mut tally };
            let made = message(&bytes, context, rewriter);
            let mut found = BTreeSet::new();
            message(&made, context, &mut Checker::new(&mut found, true));
            assert_eq!(found, BTreeSet::new(), "key {number}: {id} became {made:?}");
        }
    }
}

/// Letters in place of a message are replaced as a text. Some such texts can be read as fields, with a number
/// that looks like an id.
#[test]
fn malformed_frames_pass_an_audit_or_are_dropped() {
    const FRAMES: u32 = 1_000;
    let mut scrubber = Scrubber::new(key(7));
    let letter = |number: u32, place: u32| b'b' + (number >> (4 * place) & 15) as u8;
    for number in 0..FRAMES {
        let mut frame = b":\x03msgB\x10\x0a\x0ez".to_vec();
        frame.extend((0..13).map(|place| letter(number, place % 3)));
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: frame.into() });
        let item = Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what };
        if let Some(Item { what: What::Frame(frame), .. }) = scrubber.scrub(item.clone()) {
            let item = Item { what: What::Frame(frame.clone()), ..item };
            assert_eq!(Auditor::default().audit(&item, &frame.bytes), BTreeSet::new());
        }
    }
    let dropped = scrubber.tally().rejected_records;
    assert!((1..u64::from(FRAMES / 4)).contains(&dropped), "{dropped} of {FRAMES}");
}

proptest::proptest! {
    #[test]
    fn any_text_passes_an_audit_once_replaced(text in ".{0,40}", number: u16) {
        let (key, identities, mut tally) = (key(number), Identities::default(), ChangeCounts::default());
        let mut rewriter = Rewriter { key: &key, identities: &identities, tally: &mut tally };
        for class in [Class::Nickname, Class::Text, Class::Unknown, Class::Handle] {
            let made = rewriter.text(&Place::unnamed(class), &text);
            let found = findings(class, made.as_deref().unwrap_or(&text));
            proptest::prop_assert!(found.is_empty(), "{text} became {made:?}: {found:?}");
        }
    }
}
