//! Runs the unmodified crate piratetok-live-rs: `livetape-peers-piratetok <base URL> <user>`. The end of
//! stdin disconnects.

use std::{env, process};

use piratetok_live_rs::{
    TikTokLive,
    errors::TikTokLiveError,
    structs::{TikTokLiveEvent as Event, config::Endpoints},
};
use tokio::io::{AsyncReadExt as _, stdin};

/// One of its own, from which it draws: without this, `agent-differs` and `strict` would depend on chance.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = env::args().skip(1);
    let (Some(base), Some(user)) = (args.next(), args.next()) else { panic!("pass a base URL and a user") };
    let mut input = stdin();
    tokio::select! {
        biased;
        result = watch(&base, &user) => if let Err(error) = result {
            let error = format!("{error:?}");
            let class = error.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
            println!(r#"{{"type":"error","class":"{class}"}}"#);
        },
        _ = input.read_u8() => {}
    }
    // The thread that reads stdin would keep the process alive.
    process::exit(0);
}

async fn watch(base: &str, user: &str) -> Result<(), TikTokLiveError> {
    let endpoints = Endpoints {
        web: format!("{base}/"),
        webcast: format!("{base}/webcast/"),
        ws: Some(base.replacen("http", "ws", 1)),
    };
    let mut stream = TikTokLive::builder(user).endpoints(endpoints).user_agent(AGENT).connect().await?;
    loop {
        let kind = match stream.next_event().await? {
            Event::Connected { .. } => "connected",
            Event::Chat(_) => "chat",
            Event::Gift(_) => "gift",
            Event::Like(_) => "like",
            Event::Member(_) => "member",
            Event::LiveEnded(_) => "streamEnd",
            Event::Disconnected => return Ok(()),
            _ => continue,
        };
        println!(r#"{{"type":"{kind}"}}"#);
        // It would connect again, to an ended stream.
        if kind == "streamEnd" {
            return Ok(());
        }
    }
}
