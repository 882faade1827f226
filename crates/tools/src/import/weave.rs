//! Connections and exchanges of a capture → one recording, in the order of time.
//!
//! A capture has one connection behind the other, a recording has them as they happened. Each is read by a thread of its
//! own that is never far ahead: memory stays small, whatever the capture is like.

use std::{
    collections::{BTreeSet, VecDeque},
    io::Write,
    sync::mpsc::{Receiver, sync_channel},
    thread::{Scope, ScopedJoinHandle},
};

use super::{
    Error, Target,
    captured::{Capture, Connection, Entry, Message, Said, Survey},
    strand::{Reader, Strand},
    times::Times,
};
use crate::sans_io::recording::{
    Flags, Frame, Opcode, What,
    records::{ConnClose, ConnOpen, Http, Marker, conn_close::Who, http::Role},
};

/// Portions that a thread may have read in advance.
const AHEAD_MAX: usize = 2;
/// Batches that wait for the first connection to open.
const HELD_MAX: usize = 16;

/// What is imported.
pub(super) struct Plan<'a> {
    pub(super) connections: Vec<(&'a Connection, Times)>,
    pub(super) user: &'a str,
    pub(super) room_id: Option<i64>,
    /// The time of offset 0, Unix milliseconds.
    pub(super) start_ms: f64,
    /// The time between two frames, where there are no times.
    pub(super) untimed_ms: f64,
}

/// Writes what is planned. What cannot be read any more ends its connection, and is told.
pub(super) fn weave<W: Write>(
    capture: &dyn Capture,
    survey: &Survey,
    plan: &Plan<'_>,
    target: &mut Target<W>,
) -> Result<Option<Error>, Error> {
    std::thread::scope(|scope| {
        let mut loom = Loom { scope, capture, plan, target, conn: 0, held: VecDeque::new(), broken: None };
        loom.run(survey)?;
        Ok(loom.broken)
    })
}

/// A connection, or all exchanges.
struct Track<'scope> {
    portions: Receiver<Vec<Strand>>,
    ready: std::vec::IntoIter<Strand>,
    thread: ScopedJoinHandle<'scope, Result<(), Error>>,
    times: Times,
    conn: u32,
    /// What comes next, and when.
    next: Option<(f64, Strand)>,
    last_ms: f64,
}

struct Loom<'scope, 'env, 'a, W> {
    scope: &'scope Scope<'scope, 'env>,
    capture: &'env dyn Capture,
    plan: &'a Plan<'a>,
    target: &'a mut Target<W>,
    /// The connection that was opened last.
    conn: u32,
    held: VecDeque<(Http, Flags)>,
    broken: Option<Error>,
}

impl<'scope, W: Write> Loom<'scope, '_, '_, W> {
    fn run(&mut self, survey: &Survey) -> Result<(), Error> {
        let mut pending: VecDeque<_> = self.plan.connections.iter().copied().collect();
        let mut tracks = Vec::new();
        if !survey.exchanges.is_empty() {
            let wanted = survey.exchanges.iter().copied().collect();
            tracks.extend(self.start(wanted, Times::Millis, 0, self.plan.start_ms));
        }
        loop {
            let due = |track: &Track<'_>| track.next.as_ref().map_or(f64::INFINITY, |(ms, _)| *ms);
            let first = (0..tracks.len()).min_by(|a, b| due(&tracks[*a]).total_cmp(&due(&tracks[*b])));
            let opens = pending.front().map(|(connection, times)| self.opens_at(connection, *times));
            match (first, opens) {
                (None, None) => return Ok(()),
                (Some(first), opens) if opens.is_none_or(|opens| due(&tracks[first]) < opens) => {
                    if !self.step(&mut tracks[first])? {
                        self.end(tracks.swap_remove(first));
                    }
                }
                (_, opens) => {
                    // Without times one connection comes after the other.
                    let (connection, times) = pending.pop_front().expect("one is due");
                    let at_ms = opens.unwrap_or_default();
                    self.open(connection, at_ms)?;
                    tracks.extend(self.start(BTreeSet::from([connection.id]), times, self.conn, at_ms));
                }
            }
        }
    }

    /// When a connection is opened: not behind its first message.
    fn opens_at(&self, connection: &Connection, times: Times) -> f64 {
        let first_ms = connection.first_time.map(|time| times.ms(time));
        match (times, connection.started_ms, first_ms) {
            (Times::Untimed, ..) => f64::MAX,
            (_, Some(started), Some(first)) => started.min(first),
            (_, started, first) => started.or(first).unwrap_or(f64::MAX),
        }
    }

    fn open(&mut self, connection: &Connection, at_ms: f64) -> Result<(), Error> {
        let room_id = self.plan.room_id.unwrap_or_else(|| connection.room());
        let open = ConnOpen {
            room_id,
            unique_id: self.plan.user.to_owned(),
            url: connection.url.clone(),
            handshake_status: connection.status.into(),
            headers: connection.headers.clone(),
            ..Default::default()
        };
        let at_ms = if at_ms == f64::MAX { self.target.last_ms() } else { at_ms - self.plan.start_ms };
        self.conn = self.target.open_as(at_ms, open)?;
        while let Some((http, flags)) = self.held.pop_front() {
            self.target.put(at_ms, self.conn, flags, What::Http(http))?;
        }
        Ok(())
    }

    /// Begins to read a connection, or exchanges; `None` if there is nothing.
    fn start(&mut self, wanted: BTreeSet<u64>, times: Times, conn: u32, at_ms: f64) -> Option<Track<'scope>> {
        let (sender, portions) = sync_channel(AHEAD_MAX);
        let capture = self.capture;
        let is_exchanges = conn == 0;
        let thread = self.scope.spawn(move || {
            let mut reader = Reader::new(wanted, sender, is_exchanges);
            let read = capture.read(&mut reader);
            // Nobody may listen any more.
            let _ = reader.flush().and_then(|()| reader.hand_over());
            read
        });
        let last_ms = if at_ms == f64::MAX { self.plan.start_ms + self.target.last_ms() } else { at_ms };
        let ready = Vec::new().into_iter();
        let mut track = Track { portions, ready, thread, times, conn, next: None, last_ms };
        self.advance(&mut track);
        if track.next.is_some() {
            return Some(track);
        }
        self.end(track);
        None
    }

    /// Takes the next strand in, and decides when it was.
    fn advance(&mut self, track: &mut Track<'_>) {
        if track.ready.len() == 0 {
            track.ready = track.portions.recv().unwrap_or_default().into_iter();
        }
        track.next = track.ready.next().map(|strand| {
            let told = match &strand {
                Strand::Exchange(entry) => entry.started_ms,
                Strand::Message(message) => message.time.map(|time| track.times.ms(time)),
            };
            let ms = match told {
                None if track.times == Times::Untimed => track.last_ms + self.plan.untimed_ms,
                None => track.last_ms,
                Some(ms) if ms < track.last_ms || !ms.is_finite() => {
                    // Exchanges stand in the order of their ends.
                    self.target.report.clamped += u64::from(matches!(strand, Strand::Message(_)));
                    track.last_ms
                }
                Some(ms) => ms,
            };
            track.last_ms = ms;
            (ms, strand)
        });
    }

    /// Writes what comes next on a track; `false` at its end.
    fn step(&mut self, track: &mut Track<'_>) -> Result<bool, Error> {
        let Some((ms, strand)) = track.next.take() else { return Ok(false) };
        let at_ms = ms - self.plan.start_ms;
        match strand {
            Strand::Exchange(entry) => self.exchange(at_ms, entry)?,
            Strand::Message(message) => self.message(at_ms, track, message)?,
        }
        self.advance(track);
        Ok(track.next.is_some())
    }

    fn end(&mut self, track: Track<'_>) {
        drop(track.portions);
        match track.thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.broken = self.broken.take().or(Some(error)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn exchange(&mut self, at_ms: f64, entry: Entry) -> Result<(), Error> {
        let Some(role) = entry.role() else { return Ok(()) };
        let http = Http {
            role: role.into(),
            request_line: format!("{} {}", entry.method, entry.url),
            status: entry.status.into(),
            headers: entry.headers,
            body: entry.body,
        };
        self.target.report.exchanges += 1;
        if role == Role::InitialBatch && self.conn == 0 && self.held.len() < HELD_MAX {
            // A batch belongs to a room, and the room is known when the connection is opened.
            self.held.push_back((http, Flags::default()));
            return Ok(());
        }
        let conn = self.conn.max(1);
        self.target.put(at_ms, conn, Flags::default(), What::Http(http)).map(|_| ())
    }

    fn message(&mut self, at_ms: f64, track: &mut Track<'_>, message: Message) -> Result<(), Error> {
        self.target.report.lines += 1;
        match message.said {
            Said::Frame { opcode: 8, sent, bytes, .. } => {
                let code = bytes.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default()).into_owned();
                self.close(at_ms, track.conn, code, reason, sent)
            }
            // Pings and pongs.
            Said::Frame { opcode: 9.., .. } | Said::Unread => Ok(()),
            Said::Frame { opcode, sent, injected, bytes } => {
                let sent_bit = if sent { Flags::SENT } else { 0 };
                let flags = Flags(sent_bit | if injected { Flags::INJECTED } else { 0 });
                self.target.report.injected += u64::from(injected);
                let frame = Frame { opcode: Opcode(opcode), bytes };
                if self.target.put(at_ms, track.conn, flags, What::Frame(frame))? {
                    self.target.report.frames += 1;
                } else {
                    self.reject("a frame is too large");
                }
                Ok(())
            }
            Said::Closed { code, reason, by_us } => self.close(at_ms, track.conn, code, reason, by_us),
            Said::Trouble(label) => self
                .target
                .put(at_ms, track.conn, Flags::default(), What::Marker(Marker { label }))
                .map(|_| ()),
            Said::Dropped => {
                self.target.report.dropped += 1;
                Ok(())
            }
            Said::Bad(reason) => {
                self.reject(&reason);
                Ok(())
            }
        }
    }

    fn close(&mut self, at_ms: f64, conn: u32, code: u16, reason: String, by_us: bool) -> Result<(), Error> {
        let who = if by_us { Who::Us } else { Who::Upstream };
        let close = ConnClose { code: code.into(), reason, who: who.into(), will_retry: false };
        self.target.close(at_ms, conn, close)
    }

    fn reject(&mut self, reason: &str) {
        let line = self.target.report.lines;
        self.target.report.reject(line, reason);
    }
}
