//! `/overlays.json` and `/overlays/{kind}/{name}`: overlays that are saved under a name, and their open pages.

use std::fs;

use livetape_feed::hub::Limits;
use livetape_server::{Access, Config, Recordings, Tokens};
use serde_json::json;

use crate::{
    openapi::{closed, document},
    support::{HttpResponse, Rig, Socket, is_quiet, json as parse, read},
};

const TOKEN: &str = "a-token-of-16-or-more";
const READER: &str = "a-reader-of-16-or-more";

/// A server with its own directory, whose overlays tests save.
struct Place {
    rig: Rig,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self::with(Access::default())
    }

    fn with(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings { directory: folder.path().into(), ..Recordings::default() };
        let config = Config { recordings, access, ..Config::default() };
        Self { rig: Rig::with(Limits::default(), config), folder }
    }

    async fn get(&self, path: &str) -> HttpResponse {
        self.rig.http("GET", path, "").await
    }

    async fn save(&self, overlay: &str, settings: &str, replaces: Option<&str>) -> HttpResponse {
        let mut body = json!({ "settings": settings });
        if let Some(replaces) = replaces {
            body["replaces"] = replaces.into();
        }
        self.rig.http("PUT", &format!("/overlays/{overlay}/settings"), &body.to_string()).await
    }

    fn damage(&self) {
        fs::write(self.folder.path().join("overlays.json"), "{").unwrap();
    }
}

/// Reads the next message of an open page: its settings.
async fn told(socket: &mut Socket) -> serde_json::Value {
    let message = parse(&read(socket, 1).await[0]);
    assert_eq!(message["type"], "overlay");
    message["settings"].clone()
}

#[tokio::test(start_paused = true)]
async fn an_overlay_is_saved_listed_changed_and_deleted() {
    let place = Place::new();
    let empty = json!({ "overlays": [], "problem": null, "damaged": [] });
    assert_eq!(place.get("/overlays.json").await.json(), empty);
    let saved = place.save("goal/Rent%20%26%20food", "goal=5&title=Rent", None).await;
    let rent = json!({ "kind": "goal", "name": "Rent & food", "settings": "goal=5&title=Rent" });
    assert_eq!((saved.status, saved.json()), (201, rent.clone()));
    assert_eq!(place.save("alerts/Main", "", None).await.status, 201);
    assert_eq!(place.get("/overlays/goal/rent%20%26%20FOOD/settings").await.json(), rent);
    let list = place.get("/overlays.json").await.json();
    assert_eq!(list["overlays"], json!([{ "kind": "alerts", "name": "Main", "settings": "" }, rent]));
    let changed = place.save("alerts/MAIN", "size=30", Some("")).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Main")));
    let deleted = place.rig.http("DELETE", "/overlays/alerts/main/settings", "").await;
    assert_eq!((deleted.status, &deleted.json()["settings"]), (200, &json!("size=30")));
    assert_eq!(place.get("/overlays.json").await.json()["overlays"], json!([rent]));
}

#[tokio::test(start_paused = true)]
async fn bad_requests_say_what_to_do() {
    let place = Place::new();
    place.save("goal/Rent", "goal=5", None).await;
    let rig = &place.rig;
    let send = "send the query of a link with settings, such as colour=gold&size=30";
    let name = "use 1 to 40 letters, digits, spaces and marks, but none of /\\:\"%<>|?*";
    rig.rejects(404, "not_found",
        "GET /overlays/goal/None/settings → the overlay `goal/None` is not saved → GET /overlays.json lists those that are
         DELETE /overlays/goal/None/settings → the overlay `goal/None` is not saved → GET /overlays.json lists those that are
         PUT /overlays/gaol/Rent/settings {\"settings\":\"\"} → there is no overlay `gaol` → did you mean `goal`?
         GET /overlays/index/Rent → there is no overlay `index` → choose one of: alerts, battle, chat, goal, leaderboard, viewers",
    ).await;
    rig.rejects(400, "bad_request", &format!(
        "PUT /overlays/goal/a%2Fb/settings {{\"settings\":\"\"}} → `a/b` is not a name for an overlay → {name}
         GET /overlays/goal/%E2%80%AEabc → `\\u{{202e}}abc` is not a name for an overlay → {name}
         PUT /overlays/goal/Rent/settings {{\"settings\":\"token=secret\"}} → `token` is not a setting of an overlay: it stays in the link → {send}
         PUT /overlays/goal/Rent/settings {{\"settings\":\"<b>\"}} → `settings` is not a query: a character is not percent-encoded → {send}
         PUT /overlays/goal/Rent/settings {{\"settings\":\"a=1&a=2\"}} → `a` is given twice → see GET /openapi.json for valid requests"
    )).await;
    rig.rejects(409, "overlay_conflict",
        "PUT /overlays/goal/rent/settings {\"settings\":\"goal=6\"} → the overlay `goal/Rent` is already saved → choose another name, or send the settings that it has as `replaces`
         PUT /overlays/goal/Rent/settings {\"settings\":\"goal=6\",\"replaces\":\"goal=4\"} → somebody else changed the overlay `goal/Rent` → read its settings again, and send them as `replaces` to replace them",
    ).await;
    let long = place.save("goal/Rent", &"a".repeat(5000), None).await;
    assert_eq!((long.status, long.code().as_str()), (413, "too_large"));
    let (error, (code, _)) = rig.refusal("?overlay=gaol/Rent").await;
    assert_eq!((&error["message"], code), (&json!("there is no overlay `gaol`"), 1008));
}

#[tokio::test(start_paused = true)]
async fn open_pages_learn_of_changes_at_once() {
    let place = Place::new();
    let schema = closed(document(&place.rig, "/schema/events.json").await);
    let mut early = place.rig.ws("?overlay=goal/Rent").await;
    let first = read(&mut early, 1).await;
    assert_eq!(first, [r#"{"type":"overlay","overlay":"goal/Rent","settings":null}"#]);
    schema.check(&parse(&first[0])).unwrap();
    let mut other = place.rig.ws("?overlay=alerts/Rent").await;
    let mut plain = place.rig.ws("").await;
    assert!(told(&mut other).await.is_null());
    place.save("goal/Rent", "goal=5", None).await;
    let message = read(&mut early, 1).await;
    assert_eq!(message, [r#"{"type":"overlay","overlay":"goal/Rent","settings":"goal=5"}"#]);
    schema.check(&parse(&message[0])).unwrap();
    // However the name is written, and also beside messages of clients.
    let mut late = place.rig.ws("?overlay=goal/RENT").await;
    let mut talker = place.rig.ws("ws?feed=0&overlay=goal/Rent").await;
    read(&mut talker, 1).await;
    assert_eq!((told(&mut late).await, told(&mut talker).await), (json!("goal=5"), json!("goal=5")));
    place.save("goal/rent", "goal=6", Some("goal=5")).await;
    place.rig.http("DELETE", "/overlays/goal/Rent/settings", "").await;
    for socket in [&mut early, &mut late] {
        assert_eq!((told(socket).await, told(socket).await), (json!("goal=6"), json!(null)));
    }
    assert!(is_quiet(&mut other) && is_quiet(&mut plain), "others are not told");
    let lines = place.get("/events?overlay=goal/Rent").await;
    assert_eq!(
        (lines.status, lines.code().as_str()),
        (400, "bad_request"),
        "lines could not tell of changes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_has_its_settings_as_text() {
    let place = Place::new();
    let page = place.get("/overlays/goal/A'b%26c").await;
    assert_eq!(page.status, 200);
    let meta = "<meta name=\"livetape-overlay\" content=\"goal/A&apos;b&amp;c\" data-problem=\"the overlay `goal/A&apos;b&amp;c` is not saved\">";
    assert!(page.body.contains(meta), "{}", page.body);
    place.save("goal/A'b%26c", "title=%22%3Cb%3E&goal=5", None).await;
    let page = place.get("/overlays/goal/a'B%26C?token=x").await;
    let meta = "<head>\n<base href=\"../\">\n<meta name=\"livetape-overlay\" content=\"goal/A&apos;b&amp;c\" data-settings=\"title=%22%3Cb%3E&amp;goal=5\">";
    assert!(page.body.contains(meta), "{}", page.body);
    assert!(page.body.contains("<script src=\"goal.js\">"));
    assert_eq!((page.header("cache-control"), page.header("etag")), (Some("no-store"), None));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self'; style-src-elem 'self' 'unsafe-inline';"), "{policy}");
    assert!(policy.contains("base-uri 'self'") && policy.contains("frame-ancestors 'self'"), "{policy}");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_told_and_open_pages_keep_what_they_have() {
    let place = Place::new();
    place.save("goal/Rent", "goal=5", None).await;
    place.damage();
    let why = "EOF while parsing an object at line 1 column 1";
    let list = json!({ "overlays": [], "problem": why, "damaged": [] });
    assert_eq!(place.get("/overlays.json").await.json(), list);
    let one = place.get("/overlays/goal/Rent/settings").await;
    assert_eq!((one.status, one.code().as_str()), (500, "overlays_damaged"));
    let page = place.get("/overlays/goal/Rent").await;
    assert!(
        page.body.contains(&format!("data-problem=\"overlays.json is damaged: {why}\"")),
        "{}",
        page.body
    );
    let mut open = place.rig.ws("?overlay=goal/Rent").await;
    assert_eq!(place.save("goal/Rent", "goal=6", None).await.status, 201);
    assert_eq!(told(&mut open).await, json!("goal=6"), "it was told nothing before");
    let list = place.get("/overlays.json").await.json();
    assert_eq!((&list["problem"], &list["damaged"]), (&json!(null), &json!(["overlays.damaged.json"])));
    assert_eq!(fs::read_to_string(place.folder.path().join("overlays.damaged.json")).unwrap(), "{");
}

#[tokio::test(start_paused = true)]
async fn settings_need_a_token_and_pages_do_not() {
    let tokens = Tokens::new(vec![TOKEN.to_owned().into()]).with_read_only(vec![READER.to_owned().into()]);
    let place = Place::with(Access { tokens, ..Access::default() });
    let settings = "/overlays/goal/settings/settings";
    let put = |token: &str| {
        let target = format!("{settings}?token={token}");
        async move |rig: &Rig| rig.http("PUT", &target, r#"{"settings":"goal=5"}"#).await
    };
    let answers =
        [put("wrong")(&place.rig).await, put(READER)(&place.rig).await, put(TOKEN)(&place.rig).await];
    assert_eq!(answers.map(|answer| answer.status), [401, 403, 201]);
    for path in [settings, "/overlays.json"] {
        assert_eq!(place.get(path).await.status, 401, "{path}");
        assert_eq!(place.get(&format!("{path}?token={READER}")).await.status, 200, "{path}");
    }
    // An overlay may have this name.
    let page = place.get("/overlays/goal/settings").await;
    assert!(page.status == 200 && page.body.contains("content=\"goal/settings\">"), "{}", page.body);
    let page = place.get(&format!("/overlays/goal/settings?token={READER}")).await;
    assert!(page.body.contains("data-settings=\"goal=5\""), "{}", page.body);
    let mut open = place.rig.ws(&format!("?overlay=goal/settings&token={READER}")).await;
    assert_eq!(told(&mut open).await, json!("goal=5"));
}
