//! `livetape watch`: prints the events of a running server.

use std::num::NonZeroU16;

use futures_util::StreamExt as _;
use livetape_core::{
    error::{Code, Problem, close, exit},
    json,
    secret::Secret,
    terminal::Lines,
};
use livetape_engine::source::live::Unreached;
use livetape_feed::hub::Gifts;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        handshake::client::Response,
        http::{HeaderValue, StatusCode, header::AUTHORIZATION},
        protocol::CloseFrame,
    },
};

use crate::{
    cli::{
        args,
        options::{
            config, serving,
            trust::{trust, trusted},
        },
        process::{display, signals::Signals},
        usage::has_flag,
    },
    mask,
};

/// Hint if the server requires another token. The server's own hint is for clients that send headers.
pub(crate) const TOKEN_HINT: &str = "use the server's token with --token-file FILE";
/// Hint if a number is too large for a port.
const PORT_HINT: &str = "use a port from 1 to 65535, or an address such as ws://127.0.0.1:3000";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn watch(args: args::Watch) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let url = address(&args, &config::server_url(args.url.as_deref()))?;
    let token = serving::tokens(&settings)?.first().cloned();
    let trusted = trusted().filter(|_| url.starts_with("wss:"));
    let trust = trusted.as_deref().map(trust).transpose()?.map(Connector::Rustls);
    let (mut socket, _) =
        connect(&url, token.as_ref(), trust).await.map_err(|error| refused(&url, &error))?;
    // Registered here: until now, the action of the system ends the process.
    let mut signals = Signals::new();
    let ended = tokio::select! { biased;
        _ = signals.next() => None,
        ended = follow(&mut socket, &args) => Some(ended),
    };
    if ended.is_none() {
        drop(socket.close(None).await);
    }
    ended.unwrap_or(Ok(exit::DONE))
}

/// Prints events until the server closes the feed, or stdout cannot be written.
async fn follow(socket: &mut Socket, args: &args::Watch) -> Result<u8, Problem> {
    let (mut lines, mut last) = (Lines::new(has_flag), None);
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(json))) => {
                last = position(&json).or(last);
                if !show(args, &mut lines, &json).await {
                    return Ok(exit::DONE);
                }
            }
            Some(Ok(Message::Close(frame))) => return closed(frame, last.as_deref()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return closed(None, last.as_deref()),
        }
    }
}

/// Opens the feed, with the token if there is one.
async fn connect(
    url: &str,
    token: Option<&Secret>,
    trust: Option<Connector>,
) -> Result<(Socket, Response), tungstenite::Error> {
    let mut request = url.into_client_request()?;
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {}", token.reveal()))?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    connect_async_tls_with_config(request, None, false, trust).await
}

fn address(args: &args::Watch, server: &str) -> Result<String, Problem> {
    let base = base(server)?;
    let after_scheme = base.split_once("://").map_or("", |(_, rest)| rest);
    let slash = if after_scheme.contains('/') { "" } else { "/" };
    let question = if after_scheme.contains('?') { "&" } else { "?" };
    let mut query = Vec::new();
    if let Some(types) = &args.filter.types {
        query.push(format!("types={types}"));
    }
    if args.filter.gifts != Gifts::default() {
        query.push(format!("gifts={}", args.filter.gifts.name()));
    }
    if args.filter.raw {
        query.push("raw=1".into());
    }
    if args.observe {
        query.push("observer=1".into());
    }
    if let Some(since) = &args.since {
        query.push(format!("since={since}"));
    }
    Ok(format!("{base}{slash}{question}{}", query.join("&")))
}

/// Returns the address with its scheme. `3999` is a port of this machine.
pub(super) fn base(server: &str) -> Result<String, Problem> {
    let base = match server.parse::<NonZeroU16>() {
        Ok(port) => format!("ws://127.0.0.1:{port}"),
        Err(_) if server.contains("://") => {
            server.replacen("http", "ws", usize::from(server.starts_with("http")))
        }
        Err(_) => format!("ws://{server}"),
    };
    let bad = |message: String| Err(Problem::new(Code::BadRequest, message));
    let Some(after_scheme) = base.strip_prefix("ws://").or_else(|| base.strip_prefix("wss://")) else {
        return bad(format!("{} is not a ws:// or wss:// address", mask::address(&base)));
    };
    // Resolvers take a number for an IPv4 address: 99999 is 0.1.134.159.
    let host =
        after_scheme.split(['/', '?', '#']).next().and_then(|it| it.rsplit('@').next()).unwrap_or_default();
    if !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::new(Code::BadRequest, format!("{host} is not a port")).hint(PORT_HINT));
    }
    match reqwest::Url::parse(&base) {
        Ok(_) => Ok(base),
        Err(error) => bad(format!("{} is not a valid address: {error}", mask::address(&base))),
    }
}

/// Prints an event, and returns whether stdout could be written.
async fn show(args: &args::Watch, lines: &mut Lines, event: &str) -> bool {
    let line = match args.json {
        true => Some(json::escaped(event.to_owned()) + "\n"),
        false => display::line(lines, event.as_bytes()),
    };
    display::write(line.into_iter().collect()).await
}

/// Returns the position to resume from after this event.
fn position(json: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(json).ok()?;
    // The error of a server that refuses the client is not part of a stream.
    let stream = event["stream"].as_str()?;
    Some(format!("{stream}:{}", event["seq"].as_u64()?))
}

fn closed(frame: Option<CloseFrame>, last: Option<&str>) -> Result<u8, Problem> {
    let code = frame.as_ref().map(|frame| u16::from(frame.code));
    let message = match (code, frame) {
        (Some(close::NORMAL | close::GOING_AWAY), _) => return Ok(exit::DONE),
        (Some(code), Some(frame)) => format!("closed by the server: {code} {}", frame.reason),
        _ => "the connection to the server was lost".to_owned(),
    };
    let hint = match last {
        // The stream of `last` has ended.
        _ if code == Some(Code::UnknownPosition.close_code()) => {
            "watch again, from the beginning: the old positions are void".to_owned()
        }
        Some(last) => format!("continue with --since {last}"),
        None => String::new(),
    };
    Err(Problem::new(Code::ServerUnreachable, message).hint(hint))
}

fn refused(url: &str, error: &tungstenite::Error) -> Problem {
    // The query is that of the filters, or secret.
    let address = mask::address(url.split('?').next().unwrap_or_default());
    if let tungstenite::Error::Http(response) = error {
        let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let said: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let Some(message) = said["error"]["message"].as_str() else {
            let message =
                format!("no livetape server at {address}: it responded with HTTP {}", response.status());
            return Problem::new(Code::ServerUnreachable, message);
        };
        let hint = match response.status() {
            StatusCode::UNAUTHORIZED => TOKEN_HINT.to_owned(),
            _ => said["error"]["hint"].as_str().unwrap_or_default().to_owned(),
        };
        let code = said["error"]["code"].as_str().and_then(Code::from_name).unwrap_or(Code::BadRequest);
        return Problem::new(code, format!("the server rejected the request: {message}")).hint(hint);
    }
    unreachable(&address, &Unreached::of_socket(error))
}

/// Explains why a server cannot be reached.
pub(super) fn unreachable(address: &str, unreached: &Unreached) -> Problem {
    let message = format!("cannot connect to {address}: {}", unreached.why);
    let problem = Problem::new(Code::ServerUnreachable, message);
    match unreached {
        _ if unreached.is_untrusted() => {
            problem.hint("trust the server's certificate file (its `--tls-cert`): SSL_CERT_FILE=FILE")
        }
        _ if unreached.is_without_tls() => {
            problem.hint(format!("use {}", address.replacen("s://", "://", 1)))
        }
        _ if unreached.is_without_http() => {
            problem.hint("check the address: that of a server with TLS starts with https:// or wss://")
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_hint_for_a_missing_token_names_the_flag() {
        let body = br#"{"error":{"message":"this server requires a bearer token","hint":"send a header"}}"#;
        let answer = |status: StatusCode| {
            let answer = tungstenite::http::Response::builder().status(status).body(Some(body.to_vec()));
            refused("ws://localhost/", &tungstenite::Error::Http(Box::new(answer.unwrap())))
        };
        let problem = answer(StatusCode::UNAUTHORIZED);
        assert_eq!(problem.message, "the server rejected the request: this server requires a bearer token");
        assert_eq!(problem.hint, TOKEN_HINT);
        assert_eq!(answer(StatusCode::FORBIDDEN).hint, "send a header");
    }

    #[test]
    fn another_server_is_reported_with_its_status() {
        for body in [&b""[..], b"not found", br#"{"message":"not found"}"#] {
            let answer = tungstenite::http::Response::builder().status(404).body(Some(body.to_vec()));
            let problem = refused(
                "ws://u:planted@h/nope?since=0",
                &tungstenite::Error::Http(Box::new(answer.unwrap())),
            );
            assert_eq!(problem.code, Code::ServerUnreachable);
            assert_eq!(
                problem.message,
                "no livetape server at ws://***@h/nope: it responded with HTTP 404 Not Found"
            );
            assert_eq!(problem.hint, Code::ServerUnreachable.hint());
        }
    }

    #[test]
    fn the_error_of_a_refusal_has_no_position() {
        let error = |rest| position(&format!(r#"{{"type":"error","data":{{}}{rest}}}"#));
        assert_eq!((error(r#","stream":"s","seq":1"#), error("")), (Some("s:1".into()), None));
    }

    #[test]
    fn a_server_without_http_is_named_as_such() {
        let error = tungstenite::Error::from(httparse::Error::Version);
        let problem = refused("ws://h:4222/", &error);
        let message = "cannot connect to ws://h:4222/: the server does not speak the WebSocket protocol";
        assert_eq!(problem.message, message);
    }

    #[test]
    fn a_void_position_is_not_recommended() {
        let hint = |code: u16| {
            let frame = CloseFrame { code: code.into(), reason: "".into() };
            closed(Some(frame), Some("a:7")).unwrap_err().hint
        };
        assert_eq!(hint(4001), "watch again, from the beginning: the old positions are void");
        assert_eq!(hint(4101), "continue with --since a:7");
    }

    #[test]
    fn filters_are_part_of_the_address() {
        let args = ["livetape", "watch", "--observe", "--types", "gift", "--since", "0"];
        let args::Command::Watch(watch) = args::Args::parse_from(args).command else { panic!("it is watch") };
        let expected = "ws://127.0.0.1:3000/?types=gift&observer=1&since=0";
        assert_eq!(address(&watch, "http://127.0.0.1:3000").unwrap(), expected);
    }
}
