//! Clients: readers of the feed and members of rooms, which connect, stay for a while and leave, and clients of REST: uploads,
//! seeks, and connecting to the live room again after its end.
//!
//! Subscribers with a filter miss numbers; two witnesses, each with another filter, see what the other one misses, so that
//! every missing number is explained, or lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::atomic::Ordering,
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{Client, Problem};

/// Maximum times of a visit, and between two visits.
const VISIT_MAX: Duration = Duration::from_secs(20);
const AWAY_MAX: Duration = Duration::from_secs(2);
/// How much longer than the readers a witness reads, so that it sees everything that they do.
const WITNESS_LONGER: Duration = Duration::from_secs(5);
/// Number of rooms.
const ROOMS: u64 = 8;
/// One in this many visitors does not read, and one in this many leaves without a close frame.
const STALLED: u64 = 50;
const ABRUPT: u64 = 2;

type Socket = WebSocketStream<TcpStream>;

/// Where a reader resumes.
struct Position {
    stream: String,
    seq: u64,
}

async fn open(address: &str, path: &str) -> Result<Socket, Problem> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
    let opened = client_async(format!("ws://{address}/{path}"), stream).await;
    Ok(opened.map_err(|error| format!("cannot open /{path}: {error}"))?.0)
}

/// Reads the feed again and again. Every other visit resumes where the last one ended.
pub(super) async fn read(mut client: Client) -> Result<(), Problem> {
    let address = if client.is_one_in(5) { client.load.live.clone() } else { client.load.replay.clone() };
    let mut last = None;
    sleep_until(client.soon(VISIT_MAX)).await;
    while !client.is_over() {
        let resumes = last.take().filter(|_| client.is_one_in(2));
        let path = match &resumes {
            Some(Position { stream, seq }) => format!("?raw=1&gifts=delta&on_gap=skip&since={stream}:{seq}"),
            None => "?raw=1&gifts=delta".to_owned(),
        };
        let mut socket = open(&address, &path).await?;
        client.load.readers.fetch_add(1, Ordering::Relaxed);
        let until = client.soon(VISIT_MAX);
        let visited = if client.is_one_in(STALLED) {
            sleep_until(until).await;
            Ok(None)
        } else {
            visit(&client, &mut socket, until, resumes.as_ref()).await
        };
        client.load.readers.fetch_sub(1, Ordering::Relaxed);
        last = visited.map_err(|problem| format!("/{path}: {problem}"))?;
        leave(&mut client, socket).await;
        sleep_until(client.soon(AWAY_MAX)).await;
    }
    Ok(())
}

/// Reads until then. After `resumed`, no event may be repeated, and none may be missing but those that the
/// filter hides, which is judged at the end; without it, numbers only have to grow, because the first events
/// are the current state.
async fn visit(
    client: &Client,
    socket: &mut Socket,
    until: Instant,
    resumed: Option<&Position>,
) -> Result<Option<Position>, Problem> {
    let (mut seen, mut text) = (resumed.map_or(0, |it| it.seq), None);
    while let Ok(message) = timeout_at(until, socket.next()).await {
        let message = message.ok_or("the connection ended")?.map_err(|error| error.to_string())?;
        client.count(1);
        match message {
            Message::Text(event) => {
                let Some(seq) = number(&event, "\"seq\":") else {
                    if event.starts_with(r#"{"type":"gap""#) {
                        seen = number(&event, "\"to\":").ok_or("a gap without an end")?;
                    }
                    continue;
                };
                if seq <= seen {
                    return Err(format!("event {seq} follows {seen}"));
                }
                if let Some(Position { stream, .. }) = resumed.filter(|_| seq != seen + 1) {
                    client.load.hidden().miss(Gifts::Delta, stream, seen, seq);
                }
                (seen, text) = (seq, Some(event));
            }
            Message::Close(frame) => return Err(format!("closed: {frame:?}")),
            _ => {}
        }
    }
    let Some(text) = text else { return Ok(None) };
    let event: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let stream = event["stream"].as_str().ok_or("an event without a stream")?.to_owned();
    Ok(Some(Position { stream, seq: seen }))
}

/// Reads all events of a server from the first one on, with one filter, and remembers those that the other
/// filter hides.
pub(super) async fn witness(client: Client, address: String, gifts: Gifts) -> Result<(), Problem> {
    let problem = |problem: &dyn fmt::Display| format!("the witness of gifts={gifts}: {problem}");
    let mut socket =
        open(&address, &format!("?raw=1&gifts={gifts}&since=0")).await.map_err(|it| problem(&it))?;
    let (until, mut seen) = (client.load.until + WITNESS_LONGER, 0);
    while let Ok(message) = timeout_at(until, socket.next()).await {
        let message = message.ok_or_else(|| problem(&"the connection ended"))?.map_err(|it| problem(&it))?;
        let Message::Text(event) = message else {
            if let Message::Close(frame) = message {
                return Err(problem(&format!("closed: {frame:?}")));
            }
            continue;
        };
        client.count(1);
        let seq = number(&event, "\"seq\":").ok_or_else(|| problem(&format!("no number: {event}")))?;
        let is_gift = event.contains(r#""type":"gift""#);
        if is_gift || seq != seen + 1 {
            let event: Value = serde_json::from_str(&event).map_err(|it| problem(&it))?;
            client.load.hidden().see(&event);
            if seq != seen + 1 {
                let stream = event["stream"].as_str().ok_or_else(|| problem(&"an event without a stream"))?;
                client.load.hidden().miss(gifts, stream, seen, seq);
            }
        }
        seen = seq;
    }
    if seen == 0 { Err(problem(&"no event")) } else { Ok(()) }
}

/// Reads the number after the last `name`.
fn number(event: &str, name: &str) -> Option<u64> {
    let rest = &event[event.rfind(name)? + name.len()..];
    rest[..rest.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

async fn leave(client: &mut Client, mut socket: Socket) {
    if !client.is_one_in(ABRUPT) {
        let until = client.soon(AWAY_MAX);
        drop(timeout_at(until, socket.close(None)).await);
    }
}

/// Joins a room, says something, hears it, and leaves, again and again.
pub(super) async fn talk(mut client: Client) -> Result<(), Problem> {
    let address = client.load.replay.clone();
    while !client.is_over() {
        let mut socket = open(&address, "ws?feed=0").await?;
        let room = format!("soak-{}", client.random.up_to(ROOMS - 1));
        let said = format!("hello from {}", client.number);
        for message in [
            json!({"type": "join_room", "room_id": room}),
            json!({"type": "room_message", "room_id": room, "message": said}),
        ] {
            let sent = socket.send(message.to_string().into()).await;
            sent.map_err(|error| format!("cannot send to {room}: {error}"))?;
        }
        hear(&client, &mut socket, &said).await?;
        let until = client.soon(VISIT_MAX);
        while let Ok(Some(Ok(_))) = timeout_at(until, socket.next()).await {
            client.count(1);
        }
        leave(&mut client, socket).await;
        sleep_until(client.soon(AWAY_MAX)).await;
    }
    Ok(())
}

/// Waits for its own message.
async fn hear(client: &Client, socket: &mut Socket, said: &str) -> Result<(), Problem> {
    while let Some(Ok(message)) = socket.next().await {
        client.count(1);
        if message.into_text().is_ok_and(|text| text.contains(said)) {
            return Ok(());
        }
    }
    Err(format!("nobody heard {said:?}"))
}

/// Maximum times between two requests of a kind.
const UPLOAD_EVERY_MAX: Duration = Duration::from_secs(4);
const SEEK_EVERY_MAX: Duration = Duration::from_secs(6);
const CONNECT_EVERY_MAX: Duration = Duration::from_secs(10);
/// Positions to seek to, in seconds.
const SEEK_SECONDS_MAX: u64 = 300;

/// Uploads a recording, reads it back, deletes it.
pub(super) async fn upload(mut client: Client, recording: &[u8]) -> Result<(), Problem> {
    let address = client.load.replay.clone();
    while !client.is_over() {
        let path = format!("/recordings/soak-{}", client.random.up_to(9));
        expect(&client, &address, &format!("PUT {path}"), recording, &[201]).await?;
        expect(&client, &address, &format!("GET {path}"), b"", &[200]).await?;
        expect(&client, &address, &format!("GET {path}/file"), b"", &[200]).await?;
        expect(&client, &address, &format!("DELETE {path}"), b"", &[200]).await?;
        sleep_until(client.soon(UPLOAD_EVERY_MAX)).await;
    }
    Ok(())
}

pub(super) async fn seek(mut client: Client) -> Result<(), Problem> {
    let address = client.load.replay.clone();
    while !client.is_over() {
        sleep_until(client.soon(SEEK_EVERY_MAX)).await;
        let to = format!(r#"{{"offset":"{}s"}}"#, client.random.up_to(SEEK_SECONDS_MAX));
        expect(&client, &address, "POST /replay/seek", to.as_bytes(), &[200]).await?;
    }
    Ok(())
}

/// Connects to the room again and again, whether it is open, over, or just lost (502).
pub(super) async fn reconnect(mut client: Client) -> Result<(), Problem> {
    let address = client.load.live.clone();
    while !client.is_over() {
        expect(&client, &address, "POST /connect/demo", b"", &[200, 502]).await?;
        sleep_until(client.soon(CONNECT_EVERY_MAX)).await;
    }
    let metrics = expect(&client, &address, "GET /metrics", b"", &[200]).await?;
    let has_dropped = metrics.contains("livetape_upstream_failures_total{code=\"connection_lost\"}");
    if has_dropped { Ok(()) } else { Err("the live room never dropped".to_owned()) }
}

/// Sends a request, and returns the response if it has one of these statuses.
async fn expect(
    client: &Client,
    address: &str,
    line: &str,
    body: &[u8],
    statuses: &[u16],
) -> Result<String, Problem> {
    let problem = |error: std::io::Error| format!("{line}: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(problem)?;
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.map_err(problem)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(problem)?;
    client.count(1);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    if status.is_some_and(|status| statuses.contains(&status)) {
        return Ok(answer);
    }
    Err(format!("{line}: {}", answer.chars().take(300).collect::<String>()))
}

/// Maximum number of hidden events to describe, for each filter.
const SHOWN_MAX: usize = 4;

/// What a subscriber asks for of a gift streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gifts {
    /// Hides inferred finals, and nothing else.
    Raw,
    /// Hides gift events that add no gifts and are not finals, and nothing else.
    Delta,
}

impl fmt::Display for Gifts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Raw { "raw" } else { "delta" })
    }
}

/// What subscribers missed, and what witnesses saw.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// By filter, stream and number: the event that the filter may hide.
    events: BTreeMap<(Gifts, String, u64), String>,
    /// Filter and stream of a subscriber, and the numbers around what it missed.
    missed: BTreeSet<(Gifts, String, u64, u64)>,
}

impl Hidden {
    /// Remembers an event of a stream if a filter may hide it.
    pub(super) fn see(&mut self, event: &Value) {
        let (gift, Some(seq)) = (&event["data"], event["seq"].as_u64()) else { return };
        if event["type"] != "gift" {
            return;
        }
        let hides = if gift["inferred"] == true {
            Gifts::Raw
        } else if gift["repeatDelta"] == 0 && gift["isFinal"] == false {
            Gifts::Delta
        } else {
            return;
        };
        let stream = event["stream"].as_str().unwrap_or_default().to_owned();
        let what = format!(
            "gift {}: streak {}, repeatCount {}, repeatDelta {}, inferred {}, id {}",
            seq, gift["streakId"], gift["repeatCount"], gift["repeatDelta"], gift["inferred"], event["id"]
        );
        self.events.insert((hides, stream, seq), what);
    }

    /// Remembers that a subscriber received `next` after `last`.
    pub(super) fn miss(&mut self, gifts: Gifts, stream: &str, last: u64, next: u64) {
        self.missed.insert((gifts, stream.to_owned(), last, next));
    }

    /// Returns a problem for each missed number that no filter explains, and describes some that one does.
    pub(super) fn judge(&self) -> (Vec<Problem>, Vec<String>) {
        let (mut problems, mut explained) = (Vec::new(), Vec::new());
        for (gifts, stream, last, next) in &self.missed {
            let between = last.saturating_add(1)..*next;
            let hidden = |seq: u64| self.events.get(&(*gifts, stream.clone(), seq));
            match between.clone().find(|seq| hidden(*seq).is_none()) {
                _ if next <= last => problems.push(format!("event {next} follows {last} with gifts={gifts}")),
                Some(seq) => problems
                    .push(format!("event {next} follows {last} with gifts={gifts}: nothing hides {seq}")),
                None => {
                    let shown = between.filter_map(hidden);
                    explained.extend(shown.map(|what| format!("gifts={gifts} hides {what}")));
                }
            }
        }
        let of = |gifts: Gifts| {
            let start = format!("gifts={gifts} ");
            explained.iter().filter(move |it| it.starts_with(&start)).take(SHOWN_MAX).cloned()
        };
        (problems, of(Gifts::Raw).chain(of(Gifts::Delta)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gift(seq: u64, repeat_delta: i32, is_final: bool, is_inferred: bool) -> Value {
        let data = json!({"repeatDelta": repeat_delta, "isFinal": is_final, "inferred": is_inferred});
        json!({"type": "gift", "stream": "s", "seq": seq, "data": data})
    }

    #[test]
    fn only_what_the_filter_hides_explains_a_missing_number() {
        let mut hidden = Hidden::default();
        let chat =
            json!({"type": "chat", "stream": "s", "seq": 9, "data": {"repeatDelta": 0, "isFinal": false}});
        let gifts = [
            gift(4, 0, false, false),
            gift(5, 0, false, false),
            gift(6, 1, false, false),
            gift(7, 0, true, false),
            gift(8, 0, true, true),
        ];
        gifts.iter().chain([&chat]).for_each(|event| hidden.see(event));
        let is_fine = |gifts, stream, last, next| {
            let mut asked = Hidden { events: hidden.events.clone(), ..Hidden::default() };
            asked.miss(gifts, stream, last, next);
            asked.judge().0.is_empty()
        };
        assert!(is_fine(Gifts::Delta, "s", 3, 6) && is_fine(Gifts::Raw, "s", 7, 9));
        assert!(!is_fine(Gifts::Raw, "s", 3, 6), "the other filter hides these");
        assert!(!is_fine(Gifts::Delta, "other", 3, 6), "another stream");
        assert!(!is_fine(Gifts::Delta, "s", 2, 6) && !is_fine(Gifts::Delta, "s", 3, 7), "one more is lost");
        assert!(!is_fine(Gifts::Delta, "s", 6, 8), "a final");
        assert!(!is_fine(Gifts::Delta, "s", 8, 10), "a chat");
        assert!(!is_fine(Gifts::Delta, "s", 5, 5) && !is_fine(Gifts::Delta, "s", 5, 4), "a repetition");
    }
}
