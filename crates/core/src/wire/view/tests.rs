//! Compares the results with prost's for all recorded payloads, intact and corrupted.

use proptest::prelude::*;
use std::{fs::File, io::BufReader, sync::LazyLock};

use prost::{Message as _, encoding::encode_varint};

use super::*;
use crate::{
    recording::{Reader as Recording, What},
    wire::{self, views},
};

#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../../generated/used.rs"]
mod used;

const RECORDINGS: [&str; 4] = ["demo", "gifts", "battle", "raid"];

/// Decodes a payload in both ways.
type Reader = fn(&[u8]) -> [Option<String>; 2];

macro_rules! rows {
    ($($kind:ident $method:literal,)*) => {
        const READERS: &[(&str, Reader)] = &[$(($method, |bytes| {
            let view = read::<views::$kind>(bytes).ok().map(|view| format!("{view:?}"));
            let prost = <used::$kind as prost::Message>::decode(bytes).ok();
            [view, prost.map(|message| format!("{message:?}"))]
        })),*];
    };
}
crate::methods!(rows);

fn reader_of(wanted: &str) -> Option<Reader> {
    READERS.iter().find(|(method, _)| *method == wanted).map(|(_, reader)| *reader)
}

/// Methods and payloads in recordings that ship with livetape.
fn payloads(recordings: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut payloads = Vec::new();
    for name in recordings {
        let path = format!("{}/../../recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"));
        let mut recording = Recording::open(BufReader::new(File::open(path).unwrap())).unwrap();
        while let Some(record) = recording.next().unwrap() {
            let What::Frame(frame) = &record.item.what else { continue };
            let push = wire::read_push(&frame.bytes, &mut vec![]);
            let batch = wire::read_batch(&wire::unzip(push.payload, &mut vec![]), &mut vec![]);
            let messages = batch.messages.into_iter();
            payloads.extend(messages.map(|message| (message.method.to_string(), message.payload.to_vec())));
        }
    }
    payloads
}

#[test]
fn recorded_payloads_decode_as_in_prost() {
    let (mut read, mut random) = (0, 1_u64);
    for (method, payload) in payloads(&RECORDINGS) {
        let Some(reader) = reader_of(&method) else { continue };
        let [view, prost] = reader(&payload);
        assert_eq!(view, prost, "{method}");
        read += usize::from(view.is_some());
        for _ in 0..4 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let spoilt = spoil(&payload, random >> 16);
            let [view, prost] = reader(&spoilt);
            assert_eq!(view, prost, "{method}: {spoilt:x?}");
        }
    }
    assert!(read > 1000, "{read}");
}

#[test]
fn texts_that_look_like_names_of_fields_decode_as_in_prost() {
    let chat = used::Chat { content: "harbor#264 r#type: 1".into(), ..Default::default() };
    let [view, prost] = reader_of("WebcastChatMessage").unwrap()(&chat.encode_to_vec());
    assert_eq!(view, prost);
    assert!(view.unwrap().contains("harbor#264 r#type: 1"));
}

/// Changes a byte, cuts the payload off, or repeats a part of it.
fn spoil(payload: &[u8], random: u64) -> Vec<u8> {
    let at = (random >> 10) as usize % payload.len().max(1);
    let (before, after) = payload.split_at(at.min(payload.len()));
    match (random % 4, after) {
        (0, _) => before.to_vec(),
        (1, _) => [before, before, after].concat(),
        (_, [_, rest @ ..]) => [before, &[(random >> 2) as u8], rest].concat(),
        (_, []) => vec![(random >> 2) as u8],
    }
}

fn both(reader: Reader, bytes: &[u8]) -> bool {
    let [view, prost] = reader(bytes);
    view == prost
}

/// Payloads of the demo with a schema, and their readers.
static DEMO: LazyLock<Vec<(Reader, Vec<u8>)>> = LazyLock::new(|| {
    let known = |(method, payload): (String, _)| Some((reader_of(&method)?, payload));
    payloads(&RECORDINGS[..1]).into_iter().filter_map(known).collect()
});

proptest! {
    #[test]
    fn spoilt_payloads_decode_as_in_prost(at in any::<prop::sample::Index>(), changes in prop::collection::vec(any::<u64>(), 1..5)) {
        let (reader, payload) = at.get(&DEMO[..]);
        let spoilt = changes.into_iter().fold(payload.clone(), |payload, random| spoil(&payload, random));
        prop_assert!(both(*reader, &spoilt), "{spoilt:x?}");
    }

    #[test]
    fn any_bytes_decode_as_in_prost(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for method in ["WebcastChatMessage", "WebcastImDeleteMessage", "WebcastRoomUserSeqMessage"] {
            prop_assert!(both(reader_of(method).unwrap(), &bytes), "{method}");
        }
    }

    #[test]
    fn numbers_of_any_length_are_decoded(number in any::<u64>(), shift in 0..64_u32, behind in 0..12_usize) {
        let number = number >> shift;
        let mut bytes = Vec::new();
        encode_varint(number, &mut bytes);
        let length = bytes.len();
        bytes.extend(vec![0xff; behind]);
        let mut rest = &bytes[..];
        prop_assert_eq!((varint(&mut rest), rest.len()), (Ok(number), behind));
        for end in 0..length {
            prop_assert_eq!(varint(&mut &bytes[..end]), Err(Broken::CutOff));
        }
    }

    #[test]
    fn numbers_end_at_the_same_byte_as_in_prost(bytes in prop::collection::vec(0x7e..0x82_u8, 0..14)) {
        let (mut ours, mut theirs) = (&bytes[..], &bytes[..]);
        let number = varint(&mut ours).ok();
        prop_assert_eq!(number, prost::encoding::decode_varint(&mut theirs).ok());
        prop_assert!(number.is_none() || ours == theirs);
    }
}

#[test]
fn groups_are_skipped_and_must_be_closed() {
    let read = |bytes: &[u8]| read::<views::Like>(bytes).map(|like| like.count);
    assert_eq!(read(&[0x33, 0x1b, 0x08, 0x01, 0x1c, 0x34, 0x10, 0x05]), Ok(5));
    assert_eq!(read(&[0x33, 0x1b, 0x34, 0x1c]), Err(Broken::Group));
    assert_eq!(read(&[0x34]), Err(Broken::Group));
    assert_eq!(read(&[0x33, 0x10, 0x05]), Err(Broken::CutOff));
    let nested = |depth| read(&[vec![0x33; depth], vec![0x34; depth]].concat());
    assert_eq!((nested(100), nested(101), nested(10_000)), (Ok(0), Err(Broken::Group), Err(Broken::Group)));
    assert_eq!(read(&vec![0x33; 10_000]), Err(Broken::Group));
    let prost = |bytes: &[u8]| used::Like::decode(bytes).ok().map(|like| like.count);
    assert_eq!(prost(&[0x33, 0x1b, 0x08, 0x01, 0x1c, 0x34, 0x10, 0x05]), Some(5));
}
