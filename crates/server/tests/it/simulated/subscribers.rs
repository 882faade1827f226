//! Subscribers that join, stall, leave and resume.

use std::{rc::Rc, time::Duration};

use futures_util::StreamExt as _;
use livetape_io::clock;
use tokio::time::{sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::{Random, truth::Events};
use crate::support::{Rig, json};

/// Close code for a slow subscriber.
const SLOW: u16 = 4101;
/// Close code for a position that cannot be resumed.
const UNKNOWN_POSITION: u16 = 4001;
const VISIT_MS_MAX: u64 = 120_000;
const STALL_MS_MAX: u64 = 60_000;
const FOREVER: Duration = Duration::from_secs(48 * 60 * 60);

/// One connection to the feed.
#[derive(Debug)]
struct Visit {
    since: Option<u64>,
    /// Number of the newest event before and after joining.
    before: u64,
    after: u64,
    lines: Vec<String>,
    /// Close code; `None` if it left, or the connection broke.
    close: Option<u16>,
}

/// What one subscriber saw.
pub(super) struct Log(Vec<Visit>);

/// Visits the feed again and again, until the feed ends.
pub(super) async fn read(rig: Rc<Rig>, mut random: Random) -> Log {
    let (mut visits, mut last) = (Vec::new(), None);
    loop {
        sleep_until(clock::now() + random.up_to_ms(VISIT_MS_MAX / 4)).await;
        let visit = visit(&rig, &mut random, last).await;
        let next = visit.lines.iter().rev().find_map(|line| position(line));
        last = match visit.close {
            Some(UNKNOWN_POSITION) => None,
            _ => next.or(last).filter(|_| !random.one_in(4)),
        };
        let is_end = visit.close.is_some_and(|code| ![SLOW, UNKNOWN_POSITION].contains(&code));
        visits.push(visit);
        if is_end {
            return Log(visits);
        }
    }
}

async fn visit(rig: &Rig, random: &mut Random, since: Option<u64>) -> Visit {
    let mut path = "?raw=1&gifts=delta".to_owned();
    if let Some(seq) = since {
        path += &format!("&since=s:{seq}&on_gap={}", random.of(&["skip", "close"]));
    }
    let before = rig.hub.head();
    let mut socket = rig.ws(&path).await;
    let mut visit = Visit { since, before, after: rig.hub.head(), lines: Vec::new(), close: None };
    let stalls = random.of(&[5, 50, 1_000_000]);
    let stays = rig.channel.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) || random.one_in(4);
    let leaves = clock::now() + if stays { FOREVER } else { random.up_to_ms(VISIT_MS_MAX) };
    loop {
        if random.one_in(stalls) {
            sleep_until(clock::now() + random.up_to_ms(STALL_MS_MAX)).await;
        }
        match timeout_at(leaves, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => visit.lines.push(text.to_string()),
            Ok(Some(Ok(Message::Close(frame)))) => visit.close = frame.map(|frame| frame.code.into()),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) | Err(_) => return visit,
        }
    }
}

/// Returns the number of an event of the feed.
fn position(line: &str) -> Option<u64> {
    let event = json(line);
    event["seq"].as_u64().filter(|_| event["stream"] == "s")
}

impl Log {
    pub(super) fn check(&self, events: &Events) {
        self.0.iter().for_each(|visit| visit.check(events));
    }
}

impl Visit {
    fn check(&self, events: &Events) {
        let (mut seen, mut last) = (Vec::new(), self.since);
        for line in &self.lines {
            let event = json(line);
            if event["type"] == "gap" {
                assert_eq!(event["from"].as_u64(), last.map(|last| last + 1), "{self:?}");
                last = event["to"].as_u64();
            }
            let Some(seq) = position(line) else { continue };
            assert!(events.get(&seq).is_none_or(|event| event == line), "{line}\n{:?}", events.get(&seq));
            if let Some(last) = &mut last {
                assert!(is_next(events, *last, seq), "{seq} comes after {last}, since {:?}", self.since);
                *last = seq;
            }
            seen.push(seq);
        }
        let run = seen.windows(2).rev().take_while(|pair| is_next(events, pair[0], pair[1])).count();
        let joined = seen.len().checked_sub(run + 1).map_or(self.after + 1, |first| seen[first]);
        assert!(
            self.since.is_some() || joined <= self.after + 1 || is_next(events, self.after, joined),
            "{} to {}: {seen:?}",
            self.before,
            self.after
        );
        if self.close.is_some_and(|code| ![SLOW, UNKNOWN_POSITION].contains(&code)) {
            // Without `since`, it has only the state before it joined, which can be older.
            let end = last.or(seen.last().copied().max(Some(self.after))).unwrap_or(0);
            let missing = events.range(end + 1..).next();
            assert_eq!(missing, None, "it was closed with {:?} before the end", self.close);
        }
    }
}

/// Whether nothing is between two events. Numbers may be missing, because `gifts=delta` hides gifts that add
/// nothing.
fn is_next(events: &Events, seq: u64, next: u64) -> bool {
    seq < next && events.range(seq + 1..next).next().is_none()
}
