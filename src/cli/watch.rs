//! `livetape watch`: the events of a running server in a terminal.

use std::io;

use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio_rustls::rustls;
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

use super::{args, config, display, serving, trust::trust};
use crate::{
    hub::Gifts,
    sans_io::error::{Code, Problem, close, exit},
    secret::Secret,
    terminal::Lines,
};

/// What to do where the server wants a token, or another one: its own hint is for clients that write headers.
pub(super) const WANTS_TOKEN: &str = "name the file with the server's token: --token-file FILE";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) async fn watch(args: args::Watch) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let server = args.url.as_ref().unwrap_or(&settings.watch.url);
    let url = address(&args, server)?;
    let token = serving::tokens(&settings)?.into_iter().next();
    let trust = settings.watch.ca.as_deref().map(trust).transpose()?.map(Connector::Rustls);
    let (mut socket, _) =
        connect(&url, token.as_ref(), trust).await.map_err(|error| refused(&url, &error))?;
    let (mut lines, mut last) = (Lines::default(), None);
    loop {
        tokio::select! { biased;
            stopped = tokio::signal::ctrl_c() => {
                drop(stopped);
                drop(socket.close(None).await);
                return Ok(exit::DONE);
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(json))) => {
                    last = position(&json).or(last);
                    if !show(&args, &mut lines, json.as_bytes()) {
                        return Ok(exit::DONE);
                    }
                }
                Some(Ok(Message::Close(frame))) => return closed(frame, last.as_deref()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return closed(None, last.as_deref()),
            }
        }
    }
}

/// Opens the feed, with the first token of the settings if there is one.
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
    // `watch 3999` means a port of this machine.
    let port = server.parse::<u16>().ok();
    let server = &port.map_or_else(|| server.to_owned(), |port| format!("ws://127.0.0.1:{port}"));
    let base = server.replacen("http", "ws", usize::from(server.starts_with("http")));
    let base = if base.contains("://") { base } else { format!("ws://{base}") };
    let Some(after_scheme) = base.strip_prefix("ws://").or_else(|| base.strip_prefix("wss://")) else {
        return Err(Problem::new(Code::BadRequest, format!("{base} is no ws:// or wss:// address")));
    };
    let slash = if after_scheme.contains('/') { "" } else { "/" };
    let question = if after_scheme.contains('?') { "&" } else { "?" };
    let mut query = Vec::new();
    if let Some(types) = &args.filter.types {
        query.push(format!("types={types}"));
    }
    match args.filter.to_filter().gifts {
        Gifts::Raw => {}
        Gifts::Delta => query.push("gifts=delta".into()),
        Gifts::Final => query.push("gifts=final".into()),
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

/// Whether the terminal is still there.
fn show(args: &args::Watch, lines: &mut Lines, json: &[u8]) -> bool {
    if args.json {
        return display::print(&[String::from_utf8_lossy(json).into_owned() + "\n"]).is_ok();
    }
    display::line(lines, json).is_none_or(|line| display::print(&[line]).is_ok())
}

/// Where to resume after this event.
fn position(json: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(json).ok()?;
    Some(format!("{}:{}", event["stream"].as_str()?, event["seq"].as_u64()?))
}

fn closed(frame: Option<CloseFrame>, last: Option<&str>) -> Result<u8, Problem> {
    let (code, reason) =
        frame.map_or((1006, "the connection broke".into()), |f| (u16::from(f.code), f.reason.to_string()));
    if code == close::NORMAL || code == close::GOING_AWAY {
        return Ok(exit::DONE);
    }
    let hint = last.map(|last| format!("go on with --since {last}")).unwrap_or_default();
    Err(Problem::new(Code::ServerUnreachable, format!("closed by the server: {code} {reason}")).hint(hint))
}

fn refused(url: &str, error: &tungstenite::Error) -> Problem {
    if let tungstenite::Error::Http(response) = error {
        let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let said: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let message = said["error"]["message"].as_str().unwrap_or("no reason given").to_owned();
        let hint = match response.status() {
            StatusCode::UNAUTHORIZED => WANTS_TOKEN.to_owned(),
            _ => said["error"]["hint"].as_str().unwrap_or_default().to_owned(),
        };
        return Problem::new(Code::BadRequest, format!("the server refused: {message}")).hint(hint);
    }
    let why = match error {
        tungstenite::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "nothing listens there".to_owned()
        }
        error => error.to_string(),
    };
    // The query may hold a secret.
    let address = url.split('?').next().unwrap_or_default();
    let problem = Problem::new(Code::ServerUnreachable, format!("cannot connect to {address}: {why}"));
    let is_tls = |error: &io::Error| matches!(error.get_ref(), Some(inside) if inside.is::<rustls::Error>());
    match error {
        tungstenite::Error::Io(error) if is_tls(error) => problem.hint(
            "is it the server's own certificate? name its file with --ca FILE (the server's --tls-cert)",
        ),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn who_lacks_a_token_is_told_the_flag() {
        let body = br#"{"error":{"message":"this server wants a bearer token","hint":"send a header"}}"#;
        let answer = |status: StatusCode| {
            let answer = tungstenite::http::Response::builder().status(status).body(Some(body.to_vec()));
            refused("ws://localhost/", &tungstenite::Error::Http(Box::new(answer.unwrap())))
        };
        let problem = answer(StatusCode::UNAUTHORIZED);
        assert_eq!(problem.message, "the server refused: this server wants a bearer token");
        assert_eq!(problem.hint, WANTS_TOKEN);
        assert_eq!(answer(StatusCode::FORBIDDEN).hint, "send a header");
    }

    #[test]
    fn what_is_asked_for_stands_in_the_address() {
        let args = ["livetape", "watch", "--observe", "--types", "gift", "--since", "0"];
        let args::Command::Watch(watch) = args::Args::parse_from(args).command else { panic!("it is watch") };
        let expected = "ws://127.0.0.1:3000/?types=gift&observer=1&since=0";
        assert_eq!(address(&watch, "http://127.0.0.1:3000").unwrap(), expected);
    }
}
