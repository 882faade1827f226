//! Requests from flags and JSON.

use std::{
    io::{self, Read as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::{
    error::{Code, Problem},
    event::BADGES,
    inject::{self, is_text},
    nearest,
};
use livetape_io::files;
use serde_json::{Map, Value, json};

use crate::cli::{args, options::serving::read};

type Body = Map<String, Value>;

/// Maximum length of JSON on stdin, in bytes, as of files.
const JSON_BYTES_MAX: u64 = 1 << 20;

/// Flags for fields of requests.
const FLAGS: [(&str, &str); 28] = [
    ("user", "user"),
    ("user.nickname", "nickname"),
    ("user.avatar", "avatar"),
    ("user.isModerator", "moderator"),
    ("user.isSubscriber", "subscriber"),
    ("user.isFollower", "follower"),
    ("user.badges", "badge"),
    ("comment", "comment"),
    ("gift", "gift"),
    ("receiver", "receiver"),
    ("memberCount", "count"),
    ("followCount", "count"),
    ("shareCount", "count"),
    ("months", "count"),
    ("viewerCount", "count"),
    ("count", "count"),
    ("total", "total"),
    ("combo", "combo"),
    ("diamonds", "diamonds"),
    ("people", "people"),
    ("question", "question"),
    ("options", "options"),
    ("opponent", "opponent"),
    ("points", "points"),
    ("opponentPoints", "opponent-points"),
    ("over", "over"),
    ("emoteId", "emote"),
    ("pictureUrl", "picture"),
];
/// Flags of the other fields: those of `raw`, and of the query.
const MORE_FLAGS: [(&str, &str); 4] =
    [("emotes", "emote"), ("method", "method"), ("payload", "payload"), ("wait_clients", "wait-clients")];

/// Returns the requests: those of the JSON, or a single one, with the fields that flags set.
pub(super) fn bodies(args: &args::Trigger) -> Result<Vec<Body>, Problem> {
    let Some(path) = &args.json else {
        let kind = args.kind.clone().unwrap_or_default();
        return Ok(vec![body(args, Map::from_iter([("type".to_owned(), kind.into())]), true)?]);
    };
    let events = events(path)?.into_iter().map(inject::of_event);
    events.map(|event| body(args, event, false)).collect()
}

/// Reads a sequence of JSON objects.
fn events(path: &Path) -> Result<Vec<Body>, Problem> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "stdin".to_owned() } else { path.display().to_string() };
    let bad = |message: String| Problem::new(Code::BadRequest, message);
    let bytes = if is_stdin { from_stdin() } else { files::read_small(path) };
    let text = bytes.and_then(files::text).map_err(|error| {
        bad(format!("cannot read {name}: {error}")).hint("pass JSON as UTF-8 or UTF-16, of at most 1 MiB")
    })?;
    let mut all = vec![];
    for event in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match event {
            Ok(Value::Object(event)) => all.push(event),
            Ok(_) => return Err(bad(format!("{name} has JSON that is not an object")).hint(HINT)),
            Err(error) => {
                let message = format!("{name} is not JSON: line {}, column {}", error.line(), error.column());
                return Err(bad(message).hint(HINT));
            }
        }
    }
    if all.is_empty() { Err(bad(format!("{name} has no event")).hint(HINT)) } else { Ok(all) }
}

const HINT: &str = r#"pass for example {"type": "chat", "user": "ann", "comment": "hi"}"#;

fn from_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    io::stdin().lock().take(JSON_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let fits = bytes.len() as u64 <= JSON_BYTES_MAX;
    fits.then_some(bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"))
}

/// Adds to a request what flags set, and the defaults of required fields.
fn body(args: &args::Trigger, mut body: Body, defaults: bool) -> Result<Body, Problem> {
    let given_kind = args.kind.as_deref().filter(|_| !defaults);
    if let Some(kind) = given_kind {
        let of_json = body.entry("type").or_insert_with(|| kind.into());
        if *of_json != kind {
            let message = format!("the JSON has the type {of_json}, not `{kind}`");
            return Err(Problem::new(Code::BadRequest, message).hint("leave out KIND"));
        }
    }
    let kind = body.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (path, value) in given(args, &kind)? {
        let flag = flag(&path).unwrap_or_default();
        put(&mut body, &path, value).map_err(|problem| twice(&problem, &flag))?;
    }
    for set in &args.set {
        let Some((path, value)) = set.split_once('=').filter(|(path, _)| !path.is_empty()) else {
            let message = format!("`--set {set}` has no field and value");
            let hint = "write FIELD=VALUE, for example user.gifterLevel=16";
            return Err(Problem::new(Code::BadRequest, message).hint(hint));
        };
        let names = Vec::from_iter(path.split('.'));
        let json = || serde_json::from_str::<Value>(value).unwrap_or_else(|_| value.into());
        let value = if is_text(&kind, &names) { Value::from(value) } else { json() };
        put(&mut body, path, value).map_err(|problem| twice(&problem, &format!("--set {path}")))?;
    }
    if defaults {
        add_defaults(&mut body, &kind);
    }
    Ok(body)
}

/// Why a field cannot be set.
enum Taken {
    /// It has a value.
    Set,
    /// This part of its path is not an object.
    Inside(String),
}

fn twice(taken: &Taken, flag: &str) -> Problem {
    match taken {
        Taken::Set => Problem::new(Code::BadRequest, format!("the field of `{flag}` has a value already"))
            .hint("set each field once, in the JSON or by one flag"),
        Taken::Inside(part) => {
            Problem::new(Code::BadRequest, format!("`{part}` has no fields, as `{flag}` needs"))
                .hint("see `livetape trigger --schema`")
        }
    }
}

/// Sets the field at a path. A user who is a name becomes an object.
fn put(body: &mut Body, path: &str, value: Value) -> Result<(), Taken> {
    let Some((first, rest)) = path.split_once('.') else {
        return match body.get_mut(path) {
            // The fields of a user come in any order.
            Some(Value::Object(user)) if value.is_string() && !user.contains_key("uniqueId") => {
                user.insert("uniqueId".to_owned(), value);
                Ok(())
            }
            Some(_) => Err(Taken::Set),
            None => {
                body.insert(path.to_owned(), value);
                Ok(())
            }
        };
    };
    let inner = body.entry(first).or_insert_with(|| json!({}));
    if inner.is_string() {
        *inner = json!({ "uniqueId": inner.take() });
    }
    match inner {
        Value::Object(inner) => put(inner, rest, value),
        _ => Err(Taken::Inside(first.to_owned())),
    }
}

/// Returns the fields that flags set, by their paths.
fn given(args: &args::Trigger, kind: &str) -> Result<Vec<(String, Value)>, Problem> {
    let count = match kind {
        "join" | "member" => "memberCount",
        "follow" => "followCount",
        "share" => "shareCount",
        "subscribe" => "months",
        "viewers" | "room_user" => "viewerCount",
        _ => "count",
    };
    let payload = args.payload.as_deref().map(payload).transpose()?;
    let badges = args.badge.iter().map(|text| badge(text)).collect::<Result<Vec<_>, _>>()?;
    let mut fields: Vec<(String, Value)> = vec![];
    let mut emotes = Vec::from_iter(args.emote.iter().map(|text| emote(text, kind == "chat")));
    if kind != "chat" && !emotes.is_empty() {
        let mut first = emotes.remove(0);
        let url = first["imageUrl"].take();
        fields.push(("emoteId".to_owned(), first["emoteId"].take()));
        fields.extend(url.is_string().then(|| ("pictureUrl".to_owned(), url)));
    }
    if !emotes.is_empty() {
        fields.push(("emotes".to_owned(), emotes.into()));
    }
    fields.extend(args.picture.clone().map(|url| ("pictureUrl".to_owned(), url.into())));
    let texts = [
        ("user", &args.user),
        ("user.nickname", &args.nickname),
        ("user.avatar", &args.avatar),
        ("comment", &args.comment),
        ("gift", &args.gift),
        ("receiver", &args.receiver),
        ("question", &args.question),
        ("opponent", &args.opponent),
        ("method", &args.method),
        ("payload", &payload),
    ];
    let numbers = [
        (count, args.count),
        ("total", args.total),
        ("diamonds", args.diamonds),
        ("people", args.people),
        ("points", args.points),
        ("opponentPoints", args.opponent_points),
    ];
    let switches = [
        ("user.isModerator", args.moderator),
        ("user.isSubscriber", args.subscriber),
        ("user.isFollower", args.follower),
        ("combo", args.combo),
        ("over", args.over),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, Value::from(text.clone()?))));
    let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, Value::from(number?))));
    let switches = switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, Value::from(true)));
    let options = args.options.clone().map(|options| ("options", Value::from(options)));
    let badges = (!badges.is_empty()).then(|| ("user.badges", Value::from(badges)));
    let all = texts.chain(numbers).chain(switches).chain(options).chain(badges);
    fields.extend(all.map(|(name, value)| (name.to_owned(), value)));
    Ok(fields)
}

/// Parses `KIND[:LEVEL[:TEXT]]`.
fn badge(text: &str) -> Result<Value, Problem> {
    let mut parts = text.splitn(3, ':');
    let kind = parts.next().unwrap_or_default();
    let known = BADGES.iter().find(|(name, _)| *name == kind);
    let Some(scene) = known.map(|(_, scene)| *scene).or_else(|| kind.parse().ok()) else {
        let message = format!("`{kind}` is not a kind of badge");
        let hint = nearest::choices(kind, &BADGES.map(|(name, _)| name));
        return Err(Problem::new(Code::BadRequest, message).hint(hint));
    };
    let mut badge = json!({ "sceneType": scene });
    if let Some(level) = parts.next().filter(|level| !level.is_empty()) {
        let level: i64 = level.parse().map_err(|_| {
            let message = format!("`{level}` is not the level of a badge");
            Problem::new(Code::BadRequest, message)
                .hint("write KIND:LEVEL:TEXT, for example fan-club:5:Roses")
        })?;
        badge["level"] = level.into();
    }
    if let Some(text) = parts.next() {
        badge["text"] = text.into();
    }
    Ok(badge)
}

/// Parses `ID[=URL]`, or `[INDEX:]ID[=URL]`.
fn emote(text: &str, may_have_index: bool) -> Value {
    let (id, url) = text.split_once('=').map_or((text, None), |(id, url)| (id, Some(url)));
    let index = id
        .split_once(':')
        .filter(|_| may_have_index)
        .and_then(|(index, id)| Some((index.parse::<i32>().ok()?, id)));
    let mut emote = match index {
        Some((index, id)) => json!({ "index": index, "emoteId": id }),
        None => json!({ "emoteId": id }),
    };
    if let Some(url) = url {
        emote["imageUrl"] = url.into();
    }
    emote
}

/// Adds defaults for the fields that a kind requires.
fn add_defaults(body: &mut Body, kind: &str) {
    let user = if matches!(kind, "battle" | "poll") { "host" } else { "viewer" };
    let mut defaults = vec![
        ("user", Value::from(user)),
        ("comment", "Hello!".into()),
        ("gift", "Rose".into()),
        ("viewerCount", 1.into()),
        ("question", "Tea?".into()),
        ("options", json!(["yes", "no"])),
        ("opponent", "opponent".into()),
        ("emoteId", "1".into()),
    ];
    if kind == "envelope" {
        defaults.push(("diamonds", 100.into()));
    }
    let fields = inject::fields(kind);
    for (field, default) in defaults.into_iter().filter(|(field, _)| fields.contains(field)) {
        match body.entry(field).or_insert_with(|| default.clone()) {
            Value::Object(user) if default.is_string() => {
                user.entry("uniqueId").or_insert(default);
            }
            _ => {}
        }
    }
}

fn payload(path: &Path) -> Result<String, Problem> {
    let bytes = read(path).map_err(|problem| Problem { code: Code::BadRequest, ..problem })?;
    Ok(STANDARD.encode(bytes))
}

/// Words an error about the fields of a request for the command line, unless they are in JSON.
pub(super) fn in_flags(args: &args::Trigger, problem: &Problem) -> Problem {
    if args.json.is_some() {
        return problem.clone();
    }
    let kind = args.kind.as_deref().unwrap_or_default();
    let renamed = |text: &str| {
        FLAGS.iter().chain(&MORE_FLAGS).fold(text.to_owned(), |text, (field, flag)| {
            text.replace(&format!("`{field}`"), &format!("`--{flag}`"))
        })
    };
    // A kind may have the name of a field.
    if let Some((_, field)) = problem.message.split_once(" has no `") {
        let field = field.trim_end_matches('`');
        let Some(given) = flag(field) else { return problem.clone() };
        let fields = inject::fields(kind);
        let mut known = Vec::from_iter(fields.iter().filter_map(|field| flag(field)));
        known.sort();
        known.dedup();
        let hint = if known.is_empty() {
            "omit it".to_owned()
        } else {
            format!("choose one of: {}, --set", known.join(", "))
        };
        return Problem::new(problem.code, format!("`{kind}` has no `{given}`")).hint(hint);
    }
    let hint = match &problem.hint {
        hint if hint.starts_with("send for example") => "see `livetape trigger --help`".to_owned(),
        hint => renamed(hint),
    };
    Problem { message: renamed(&problem.message), hint, ..problem.clone() }
}

/// Returns the flag for a field of a request.
fn flag(field: &str) -> Option<String> {
    let flag = FLAGS.iter().chain(&MORE_FLAGS).find(|(name, _)| *name == field);
    flag.map(|(_, flag)| format!("--{flag}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use livetape_core::inject::{KINDS, parse};

    use super::*;

    fn trigger(flags: &[&str]) -> args::Trigger {
        let args = [&["livetape", "trigger"], flags].concat();
        let args::Command::Trigger(trigger) = args::Args::parse_from(args).command else { panic!() };
        *trigger
    }

    fn of(flags: &[&str]) -> Value {
        Value::Object(bodies(&trigger(flags)).unwrap().remove(0))
    }

    #[test]
    fn every_kind_needs_no_flags_except_raw() {
        for kind in KINDS {
            let parsed = parse(bodies(&trigger(&[kind])).unwrap().remove(0));
            assert_eq!(parsed.is_ok(), kind != "raw", "{kind}: {parsed:?}");
        }
    }

    #[test]
    fn flags_become_fields_of_the_kind() {
        assert_eq!(
            of(&["gift", "--user", "ann", "--count", "50", "--combo"]),
            json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 50, "combo": true })
        );
        assert_eq!(of(&["viewers", "--count", "7"]), json!({ "type": "viewers", "viewerCount": 7 }));
        assert_eq!(of(&["follow", "--count", "7"])["followCount"], 7);
        assert_eq!(
            of(&["like", "--count", "7", "--total", "5"]),
            json!({ "type": "like", "user": "viewer", "count": 7, "total": 5 })
        );
        let problem = parse(bodies(&trigger(&["chat", "--gift", "Rose"])).unwrap().remove(0)).unwrap_err();
        assert_eq!(problem.message, "`chat` has no `gift`");
    }

    #[test]
    fn flags_set_every_field_of_a_user_and_an_event() {
        let roles = [
            "chat",
            "--moderator",
            "--subscriber",
            "--follower",
            "--nickname",
            "Ann",
            "--emote",
            "0:7=https://a/b=c",
        ];
        let badges = ["--badge", "gifter:16", "--badge", "fan-club:5:a:<b>", "--badge", "99"];
        let set = [
            "--set",
            "user.bio=5",
            "--set",
            "isHistory=true",
            "--set",
            "language=de",
            "--set",
            "mentioned.uniqueId=ben",
        ];
        let body = of(&[&roles[..], &badges, &set].concat());
        let expected = json!({
            "type": "chat", "comment": "Hello!", "language": "de", "isHistory": true, "mentioned": { "uniqueId": "ben" },
            "emotes": [{ "index": 0, "emoteId": "7", "imageUrl": "https://a/b=c" }],
            "user": {
                "uniqueId": "viewer", "nickname": "Ann", "bio": "5",
                "isModerator": true, "isSubscriber": true, "isFollower": true,
                "badges": [
                    { "sceneType": 8, "level": 16 }, { "sceneType": 10, "level": 5, "text": "a:<b>" }, { "sceneType": 99 },
                ],
            },
        });
        assert_eq!(body, expected);
        parse(body.as_object().unwrap().clone()).unwrap();
        let emotes = of(&["emote", "--emote", "1=https://b", "--emote", "2=https://a"]);
        let expected = json!({
            "type": "emote", "user": "viewer", "emoteId": "1", "pictureUrl": "https://b",
            "emotes": [{ "emoteId": "2", "imageUrl": "https://a" }],
        });
        assert_eq!(emotes, expected);
        let user = of(&["chat", "--set", "user.verified=true", "--user", "ann"]);
        assert_eq!(user["user"], json!({ "uniqueId": "ann", "verified": true }));
    }

    #[test]
    fn errors_name_flags() {
        let of = |flags: &[&str]| {
            let args = trigger(flags);
            let problem = bodies(&args)
                .and_then(|mut all| parse(all.remove(0)).map_err(|problem| in_flags(&args, &problem)));
            let problem = problem.unwrap_err();
            [problem.message, problem.hint]
        };
        assert_eq!(of(&["raw"]), ["`--method` is missing", "see `livetape trigger --help`"]);
        assert_eq!(of(&["gift", "--count", "0"])[0], "`--count` is 0");
        assert_eq!(of(&["viewers", "--count", "-1"])[0], "`--count` is -1");
        assert_eq!(of(&["chat", "--user", ""])[0], "`--user` has no name");
        assert_eq!(of(&["poll", "--options", "a"])[0], "the length of `--options` is 1");
        assert_eq!(
            of(&["gift", "--question", "why"]),
            [
                "`gift` has no `--question`",
                "choose one of: --combo, --count, --diamonds, --gift, --picture, --receiver, --user, --set"
            ]
        );
        assert_eq!(of(&["end", "--user", "ann"]), ["`end` has no `--user`", "omit it"]);
        let rejected = [
            of(&["chat", "--set", "coment=hi"]),
            of(&["chat", "--set", "user.isModrator=true"]),
            of(&["chat", "--set", "user.isModerator=maybe"]),
            of(&["chat", "--set", "language"]),
            of(&["chat", "--set", "=x"]),
            of(&["chat", "--set", "language=de", "--set", "language=en"]),
            of(&["chat", "--comment", "a", "--set", "comment=b"]),
            of(&["chat", "--moderator", "--set", "user.isModerator=false"]),
            of(&["chat", "--set", "isHistory=true", "--set", "isHistory.x=1"]),
            of(&["like", "--follower"]),
            of(&["chat", "--badge", "moderater"]),
            of(&["chat", "--badge", "gifter:many"]),
            of(&["chat", "--emote", "7:1"]),
            of(&["gift", "--emote", "1"]),
        ]
        .map(|[message, hint]| format!("{message} → {hint}"));
        insta::assert_snapshot!(rejected.join("\n"), @"
        `chat` has no `coment` → did you mean `comment`?
        `user` has no `isModrator` → did you mean `isModerator`?
        `--moderator` is not true or false → see `livetape trigger --help`
        `--set language` has no field and value → write FIELD=VALUE, for example user.gifterLevel=16
        `--set =x` has no field and value → write FIELD=VALUE, for example user.gifterLevel=16
        the field of `--set language` has a value already → set each field once, in the JSON or by one flag
        the field of `--set comment` has a value already → set each field once, in the JSON or by one flag
        the field of `--set user.isModerator` has a value already → set each field once, in the JSON or by one flag
        `isHistory` has no fields, as `--set isHistory.x` needs → see `livetape trigger --schema`
        `--follower` is only in comments, gifts and emotes → leave it out, or set `user.followStatus`
        `moderater` is not a kind of badge → did you mean `moderator`? choose one of: moderator, new-gifter, friends, subscriber, top-gifter, new-subscriber, gifter, fan-club, host, guardian
        `many` is not the level of a badge → write KIND:LEVEL:TEXT, for example fan-club:5:Roses
        `emotes[0].index` is 7, outside the comment → choose a number from 0 to 6, the length of `--comment`
        `gift` has no `--emote` → choose one of: --combo, --count, --diamonds, --gift, --picture, --receiver, --user, --set
        ");
        let twice = ["livetape", "trigger", "chat", "--comment", "a", "--comment", "b"];
        assert!(args::Args::try_parse_from(twice).is_err());
    }

    #[test]
    fn json_is_read_in_any_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        let read = |bytes: &[u8], more: &[&str]| {
            std::fs::write(&path, bytes).unwrap();
            let args = trigger(&[&["--json", path.to_str().unwrap()], more].concat());
            let problem = bodies(&args)
                .and_then(|all| all.iter().try_for_each(|body| parse(body.clone()).map(drop)).map(|()| all));
            problem.map_err(|Problem { message, .. }| message.replace(path.to_str().unwrap(), "FILE"))
        };
        let text = "{\"type\":\"chat\",\"user\":\"ann\",\r\n\"comment\":\"hé\"}\r\n";
        let wide = |unit: fn(u16) -> [u8; 2]| {
            Vec::from_iter("\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(unit))
        };
        let expected = json!({ "type": "chat", "user": "ann", "comment": "hé" });
        for bytes in
            [text.into(), format!("\u{feff}{text}").into(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]
        {
            assert_eq!(read(&bytes, &[]).unwrap().remove(0), *expected.as_object().unwrap());
        }
        let event = json!({
            "type": "gift", "username": "host", "seq": 5, "stream": "s", "id": "5", "replay": true,
            "data": {
                "sender": "ann", "user": { "userId": "7", "uniqueId": "ann", "nickname": "Ann" }, "giftName": "Rose",
                "repeatCount": 3, "repeatDelta": 1, "diamonds": 1, "diamondCount": 1, "receiver": null,
            },
        });
        let two = read(format!("{event}\n{event}").as_bytes(), &["--moderator"]).unwrap();
        assert_eq!(
            (two.len(), &two[1]["count"], &two[1]["user"]["isModerator"]),
            (2, &json!(3), &json!(true))
        );
        let chat =
            |more: &str| format!(r#"{{"type":"chat","user":"ann","comment":"hi"{more}}}"#).into_bytes();
        let rejected = [
            read(b"", &[]),
            read(b"\0", &[]),
            read(b"[1]", &[]),
            read(&chat(",")[..], &[]),
            read(&chat(r#","comment ":"x""#), &[]),
            read(&chat(r#","is_history":true"#), &[]),
            read(&chat(r#","isHistory":"true""#), &[]),
            read(&vec![b' '; 10 << 20], &[]),
            read(&[0xff; 9], &[]),
            read(&chat(""), &["gift"]),
            read(&chat(""), &["--comment", "ho"]),
        ]
        .map(|read| read.unwrap_err());
        insta::assert_snapshot!(rejected.join("\n"), @r#"
        FILE has no event
        FILE is not JSON: line 1, column 1
        FILE has JSON that is not an object
        FILE is not JSON: line 1, column 44
        `chat` has no `comment `
        `chat` has no `is_history`
        `isHistory` is not true or false
        cannot read FILE: the file is larger than 1 MiB
        cannot read FILE: the file is not UTF-8 text
        the JSON has the type "chat", not `gift`
        the field of `--comment` has a value already
        "#);
    }
}
