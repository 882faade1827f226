//! The text keys that decide what an event is, as TikTok writes them.

use livetape_core::{
    recording::{Frame, Item, Opcode, What},
    wire::{Batch, Message, Push, write_batch, write_bytes, write_number, write_push},
};

use crate::{decode, item};

const BARRAGE: &str = "WebcastBarrageMessage";
const SOCIAL: &str = "WebcastSocialMessage";
const INTRO: &str = "WebcastLiveIntroMessage";

/// Who has seen the keys of `data`.
const DATA: &str = "payloads of 2023, fixtures/webcast";
const NODE: &str = "JSON of 2025-10 to 2026-04, TikTok-Live-Connector PR 319 and its issues; TikTokLive 7";

/// Method, action, key, the events of the message, and where the key was seen.
#[rustfmt::skip]
const KEYS: &[(&str, u64, &str, &str, &str)] = &[
    (BARRAGE, 0, "ttlive_superFan_commentNotif_superFanJoined", "barrage super_fan_join", NODE),
    (BARRAGE, 0, "ttlive_superFan_commentNotif_someoneBecameSuperFan", "barrage super_fan", NODE),
    (BARRAGE, 0, "ttlive_superFanBox_commentSection_sent", "barrage super_fan", NODE),
    (BARRAGE, 0, "ttlive_superfan_commentnotif_superfanjoined", "barrage super_fan_join", "in lower case: TikTokLive 6"),
    (BARRAGE, 0, "pm_mt_alp_join_animation_1New", "barrage", "8 recordings of 2026-09"),
    (SOCIAL, 1, "pm_main_follow_message_viewer_2", "social follow", DATA),
    (SOCIAL, 3, "pm_mt_guidance_share", "social share", DATA),
    (SOCIAL, 3, "pm_mt_guidance_viewer_5_share", "social share", DATA),
    (SOCIAL, 3, "pm_mt_guidance_viewer_10_share", "social share", DATA),
    (SOCIAL, 1, "PM_MAIN_FOLLOW_MESSAGE_VIEWER_2", "social follow", "made up: the clients ignore the case"),
    (SOCIAL, 4, "pm_mt_Guidance_Share", "social share", "made up: the key decides before the number"),
    (SOCIAL, 4, "", "social repost", "JSON of 2026-03-14: `{0:user} reposted`"),
    (INTRO, 0, "pm_mt_hostlabel", "live_intro host", "bytes of 2026-08-10, fixtures/webcast-2026"),
];

/// A field that holds other fields, or a text.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_bytes(number, content, &mut out);
    out
}

fn number(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_number(number, value, &mut out);
    out
}

fn payload(method: &str, action: u64, key: &str) -> Vec<u8> {
    let user = [number(1, 7), field(3, b"Ann"), field(38, b"ann")].concat();
    let text = [field(1, key.as_bytes()), field(2, b"{0:user}")].concat();
    match method {
        BARRAGE => [number(3, 100), field(5, &text)].concat(),
        SOCIAL => [field(1, &field(8, &text)), field(2, &user), number(4, action)].concat(),
        _ => {
            let label = [number(1, 2), field(21, &field(2, key.as_bytes()))].concat();
            [field(5, &user), field(7, &label)].concat()
        }
    }
}

/// Returns a frame with a message.
fn frame(method: &str, payload: Vec<u8>) -> Item {
    let message = Message { method: method.into(), payload: payload.into(), ..Default::default() };
    let payload = write_batch(&Batch { messages: vec![message], ..Batch::default() });
    let push = Push { payload_type: "msg".into(), payload, ..Push::default() };
    item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes: write_push(&push) }))
}

#[test]
fn each_key_has_its_event() {
    for (method, action, key, expected, source) in KEYS {
        let events = decode(&[frame(method, payload(method, *action, key))], true);
        let words = events.iter().flat_map(|event| {
            let data = &event["data"];
            let kind = event["type"].as_str().unwrap();
            let detail = data["action"].as_str().or((data["user"]["isHost"] == true).then_some("host"));
            [Some(kind), detail].into_iter().flatten()
        });
        assert_eq!(words.collect::<Vec<_>>().join(" "), *expected, "`{key}` ({source})");
    }
}

#[test]
fn a_barrage_has_its_key_in_one_of_two_texts() {
    let text = |key: &str| [field(1, key.as_bytes()), field(2, b"x")].concat();
    let joined = text("ttlive_superFan_commentNotif_superFanJoined");
    for (first, second) in [(text(""), joined.clone()), (joined.clone(), text("")), (text("other"), joined)] {
        let payload = [field(5, &first), field(24, &second)].concat();
        let events = decode(&[frame(BARRAGE, payload)], true);
        let kinds = events.iter().map(|event| event["type"].as_str().unwrap());
        assert_eq!(kinds.collect::<Vec<_>>(), ["barrage", "super_fan_join"]);
    }
}
