use std::{collections::HashSet, io};

use livetape::{
    sans_io::{
        recording::{Reader, What},
        wire::{read_batch, read_push, unzip},
    },
    tools::{synth::synth, verify::verify},
};

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let make = |seed| synth(Vec::new(), seed, 200_000).unwrap();
    let (one, two) = (make(1), make(2));
    assert!(one == make(1) && one != two);
    assert!((200_000..210_000).contains(&one.len()), "{}", one.len());
    // Figures measured with it can be compared only as long as this holds; a new gzip library may change it.
    assert_eq!(crc32fast::hash(&one), 3_330_497_170);
}

#[test]
fn it_is_a_show_at_twenty_frames_a_second() {
    let bytes = synth(Vec::new(), 7, 500_000).unwrap();
    let verdict = verify(&bytes[..]).unwrap();
    assert_eq!((verdict.exit_code(), verdict.report.sealed), (0, true));
    let seconds = verdict.report.last_offset.as_secs_f64();
    let rate = verdict.frames as f64 / seconds;
    assert!((19.0..21.0).contains(&rate), "{rate}");

    let (mut ids, mut methods) = (HashSet::new(), HashSet::new());
    let mut reader = Reader::open(&bytes[..]).unwrap();
    while let Some(record) = reader.next().unwrap() {
        let What::Frame(frame) = record.item.what else { continue };
        let push = read_push(&frame.bytes, &mut Vec::new());
        for message in read_batch(&unzip(push.payload, &mut Vec::new()), &mut Vec::new()).messages {
            assert!(ids.insert(message.msg_id), "a message id is used once");
            methods.insert(message.method);
        }
    }
    assert_eq!((ids.len() as u64, methods.len()), (verdict.messages, 4));
}

#[test]
fn nothing_is_kept_in_memory() {
    synth(io::sink(), 1, 3_000_000).unwrap();
}
