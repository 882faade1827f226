//! Counts what viewers do in a LIVE.

use std::{fmt, io, time::Duration};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderValue},
};

const PRINT_EVERY: Duration = Duration::from_millis(100);
/// The server sends a ping every 30 s. A connection that is silent for longer than two of them is broken.
const SILENCE_MAX: Duration = Duration::from_secs(75);
const CONNECT_MAX: Duration = Duration::from_secs(10);
const LOST: u16 = 1006;

#[derive(Default)]
pub struct Totals {
    pub chats: u64,
    pub gifts: i64,
    pub diamonds: i64,
    pub likes: i64,
    pub follows: u64,
    /// In the order of their first gift.
    pub gifters: Vec<(String, i64)>,
}

#[derive(Default)]
pub struct Bot {
    url: String,
    token: Option<String>,
    pub totals: Totals,
    /// Stream and number of the last event.
    position: Option<(String, u64)>,
    /// Stream and generation of the replay.
    pass: Option<(String, String)>,
    /// Failed connections in a row.
    failures: u32,
}

impl Bot {
    pub fn new(url: String, token: Option<String>) -> Self {
        Self { url, token, ..Self::default() }
    }

    /// Connects until the source ends or the server rejects the bot for good. Returns the close code or HTTP status.
    /// Meanwhile shows the totals again and again.
    pub async fn run(&mut self, mut show: impl FnMut(&Totals)) -> u16 {
        loop {
            let code = self.read(&mut show).await.unwrap_or_else(|error| {
                eprintln!("{error}");
                match error {
                    Error::Http(response) => response.status().as_u16(),
                    _ => LOST,
                }
            });
            match code {
                1000 | 401 | 403 | 404 | 1008 | 1009 => {
                    show(&self.totals);
                    return code;
                }
                4001 => self.position = None,
                _ => {}
            }
            sleep(Duration::from_secs((1 << self.failures.min(3)).min(5))).await;
            self.failures += 1;
        }
    }

    /// Reads one connection to its end, and returns its close code.
    async fn read(&mut self, show: &mut impl FnMut(&Totals)) -> Result<u16, Error> {
        let mut url = self.url.clone();
        if let Some((stream, seq)) = &self.position {
            url += &format!("?since={stream}:{seq}");
        }
        let mut request = url.into_client_request()?;
        if let Some(token) = &self.token {
            request.headers_mut().insert("authorization", HeaderValue::try_from(format!("Bearer {token}"))?);
        }
        let (mut socket, _) =
            timeout(CONNECT_MAX, connect_async(request)).await.map_err(io::Error::from)??;
        let mut ticks = interval(PRINT_EVERY);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = socket.next() => match message.transpose()? {
                    Some(Message::Text(text)) => self.receive(&text),
                    Some(Message::Close(frame)) => return Ok(frame.map_or(LOST, |frame| frame.code.into())),
                    Some(_) => {}
                    None => return Ok(LOST),
                },
                _ = ticks.tick() => {
                    show(&self.totals);
                    if heard.elapsed() > SILENCE_MAX {
                        return Ok(LOST);
                    }
                    continue;
                }
            }
            heard = Instant::now();
        }
    }

    fn receive(&mut self, text: &str) {
        let Ok(event) = serde_json::from_str::<Value>(text) else { return };
        if event["type"] == "error" {
            eprintln!("{}", event["data"]["message"].as_str().unwrap_or_default());
        } else {
            self.failures = 0;
        }
        // The `error` of a rejected connection has no position.
        let (Some(stream), Some(seq)) = (event["stream"].as_str(), event["seq"].as_u64()) else { return };
        if self.position.as_ref().is_some_and(|(last, number)| last == stream && *number >= seq) {
            return;
        }
        self.position = Some((stream.into(), seq));
        // A lap or seek of a replay changes the end of the ids, a restart of its server the stream. Totals then
        // start over. An inferred end of a streak has no id of its own.
        let marked = event["id"].as_str().or(event["data"]["streakId"].as_str());
        if let (Some(true), Some(id)) = (event["replay"].as_bool(), marked) {
            let generation = id.split_once('~').map_or("", |(_, generation)| generation);
            let pass = Some((stream.into(), generation.into()));
            if self.pass.is_some() && self.pass != pass {
                self.totals = Totals::default();
            }
            self.pass = pass;
        }
        self.totals.add(&event["type"], &event["data"]);
    }
}

impl Totals {
    fn add(&mut self, kind: &Value, data: &Value) {
        let number = |key| data[key].as_i64().unwrap_or(0);
        match kind.as_str() {
            Some("chat") => self.chats += 1,
            Some("gift") => {
                // A streak sends several events. Each reports only what it adds.
                self.gifts += number("repeatDelta");
                self.diamonds += number("diamonds");
                match data["sender"].as_str() {
                    // TikTok sometimes leaves out who sent a gift.
                    None | Some("") => {}
                    Some(sender) => match self.gifters.iter_mut().find(|(name, _)| name == sender) {
                        Some((_, sum)) => *sum += number("diamonds"),
                        None => self.gifters.push((sender.into(), number("diamonds"))),
                    },
                }
            }
            // Not `totalLikeCount`, which TikTok only estimates.
            Some("like") => self.likes += number("likeCount"),
            Some("social") if data["action"] == "follow" => self.follows += 1,
            _ => {}
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chats, gifts, diamonds, likes, follows, gifters } = self;
        // Of several viewers with the most diamonds, `rev` finds the one who gave first.
        let top = gifters.iter().rev().max_by_key(|(_, sum)| sum).map_or("", |(name, _)| name);
        write!(
            f,
            "chats: {chats} gifts: {gifts} diamonds: {diamonds} likes: {likes} follows: {follows} top_gifter: {top}"
        )
    }
}
