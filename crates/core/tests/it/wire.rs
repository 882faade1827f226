//! Frames, batches and messages: recorded sessions, composed messages and arbitrary bytes.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    event::{
        Data, Id, Person, Reading, RoomState, SocialAction,
        compose::{self, Gift, Stamp},
        known_methods, read_message,
    },
    wire::{
        Batch, BatchInfo, FaultKind, MESSAGE_BYTES_MAX, Message, Push, read_batch, read_push, unzip,
        write_batch, write_push, zip,
    },
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::Value;

use crate::{fixture, payloads};

#[test]
fn whole_sessions_are_read() {
    for session in 1..=3 {
        let expected: Value =
            serde_json::from_str(&fixture(&format!("session-{session}.expected.json"))).unwrap();
        let (mut methods, mut kinds) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
        let (mut faults, mut unknown, mut history) = (vec![], 0, 0);
        for line in fixture(&format!("session-{session}.jsonl")).lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let frame = Bytes::from(STANDARD.decode(record["frame"].as_str().unwrap()).unwrap());
            let push = read_push(&frame, &mut faults);
            *kinds.entry(push.payload_type.clone()).or_default() += 1;
            if !push.holds_batch() {
                continue;
            }
            for message in read_batch(&unzip(push.payload, &mut faults), &mut faults).messages {
                *methods.entry(message.method.to_string()).or_default() += 1;
                history += u64::from(message.is_history);
                match read_message(&message, &mut faults) {
                    Reading::Known(_) => {}
                    Reading::Unknown => unknown += 1,
                    Reading::Broken(fault) => panic!("{}: {fault:?}", message.method),
                }
            }
        }
        assert_eq!(faults, []);
        assert_eq!(serde_json::to_value(&methods).unwrap(), expected["methods_before_dedup"]);
        assert_eq!(serde_json::to_value(&kinds).unwrap(), expected["payload_types"]);
        assert_eq!(history, expected["history_chats"].as_u64().unwrap());
        let ec = methods.iter().filter(|(method, _)| method.starts_with("WebcastEc")).map(|(_, count)| count);
        assert_eq!(unknown, ec.sum::<u64>());
    }
}

const STAMP: Stamp = Stamp { msg_id: 7_289_048_202_954_689_312, room_id: 77, create_time: 1_697_113_858_663 };

fn ann() -> Person {
    Person {
        user_id: Id(6_953_242_736_466_010_434),
        unique_id: "ann".into(),
        nickname: "Ann 🌷".into(),
        avatar: "https://example.invalid/ann.webp".into(),
    }
}

/// Decodes a composed message; its sender, if any, must be ann.
fn read_back(message: &Message) -> Data {
    let mut faults = vec![];
    let Reading::Known(known) = read_message(message, &mut faults) else { panic!("{faults:?}") };
    let stamp = (known.room_id(), known.create_time());
    assert_eq!((faults, stamp), (vec![], (STAMP.room_id, STAMP.create_time)));
    assert_eq!(message.msg_id, STAMP.msg_id);
    if let Some(user) = known.user {
        let read = Person {
            user_id: user.user_id,
            unique_id: user.unique_id,
            nickname: user.nickname,
            avatar: user.avatar,
        };
        assert_eq!(read, ann());
    }
    known.data
}

#[test]
fn composed_messages_are_read_back() {
    let Data::Chat(chat) = read_back(&compose::chat(STAMP, &ann(), "hello")) else { panic!() };
    assert_eq!((chat.comment.as_str(), chat.is_history), ("hello", false));

    let history = Message { is_history: true, ..compose::chat(STAMP, &ann(), "hello") };
    let Data::Chat(chat) = read_back(&history) else { panic!() };
    assert!(chat.is_history);

    let sent = Gift { repeat_count: 34, repeat_end: true, group_id: 5, receiver_id: 9, ..Gift::default() };
    let Data::Gift(gift) = read_back(&compose::gift(STAMP, &ann(), &sent)) else { panic!() };
    assert_eq!(
        (gift.gift_id, gift.gift_name.as_str(), gift.gift_type, gift.diamond_count),
        (5655, "Rose", 1, 1)
    );
    assert_eq!((gift.repeat_count, gift.repeat_end, gift.group_id), (34, true, Id(5)));
    assert_eq!(gift.receiver.map(|receiver| receiver.user_id), Some(Id(9)));
    assert_eq!((gift.repeat_delta, gift.is_final, gift.diamonds, gift.inferred), (0, false, 0, false));

    let Data::Like(like) = read_back(&compose::like(STAMP, &ann(), 15, 1_816_619)) else { panic!() };
    assert_eq!((like.like_count, like.total_like_count), (15, 1_816_619));

    let Data::Member(member) = read_back(&compose::member(STAMP, &ann(), 51)) else { panic!() };
    assert_eq!((member.action_id, member.member_count), (1, 51));

    let Data::Social(follow) = read_back(&compose::follow(STAMP, &ann(), 99_287)) else { panic!() };
    assert_eq!((follow.action, follow.follow_count), (SocialAction::Follow, 99_287));

    let Data::Social(share) = read_back(&compose::share(STAMP, &ann(), 60)) else { panic!() };
    assert_eq!((share.action, share.share_count), (SocialAction::Share, 60));

    let room_user = compose::room_user(STAMP, 44, 143, &[(ann(), 390), (Person::default(), 0)]);
    let Data::RoomUser(room_user) = read_back(&room_user) else { panic!() };
    assert_eq!((room_user.viewer_count, room_user.total_user_count), (44, 143));
    let top: Vec<_> =
        room_user.top_viewers.iter().map(|top| (top.unique_id.as_str(), top.coin_count, top.rank)).collect();
    assert_eq!(top, [("ann", Id(390), 1), ("", Id(0), 2)]);

    let Data::Control(control) = read_back(&compose::control(STAMP, 3)) else { panic!() };
    assert_eq!((control.action, control.state), (3, Some(RoomState::Ended)));
    let Data::Control(control) = read_back(&compose::control(STAMP, 5)) else { panic!() };
    assert_eq!((control.action, control.state), (5, None));
}

#[test]
fn an_oversized_message_counts_as_broken() {
    let payload = Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]);
    let message = Message { method: "WebcastChatMessage".into(), payload, ..Default::default() };
    let mut faults = vec![];
    assert!(matches!(read_message(&message, &mut faults), Reading::Broken(FaultKind::TooLarge)));
    assert_eq!((faults.len(), faults[0].method.as_deref()), (1, Some("WebcastChatMessage")));
}

#[test]
fn a_broken_payload_names_its_method_and_an_unknown_method_is_not_a_fault() {
    let payload = Bytes::from_static(b"\x12\x05ab");
    let mut message = Message { method: "WebcastChatMessage".into(), payload, ..Default::default() };
    let mut faults = vec![];
    assert!(matches!(read_message(&message, &mut faults), Reading::Broken(FaultKind::BadMessage)));
    assert_eq!((faults.len(), faults[0].method.as_deref()), (1, Some("WebcastChatMessage")));
    message.method = "WebcastNobodyKnowsMessage".into();
    faults.clear();
    assert!(matches!(read_message(&message, &mut faults), Reading::Unknown));
    assert_eq!(faults, []);
}

fn any_message() -> impl Strategy<Value = Message> {
    (".{0,12}", vec(any::<u8>(), 0..40), any::<i64>(), any::<bool>()).prop_map(
        |(method, payload, msg_id, is_history)| Message {
            method: method.into(),
            payload: payload.into(),
            msg_id,
            is_history,
        },
    )
}

fn any_info() -> impl Strategy<Value = BatchInfo> {
    let texts = (".{0,12}", ".{0,12}", ".{0,12}");
    let params = proptest::collection::btree_map(".{0,5}", ".{0,5}", 0..4);
    (texts, any::<(bool, i64, i64, bool)>(), params).prop_map(|(texts, numbers, params)| BatchInfo {
        cursor: texts.0,
        internal_ext: texts.1,
        push_server: texts.2,
        need_ack: numbers.0,
        now_ms: numbers.1,
        heartbeat_ms: numbers.2,
        is_first: numbers.3,
        route_params: params.into_iter().collect(),
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_decoded(bytes in vec(any::<u8>(), 0..300)) {
        let (bytes, mut faults) = (Bytes::from(bytes), vec![]);
        let push = read_push(&bytes, &mut faults);
        read_batch(&unzip(push.payload, &mut faults), &mut faults);
        read_batch(&unzip(bytes.clone(), &mut faults), &mut faults);
        let gzip = [&[0x1f, 0x8b, 8, 0], &bytes[..]].concat();
        unzip(gzip.into(), &mut faults);
        for method in known_methods() {
            let message = Message { method: method.into(), payload: bytes.clone(), ..Default::default() };
            read_message(&message, &mut faults);
        }
    }

    #[test]
    fn a_batch_round_trips(messages in vec(any_message(), 0..6), info in any_info()) {
        let (batch, mut faults) = (Batch { messages, info }, vec![]);
        prop_assert_eq!(read_batch(&write_batch(&batch), &mut faults), batch);
        prop_assert_eq!(faults, vec![]);
    }

    #[test]
    fn a_push_frame_round_trips(
        seq_id: u64, log_id: u64, texts in (".{0,9}", ".{0,9}", ".{0,9}"), payload in vec(any::<u8>(), 0..40),
    ) {
        let (payload_type, payload_encoding, compress_type) = texts;
        let payload = payload.into();
        let push = Push { seq_id, log_id, payload_type, payload_encoding, compress_type, payload };
        let mut faults = vec![];
        prop_assert_eq!(read_push(&write_push(&push), &mut faults), push);
        prop_assert_eq!(faults, vec![]);
    }

    #[test]
    fn compressed_payloads_round_trip(bytes in vec(any::<u8>(), 0..2000)) {
        let mut faults = vec![];
        prop_assert_eq!(&unzip(zip(&bytes), &mut faults)[..], &bytes[..]);
        prop_assert_eq!(faults, vec![]);
    }

    /// Mutated real messages reach deeper into the decoder than random bytes.
    #[test]
    fn damaged_messages_are_read(changes in vec((any::<Index>(), any::<u8>()), 1..8), cut: Index) {
        thread_local!(static RECORDED: Vec<Message> = one_of_each_method());
        RECORDED.with(|recorded| for message in recorded {
            let mut payload = message.payload.to_vec();
            for (at, byte) in &changes {
                *at.get_mut(&mut payload) = *byte;
            }
            let mut faults = vec![];
            let message = Message { payload: payload.clone().into(), ..message.clone() };
            if matches!(read_message(&message, &mut faults), Reading::Broken(_)) {
                assert_eq!(faults.len(), 1);
            }
            payload.truncate(cut.index(payload.len()));
            read_message(&Message { payload: payload.into(), ..message }, &mut faults);
        });
    }
}

fn one_of_each_method() -> Vec<Message> {
    let all: BTreeMap<String, Message> =
        payloads().into_iter().map(|message| (message.method.to_string(), message)).collect();
    all.into_values().collect()
}
