//! Finds out which ways lead into a user's room: looks the user up in both places, then connects by each way once,
//! through [`Live`] as a server does, and reads the steps off its items.

use std::time::Duration;

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Code, Problem},
    recording::{
        Flags, Item, What,
        records::{Http, Status, http::Role},
    },
    wire,
};
use livetape_io::clock;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Live, LiveOptions, SharedTransport, Way, lookup,
    upstream::{Failure, Turn, Upstream},
    url,
};

/// Maximum time of a way, and of the wait for a chat after the first frame.
const WAY_MAX: Duration = Duration::from_secs(120);
const CHAT_MAX: Duration = Duration::from_secs(30);

/// Result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    Works,
    Fails,
    /// Not tried, or not seen, which need not be a failure.
    Skipped,
}

/// A step towards a room.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Way that it belongs to; the look-ups belong to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<&'static str>,
    pub step: &'static str,
    pub verdict: Verdict,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// Time since the step before.
    pub ms: u64,
    /// Length of the body or frame; not of bodies that are not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What was found, without secrets; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What was found, without secrets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    pub user: String,
    /// Room id, if the user has one.
    pub room_id: Option<String>,
    pub steps: Vec<Step>,
    /// Ways by which frames arrived.
    pub works: Vec<&'static str>,
    /// What to try next.
    pub next: Vec<String>,
}

impl Step {
    fn new(way: Option<Way>, step: &'static str, verdict: Verdict) -> Self {
        let (status, bytes, code, detail) = (None, None, None, String::new());
        Self { way: way.map(Way::name), step, verdict, status, ms: 0, bytes, code, detail }
    }

    fn skipped(way: Option<Way>, step: &'static str, detail: &str) -> Self {
        Self { detail: detail.to_owned(), ..Self::new(way, step, Verdict::Skipped) }
    }
}

/// Connects to the user's room by each of the ways of `options`, once.
///
/// # Errors
/// If an option is invalid.
pub async fn diagnose(
    options: &LiveOptions,
    transport: impl Into<SharedTransport>,
) -> Result<Diagnosis, Problem> {
    let (user, transport) = (options.username()?, transport.into());
    let mut found = Diagnosis { user, room_id: None, steps: Vec::new(), works: Vec::new(), next: Vec::new() };
    let is_live = look_up(options, transport.clone(), &mut found).await;
    let wanted = if options.ways() == [Way::Sign] { vec![Way::Sign, Way::Direct] } else { options.ways() };
    for way in &[Way::Direct, Way::Sign] {
        if !wanted.contains(way) {
            found.steps.push(Step::skipped(Some(*way), "sign", "not one of `live.ways`"));
        } else if is_live {
            try_way(*way, options, transport.clone(), &mut found).await;
        } else {
            let step = if *way == Way::Sign { "sign" } else { "cookie" };
            found.steps.push(Step::skipped(Some(*way), step, "no room to enter"));
        }
    }
    found.next = next(options, &found);
    Ok(found)
}

/// Looks the user up on the page and by the API. Returns whether the user is live according to either.
async fn look_up(options: &LiveOptions, transport: SharedTransport, found: &mut Diagnosis) -> bool {
    let wall = options.wall_anchor.unwrap_or_else(clock::wall);
    let (mut upstream, cookie) = (Upstream::new(options, transport, wall), options.cookies().header(""));
    let mut is_live = false;
    for name in ["page", "API"] {
        upstream.turn = Turn::Queue;
        upstream.turn().await;
        let started = upstream.now();
        let room = match name {
            "page" => lookup::ask_page(&mut upstream, &found.user, &cookie).await,
            _ => lookup::ask_api(&mut upstream, &found.user, &cookie).await,
        };
        let mut step = Step { ms: millis(upstream.now() - started), ..Step::new(None, name, Verdict::Works) };
        for item in upstream.held.take() {
            if let What::Http(http) = item.what {
                (step.status, step.bytes) = (Some(http.status), Some(http.body.len()));
            }
        }
        let live = room.and_then(|room| {
            found.room_id = room.known_id().map(|id| id.to_string());
            room.live()
        });
        match live {
            Ok(_) => is_live = true,
            Err(failure) => fail(&mut step, failure.code, upstream.redact.text(&failure.detail)),
        }
        found.steps.push(step);
    }
    is_live
}

fn fail(step: &mut Step, code: Code, detail: String) {
    (step.verdict, step.code, step.detail) = (Verdict::Fails, Some(code), detail);
}

/// Steps of a way, while its items arrive.
struct Trial {
    way: Way,
    /// Cookie or sign, handshake, first frame, first chat.
    steps: Vec<Step>,
    last: Duration,
    cookie_line: String,
}

async fn try_way(way: Way, options: &LiveOptions, transport: SharedTransport, found: &mut Diagnosis) {
    let mut options = LiveOptions { ways: vec![way], attempts_max: 1, wait_live: None, ..options.clone() };
    if way == Way::Direct {
        // Otherwise they would be asked first.
        (options.sign_url, options.sign_key) = (None, None);
    }
    let www = url::with_path(&super::Origins::new(&options).www, "/");
    let cookie_line = format!("GET {}", url::shown(&www));
    let mut trial = Trial { way, steps: Vec::new(), last: Duration::ZERO, cookie_line };
    let mut live = Live::start(options, transport);
    let mut decoder = Decoder::new(DecoderOptions { replay: false, dedup: true });
    let header = What::Header(live.header().clone());
    decoder.handle(&Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what: header });
    let mut until = clock::now() + WAY_MAX;
    while let Some(item) = next_item(&mut live, until).await {
        let had_frame = trial.has("first frame");
        trial.take(&item);
        if !had_frame && trial.has("first frame") {
            until = until.min(clock::now() + CHAT_MAX);
        }
        decoder.handle(&item);
        if decoder.take_events().any(|event| event.kind() == "chat") {
            let bytes = match &item.what {
                What::Frame(frame) => Some(frame.bytes.len()),
                _ => None,
            };
            trial.push(Step { bytes, ..Step::new(Some(way), "first chat", Verdict::Works) }, item.offset);
            break;
        }
    }
    live.stop();
    drop(live.outcome().await);
    if trial.has("first frame") {
        found.works.push(way.name());
        if !trial.has("first chat") {
            trial.steps.push(Step::skipped(Some(way), "first chat", "none so far; the room may be quiet"));
        }
    }
    found.steps.append(&mut trial.steps);
}

/// Returns the next item; `None` at the end or when time is up.
async fn next_item(live: &mut Live, until: Instant) -> Option<Item> {
    tokio::time::timeout_at(until, live.next()).await.ok().flatten()
}

impl Trial {
    fn has(&self, step: &str) -> bool {
        self.steps.iter().any(|known| known.step == step && known.verdict == Verdict::Works)
    }

    fn push(&mut self, step: Step, at: Duration) {
        self.steps.push(Step { ms: millis(at.saturating_sub(self.last)), ..step });
        self.last = at;
    }

    fn take(&mut self, item: &Item) {
        match &item.what {
            What::Http(http) => self.http(item, http),
            What::ConnOpen(open) => {
                let step = Step::new(Some(self.way), "handshake", Verdict::Works);
                self.push(Step { status: Some(open.handshake_status), ..step }, item.offset);
            }
            What::Frame(frame)
                if !item.flags.is_sent()
                    && !self.has("first frame")
                    && wire::read_push(&frame.bytes, &mut Vec::new()).holds_batch() =>
            {
                let step = Step::new(Some(self.way), "first frame", Verdict::Works);
                self.push(Step { bytes: Some(frame.bytes.len()), ..step }, item.offset);
            }
            What::Status(status) => self.failed(item, status),
            _ => {}
        }
    }

    fn http(&mut self, item: &Item, http: &Http) {
        let name = match Role::try_from(http.role) {
            Ok(Role::Sign) => "sign",
            Ok(Role::Unknown) if http.request_line == self.cookie_line => "cookie",
            Ok(Role::Unknown) => "handshake",
            _ => {
                // The look-up is done already.
                self.last = item.offset;
                return;
            }
        };
        // TikTok does not set the cookie in every response.
        self.steps.retain(|step| step.step != name);
        let verdict = if name == "handshake" { Verdict::Fails } else { Verdict::Works };
        self.push(
            Step { status: Some(http.status), ..Step::new(Some(self.way), name, verdict) },
            item.offset,
        );
    }

    /// Adds the failure to the step that did not succeed.
    fn failed(&mut self, item: &Item, status: &Status) {
        let code = Code::from_name(&status.code).unwrap_or(Code::ConnectionLost);
        let (first, last) = (if self.way == Way::Sign { "sign" } else { "cookie" }, self.steps.last());
        // Without an answer, the step after the last one failed. Answers may also be unusable.
        let of_look_up =
            [Code::AgeRestricted, Code::Blocked, Code::RateLimited, Code::UserNotFound, Code::UserOffline];
        let name = match last.map(|step| (step.step, step.verdict)) {
            None if of_look_up.contains(&code) => "look-up",
            _ if self.has("first frame") => "first chat",
            _ if self.has("handshake") => "first frame",
            Some(("handshake", _)) => "handshake",
            _ if matches!(code, Code::SignFailed | Code::SignEmpty | Code::SignUnauthorized) => first,
            Some(_)
                if last.and_then(|step| step.status) == Some(200) && !status.detail.contains("no cookie") =>
            {
                "handshake"
            }
            _ => first,
        };
        let at = self.steps.iter().position(|step| step.step == name);
        let at = at.unwrap_or_else(|| {
            self.push(Step::new(Some(self.way), name, Verdict::Fails), item.offset);
            self.steps.len() - 1
        });
        fail(&mut self.steps[at], code, status.detail.clone());
    }
}

/// Returns advice, the most promising first.
fn next(options: &LiveOptions, found: &Diagnosis) -> Vec<String> {
    let user = &found.user;
    // The advised command asks the same servers. An address with a secret is left to the reader.
    let servers = [("--upstream", &options.upstream), ("--sign-url", &options.sign_url)];
    let servers = servers.into_iter().filter_map(|(flag, url)| Some((flag, url.as_ref()?.as_str())));
    let servers = servers.filter(|(_, url)| !url.contains(['?', '@', '#']));
    let servers: String = servers.map(|(flag, url)| format!(" {flag} {url}")).collect();
    if let Some(way) = found.works.first() {
        let flag = if *way == Way::Sign.name() { " --way sign" } else { "" };
        return vec![format!("run `livetape live {user}{flag}{servers}`")];
    }
    let mut next = Vec::new();
    let failed = || found.steps.iter().filter(|step| step.verdict == Verdict::Fails);
    let has_room = !failed().any(|step| matches!(step.code, Some(Code::UserOffline | Code::UserNotFound)));
    if has_room && !options.ways.contains(&Way::Sign) && failed().any(|step| step.way.is_some()) {
        let host = url::host(&super::Origins::new(options).sign);
        next.push(format!(
            "run `livetape doctor {user} --way direct --way sign{servers}`: the room's id then goes to {host}"
        ));
    }
    if has_room && options.cookies().count() == 0 {
        next.push("log in at www.tiktok.com, and use its cookies: --session FILE".to_owned());
    }
    if has_room {
        next.push(format!("open the room in Chrome, and record the tab: livetape record {user} --cdp 9222"));
    }
    for code in failed().filter_map(|step| step.code) {
        let hint = Problem::from(Failure::new(code, "")).hint;
        let hint = code.terminal_hint(&hint).to_owned();
        if !next.contains(&hint) {
            next.push(hint);
        }
    }
    next
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
