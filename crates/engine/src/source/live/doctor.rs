//! Finds out which ways lead into a user's room: looks the user up in both places, then connects by each way once,
//! through [`Live`] as a server does, and reads the steps off its items.

use std::{collections::BTreeSet, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Code, Problem, START_CHROME},
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
    Live, LiveOptions, SharedTransport, Way, advice, lookup,
    secrets::{SecretKind, Secrets, Withheld},
    sign,
    upstream::{Failure, OWN_HINTS, Turn, Upstream},
    url,
};

/// Maximum time of a way, and of the wait for a chat after the first frame.
const WAY_MAX: Duration = Duration::from_secs(120);
const CHAT_MAX: Duration = Duration::from_secs(30);

/// Result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepResult {
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
    pub verdict: StepResult,
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
    /// What to do about a failure, or a secret that was not sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
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
    fn new(way: Option<Way>, step: &'static str, verdict: StepResult) -> Self {
        let (status, bytes, code) = (None, None, None);
        let (detail, hint) = (String::new(), String::new());
        Self { way: way.map(Way::name), step, verdict, status, ms: 0, bytes, code, detail, hint }
    }

    /// Adds which secret the step did not send.
    fn note(&mut self, withheld: Option<Withheld>) {
        let Some(Withheld { what, hint }) = withheld else { return };
        let separator = if self.detail.is_empty() { "" } else { "; " };
        self.detail += &format!("{separator}{what}");
        if self.hint.is_empty() {
            hint.clone_into(&mut self.hint);
        }
    }

    fn skipped(way: Option<Way>, step: &'static str, detail: &str) -> Self {
        Self { detail: detail.to_owned(), ..Self::new(way, step, StepResult::Skipped) }
    }
}

/// Connects to the user's room by each of the ways of `options`, and by the tab if there is one, once. Calls `tell` with
/// each step as soon as its result is certain. `has_flag` tells which flags advice may name.
///
/// # Errors
/// If an option is invalid.
pub async fn diagnose(
    options: &LiveOptions,
    transport: impl Into<SharedTransport>,
    has_flag: fn(&str) -> bool,
    mut tell: impl FnMut(&Step),
) -> Result<Diagnosis, Problem> {
    let (user, transport) = (options.username()?, transport.into());
    let mut found = Diagnosis { user, room_id: None, steps: Vec::new(), works: Vec::new(), next: Vec::new() };
    let is_live = look_up(options, transport.clone(), &mut found, &mut tell).await;
    let mut wanted = options.ways();
    if options.tab.is_some() {
        wanted.push(Way::Tab);
    }
    // Sign servers that nobody wants need one line.
    let is_told = |way: &&Way| match way {
        way if wanted.contains(way) => true,
        Way::Sign => !wanted.iter().any(|way| way.is_signed()),
        way => **way != Way::SignConnect,
    };
    for way in Way::ALL.iter().filter(is_told) {
        // A tab needs no look-up.
        let failed = found.steps.iter().filter_map(|step| step.code);
        let may_enter = is_live || *way == Way::Tab && failed.into_iter().all(may_be_live);
        let why = match (wanted.contains(way), may_enter) {
            (false, _) if *way == Way::Tab => "needs the port of a browser (live.cdp)",
            (false, _) => "not one of `live.ways`",
            (true, false) => "no room to enter",
            (true, true) => {
                try_way(*way, options, transport.clone(), &mut found, &mut tell).await;
                continue;
            }
        };
        let step = Step::skipped(Some(*way), first_step(*way), why);
        tell(&step);
        found.steps.push(step);
    }
    found.next = next(options, &found, has_flag);
    Ok(found)
}

/// Whether a user may be live although a look-up failed with this code.
fn may_be_live(code: Code) -> bool {
    !matches!(code, Code::UserOffline | Code::UserNotFound)
}

/// Returns the step with which a way begins.
fn first_step(way: Way) -> &'static str {
    match way {
        Way::Direct => "cookie",
        Way::Sign | Way::SignConnect => "sign",
        Way::Tab => "tab",
    }
}

/// Looks the user up on the page and by the API. Returns whether the user is live according to either.
async fn look_up(
    options: &LiveOptions,
    transport: SharedTransport,
    found: &mut Diagnosis,
    tell: &mut impl FnMut(&Step),
) -> bool {
    let wall = options.wall_anchor.unwrap_or_else(clock::wall);
    let mut upstream = Upstream::new(options, transport, wall);
    let mut is_live = false;
    for name in ["page", "API"] {
        upstream.turn = Turn::Queue;
        upstream.turn().await;
        let started = upstream.now();
        let room = match name {
            "page" => lookup::ask_page(&mut upstream, &found.user).await,
            _ => lookup::ask_api(&mut upstream, &found.user).await,
        };
        let mut step =
            Step { ms: millis(upstream.now() - started), ..Step::new(None, name, StepResult::Works) };
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
            Ok(room) => (is_live, step.detail) = (true, format!("room {room}")),
            Err(failure) => {
                let hint = advice::first(options, &failure).map(|(first, _)| first).unwrap_or_default();
                fail(&mut step, failure.code, upstream.redact.text(&failure.detail), hint);
            }
        }
        step.note(upstream.take_withheld());
        tell(&step);
        found.steps.push(step);
    }
    is_live
}

/// Notes why a step failed. Without advice, that of the code is used.
fn fail(step: &mut Step, code: Code, detail: String, hint: String) {
    (step.verdict, step.code, step.detail) = (StepResult::Fails, Some(code), detail);
    step.hint = if hint.is_empty() { code.hint().to_owned() } else { hint };
}

/// Steps of a way, while its items arrive.
struct Trial {
    way: Way,
    /// Cookie, sign or tab, handshake, first frame, first chat.
    steps: Vec<Step>,
    /// Number of steps that were told.
    shown: usize,
    last: Duration,
    cookie_line: String,
}

async fn try_way(
    way: Way,
    options: &LiveOptions,
    transport: SharedTransport,
    found: &mut Diagnosis,
    tell: &mut impl FnMut(&Step),
) {
    let mut options = LiveOptions { ways: vec![way], attempts_max: 1, wait_live: None, ..options.clone() };
    if way == Way::Direct {
        // Otherwise they would be asked first.
        (options.sign_url, options.sign_key) = (None, None);
    }
    let www = url::with_path(&super::Origins::new(&options).www, "/");
    let cookie_line = format!("GET {}", url::shown(&www));
    let mut trial = Trial { way, steps: Vec::new(), shown: 0, last: Duration::ZERO, cookie_line };
    let known = options.clone();
    let mut live = Live::start(options, transport);
    let mut decoder = Decoder::new(DecoderOptions { replay: false, dedup: true });
    let header = What::Header(Box::new(live.header().clone()));
    decoder.handle(&Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what: header });
    let mut until = clock::now() + WAY_MAX;
    while let Some(item) = next_item(&mut live, until).await {
        let had_frame = trial.has("first frame");
        trial.take(&item, &known);
        if !had_frame && trial.has("first frame") {
            until = until.min(clock::now() + CHAT_MAX);
        }
        decoder.handle(&item);
        let has_chat = decoder.take_events().any(|event| event.kind() == "chat");
        // The batch of a sign server does not show that the socket is alive.
        if let (What::Frame(frame), true) = (&item.what, has_chat) {
            let step = Step::new(Some(way), "first chat", StepResult::Works);
            trial.push(Step { bytes: Some(frame.bytes.len()), ..step }, item.offset);
            break;
        }
        trial.tell(false, tell);
    }
    live.stop();
    drop(live.outcome().await);
    if trial.has("first frame") {
        found.works.push(way.name());
        if !trial.has("first chat") {
            trial.steps.push(Step::skipped(Some(way), "first chat", "none so far; the room may be quiet"));
        }
    }
    trial.tell(true, tell);
    found.steps.append(&mut trial.steps);
}

/// Returns the next item; `None` at the end or when time is up.
async fn next_item(live: &mut Live, until: Instant) -> Option<Item> {
    tokio::time::timeout_at(until, live.next()).await.ok().flatten()
}

impl Trial {
    fn has(&self, step: &str) -> bool {
        self.steps.iter().any(|known| known.step == step && known.verdict == StepResult::Works)
    }

    /// Tells the steps that will not change, or all of them.
    fn tell(&mut self, is_over: bool, tell: &mut impl FnMut(&Step)) {
        while let Some(step) = self.steps.get(self.shown) {
            let is_certain = step.verdict == StepResult::Works && step.step != first_step(self.way);
            if !is_over && !is_certain && self.shown + 1 == self.steps.len() {
                return;
            }
            tell(step);
            self.shown += 1;
        }
    }

    fn push(&mut self, step: Step, at: Duration) {
        self.steps.push(Step { ms: millis(at.saturating_sub(self.last)), ..step });
        self.last = at;
    }

    fn take(&mut self, item: &Item, options: &LiveOptions) {
        match &item.what {
            What::Http(http) => self.http(item, http),
            What::ConnOpen(open) => {
                let name = if self.way == Way::Tab { "tab" } else { "handshake" };
                // A tab that was open before shows no handshake.
                let status = Some(open.handshake_status).filter(|status| *status != 0);
                let mut step = Step { status, ..Step::new(Some(self.way), name, StepResult::Works) };
                if self.way != Way::Tab {
                    step.note(Secrets::new(options).withheld(SecretKind::Session, &open.url));
                }
                self.push(step, item.offset);
            }
            What::Frame(frame)
                if !item.flags.is_sent()
                    && !self.has("first frame")
                    && wire::read_push(&frame.bytes, &mut Vec::new()).holds_batch() =>
            {
                let step = Step::new(Some(self.way), "first frame", StepResult::Works);
                self.push(Step { bytes: Some(frame.bytes.len()), ..step }, item.offset);
            }
            What::Status(status) => self.failed(item, status, options),
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
        let verdict = if name == "handshake" { StepResult::Fails } else { StepResult::Works };
        self.push(
            Step { status: Some(http.status), ..Step::new(Some(self.way), name, verdict) },
            item.offset,
        );
    }

    /// Adds the failure to the step that did not succeed.
    fn failed(&mut self, item: &Item, status: &Status, options: &LiveOptions) {
        let code = Code::from_name(&status.code).unwrap_or(Code::ConnectionLost);
        let (first, last) = (first_step(self.way), self.steps.last());
        // Without an answer, the step after the last one failed. Answers may also be unusable.
        let of_look_up =
            [Code::AgeRestricted, Code::Blocked, Code::RateLimited, Code::UserNotFound, Code::UserOffline];
        let name = match last.map(|step| (step.step, step.verdict)) {
            None if of_look_up.contains(&code) => "look-up",
            _ if self.has("first frame") => "first chat",
            _ if self.has("handshake") || self.has("tab") => "first frame",
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
            self.push(Step::new(Some(self.way), name, StepResult::Fails), item.offset);
            self.steps.len() - 1
        });
        let failure = Failure { recurs: name == "first frame", ..Failure::new(code, "") };
        let hint = if self.way == Way::Tab || OWN_HINTS.contains(&status.hint.as_str()) {
            status.hint.clone()
        } else {
            advice::first(options, &failure).map(|(first, _)| first).unwrap_or_default()
        };
        fail(&mut self.steps[at], code, status.detail.clone(), hint);
    }
}

impl LiveOptions {
    /// Returns the flags that name the same servers, session and ways on a command line. Secrets are left to the reader.
    #[must_use]
    pub fn flags(&self) -> String {
        let ways = self.ways.iter().filter(|_| self.ways != [Way::Direct]);
        self.servers() + &ways.map(|way| format!(" --way {}", way.name())).collect::<String>()
    }

    fn servers(&self) -> String {
        let urls = [("--upstream", &self.upstream), ("--sign-url", &self.sign_url), ("--proxy", &self.proxy)];
        let urls = urls.into_iter().filter_map(|(flag, url)| Some((flag, url.as_ref()?.as_str())));
        let has_secret = |url: &str| url.contains(['?', '@', '#']);
        let urls =
            urls.map(|(flag, url)| (flag, if has_secret(url) { "URL" } else { url.trim_end_matches('/') }));
        let session = (self.cookies().count() > 0).then_some(("--session-cookie", "FILE"));
        let tab = self.tab.iter().map(|tab| ("--cdp", tab.browser.as_str()));
        let all = urls.chain(session).chain(tab);
        all.map(|(flag, value)| format!(" {flag} {value}")).collect()
    }
}

/// Returns advice, the most promising first.
fn next(options: &LiveOptions, found: &Diagnosis, has_flag: fn(&str) -> bool) -> Vec<String> {
    let user = &found.user;
    let failed = || found.steps.iter().filter(|step| step.verdict == StepResult::Fails);
    // Those that fail, and those that did not send a secret.
    let advised = || found.steps.iter().filter(|step| !step.hint.is_empty());
    let hint = |step: &Step| {
        let hint = step.code.map_or(step.hint.as_str(), |code| code.terminal_hint(&step.hint, has_flag));
        hint.replace("@USER/", &format!("@{user}/"))
    };
    let is_of = |way: Way| found.works.first() == Some(&way.name());
    if let Some(way) = Way::ALL.iter().find(|way| is_of(**way)) {
        let flag = match way {
            // With a port and no ways, it is the only one.
            Way::Tab => String::new(),
            Way::Direct if options.tab.is_none() => String::new(),
            way => format!(" --way {}", way.name()),
        };
        let used = LiveOptions {
            tab: options.tab.clone().filter(|_| *way == Way::Tab),
            sign_url: options.sign_url.clone().filter(|_| way.is_signed()),
            ..options.clone()
        };
        let run = format!("run `livetape live {user}{}{flag}`", used.servers());
        let others = advised().filter_map(|step| Some(format!("{}: {}", step.way?, hint(step))));
        return [run].into_iter().chain(others).collect();
    }
    let mut hints: Vec<String> = advised().map(hint).collect();
    let mut known = BTreeSet::new();
    hints.retain(|hint| known.insert(hint.clone()));
    // Without an answer, neither a log-in nor another way helps.
    let is_reached = found.steps.iter().any(|step| step.status.is_some());
    if !is_reached || !failed().filter_map(|step| step.code).all(may_be_live) {
        return hints;
    }
    let mut next = Vec::new();
    // It looks the room up, too.
    let is_refused = failed().any(|step| step.code == Some(Code::AgeRestricted));
    let is_direct = failed().any(|step| step.way == Some(Way::Direct.name()));
    if !options.ways().iter().any(|way| way.is_signed()) && is_direct && !is_refused {
        let servers = options.servers();
        next.push(format!(
            "run `livetape doctor {user}{servers} --way direct --way sign`; {}",
            sign::sends(options)
        ));
    }
    if options.cookies().count() == 0 {
        next.push("log in at www.tiktok.com, and use its cookies: --session-cookie FILE".to_owned());
    }
    if options.tab.is_none() {
        next.push(format!(
            "start Chrome with `{START_CHROME}`, open the room there, and run `livetape doctor {user}{} --cdp 9222`",
            options.servers()
        ));
    }
    next.extend(hints);
    next
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
