//! `livetape trigger`: injects events into a running server.

use std::{path::Path, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::{
    error::{Code, Problem, exit},
    inject::{KINDS, parse},
    secret::Secret,
};
use livetape_engine::source::live::Unreached;
use livetape_io::clock;
use reqwest::{Client, StatusCode, Url, header::AUTHORIZATION, redirect};
use serde_json::{Map, Value, json};
use tokio::time::sleep_until;

use super::watch::{self, TOKEN_HINT, base, shown};
use crate::cli::{
    args,
    options::{
        config,
        serving::{self, read},
        trust::{trust, trusted},
    },
    process::output::say,
};

/// Maximum time for a response. The server waits up to 30 s for clients.
const ANSWER_MAX: Duration = Duration::from_secs(45);

pub(crate) async fn trigger(args: args::Trigger) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let body = body(&args)?;
    // Reports mistakes without a server, with the parser of the server.
    parse(body.clone()).map_err(|problem| in_flags(&args.kind, &problem))?;
    let body = Value::Object(body).to_string();
    let (url, of_url) = address(&config::server_url(args.url.as_deref()), args.wait_clients)?;
    let token = of_url.or(serving::tokens(&settings)?.first().cloned());
    let mut builder = Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(ANSWER_MAX);
    if let Some(ca) = trusted().filter(|_| url.scheme() == "https") {
        builder = builder.use_preconfigured_tls(Arc::unwrap_or_clone(trust(&ca)?));
    }
    let broken = |error: reqwest::Error| Problem::new(Code::Io, format!("cannot start: {error}"));
    let client = builder.build().map_err(broken)?;
    let mut due = clock::now();
    for _ in 0..args.repeat {
        sleep_until(due).await;
        let mut request = client.post(url.clone()).body(body.clone());
        if let Some(token) = &token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        let answer = request.send().await.map_err(|error| unreachable(&url, &error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| unreachable(&url, &error))?;
        if !status.is_success() {
            return Err(in_flags(&args.kind, &refused(status, &text)));
        }
        say(livetape_core::json::escaped(text) + "\n")?;
        due += args.every;
    }
    Ok(exit::DONE)
}

/// Addresses of the main channel, whose feed gets the events.
const MAIN: [&str; 4] = ["", "ws", "events", "inject"];

/// Returns the URL of `/inject` on a server, and the token in its address, which has any form that `watch` accepts. The
/// server may be below the path of a proxy.
fn address(server: &str, wait_clients: usize) -> Result<(Url, Option<Secret>), Problem> {
    let base = base(server)?.replacen("ws", "http", 1);
    let mut url = Url::parse(&base).map_err(|error| Problem::new(Code::BadRequest, error))?;
    let (before, last) = url.path().rsplit_once('/').unwrap_or_default();
    let is_of_other_channel = before.ends_with("/ws") || before.contains("/ws/");
    if is_of_other_channel || !MAIN.contains(&last) {
        let message = format!("{} is not the address of a server", shown(&base));
        let hint = "leave out the path: events are injected into the main channel";
        return Err(Problem::new(Code::BadRequest, message).hint(hint));
    }
    let path = format!("{before}/inject");
    // The last one, as the server.
    let token = url.query_pairs().filter(|(name, _)| name == "token").last();
    let token = token.map(|(_, token)| Secret::from(token.into_owned()));
    url.set_path(&path);
    url.set_fragment(None);
    let query = (wait_clients > 0).then(|| format!("wait_clients={wait_clients}"));
    url.set_query(query.as_deref());
    Ok((url, token))
}

/// Builds the request from the flags, with defaults for fields that its kind requires.
fn body(args: &args::Trigger) -> Result<Map<String, Value>, Problem> {
    let kind = args.kind.as_str();
    let count = match kind {
        "join" | "member" => "memberCount",
        "follow" => "followCount",
        "share" => "shareCount",
        "subscribe" => "months",
        "viewers" | "room_user" => "viewerCount",
        _ => "count",
    };
    let payload = args.payload.as_deref().map(payload).transpose()?;
    let given = [
        ("user", args.user.clone().map(Value::from)),
        ("comment", args.comment.clone().map(Value::from)),
        ("gift", args.gift.clone().map(Value::from)),
        (count, args.count.map(Value::from)),
        ("total", args.total.map(Value::from)),
        ("combo", args.combo.then_some(Value::from(true))),
        ("diamonds", args.diamonds.map(Value::from)),
        ("people", args.people.map(Value::from)),
        ("question", args.question.clone().map(Value::from)),
        ("options", args.options.clone().map(Value::from)),
        ("opponent", args.opponent.clone().map(Value::from)),
        ("points", args.points.map(Value::from)),
        ("opponentPoints", args.opponent_points.map(Value::from)),
        ("over", args.over.then_some(Value::from(true))),
        ("emoteId", args.emote.clone().map(Value::from)),
        ("pictureUrl", args.picture.clone().map(Value::from)),
        ("method", args.method.clone().map(Value::from)),
        ("payload", payload.map(Value::from)),
    ];
    let mut body = Map::from_iter([("type".to_owned(), kind.into())]);
    body.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let fields = KINDS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, fields)| fields);
    for (field, default) in defaults(kind) {
        if fields.contains(&field) {
            body.entry(field).or_insert(default);
        }
    }
    Ok(body)
}

fn defaults(kind: &str) -> [(&'static str, Value); 9] {
    let user = if matches!(kind, "battle" | "poll") { "host" } else { "viewer" };
    let diamonds = if kind == "envelope" { json!(100) } else { Value::Null };
    [
        ("user", user.into()),
        ("comment", "Hello!".into()),
        ("gift", "Rose".into()),
        ("viewerCount", 1.into()),
        ("diamonds", diamonds),
        ("question", "Tea?".into()),
        ("options", json!(["yes", "no"])),
        ("opponent", "opponent".into()),
        ("emoteId", "1".into()),
    ]
}

fn payload(path: &Path) -> Result<String, Problem> {
    let bytes = read(path).map_err(|problem| Problem { code: Code::BadRequest, ..problem })?;
    Ok(STANDARD.encode(bytes))
}

/// Words an error about the fields of a request for the command line.
fn in_flags(kind: &str, problem: &Problem) -> Problem {
    let fields = KINDS.iter().flat_map(|(_, fields)| *fields).chain(&["wait_clients"]);
    let renamed = |text: &str| {
        fields.clone().fold(text.to_owned(), |text, field| {
            text.replace(&format!("`{field}`"), &format!("`{}`", flag(field)))
        })
    };
    // A kind may have the name of a field.
    if let Some((_, field)) = problem.message.split_once(" has no `") {
        let known = KINDS.iter().filter(|(name, _)| *name == kind).flat_map(|(_, fields)| *fields);
        let known: Vec<_> = known.filter(|field| **field != "total").map(|field| flag(field)).collect();
        let hint = if known.is_empty() {
            "omit it".to_owned()
        } else {
            format!("choose one of: {}", known.join(", "))
        };
        return Problem::new(problem.code, format!("`{kind}` has no {}", renamed(&format!("`{field}"))))
            .hint(hint);
    }
    let hint = match &problem.hint {
        hint if hint.starts_with("send for example") => "see `livetape trigger --help`".to_owned(),
        hint => renamed(hint),
    };
    Problem { message: renamed(&problem.message), hint, ..problem.clone() }
}

/// Returns the flag for a field of a request.
fn flag(field: &str) -> String {
    let name = match field {
        "memberCount" | "followCount" | "shareCount" | "months" | "viewerCount" => "count",
        "opponentPoints" => "opponent-points",
        "emoteId" => "emote",
        "pictureUrl" => "picture",
        "wait_clients" => "wait-clients",
        name => name,
    };
    format!("--{name}")
}

/// Converts the server's JSON error.
fn refused(status: StatusCode, text: &str) -> Problem {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let error = &answer["error"];
    let (Some(message), Some(name)) = (error["message"].as_str(), error["code"].as_str()) else {
        let message = format!("no livetape server: it responded with HTTP {status}");
        return Problem::new(Code::ServerUnreachable, message).hint("check the address, --url URL");
    };
    let hint = match status {
        StatusCode::UNAUTHORIZED => TOKEN_HINT,
        _ => error["hint"].as_str().unwrap_or_default(),
    };
    Problem::new(Code::from_name(name).unwrap_or(Code::ServerUnreachable), message).hint(hint)
}

fn unreachable(url: &Url, error: &reqwest::Error) -> Problem {
    let unreached = match error {
        error if error.is_timeout() => Unreached::new("no response in time"),
        error => Unreached::of(error),
    };
    watch::unreachable(&url.origin().ascii_serialization(), &unreached)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn trigger(flags: &[&str]) -> args::Trigger {
        let args = [&["livetape", "trigger"], flags].concat();
        let args::Command::Trigger(trigger) = args::Args::parse_from(args).command else { panic!() };
        *trigger
    }

    #[test]
    fn every_kind_needs_no_flags_except_raw() {
        for (kind, _) in KINDS {
            let parsed = parse(body(&trigger(&[kind])).unwrap());
            assert_eq!(parsed.is_ok(), *kind != "raw", "{kind}: {parsed:?}");
        }
    }

    #[test]
    fn flags_become_fields_of_the_kind() {
        let of = |flags: &[&str]| Value::Object(body(&trigger(flags)).unwrap());
        assert_eq!(
            of(&["gift", "--user", "ann", "--count", "50", "--combo"]),
            json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 50, "combo": true, "diamonds": null })
        );
        assert_eq!(of(&["viewers", "--count", "7"]), json!({ "type": "viewers", "viewerCount": 7 }));
        assert_eq!(of(&["follow", "--count", "7"])["followCount"], 7);
        assert_eq!(
            of(&["like", "--count", "7", "--total", "5"]),
            json!({ "type": "like", "user": "viewer", "count": 7, "total": 5 })
        );
        let problem = parse(body(&trigger(&["chat", "--gift", "Rose"])).unwrap()).unwrap_err();
        assert_eq!(problem.message, "`chat` has no `gift`");
    }

    #[test]
    fn errors_name_flags() {
        let of = |flags: &[&str]| {
            let args = trigger(flags);
            let problem = in_flags(&args.kind, &parse(body(&args).unwrap()).unwrap_err());
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
                "choose one of: --user, --gift, --count, --combo, --diamonds, --picture"
            ]
        );
        assert_eq!(of(&["end", "--user", "ann"]), ["`end` has no `--user`", "omit it"]);
    }

    #[test]
    fn a_server_is_a_port_or_an_address() {
        let of = |server: &str, clients| address(server, clients).map(|(url, _)| String::from(url));
        for server in [
            "3000",
            "127.0.0.1:3000",
            "ws://127.0.0.1:3000/",
            "http://127.0.0.1:3000/?x=1#y",
            "ws://127.0.0.1:3000/ws?token=abc",
            "127.0.0.1:3000/events?since=0",
            "http://127.0.0.1:3000/inject",
        ] {
            assert_eq!(of(server, 0).unwrap(), "http://127.0.0.1:3000/inject", "{server}");
        }
        for server in ["https://tape.example/live/", "wss://tape.example/live/ws"] {
            assert_eq!(of(server, 0).unwrap(), "https://tape.example/live/inject", "{server}");
        }
        let token = |server| address(server, 0).unwrap().1.map(|token| token.reveal().to_owned());
        assert_eq!(token("ws://127.0.0.1:3000/?token=a%2Bb&since=0"), Some("a+b".to_owned()));
        assert_eq!(token("3000"), None);
        for server in
            ["ws://127.0.0.1:3000/ws/t0ken", "ws://h/ws/play/demo", "http://h/overlays/chat.html", "h:1/live"]
        {
            let problem = address(server, 0).unwrap_err();
            assert!(problem.message.contains("is not the address of a server"), "{problem:?}");
            assert!(!problem.message.contains("t0ken"), "{problem:?}");
        }
        assert_eq!(of("wss://tape.example", 2).unwrap(), "https://tape.example/inject?wait_clients=2");
        let ports = ["0", "99999", "ws://99999/", "127.0.0.1:99999"];
        for server in ["ftp://127.0.0.1", "http://", "", "a b"].into_iter().chain(ports) {
            assert!(of(server, 0).is_err(), "{server}");
        }
    }
}
