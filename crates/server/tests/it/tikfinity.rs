//! TikFinity's format of events.

use std::collections::{BTreeMap, BTreeSet};

use livetape_core::{
    event::{
        Chat, Data, Disconnected, Emote, EmoteAt, Event, Layout as _, Millis, Reading, Social, User, millis,
        read_message,
    },
    tikfinity,
};
use livetape_feed::{
    control::Control,
    hub::{CloseReason, Filter, Format, Hub, Limits},
};
use livetape_io::net::memory;
use livetape_server::{Access, Config, Server, Tikfinity, Tokens, serve_both};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_tungstenite::client_async;
use tungstenite::client::IntoClientRequest as _;

use crate::support::{Rig, assert_same, chat, decode, event, payloads, read_all, shipped_recordings};

const TIKFINITY: Filter = Filter {
    types: livetape_feed::hub::Types::ALL,
    gifts: livetape_feed::hub::Gifts::Raw,
    raw: false,
    format: Format::Tikfinity,
};

/// Returns the events of all shipped recordings.
fn shipped() -> Vec<Value> {
    shipped_recordings().iter().flat_map(|(_, items)| decode(items, &TIKFINITY, true)).collect()
}

/// Returns the diamonds that an overlay for TikFinity counts: those of gifts outside streaks, and of each end
/// of a streak.
fn diamonds_at_ends(events: &[Value]) -> i64 {
    let gifts = events.iter().filter(|event| event["event"] == "gift").map(|event| &event["data"]);
    let ends = gifts.filter(|gift| gift["giftType"] != 1 || gift["repeatEnd"] == true);
    ends.map(|gift| gift["diamondCount"].as_i64().unwrap() * gift["repeatCount"].as_i64().unwrap()).sum()
}

/// Returns the JSON of an event in both formats, if TikFinity has a name for it.
fn converted(event: &Event) -> Option<Value> {
    let mut native = Vec::new();
    assert!(Filter { raw: true, ..Filter::default() }.encode("s", 1, event, &mut native));
    let mut out = b"before".to_vec();
    let result = tikfinity::Tikfinity.convert(&native, &mut out);
    assert_eq!(result.is_ok(), tikfinity::Tikfinity.shows(event), "{result:?}");
    assert_eq!(result.is_err(), out == b"before");
    result.ok().map(|()| serde_json::from_slice(&out[6..]).unwrap())
}

/// Returns an event for each payload of the fixtures.
fn fixtures() -> Vec<Event> {
    let known = payloads().into_iter().filter_map(|message| match read_message(&message, &mut vec![]) {
        Reading::Known(known) => Some(known),
        _ => None,
    });
    let events = known.map(|known| Event {
        timestamp: Millis(millis(known.create_time()).unwrap_or(0)),
        user: known.user,
        id: Some("7137750790064065286".into()),
        ..event(known.data)
    });
    events.collect()
}

/// Lists the fields of events as `path:type`. A `?` follows those that some events lack, and `[image]` is a
/// badge of that type.
fn form<'a>(events: impl Iterator<Item = &'a Value> + Clone) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for field in events.clone().flat_map(|event| BTreeSet::from_iter(fields("", &event["data"]))) {
        *counts.entry(field).or_default() += 1;
    }
    let total = events.count();
    let shown = |(field, count)| if count < total { format!("{field}?") } else { field };
    counts.into_iter().map(shown).collect()
}

fn fields(path: &str, value: &Value) -> Vec<String> {
    let kind = match value {
        Value::Object(object) => {
            let dot = if path.is_empty() { "" } else { "." };
            return object.iter().flat_map(|(key, it)| fields(&format!("{path}{dot}{key}"), it)).collect();
        }
        Value::Array(items) => {
            let inner = |item: &Value| {
                let badge = item.get("badgeSceneType").map_or("", |_| item["type"].as_str().unwrap());
                fields(&format!("{path}[{badge}]"), item)
            };
            let is_list = format!("{path}:list");
            return std::iter::once(is_list).chain(items.iter().flat_map(inner)).collect();
        }
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Null => "null",
    };
    vec![format!("{path}:{kind}")]
}

/// The fields of each event with a user.
const USER: &str = "\
    userId:text secUid:text uniqueId:text nickname:text profilePictureUrl:text \
    userDetails.createTime:text userDetails.profilePictureUrls:list userDetails.profilePictureUrls[]:text? \
    userDetails.bioDescription:text followRole:number followInfo.followStatus:number \
    followInfo.followerCount:number followInfo.followingCount:number followInfo.pushStatus:number \
    isModerator:bool isNewGifter:bool isSubscriber:bool gifterLevel:number teamMemberLevel:number \
    topGifterRank:number userSceneTypes:list userSceneTypes[]:number? userBadges:list \
    userBadges[image].badgeSceneType:number? userBadges[image].displayType:number? \
    userBadges[image].type:text? userBadges[image].url:text? \
    userBadges[privilege].badgeSceneType:number? userBadges[privilege].level:number? \
    userBadges[privilege].privilegeId:text? userBadges[privilege].type:text? \
    userBadges[pm_mt_live_ng_im].badgeSceneType:number? userBadges[pm_mt_live_ng_im].name:text? \
    userBadges[pm_mt_live_ng_im].type:text? userBadges[pm_mt_moderator_im].badgeSceneType:number? \
    userBadges[pm_mt_moderator_im].name:text? userBadges[pm_mt_moderator_im].type:text? msgId:text createTime:text tikfinityUserId:number \
    tikfinityUsername:text";
/// The other fields of each event.
const FORM: [(&str, &str); 8] = [
    (
        "chat",
        "comment:text emotes:list emotes[].emoteId:text? emotes[].emoteImageUrl:text? \
         emotes[].placeInComment:number? userIdentity.isFollowerOfAnchor:bool? \
         userIdentity.isGiftGiverOfAnchor:bool?",
    ),
    ("follow", "followerCount:number profile:text name:text username:text label:text displayType:text"),
    (
        "gift",
        "giftId:number giftName:text giftType:number giftPictureUrl:text diamondCount:number \
         describe:text originalName:text originalDescribe:text groupId:text repeatCount:number \
         repeatEnd:bool receiverUserId:text? receiverUserId:null? timestamp:number \
         userIdentity.isFollowerOfAnchor:bool? userIdentity.isGiftGiverOfAnchor:bool? \
         gift.gift_id:number gift.gift_type:number gift.repeat_count:number gift.repeat_end:number \
         label:text displayType:text",
    ),
    ("like", "likeCount:number totalLikeCount:number label:text displayType:text"),
    ("member", "actionId:number label:text displayType:text"),
    (
        "roomUser",
        "viewerCount:number topGifterRank:number topViewers:list topViewers[].coinCount:number? \
         topViewers[].user.nickname:text? topViewers[].user.profilePictureUrl:text? \
         topViewers[].user.uniqueId:text? topViewers[].user.userId:text? topViewers[].user.secUid:text? \
         topViewers[].user.userBadges:list? topViewers[].user.userSceneTypes:list? \
         topViewers[].user.userDetails.createTime:text? \
         topViewers[].user.userDetails.bioDescription:text? \
         topViewers[].user.userDetails.profilePictureUrls:list? \
         topViewers[].user.userDetails.profilePictureUrls[]:text? topViewers[].user.isModerator:bool? \
         topViewers[].user.isNewGifter:bool? topViewers[].user.isSubscriber:bool? \
         topViewers[].user.topGifterRank:null? topViewers[].user.gifterLevel:number? \
         topViewers[].user.teamMemberLevel:number? tikfinityUserId:number tikfinityUsername:text",
    ),
    ("share", "label:text displayType:text"),
    ("subscribe", "subMonth:number oldSubscribeStatus:number subscribingStatus:number"),
];

#[test]
fn shipped_recordings_and_recorded_payloads_have_this_form() {
    let events: Vec<Value> = shipped().into_iter().chain(fixtures().iter().filter_map(converted)).collect();
    let names: BTreeSet<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, FORM.map(|(name, _)| name).into());
    let words = |text: &str| -> BTreeSet<String> { text.split_whitespace().map(str::to_owned).collect() };
    let key = |field: &str| field.split(['.', '[', ':']).next().unwrap().to_owned();
    let of_users: BTreeSet<String> = USER.split_whitespace().map(key).collect();
    let differ = |found: BTreeSet<String>, expected: &str, of: &str| {
        let differences: Vec<String> = found.symmetric_difference(&words(expected)).cloned().collect();
        assert_eq!(differences, [""; 0], "{of}: {found:?}");
    };
    let with_user = form(events.iter().filter(|event| event["event"] != "roomUser"));
    differ(with_user.into_iter().filter(|field| of_users.contains(&key(field))).collect(), USER, "user");
    for (name, expected) in FORM {
        let own = form(events.iter().filter(|event| event["event"] == name)).into_iter();
        differ(
            own.filter(|field| name == "roomUser" || !of_users.contains(&key(field))).collect(),
            expected,
            name,
        );
    }
}

#[test]
fn an_overlay_that_counts_streaks_at_their_end_misses_nothing() {
    for (name, items) in shipped_recordings() {
        let native = decode(&items, &Filter::default(), true);
        let diamonds: i64 = native.iter().filter_map(|event| event["data"]["diamonds"].as_i64()).sum();
        assert!(diamonds > 0, "{name}");
        assert_eq!(diamonds_at_ends(&decode(&items, &TIKFINITY, true)), diamonds, "{name}");
    }
}

#[test]
fn a_gift_and_a_chat_with_an_emote_have_this_form() {
    let picture = "https://p77.example.invalid/avatar/466903cf3cd84a691dddb5b33479dce9.jpeg";
    let data = json!({
        "userId": "7600189949896794718", "uniqueId": "fossil__plate908", "nickname": "fossil__plate908",
        "secUid": "MS4wLjABAAAA4rpeuzDltO1_-1CICqYfdM49tJJ3jTgZYzVK4MEDwxW7lrnbQwUY9jFwmO9pIdy_",
        "profilePictureUrl": picture,
        "userDetails": { "createTime": "0", "bioDescription": "", "profilePictureUrls": [picture] },
        "followRole": 0,
        "followInfo": { "followStatus": 0, "followerCount": 110, "followingCount": 751, "pushStatus": 0 },
        "userIdentity": { "isGiftGiverOfAnchor": true, "isFollowerOfAnchor": true },
        "isModerator": false, "isNewGifter": false, "isSubscriber": false, "gifterLevel": 7, "teamMemberLevel": 0,
        "topGifterRank": 0, "userSceneTypes": [8],
        "userBadges": [
            { "type": "privilege", "badgeSceneType": 8, "level": 7, "privilegeId": "7138381176787539748" },
        ],
        "giftId": 5655, "giftName": "Rose", "giftType": 1, "diamondCount": 1, "describe": "Sent Rose",
        "originalName": "Rose", "originalDescribe": "Sent Rose", "timestamp": 1_696_447_176_790_i64,
        "giftPictureUrl": "https://p19-webcast.tiktokcdn.com/img/maliva/webcast-va/eba3a9bb85c33e017f3648eaf88d7189~tplv-obj.png",
        "groupId": "1696447170769", "repeatCount": 34, "repeatEnd": false, "receiverUserId": "7448203853192384100",
        "gift": { "gift_id": 5655, "gift_type": 1, "repeat_count": 34, "repeat_end": 0 },
        "label": "{0:user} sent {1:gift} {2:string}", "displayType": "webcast_aweme_gift_send_message",
        "msgId": "7137750790064065286", "createTime": "1696447176790", "tikfinityUserId": 1,
        "tikfinityUsername": "ann",
    });
    let gift = fixtures().iter().filter_map(converted).find(|event| event["event"] == "gift");
    assert_same(&gift.unwrap()["data"], &data);

    let emote = Emote { emote_id: "e7".into(), image_url: "https://a/e.webp".into() };
    let chat = Chat { emotes: vec![EmoteAt { index: 3, emote }], ..Chat::default() };
    let emotes = json!([{ "emoteId": "e7", "emoteImageUrl": "https://a/e.webp", "placeInComment": 3 }]);
    assert_eq!(converted(&event(Data::Chat(chat))).unwrap()["data"]["emotes"], emotes);
}

#[test]
fn fields_that_overlays_read_have_the_value_that_they_expect() {
    let (mut streaks_ended, mut new_gifters, mut ranks) = (0, 0, BTreeSet::new());
    for event in shipped() {
        let (name, data) = (event["event"].as_str().unwrap(), &event["data"]);
        if name == "roomUser" {
            continue;
        }
        assert!(data["createTime"].as_str().unwrap().parse::<u64>().is_ok(), "{data}");
        new_gifters += usize::from(data["isNewGifter"] == true);
        ranks.extend(data["topGifterRank"].as_u64().filter(|rank| *rank > 0));
        for badge in data["userBadges"].as_array().unwrap() {
            assert!(badge["type"] != "image" || badge["url"].is_string(), "{badge}");
        }
        if name == "gift" {
            let ends = data["gift"]["repeat_end"] == 1;
            assert_eq!((&data["giftId"], data["repeatEnd"] == true), (&data["gift"]["gift_id"], ends));
            streaks_ended += usize::from(ends);
        }
    }
    assert!(streaks_ended > 0 && new_gifters > 0);
    assert_eq!(ranks, [1, 2, 3].into());
}

#[test]
fn an_event_without_a_name_has_no_form() {
    assert!(converted(&event(Data::Disconnected(Disconnected::default()))).is_none());
    assert!(converted(&event(Data::Social(Social::default()))).is_none());
    for json in ["", "{}", "null", r#"{"type":"chat"}"#, r#"{"type":"chat","username":"a","data":{}}"#] {
        assert!(tikfinity::Tikfinity.convert(json.as_bytes(), &mut vec![]).is_err(), "{json}");
    }
}

proptest! {
    #[test]
    fn texts_arrive_unchanged(comment in any::<String>(), nickname in any::<String>(), ms in any::<i64>()) {
        let user = User { nickname: nickname.as_str().into(), ..User::default() };
        let chat = Data::Chat(Chat { comment: comment.as_str().into(), ..Chat::default() });
        let event = Event { user: Some(user), timestamp: Millis(ms), ..event(chat) };
        let data = &converted(&event).unwrap()["data"];
        prop_assert_eq!((data["comment"].as_str(), data["nickname"].as_str()), (Some(&*comment), Some(&*nickname)));
    }
}

#[tokio::test(start_paused = true)]
async fn each_subscriber_chooses_its_format() {
    let rig = Rig::start();
    let social = event(Data::Social(Social::default()));
    rig.hub.publish(&[event(Data::Disconnected(Disconnected::default())), chat("a"), social, chat("b")]);
    rig.hub.close(CloseReason::new(1000, "recording_ended"));
    let native = read_all(&mut rig.ws("?since=0").await).await.texts;
    let log = read_all(&mut rig.ws("?since=0&format=tikfinity").await).await;
    assert_eq!(native.len(), 4);
    let comments = |texts: &[String]| -> Vec<Value> {
        let events = texts.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
        events.map(|event| [event["event"].clone(), event["data"]["comment"].clone()].into()).collect()
    };
    assert_eq!(comments(&log.texts), [json!(["chat", "a"]), json!(["chat", "b"])]);
    assert_eq!(log.close, Some((1000, "recording_ended".to_owned())));
    let answer = rig.http("GET", "/events?since=0&format=tikfinity", "").await;
    assert_eq!(answer.body.lines().collect::<Vec<_>>(), log.texts);
    let log = read_all(&mut rig.ws("?since=0&format=tikfinity&types=gift").await).await;
    assert!(log.texts.is_empty());
}

/// Starts a server that requires a token, and returns the connector to its listener in TikFinity's format.
fn second_listener(hub: &Hub, origins: &[&str]) -> memory::MemoryConnector {
    listeners(hub, origins).1
}

/// Returns connectors to the server and to its listener in TikFinity's format.
fn listeners(hub: &Hub, origins: &[&str]) -> (memory::MemoryConnector, memory::MemoryConnector) {
    let (control, _driver) = Control::new();
    let ((listener, main), (second, connector)) = (memory::listener(4096), memory::listener(4096));
    let tokens = Tokens::new(vec!["a-secret-of-16-or-more".to_owned().into()]);
    let config = Config { access: Access { tokens, ..Access::default() }, ..Config::default() };
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    let access = Access { origins, ..Access::default() };
    let server = Server { hub: hub.clone(), control, config };
    let url = "ws://127.0.0.1:21213/".to_owned();
    tokio::spawn(serve_both(listener, Some(Tikfinity { listener: second, url, access }), server));
    (main, connector)
}

async fn request(connector: &memory::MemoryConnector, request: &str) -> crate::support::HttpResponse {
    let mut io = connector.connect().await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut io, request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut io, &mut answer).await.unwrap();
    crate::support::HttpResponse::parse(&answer)
}

/// Opens a socket as a page of `origin`, or as a program. Returns the first event, or the status of a
/// rejection.
async fn first_event(connector: &memory::MemoryConnector, origin: Option<&str>) -> Result<Value, u16> {
    let mut request =
        "ws://localhost:21213/?since=0&types=chat&service=overlay".into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    // Refused by the client if the server does not accept it.
    request.headers_mut().insert("sec-websocket-protocol", "tiktok".parse().unwrap());
    match client_async(request, connector.connect().await.unwrap()).await {
        Ok((mut socket, _)) => {
            Ok(serde_json::from_str(&crate::support::read(&mut socket, 1).await[0]).unwrap())
        }
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_listener_serves_only_the_feed_and_needs_no_token() {
    let hub = Hub::new("s".to_owned(), Limits::default());
    hub.publish(&[chat("a")]);
    let connector = second_listener(&hub, &[]);
    assert_eq!(first_event(&connector, None).await.unwrap()["data"]["comment"], "a");
    for (request, status) in [("GET /health", 404), ("POST /shutdown", 404), ("GET /", 400), ("POST /", 405)]
    {
        let text = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert_eq!(self::request(&connector, &text).await.status, status, "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_listed_pages_of_other_origins_can_read_the_second_listener() {
    let hub = Hub::new("s".to_owned(), Limits::default());
    hub.publish(&[chat("a")]);
    let connector = second_listener(&hub, &["https://overlay.example"]);
    for origin in ["https://overlay.example", "http://localhost:5500", "http://127.0.0.1", "http://absolute"]
    {
        assert_eq!(first_event(&connector, Some(origin)).await.unwrap()["event"], "chat", "{origin}");
    }
    for origin in
        ["https://evil.example", "https://overlay.example.evil.example", "http://overlay.example", "null"]
    {
        assert_eq!(first_event(&connector, Some(origin)).await, Err(403), "{origin}");
    }
    let connector = second_listener(&hub, &["null"]);
    assert_eq!(first_event(&connector, Some("null")).await.unwrap()["event"], "chat");
    assert_eq!(first_event(&connector, Some("https://overlay.example")).await, Err(403));
}

#[tokio::test(start_paused = true)]
async fn health_reports_the_url_of_the_second_listener() {
    let (main, _second) = listeners(&Hub::new("s".to_owned(), Limits::default()), &[]);
    let authorized = "host: localhost\r\nauthorization: Bearer a-secret-of-16-or-more\r\nconnection: close";
    let health = request(&main, &format!("GET /health HTTP/1.1\r\n{authorized}\r\n\r\n")).await.json();
    assert_eq!(health["tikfinity"], "ws://127.0.0.1:21213/");
}
