//! Builds a scenario from a recording, so that its failures occur again.
//!
//! Frames and closes need no fault, because rooms play them. Failures before a room was reached become
//! faults, each at the request that failed.

use std::{collections::BTreeMap, fmt, io::Read};

use livetape_core::{
    error::Code,
    recording::{
        Error, Flags, Loss, Reader, USER_TAG, What,
        records::{ConnOpen, Http, Status, http::Role},
    },
};

use super::{Endpoint, Fault, FaultKind, Form, Header, Scenario, State, User, check, fault::BLOCKED};

/// Maximum number of users and of faults in a scenario made from a recording. A note mentions the rest.
const USERS_MAX: usize = 1000;
const FAULTS_MAX: usize = 1000;

/// A scenario made from a recording, and notes on the parts it cannot reproduce.
///
/// ```
/// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
/// # use livetape_mock::Scenario;
/// let recorded = Scenario::of_recording(DEMO_BYTES, "demo").unwrap();
/// assert_eq!(Scenario::parse(&recorded.to_string()).unwrap(), recorded.scenario);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The scenario.
    pub scenario: Scenario,
    /// Events of the recording that the mock will not reproduce.
    pub notes: Vec<String>,
    /// Data missing from the recording.
    pub loss: Loss,
}

impl Scenario {
    /// Builds the scenario that reproduces a recording. `recording` is its path, relative to the scenario's
    /// folder.
    ///
    /// ```
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # use livetape_mock::Scenario;
    /// let recorded = Scenario::of_recording(DEMO_BYTES, "demo").unwrap();
    /// assert_eq!(recorded.scenario.faults, []);
    /// ```
    ///
    /// # Errors
    /// Any error of [`Reader::open`] or [`Reader::next`].
    pub fn of_recording(input: impl Read, recording: &str) -> Result<Recorded, Error> {
        let mut reader = Reader::open(input)?;
        let mut reading = Reading::default();
        while let Some(record) = reader.next()? {
            match record.item.what {
                What::Header(header) => {
                    reading.user = header.tags.get(USER_TAG).cloned().or(reading.user);
                }
                What::Http(http) => reading.http(&http, record.item.flags),
                What::ConnOpen(open) => reading.open(open),
                What::ConnClose(_) => reading.closed = true,
                What::Status(status) => reading.status(&status),
                What::Frame(_)
                | What::Marker(_)
                | What::ClockAnchor(_)
                | What::Gap(_)
                | What::Checkpoint(_)
                | What::End(_)
                | What::Other { .. } => {}
            }
        }
        Ok(Recorded { loss: reader.report().loss(), ..reading.finish(recording) })
    }
}

#[derive(Default)]
struct Reading {
    /// The recorded user, before any connection names one.
    user: Option<String>,
    users: Vec<User>,
    faults: Vec<Fault>,
    notes: Vec<String>,
    /// Number of requests so far, by endpoint.
    requests: BTreeMap<Endpoint, u32>,
    /// Number of connections so far, opened or rejected.
    connects: u32,
    /// Endpoint and attempt of the last exchange.
    last: Option<(Endpoint, u32)>,
    /// Whether the last answer had the requested content, rather than an error or an HTML page.
    is_answered: bool,
    /// Whether the last exchange has already become a fault.
    is_handled: bool,
    closed: bool,
}

impl Reading {
    fn http(&mut self, http: &Http, flags: Flags) {
        let Some(at) = endpoint(http.role()) else { return };
        let attempt = self.requests.entry(at).or_default();
        *attempt += 1;
        let attempt = *attempt;
        (self.last, self.is_handled) = (Some((at, attempt)), false);
        // Most bodies are not recorded. Older recordings have them.
        let was_empty = http.body.is_empty() && flags.0 & Flags::TRUNCATED == 0;
        let is_html = header(http, "content-type").is_some_and(|kind| kind.starts_with("text/html"))
            || http.body.trim_ascii_start().starts_with(b"<");
        self.is_answered = http.status == 200 && !was_empty && !is_html;
        let Some(status) = u16::try_from(http.status).ok().filter(|status| (400..=599).contains(status))
        else {
            return;
        };
        let wait: Option<u64> = header(http, "retry-after").and_then(|value| value.trim().parse().ok());
        let mut kind = FaultKind::status(status);
        if let FaultKind::Status { status: 429 | 503, retry_after, headers, .. } = &mut kind {
            *retry_after = wait;
            *headers = wait.filter(|_| status == 429).map(|_| [(Header::RetryAfter, Form::Delta)].into());
        }
        self.fault(Fault::new(at, kind).attempt(attempt));
        self.is_handled = true;
    }

    fn open(&mut self, open: ConnOpen) {
        self.connects += 1;
        (self.last, self.closed) = (None, false);
        let is_new = !self.users.iter().any(|user| user.name.eq_ignore_ascii_case(&open.unique_id));
        if is_new && !open.unique_id.is_empty() && self.users.len() < USERS_MAX {
            let room_id = (open.room_id > 0).then_some(open.room_id);
            self.users.push(User { name: open.unique_id, room_id, ..User::default() });
        }
    }

    fn status(&mut self, status: &Status) {
        let code = Code::from_name(&status.code);
        let at_request = |kind| move |(at, attempt)| Fault::new(at, kind).attempt(attempt);
        let last = self.last.take();
        let fault = match code {
            _ if std::mem::take(&mut self.is_handled) => return,
            // The room replays this close itself.
            Some(Code::ConnectionLost) if self.closed => return,
            Some(Code::UserOffline) => last.map(at_request(FaultKind::Offline)),
            Some(Code::UserNotFound) => last.map(at_request(FaultKind::NotFound)),
            Some(Code::SignEmpty) => last.map(at_request(FaultKind::Empty)),
            Some(Code::Blocked) if !self.is_answered => last.map(at_request(FaultKind::Captcha)),
            Some(Code::Blocked | Code::HandshakeRefused) => {
                self.connects += 1;
                let handshake_status = if code == Some(Code::Blocked) { BLOCKED.0 } else { 400 };
                Some(Fault::new(Endpoint::Socket, refused(handshake_status)).attempt(self.connects))
            }
            Some(Code::AgeRestricted) => {
                let name = self.user.clone().unwrap_or_default();
                self.users.retain(|user| !user.name.eq_ignore_ascii_case(&name));
                self.users.push(User { name, state: State::AgeRestricted, ..User::default() });
                return;
            }
            _ => None,
        };
        match fault.filter(|fault| fault.at.iter().all(|at| check::fits(&fault.kind, *at))) {
            Some(fault) => self.fault(fault),
            None => self.note(format!("failure {}: {}", status.code, status.detail)),
        }
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.note(format!("failures after the first {FAULTS_MAX}"));
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < FAULTS_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn finish(mut self, recording: &str) -> Recorded {
        if let Some(name) = self.user.take().filter(|name| !name.is_empty())
            && self.users.is_empty()
        {
            self.users.push(User { name, ..User::default() });
        }
        self.users.retain(|user| !user.name.is_empty() && !user.name.contains(['@', '/', ' ']));
        let (users, faults) = (self.users, Vec::new());
        let mut scenario = Scenario { recording: recording.into(), users, faults, ..Scenario::default() };
        for fault in self.faults {
            scenario.faults.push(fault);
            // A fault that makes the scenario invalid becomes a note.
            if let Err((_, why)) = check::check(&scenario) {
                scenario.faults.pop();
                self.notes.push(why);
            }
        }
        Recorded { scenario, notes: self.notes, loss: Loss::default() }
    }
}

fn refused(handshake_status: u16) -> FaultKind {
    FaultKind::Refuse { status: 200, handshake_status, message: BLOCKED.1.into() }
}

fn header<'a>(http: &'a Http, name: &str) -> Option<&'a str> {
    let header = http.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(&header.value)
}

fn endpoint(role: Role) -> Option<Endpoint> {
    match role {
        Role::Unknown => None,
        Role::Lookup => Some(Endpoint::Lookup),
        Role::RoomInfo => Some(Endpoint::RoomInfo),
        Role::Gifts => Some(Endpoint::Gifts),
        Role::InitialBatch | Role::Sign => Some(Endpoint::Sign),
    }
}

/// Formats the scenario file, with the notes as comments.
impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Written by `livetape as-scenario`: repeats a recording.")?;
        for note in &self.notes {
            writeln!(f, "# Not included: {}", note.replace(['\n', '\r'], " "))?;
        }
        write!(f, "{}", self.scenario.to_toml())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use livetape_core::recording::{
        Item, Writer,
        records::{Header, HttpHeader},
    };

    use super::*;

    /// Older recordings have the bodies of pages, newer ones only their types.
    #[test]
    fn a_page_in_place_of_an_answer_is_a_captcha() {
        let fault = |body: &'static str, kind: &str, is_cut: bool| {
            let header = HttpHeader { name: "Content-Type".into(), value: kind.into() };
            let (role, body) = (Role::Lookup.into(), body.into());
            let http = Http { role, status: 200, headers: vec![header], body, ..Http::default() };
            let status = Status { code: Code::Blocked.name().into(), ..Status::default() };
            let mut file = Writer::new(Vec::new(), &Header::default()).unwrap();
            for what in [What::Http(http), What::Status(status)] {
                let flags = Flags(if is_cut { Flags::TRUNCATED } else { 0 });
                file.write(&Item { offset: Duration::ZERO, conn: 1, flags, what }).unwrap();
            }
            let file = file.finish().unwrap();
            let recorded = Scenario::of_recording(&file[..], "show.bin").unwrap();
            recorded.scenario.faults.into_iter().map(|fault| fault.kind).collect::<Vec<_>>()
        };
        for (body, kind, is_cut) in [
            ("<html>", "", false),
            ("", "", false),
            ("", "text/html; charset=utf-8", true),
            ("<html>", "text/html", true),
        ] {
            assert_eq!(fault(body, kind, is_cut), [FaultKind::Captcha], "{body:?} {kind:?}");
        }
        for (body, kind, is_cut) in
            [("{}", "application/json", false), ("", "application/json", true), ("", "", true)]
        {
            assert_eq!(fault(body, kind, is_cut), [refused(BLOCKED.0)], "{body:?} {kind:?}");
        }
    }
}
