//! `livetape watch`: the events of a running server in a terminal.

use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::{self, Message, protocol::CloseFrame};

use super::{args, display};
use crate::{
    hub::Gifts,
    sans_io::error::{Code, Problem, close, exit},
};

pub(super) async fn watch(args: args::Watch) -> Result<u8, Problem> {
    let url = address(&args)?;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(&url).await.map_err(|error| refused(&args.url, &error))?;
    let mut last = None;
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
                    if !show(&args, json.as_bytes()) {
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

fn address(args: &args::Watch) -> Result<String, Problem> {
    let base = args.url.replacen("http", "ws", usize::from(args.url.starts_with("http")));
    let base = if base.contains("://") { base } else { format!("ws://{base}") };
    if !base.starts_with("ws://") {
        return Err(Problem::new(Code::BadRequest, format!("{base} is no ws:// address")));
    }
    let after_scheme = &base["ws://".len()..];
    let slash = if after_scheme.contains('/') { "" } else { "/" };
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
    if let Some(since) = &args.since {
        query.push(format!("since={since}"));
    }
    Ok(format!("{base}{slash}?{}", query.join("&")))
}

/// Whether the terminal is still there.
fn show(args: &args::Watch, json: &[u8]) -> bool {
    if args.json {
        return display::print(&[String::from_utf8_lossy(json).into_owned() + "\n"]).is_ok();
    }
    display::line(json).is_none_or(|line| display::print(&[line]).is_ok())
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
    Err(Problem::new(Code::ConnectionLost, format!("closed by the server: {code} {reason}")).hint(hint))
}

fn refused(url: &str, error: &tungstenite::Error) -> Problem {
    if let tungstenite::Error::Http(response) = error {
        let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let said: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let message = said["error"]["message"].as_str().unwrap_or("no reason given").to_owned();
        let hint = said["error"]["hint"].as_str().unwrap_or_default().to_owned();
        return Problem::new(Code::BadRequest, format!("the server refused: {message}")).hint(hint);
    }
    Problem::new(Code::ConnectionLost, format!("cannot connect to {url}: {error}"))
}
