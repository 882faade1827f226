//! `livetape trigger`: injects events into a running server.

mod fields;

use std::{sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem, exit},
    inject::{self, parse},
    secret::Secret,
};
use livetape_engine::source::live::{Unreached, tls};
use livetape_io::clock;
use reqwest::{Client, StatusCode, Url, header::AUTHORIZATION, redirect};
use serde_json::Value;
use tokio::time::sleep_until;

use super::watch::{self, TOKEN_HINT, base};
use crate::cli::{
    args,
    options::{
        config, serving,
        trust::{trust, trusted},
    },
    process::output::{say, warn},
};
use crate::mask;

/// Port of a server that was started without `--port`.
const DEFAULT_PORT: u16 = 3000;
/// Maximum time for a response. The server waits up to 30 s for clients.
const ANSWER_MAX: Duration = Duration::from_secs(45);

pub(crate) async fn trigger(args: args::Trigger) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    if args.schema {
        say(format!("{:#}\n", inject::schema()))?;
        return Ok(exit::DONE);
    }
    let bodies = fields::bodies(&args)?;
    // Reports mistakes without a server, with the parser of the server.
    let of_one = |at: usize, problem: &Problem| {
        let problem = fields::in_flags(&args, problem);
        match bodies.len() {
            1 => problem,
            count => {
                Problem { message: format!("event {} of {count}: {}", at + 1, problem.message), ..problem }
            }
        }
    };
    for (at, body) in bodies.iter().enumerate() {
        parse(body.clone()).map_err(|problem| of_one(at, &problem))?;
    }
    let texts = Vec::from_iter(bodies.iter().map(|body| Value::Object(body.clone()).to_string()));
    let (url, of_url) = address(&config::server_url(args.url.as_deref()), args.wait_clients)?;
    let token = of_url.or(serving::tokens(&settings)?.first().cloned());
    let tls = match trusted().filter(|_| url.scheme() == "https") {
        Some(ca) => trust(&ca)?,
        None => tls(),
    };
    let builder = Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(ANSWER_MAX);
    let broken = |error: reqwest::Error| Problem::new(Code::Io, format!("cannot start: {error}"));
    let client = builder.tls_backend_preconfigured(Arc::unwrap_or_clone(tls)).build().map_err(broken)?;
    let (mut due, mut delivered) = (clock::now(), None);
    for _ in 0..args.repeat {
        sleep_until(due).await;
        for (at, body) in texts.iter().cloned().enumerate() {
            let mut request = client.post(url.clone()).body(body);
            if let Some(token) = &token {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
            }
            let answer = request.send().await.map_err(|error| unreachable(&url, &error))?;
            let status = answer.status();
            let text = answer.text().await.map_err(|error| unreachable(&url, &error))?;
            if !status.is_success() {
                return Err(of_one(at, &refused(status, &text)));
            }
            delivered = serde_json::from_str::<Value>(&text).ok().and_then(|it| it["delivered"].as_u64());
            say(livetape_core::json::escaped(text) + "\n")?;
        }
        due += args.every;
    }
    if delivered == Some(0) {
        warn(
            "💡 No client got it: none that wants it reads the feed; `--wait-clients 1` waits for one\n💡 For a bot on the mock, which reads no feed: `livetape replay demo --record show.bin`, trigger, Ctrl+C, then `livetape run show.bin --mock stream-ended -- …`",
        );
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
        let message = format!("{} is not the address of a server", mask::address(&base));
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

/// Converts the server's JSON error.
fn refused(status: StatusCode, text: &str) -> Problem {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let error = &answer["error"];
    let (Some(message), Some(name)) = (error["message"].as_str(), error["code"].as_str()) else {
        let message = format!("no livetape server: it responded with HTTP {status}");
        return Problem::new(Code::ServerUnreachable, message)
            .hint("check the address, --url URL; that of a mock takes no events");
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
    let problem = watch::unreachable(&url.origin().ascii_serialization(), &unreached);
    match url.port() {
        Some(DEFAULT_PORT) => {
            let hint = format!("{}, or name its port: --url PORT", problem.hint);
            problem.hint(hint)
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
