//! Encoded messages before and after have the same fields, types and nesting.

use livetape_core::{
    recording::{Item, What},
    wire::unzip,
};
use proptest::prelude::*;

use super::{TESTED, Tested, items, key, put, scrubbed};
use crate::support::{item, recording};

/// A field: number, wire type and value.
#[derive(Debug)]
enum Node<'a> {
    Leaf(u64, &'a [u8]),
    Bytes(u64, &'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        number |= part << (7 * at);
        if number >> (7 * at) != part {
            return None;
        }
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Parses a list of packed numbers; `None` if one of them is incomplete, or exceeds 64 bits.
fn packed(mut bytes: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        numbers.push(varint(&mut bytes)?);
    }
    Some(numbers)
}

/// Parses the fields of a message; `None` if it is malformed.
fn fields(mut bytes: &[u8]) -> Option<Vec<Node<'_>>> {
    let mut nodes = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        if key >> 3 == 0 || key >> 3 >= 1 << 29 {
            return None;
        }
        let before = bytes;
        let length = match key & 7 {
            0 => {
                varint(&mut bytes)?;
                nodes.push(Node::Leaf(key, &before[..before.len() - bytes.len()]));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            _ => return None,
        };
        let value = bytes.get(..length)?;
        bytes = &bytes[length..];
        nodes.push(if key & 7 == 2 { Node::Bytes(key, value) } else { Node::Leaf(key, value) });
    }
    Some(nodes)
}

fn is_plain_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// Compares two length-delimited values; counts the leaves.
fn same(path: &str, before: &[u8], after: &[u8], leaves: &mut usize) {
    if before.starts_with(&[0x1f, 0x8b]) {
        assert!(after.starts_with(&[0x1f, 0x8b]), "{path}");
        let plain = |bytes: &[u8]| {
            let mut faults = Vec::new();
            let plain = unzip(bytes.to_vec().into(), &mut faults);
            assert_eq!(faults, [], "{path}");
            plain
        };
        return same(path, &plain(before), &plain(after), leaves);
    }
    let nodes = if is_plain_text(before) { None } else { fields(before) };
    let Some(nodes) = nodes else {
        *leaves += 1;
        assert_eq!(before.is_empty(), after.is_empty(), "{path}");
        assert!(is_plain_text(before) || packed(before).is_none() || packed(after).is_some(), "{path}");
        assert!(!is_plain_text(before) || std::str::from_utf8(after).is_ok(), "{path}");
        return;
    };
    let others = fields(after).unwrap_or_else(|| panic!("{path} is no longer a message"));
    assert_eq!(nodes.len(), others.len(), "{path}");
    for pair in nodes.iter().zip(&others) {
        match pair {
            (Node::Leaf(key, one), Node::Leaf(other, two)) if key == other => {
                *leaves += 1;
                assert_eq!(one.len(), two.len(), "{path}.{}", key >> 3);
            }
            (Node::Bytes(key, one), Node::Bytes(other, two)) if key == other => {
                same(&format!("{path}.{}", key >> 3), one, two, leaves);
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

fn frames(items: &[Item]) -> Vec<&[u8]> {
    items
        .iter()
        .filter_map(|item| match &item.what {
            What::Frame(frame) => Some(&frame.bytes[..]),
            _ => None,
        })
        .collect()
}

#[test]
fn trees_are_equal_except_for_leaves() {
    for Tested { name, file, out, report } in &*TESTED {
        let (before, after) = (items(file), items(out));
        let mut leaves = 0;
        let (before, after) = (frames(&before), frames(&after));
        assert_eq!(before.len(), after.len(), "{name}");
        for (one, two) in before.into_iter().zip(after) {
            same(name, one, two, &mut leaves);
        }
        assert!(leaves > 5_000, "{name}: {leaves}");
        assert!(!report.lost(), "{name}: {report:?}");
    }
}

/// Generates nested messages with arbitrary fields.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let number = || proptest::sample::select(vec![1_u64, 2, 3, 4, 5, 7, 8, 9, 38, 46, 64, 900]);
    let scalar = (number(), any::<u64>()).prop_map(|(number, value)| [put(number << 3), put(value)].concat());
    let fixed = (number(), any::<[u8; 8]>())
        .prop_map(|(number, value)| [put(number << 3 | 1), value.to_vec()].concat());
    let text = (number(), ".{0,24}|[a-z0-9_]{0,12}|\\{\"userId\":\"[0-9]{19}\"\\}")
        .prop_map(|(number, text)| with_length(number, text.as_bytes()));
    let bytes = (number(), proptest::collection::vec(any::<u8>(), 0..24))
        .prop_map(|(number, value)| with_length(number, &value));
    let leaf = prop_oneof![scalar, fixed, text, bytes];
    let message = proptest::collection::vec(leaf, 0..6).prop_map(|fields| fields.concat());
    message.prop_recursive(4, 64, 4, move |inner| {
        proptest::collection::vec(
            (number(), inner).prop_map(|(number, inner)| with_length(number, &inner)),
            1..4,
        )
        .prop_map(|fields| fields.concat())
    })
}

fn with_length(number: u64, value: &[u8]) -> Vec<u8> {
    [put(number << 3 | 2), put(value.len() as u64), value.to_vec()].concat()
}

fn reads_as_text(bytes: &[u8]) -> bool {
    let is_readable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_readable))
}

fn frame(bytes: Vec<u8>) -> Item {
    use livetape_core::recording::{Frame, Opcode};
    item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() }))
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 5, ..ProptestConfig::default() })]

    #[test]
    fn any_message_keeps_its_fields(
        // Such a frame is replaced as a text: a short field of spaces is one, with its key and length.
        message in wire().prop_filter("reads as text", |frame| frame.is_empty() || !reads_as_text(frame)),
    ) {
        let file = recording(&[frame(message.clone())]);
        let (out, report) = scrubbed(&file, key(1));
        let all = items(&out);
        // Rare: the replacement of arbitrary bytes may look like an id or a text. Then the frame is dropped,
        // and counted.
        prop_assert_eq!(frames(&all).is_empty(), report.tally.rejected_records == 1);
        prop_assume!(!frames(&all).is_empty());
        let scrubbed = frames(&all)[0];
        let keys = |bytes| fields(bytes).unwrap().iter().map(|node| match node {
            Node::Leaf(key, _) | Node::Bytes(key, _) => *key,
        }).collect::<Vec<_>>();
        prop_assert_eq!(keys(&message), keys(scrubbed));
    }

    /// Many clients drop a message with a varint of more than 64 bits. Negative numbers have ten bytes. In an
    /// unknown field, a list that reads as text is replaced as one.
    #[test]
    fn packed_numbers_fit_into_64_bits(
        list in proptest::collection::vec(prop_oneof![any::<i64>(), -300..300_i64], 1..9)
            .prop_map(|numbers| numbers.into_iter().flat_map(|number| put(number.cast_unsigned())).collect::<Vec<_>>())
            .prop_filter("reads as text", |list| !reads_as_text(list)),
        field in proptest::sample::select(vec![1_u64, 900]),
    ) {
        let (out, report) = scrubbed(&recording(&[frame(with_length(field, &list))]), key(1));
        prop_assert_eq!(report.tally.rejected_records, 0);
        let all = items(&out);
        let nodes = fields(frames(&all)[0]).unwrap();
        let [Node::Bytes(_, after)] = &nodes[..] else { panic!("{nodes:?}") };
        prop_assert!(packed(after).is_some(), "{:?} became {:?}", list, after);
    }

    #[test]
    fn arbitrary_bytes_are_accepted(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let file = recording(&[frame(bytes)]);
        let (out, _) = scrubbed(&file, key(1));
        let (again, report) = scrubbed(&out, key(1));
        prop_assert!(report.copied && again == out);
    }
}
