//! TikFinity's format, compared with the events of the real TikFinity: their keys in order, and the type of each value.

use std::{fmt, sync::Arc};

use livetape_core::{
    event::{
        Badge, Chat, Data, Event, Gift, Id, Layout as _, Like, Member, Millis, Person, RoomUser, Social,
        SocialAction, TopViewer, User,
    },
    tikfinity::Tikfinity,
};
use livetape_samples::repository;
use serde::{Deserialize, Deserializer, de};

/// The form of a JSON value: keys in order, and types. Equal neighbours in a list count once.
struct Form(String);

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormOf).map(Self)
    }
}

struct FormOf;

impl<'de> de::Visitor<'de> for FormOf {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, Form(form))) = map.next_entry::<String, Form>()? {
            fields.push(format!("{key}:{form}"));
        }
        Ok(format!("{{{}}}", fields.join(" ")))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<String, A::Error> {
        let mut items = Vec::new();
        while let Some(Form(form)) = list.next_element::<Form>()? {
            items.push(form);
        }
        items.dedup();
        Ok(format!("[{}]", items.join(" ")))
    }

    fn visit_bool<E>(self, _: bool) -> Result<String, E> {
        Ok("bool".to_owned())
    }

    fn visit_i64<E>(self, _: i64) -> Result<String, E> {
        Ok("number".to_owned())
    }

    fn visit_u64<E>(self, _: u64) -> Result<String, E> {
        Ok("number".to_owned())
    }

    /// In the file of forms, the type is the value.
    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        let is_type = ["bool", "number", "text"].contains(&text);
        Ok(if is_type { text } else { "text" }.to_owned())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }
}

/// An event that the real TikFinity sent: its form.
#[derive(Deserialize)]
struct Seen {
    seen: String,
    event: String,
    data: Form,
}

#[derive(Deserialize)]
struct Sent {
    event: String,
    data: Form,
}

fn badge(scene_type: i32, display_type: i32, level: Option<i64>) -> Badge {
    let image_url = if display_type == 1 || display_type == 4 { "https://a/b.png" } else { "" }.into();
    let privilege_id = if level.is_some() { "7138381747292526372" } else { "" }.into();
    Badge { scene_type, display_type, level, image_url, privilege_id, ..Badge::default() }
}

fn user(badges: &[Badge]) -> User {
    User {
        user_id: Id(7),
        unique_id: "ada_example".into(),
        avatar: "https://a/ada.jpeg".into(),
        badges: Arc::from(badges),
        is_gift_giver: true,
        is_follower: true,
        ..User::default()
    }
}

/// Returns the events that TikFinity sent, in the order of the file.
fn events() -> [(User, Data); 7] {
    let image = || badge(6, 1, None);
    let (gifter, team, rank) = (badge(8, 4, Some(14)), badge(10, 4, Some(14)), badge(6, 4, None));
    let keyed = |key: &str| (key.into(), "{0:user}".into());
    let gift = |gift_id, gift_type, group_id| {
        let (display_type, label) = keyed("webcast_aweme_gift_send_messageNew");
        let receiver = Some(Person { user_id: Id(9), ..Person::default() });
        let group_id = Id(group_id);
        Data::Gift(Gift { gift_id, gift_type, group_id, display_type, label, receiver, ..Gift::default() })
    };
    let viewer = || TopViewer { user_id: Id(7), avatar: "https://a/ada.jpeg".into(), ..TopViewer::default() };
    let [chat, follow, like, member] = [
        Data::Chat(Chat { comment: "hi".into(), ..Chat::default() }),
        {
            let (display_type, label) = keyed("pm_main_follow_message_viewer_2");
            Data::Social(Social { action: SocialAction::Follow, display_type, label, ..Social::default() })
        },
        {
            let (display_type, label) = keyed("pm_mt_msg_viewer");
            Data::Like(Like { display_type, label, ..Like::default() })
        },
        {
            let (display_type, label) = keyed("live_room_enter_toast");
            Data::Member(Member { action_id: 1, display_type, label, ..Member::default() })
        },
    ];
    [
        (user(&[image(), gifter.clone(), team.clone(), rank.clone()]), chat),
        (user(&[gifter.clone(), team]), gift(7934, 4, 0)),
        (user(&[]), follow),
        (user(&[image(), gifter.clone(), rank.clone()]), gift(5655, 1, 1_749_859_560_141)),
        (user(&[image(), rank]), like),
        (user(&[gifter]), member),
        (
            User::default(),
            Data::RoomUser(RoomUser { top_viewers: vec![viewer(), viewer()], ..RoomUser::default() }),
        ),
    ]
}

fn converted(user: User, data: Data) -> Sent {
    let user = (!matches!(data, Data::RoomUser(_))).then_some(user);
    let event = Event {
        username: "host_example".into(),
        user,
        timestamp: Millis(1_786_356_074_782),
        ts: Millis(0),
        id: Some("7672340876970445569".into()),
        replay: true,
        injected: false,
        data,
    };
    let (mut json, mut out) = (vec![], vec![]);
    event.begin_json("s", &mut json);
    json.push(b'}');
    Tikfinity.convert(&json, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn each_event_has_the_keys_of_the_real_tikfinity_in_their_order() {
    let file = std::fs::read_to_string(repository().join("fixtures/webcast-2026/tikfinity.jsonl")).unwrap();
    let seen: Vec<Seen> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seen.len(), events().len());
    for (seen, (user, data)) in seen.iter().zip(events()) {
        let sent = converted(user, data);
        assert_eq!(sent.event, seen.event);
        let identity = "userIdentity:{isGiftGiverOfAnchor:bool isFollowerOfAnchor:bool} ";
        // TikFinity has added it since.
        let added = if seen.seen.as_str() < "2026" { identity } else { "" };
        assert_eq!(sent.data.0.replace(added, ""), seen.data.0, "{} of {}", seen.event, seen.seen);
    }
}
