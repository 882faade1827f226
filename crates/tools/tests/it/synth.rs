//! `synth`: the same options produce the same bytes, and recordings contain all kinds of events.

use std::{collections::BTreeMap, io, time::Duration};

use livetape_core::recording::{Reader, records::header::Privacy};
use livetape_feed::hub::{Filter, Gifts};
use livetape_tools::{
    synth::{Length, Profile, SynthOptions, synth},
    verify::verify,
};
use serde_json::Value;

use crate::support::decode;

const PROFILES: [Profile; 6] = Profile::ALL;

fn make(seed: u64, profile: Profile, length: Length) -> Vec<u8> {
    synth(Vec::new(), &SynthOptions { seed, profile, length }).unwrap()
}

fn minutes(seed: u64, profile: Profile, minutes: u64) -> Vec<u8> {
    make(seed, profile, Length::Minutes(minutes))
}

fn events(bytes: &[u8], filter: &Filter) -> Vec<Value> {
    let (mut reader, mut items) = (Reader::open(bytes).unwrap(), Vec::new());
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    decode(&items, filter, true)
}

/// All events that TikTok would send, including unknown ones.
fn raw() -> Filter {
    Filter { raw: true, ..Filter::default() }
}

fn counts(events: &[Value]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(event["type"].as_str().unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let hashes = PROFILES.map(|profile| {
        let (one, two) = (minutes(1, profile, 2), minutes(2, profile, 2));
        assert!(one == minutes(1, profile, 2) && one != two);
        crc32fast::hash(&one)
    });
    // Benchmark figures are only comparable as long as this holds. A new gzip library may change it.
    assert_eq!(
        hashes,
        [2_639_514_764, 3_176_127_437, 3_801_993_200, 2_960_467_515, 2_664_230_916, 2_170_853_129]
    );
}

#[test]
fn the_requested_size_is_reached_and_barely_exceeded() {
    let bytes = make(1, Profile::Busy, Length::Bytes(500_000));
    assert!((500_000..503_000).contains(&bytes.len()), "{}", bytes.len());
    assert_eq!(verify(&bytes[..]).unwrap().exit_code(), 0);
    synth(io::sink(), &SynthOptions { seed: 1, profile: Profile::Battle, length: Length::Bytes(3_000_000) })
        .unwrap();
}

#[test]
fn every_profile_is_a_complete_show() {
    for profile in PROFILES {
        let bytes = minutes(3, profile, 4);
        let verdict = verify(&bytes[..]).unwrap();
        assert_eq!((verdict.exit_code(), verdict.report.sealed), (0, true), "{profile:?}");
        assert_eq!((verdict.faults.len(), verdict.report.clamped), (0, 0), "{profile:?}");
        let seconds = verdict.report.last_offset.as_secs();
        assert!((239..242).contains(&seconds), "{profile:?}: {seconds} s");

        let events = events(&bytes, &raw());
        let counts = counts(&events);
        for kind in ["chat", "like", "member", "social", "gift", "room_user", "control", "error"] {
            assert!(counts.contains_key(kind), "{profile:?} has no {kind}: {counts:?}");
        }
        assert_eq!((counts["connection_created"], counts["connection_closed"]), (2, 2), "{profile:?}");
        assert!(!counts.contains_key("unknown"), "{profile:?}");
        let has_battle = matches!(profile, Profile::Battle | Profile::Everything);
        assert_eq!(counts.contains_key("battle"), has_battle, "{profile:?}");
        let times = events.iter().map(|event| event["ts"].as_str().unwrap());
        assert!(times.is_sorted(), "{profile:?}");
    }
}

#[test]
fn people_speak_many_languages_and_send_streaks() {
    let events = events(&minutes(5, Profile::Busy, 5), &raw());
    let languages = events.iter().filter_map(|event| event["data"]["language"].as_str());
    assert!(std::collections::BTreeSet::from_iter(languages).len() > 12);
    let gifts =
        Vec::from_iter(events.iter().filter(|event| event["type"] == "gift").map(|event| &event["data"]));
    let counts = |name: &str| gifts.iter().filter(|gift| gift[name] == true).count();
    assert!(gifts.len() > 100 && counts("repeatEnd") > 20, "{}", gifts.len());
    assert!(gifts.iter().any(|gift| gift["repeatCount"].as_i64().unwrap() > 10));
    let finals = Filter { gifts: Gifts::Final, ..Filter::default() };
    let finals = self::events(&minutes(5, Profile::Busy, 5), &finals);
    assert!(finals.iter().any(|event| event["data"]["inferred"] == true), "some finals are never sent");
    let people = events.iter().filter_map(|event| event["data"]["sender"].as_str());
    assert!(std::collections::BTreeSet::from_iter(people).len() > 300);
}

#[test]
fn a_raid_is_a_spike_and_viewers_follow_a_curve() {
    let events = events(&minutes(1, Profile::Raid, 5), &raw());
    let start = Duration::from_millis(1_767_225_600_000);
    let second = |event: &Value| {
        let time: jiff::Timestamp = event["ts"].as_str().unwrap().parse().unwrap();
        Duration::from_millis(time.as_millisecond() as u64).saturating_sub(start).as_secs()
    };
    let joins = |range: std::ops::Range<u64>| {
        events.iter().filter(|event| event["type"] == "member" && range.contains(&second(event))).count()
    };
    let (before, during) = (joins(60..119), joins(121..180));
    assert!(during > 5 * before.max(1), "{before} joins before the raid, {during} in it");
    let viewers = events.iter().filter_map(|event| event["data"]["viewerCount"].as_i64());
    let viewers = Vec::from_iter(viewers);
    let most = viewers.iter().max().unwrap();
    assert!(*most > 5 * viewers[0] && viewers.last().unwrap() < most, "{viewers:?}");
}

#[test]
fn the_show_with_everything_has_every_rare_event() {
    let events = events(&minutes(1, Profile::Everything, 2), &raw());
    let counts = counts(&events);
    let rare = [
        "subscribe",
        "super_fan",
        "super_fan_join",
        "envelope",
        "emote",
        "goal",
        "question",
        "question_selected",
        "question_slide_down",
        "poll",
        "battle",
        "battle_score",
    ];
    for kind in rare {
        assert!(counts.contains_key(kind), "no {kind}: {counts:?}");
    }
    let of = |kind: &str| {
        events.iter().filter(|event| event["type"] == kind).map(|event| &event["data"]).collect::<Vec<_>>()
    };
    let states: Vec<_> = of("poll").iter().map(|poll| poll["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["started", "updated", "updated", "updated", "ended"]);
    let progress: Vec<_> =
        of("goal").iter().map(|goal| goal["subGoals"][0]["progress"].as_i64().unwrap()).collect();
    assert_eq!(progress, [0, 1, 2, 3, 4]);
    let (asked, shown) = (of("question"), of("question_selected"));
    assert_eq!(asked.last().unwrap()["questionText"], shown[0]["questionText"]);
    assert_eq!(shown[0]["questionId"], of("question_slide_down")[0]["questionId"]);
    let boxes: Vec<_> = of("envelope")
        .iter()
        .map(|it| [&it["businessType"], &it["display"]].map(|it| it.as_i64().unwrap()))
        .collect();
    assert_eq!(boxes, [[1, 1], [1, 2], [19, 1], [1, 1], [1, 2]]);
}

/// Each field that most users lack, and what rooms of 2026 have.
#[test]
fn rooms_of_2026_have_roles_badges_emotes_and_guests() {
    for profile in [Profile::Everything, Profile::Guests] {
        let events = events(&minutes(1, profile, 2), &raw());
        let users =
            Vec::from_iter(events.iter().map(|event| &event["data"]["user"]).filter(|it| it.is_object()));
        let has = |field: &str, is: fn(&Value) -> bool| users.iter().any(|user| is(&user[field]));
        for field in [
            "isModerator",
            "isSubscriber",
            "isNewGifter",
            "isGuardian",
            "verified",
            "isMasked",
            "isFollower",
            "isGiftGiver",
        ] {
            assert!(has(field, |it| *it == true), "{profile:?} has no {field}");
        }
        for field in ["topGifterRank", "gifterLevel", "teamLevel", "followStatus", "followerCount"] {
            assert!(has(field, Value::is_i64), "{profile:?} has no {field}");
        }
        for field in ["teamName", "avatarLarge"] {
            assert!(
                has(field, |it| it.as_str().is_some_and(|it| !it.is_empty())),
                "{profile:?} has no {field}"
            );
        }
        assert!(has("avatar", |it| it == ""), "everybody in {profile:?} has a picture");
        let of = |kind: &'static str| {
            events.iter().filter(move |event| event["type"] == kind).map(|event| &event["data"])
        };
        let emotes =
            |at: fn(&Value) -> bool| of("chat").any(|chat| chat["emotes"].as_array().unwrap().iter().any(at));
        assert!(emotes(|it| it["index"] == 0) && emotes(|it| it["index"] != 0), "{profile:?}");
        assert!(of("social").any(|it| it["action"] == "repost"), "{profile:?}");
        assert!(of("gift").any(|gift| gift["receiver"]["nickname"].is_string()), "{profile:?}");
        let spots =
            Vec::from_iter(of("link_mic_layout_state").map(|it| it["spots"].as_array().unwrap().len()));
        assert_eq!(spots, [2, 3], "{profile:?}");
        let boxes = Vec::from_iter(of("envelope").filter(|it| it["display"] == 1 && it["businessType"] == 1));
        assert!(boxes.iter().all(|it| it["user"].is_object()) && boxes.len() == 2, "{profile:?}: {boxes:?}");
    }
}

#[test]
fn a_battle_opens_counts_and_ends_with_results() {
    let events = events(&minutes(1, Profile::Battle, 5), &raw());
    let battles = Vec::from_iter(events.iter().filter(|event| event["type"] == "battle"));
    assert_eq!(battles.len(), 2);
    assert_eq!((&battles[0]["data"]["action"], &battles[1]["data"]["action"]), (&4.into(), &5.into()));
    let users = battles[1]["data"]["users"].as_array().unwrap();
    let points = Vec::from_iter(users.iter().map(|user| user["points"].as_i64().unwrap()));
    let winner = users.iter().find(|user| user["result"] == 0).unwrap();
    assert_eq!(winner["points"].as_i64(), points.iter().copied().max());
    let scores = events.iter().filter(|event| event["type"] == "battle_score");
    let scores = scores.map(|event| event["data"]["teams"][0]["points"].as_i64().unwrap());
    let scores = Vec::from_iter(scores);
    assert!(scores.len() > 30 && scores.is_sorted(), "{scores:?}");
}

#[test]
fn the_header_marks_the_recording_as_synthetic() {
    let bytes = minutes(1, Profile::Quiet, 1);
    let record = Reader::open(&bytes[..]).unwrap().next().unwrap().unwrap();
    let livetape_core::recording::What::Header(header) = record.item.what else { panic!("no header") };
    assert_eq!((header.privacy(), header.source.as_str()), (Privacy::Synthetic, "synthetic"));
}
