//! The suite `room`: a command with a TikTok client library, beside a mock TikTok that plays a case.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use livetape_cases::{
    change::{counted, counted_with_repeats, truth_of, truth_with_repeats},
    expect::{Output, Right, Said, compare},
    library::Library,
    mistakes::without_inferred,
    report::{Failure, Outcome, PLAIN},
    room::{Conduct, Course, Seen},
    slack::Slack,
    table::{Case, Group, Suite},
    trace::sent_by,
};
use livetape_core::{
    error::{Code, Problem},
    offset,
    recording::{Flags, Frame, Item, Opcode, What},
    truth::Truth,
    wire,
};
use livetape_engine::{demo::DEMO, source::Tape};
use livetape_io::clock;
use livetape_mock::{By, Effect, End, FaultKind, Happened, LogEntry, MockTikTok, Scenario, ScenarioFile};
use livetape_server::{
    scenario,
    staged::{Progress, RECORDING_BYTES_MAX},
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{
    journal::Journal,
    plan::{Manner, Plan},
    run::{self, IGNORES_MOCK, IGNORES_PROXY, PASSES_PROXY},
    trial::{CONNECT_MAX, ELSEWHERE, Gather, LOOK, Ran, ReadAgain, Sent, Venue, too_long},
    watch::Patience,
};
use crate::{
    cli::serve::mock::{BY_VARIABLES, Fronts},
    settings::{self, Listen},
};

impl Plan {
    pub(super) async fn run_room(
        &self,
        case: &'static Case,
        tape: Tape,
        patience: Patience,
    ) -> Result<Option<Ran>, Problem> {
        let played = script(case);
        let (takes, lasts) = (script_time(&played), tape.duration().unwrap_or_default());
        if case.group == Group::Incident && lasts < takes {
            let (takes, lasts) = (offset::shown(takes), offset::shown(lasts));
            let message =
                format!("{} lasts {lasts}, and the script of {} takes {takes}", tape.name, case.name);
            return Err(Problem::new(Code::BadRequest, message).hint("use a longer recording, such as demo"));
        }
        let speed = if case.group == Group::Incident { played.speed } else { self.speed };
        let prepare = move || {
            let tape = tape.changed(case, RECORDING_BYTES_MAX)?;
            let repeated = match case.room.course {
                Course::Repeats => truth_with_repeats(tape.items()?),
                _ => Truth::default(),
            };
            let is_played = |item: &Item| matches!(item.what, What::Frame(_)) && !item.flags.is_sent();
            let frames = tape.items()?.filter(is_played).count() as u64;
            let right = truth_of(tape.items()?);
            let opens = tape.items()?.filter(|item| matches!(item.what, What::ConnOpen(_))).count();
            Ok((tape, frames, opens > 1, right, repeated))
        };
        let (tape, frames, has_breaks, right, repeated) = self.whole_shows.run(prepare).await?;
        // What never happens proves nothing.
        let needed = frames_before(&played);
        if needed > 0 && frames <= needed {
            let why = format!("the recording has {frames} frames, and this happens after {needed}");
            let outcome = Outcome::skipped(case.name, &why);
            return Ok(Some(Ran { outcome, has_tried: true, has_connected: true, manner: Manner::Stays }));
        }
        let started = clock::now();
        let script = Scenario {
            speed,
            end: End::Control,
            close_after_ms: READ_MAX_MS,
            recording: DEMO.into(),
            history: if case.room.course == Course::Partial { HISTORY } else { played.history },
            ..played
        };
        let played = tape.clone();
        let scenario = ScenarioFile::from(script).with_opener(DEMO, move || Ok(played.open()?));
        let mock = MockTikTok::start_on(scenario, self.reach.listen).await;
        let mock = mock.map_err(|problem| self.reach.explained(problem))?;
        mock.keep_sent();
        let mock = Arc::new(mock);
        let proxy_listen = self.is_proxied.then_some(Listen::loopback(0));
        let settings = settings::Mock { proxy_listen, ..settings::Mock::default() };
        let fronts = Fronts::start(&settings, &mock, BY_VARIABLES).await?;
        let env = run::of_mock(&self.reach.url(&mock.url()), fronts.as_ref())?;
        let played = Arc::clone(&mock);
        let until = move || played.sent_until().as_millis().try_into().unwrap_or(u64::MAX);
        let venue = RoomVenue {
            plan: self,
            case,
            started,
            tape: &tape,
            has_breaks,
            mock: &mock,
            fronts: fronts.as_ref(),
            right: &right,
            repeated: &repeated,
            log: Mutex::default(),
            slack: Slack::default(),
            journal: Arc::new(Journal::new(until)),
        };
        self.run_beside(case, &venue, patience, &right, env).await
    }
}

/// Returns the scenario of a case.
fn script(case: &Case) -> Scenario {
    case.room.scenario.and_then(scenario).unwrap_or_default()
}

/// Returns the time of the room's clock that a scenario takes.
fn script_time(scenario: &Scenario) -> Duration {
    let starts = scenario.faults.iter().filter_map(|fault| fault.after_ms);
    Duration::from_millis(starts.max().unwrap_or_default())
}

/// Returns the number of frames after which the last fault of a scenario happens.
fn frames_before(scenario: &Scenario) -> u64 {
    scenario.faults.iter().filter_map(|fault| fault.after_frames).max().unwrap_or_default()
}

/// The mock of a case.
struct RoomVenue<'a> {
    plan: &'a Plan,
    case: &'static Case,
    /// When the mock was started.
    started: Instant,
    /// What the mock plays.
    tape: &'a Tape,
    /// Whether a recorded connection ends before the show does.
    has_breaks: bool,
    mock: &'a Arc<MockTikTok>,
    fronts: Option<&'a Fronts>,
    /// The truth of the recording.
    right: &'a Truth,
    /// The truth of the recording with its messages that are sent again, in such a case.
    repeated: &'a Truth,
    log: Mutex<Log>,
    slack: Slack,
    journal: Arc<Journal>,
}

/// What was read of the mock's log so far.
#[derive(Debug, Default)]
struct Log {
    conduct: Conduct,
    /// How a fault will end a connection.
    faults: BTreeMap<u64, &'static str>,
    /// Connections on which nothing more is sent.
    silent: BTreeSet<u64>,
    acks: BTreeSet<(u64, u64)>,
    at: Duration,
    library: Option<Library>,
    /// What the timeline has to say.
    texts: Vec<String>,
}

impl Log {
    fn read(&mut self, mock: &MockTikTok) {
        let (entries, is_over) = (mock.take_received(), mock.is_over());
        for entry in entries {
            self.at = Duration::from_millis(entry.at_ms);
            if let Some(seen) = self.seen(entry, is_over) {
                self.texts.extend(seen.text());
                self.conduct.see(self.at, seen);
            }
        }
    }

    fn seen(&mut self, LogEntry { connection, what, .. }: LogEntry, is_over: bool) -> Option<Seen> {
        if let Happened::Request { headers, .. } = &what {
            let agent =
                headers.iter().find(|(name, _)| name == "user-agent").map(|(_, agent)| agent.as_str());
            self.library = agent.and_then(Library::of_agent).or(self.library.take());
            self.conduct.agent = agent.unwrap_or_default().chars().take(AGENT_CHARS_MAX).collect();
        }
        let effect = match &what {
            Happened::Request { fault: Some(kind), .. } | Happened::Fault { kind } => {
                FaultKind::named(kind).and_then(|kind| kind.effect())
            }
            _ => None,
        };
        match what {
            Happened::Request { path, .. } if effect == Some(Effect::Refused) => {
                Some(Seen::Refused(path, "a rejected upgrade".to_owned(), None))
            }
            Happened::Request { path, .. } if effect == Some(Effect::Late) => {
                self.conduct.see(self.at, Seen::Request(path));
                Some(Seen::Late)
            }
            Happened::Request { path, fault: Some(kind), .. } if effect == Some(Effect::Useless) => {
                Some(Seen::Refused(path, format!("an answer of no use (`{kind}`)"), None))
            }
            // As TikTok answers an upgrade that it does not accept.
            Happened::Request { path, status: 200..=399, headers, .. } if asks_for_socket(&headers) => {
                Some(Seen::Refused(path, "a rejected upgrade".to_owned(), None))
            }
            Happened::Request { path, status, wait, .. } => Some(match status {
                100..=399 => Seen::Request(path),
                _ => Seen::Refused(path, status.to_string(), wait),
            }),
            Happened::Upgrade { .. } => Some(Seen::Opened),
            Happened::Fault { .. } => match effect? {
                Effect::Quiet => Some(Seen::Quiet),
                Effect::Silent => {
                    self.silent.insert(connection);
                    Some(Seen::Silent)
                }
                Effect::Broken(how) => {
                    self.faults.insert(connection, how);
                    None
                }
                _ => None,
            },
            Happened::Ack { log_id, .. } => {
                self.acks.insert((connection, log_id));
                None
            }
            // It was lost before.
            Happened::Closed { .. } if self.silent.remove(&connection) => None,
            Happened::Closed { by, .. } => Some(match self.faults.remove(&connection) {
                Some(how) => Seen::Broken(how),
                // A recorded connection ended, and the next one has to follow.
                None if by == By::Mock && !is_over => Seen::Broken("closed"),
                None => Seen::Left,
            }),
            _ => None,
        }
    }
}

fn asks_for_socket(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, value)| name == "upgrade" && value.eq_ignore_ascii_case("websocket"))
}

impl RoomVenue<'_> {
    /// Whether a client may miss some of what was sent.
    fn is_partial(&self) -> bool {
        match self.case.room.course {
            Course::Partial => true,
            // Libraries lose what they have received and not decoded when the connection closes.
            Course::Whole | Course::Ends => self.has_breaks,
            Course::Repeats | Course::Never => false,
        }
    }

    fn log<T>(&self, f: impl FnOnce(&mut Log) -> T) -> T {
        let mut log = self.log.lock();
        log.conduct.slack = self.slack.total();
        log.read(self.mock);
        log.texts.drain(..).for_each(|text| self.journal.tell(&text));
        f(&mut log)
    }

    /// Returns what a client can have counted: at least what it acked, and at most what it was sent.
    fn sent_at_least_and_at_most(&self) -> [Truth; 2] {
        let acked = self.log(|log| log.acks.clone());
        let least = received(self.tape, self.mock, |sent, push| {
            let log_id = wire::read_push(push, &mut Vec::new()).log_id;
            sent.is_whole && acked.contains(&(sent.connection, log_id))
        });
        [truth_of(least), truth_of(received(self.tape, self.mock, |_, _| true))]
    }
}

/// Returns the item that says which room it is.
fn opening(tape: &Tape) -> Option<Item> {
    tape.items().into_iter().flatten().find(|item| matches!(item.what, What::ConnOpen(_)))
}

/// Returns what the mock sent of a recording, as far as `is_wanted`, after the item that says which room it is.
fn received(
    tape: &Tape,
    mock: &MockTikTok,
    is_wanted: impl Fn(&livetape_mock::Sent, &Bytes) -> bool,
) -> impl Iterator<Item = Item> {
    let opening = opening(tape).map(|item| Item { conn: CONNECTION, ..item });
    let frames = mock.sent().into_iter().filter_map(move |sent| {
        let bytes = sent.push().filter(|push| is_wanted(&sent, push))?;
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes });
        Some(Item { offset: sent.offset, conn: CONNECTION, flags: Flags::default(), what })
    });
    opening.into_iter().chain(frames)
}

/// Maximum number of connections whose handlers are counted apart.
const HANDLERS_MAX: usize = 8;

/// Returns the offset of what was sent last on each connection but the last one.
fn last_sent(sent: &[livetape_mock::Sent]) -> Vec<Duration> {
    let sockets = Vec::from_iter(sent.iter().filter(|sent| sent.connection > 0));
    let pairs = sockets.windows(2).filter(|pair| pair[0].connection != pair[1].connection);
    pairs.map(|pair| pair[0].offset).collect()
}

/// Time after the end of a room for a client to read the rest and to leave, in milliseconds. Some lose what they have
/// received and not decoded if the room closes the connection.
const READ_MAX_MS: u64 = 30_000;

/// Number of chats that a client gets as history when it comes back: more than it can have missed, so that it has to know
/// those that it had.
const HISTORY: usize = 30;

/// How the requests of libraries are sent to the mock. Those for signatures have a client of their own in TikTokLive.
pub(super) const SIGN_CLIENT: &str = "with tiktok-live-connector, set its hosts, `webConfigOverrides: { TIKTOK_HOST_WEB, TIKTOK_HOST_WEBCAST }`; with TikTokLive, install hooks on its sign client, too, `client.web.signer.sdk_client.get_async_httpx_client()`";
/// Maximum length of a user agent in a report, in characters.
const AGENT_CHARS_MAX: usize = 60;

/// Number of the connection of all that was sent: a client may not care which it was.
const CONNECTION: u32 = 1;

impl Venue for RoomVenue<'_> {
    async fn perform(&self) {
        loop {
            let (is_over, elapsed) = (self.mock.is_over(), clock::now() - self.started);
            if self.log(|log| log.conduct.is_done(elapsed, self.case.room.course, is_over)) {
                return;
            }
            sleep_until(clock::now() + LOOK).await;
        }
    }

    async fn late(&self) -> Failure {
        let started = clock::now();
        while !self.has_connected() {
            if clock::now() >= started + CONNECT_MAX + self.slack.total() {
                let within = format!("within {} s", CONNECT_MAX.as_secs());
                return Failure { is_late: true, ..self.plan.never_connected(&within, &self.hint()) };
            }
            sleep_until(clock::now() + LOOK).await;
        }
        while !self.is_closed() && !self.is_let_in() {
            let elapsed = clock::now() - self.started;
            if let Some(message) = self.log(|log| log.conduct.opened_nothing(elapsed, CONNECT_MAX)) {
                return Failure { detail: self.unused(), ..Failure::late("connection", &message) };
            }
            sleep_until(clock::now() + LOOK).await;
        }
        sleep_until(started + self.plan.show_max(self.tape)).await;
        too_long()
    }

    fn slack(&self) -> &Slack {
        &self.slack
    }

    /// Without a WebSocket in `plain`, there is none in any other case.
    fn has_tried(&self) -> bool {
        self.has_connected() && (self.case.name != PLAIN || self.log(|log| log.conduct.was_opened()))
    }

    fn has_connected(&self) -> bool {
        self.mock.was_used()
    }

    fn never_connected(&self, code: u8) -> Failure {
        self.plan.exited_first(code, self.fronts.and_then(Fronts::why_unanswered), &self.hint())
    }

    fn is_let_in(&self) -> bool {
        self.log(|log| log.conduct.was_opened())
    }

    fn is_closed(&self) -> bool {
        self.case.room.course == Course::Never
    }

    fn progress(&self) -> Progress {
        self.log(|log| Progress {
            has_begun: true,
            complaints: log.conduct.complaints.clone(),
            left_undone: log.conduct.left_undone.clone(),
            awaited: log.conduct.awaited(self.mock.is_over()).map(str::to_owned),
            is_back_in_vain: log.conduct.is_back_in_vain(self.mock.is_over()),
        })
    }

    fn compare(&self, output: &Output, said: &[Said]) -> Vec<Failure> {
        let [least, most] = match self.case.room.course {
            _ if self.is_partial() => self.sent_at_least_and_at_most(),
            Course::Repeats => [self.right.clone(), self.repeated.clone()],
            _ => return compare(self.right, output, said),
        };
        compare(Right { least: &least, most: &most }, output, said)
    }

    fn excess(&self) -> Option<Failure> {
        None
    }

    fn library(&self) -> Option<Library> {
        self.log(|log| log.library.clone())
    }

    fn unused(&self) -> Option<String> {
        let has_signed = self.log(|log| log.conduct.has_signed());
        let hint = || {
            format!("nothing asked the mock, which is also at SIGN_API_URL, for a signature; {SIGN_CLIENT}")
        };
        match self.fronts {
            Some(_) if self.log(|log| log.conduct.has_tried_socket()) => None,
            Some(fronts) => Some(fronts.why_unanswered().unwrap_or_else(|| PASSES_PROXY.to_owned())),
            None => (!has_signed).then(hint),
        }
    }

    fn is_over(&self) -> bool {
        self.mock.is_over()
    }

    fn gather(&self) -> Gather {
        let (tape, mock) = (self.tape.clone(), Arc::clone(self.mock));
        let is_partial = self.is_partial();
        Box::new(move || {
            let all = || received(&tape, &mock, |_, _| true);
            let once = if is_partial { counted(all()) } else { counted(tape.items()?) };
            // Only the feed has them.
            let once = without_inferred(once).0;
            let start = opening(&tape).map(|item| item.offset).unwrap_or_default();
            let last = last_sent(&mock.sent());
            let at_ms = last.iter().map(|offset| offset.saturating_sub(start).as_millis());
            let breaks = at_ms.map(|at_ms| sent_by(&once, at_ms.try_into().unwrap_or(u64::MAX))).collect();
            let later = last.iter().take(HANDLERS_MAX);
            let later = later.flat_map(|last| counted(received(&tape, &mock, |sent, _| sent.offset > *last)));
            let by_handler = without_inferred(counted(all()).into_iter().chain(later).collect()).0;
            Ok(Sent::Repeated {
                once,
                breaks,
                by_handler,
                all: without_inferred(counted_with_repeats(all())).0,
                is_partial,
                start,
            })
        })
    }

    fn sent(&self, _has_left: bool) -> Option<Gather> {
        self.is_over().then(|| self.gather())
    }

    fn items(&self) -> ReadAgain {
        let (tape, mock) = (self.tape.clone(), Arc::clone(self.mock));
        match self.is_partial() {
            true => Box::new(move || {
                let items = Vec::from_iter(received(&tape, &mock, |_, _| true));
                Ok(Box::new(items.into_iter()))
            }),
            false => Box::new(move || Ok(Box::new(tape.items()?))),
        }
    }

    fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }
}

impl RoomVenue<'_> {
    /// Returns what a command that sends nothing should do.
    fn hint(&self) -> String {
        match self.fronts {
            _ if self.plan.has_connected.get().is_some() => ELSEWHERE.to_owned(),
            Some(fronts) => fronts.why_unanswered().unwrap_or_else(|| IGNORES_PROXY.to_owned()),
            None => format!("{}\n{SIGN_CLIENT}", self.plan.reach.with_flags(IGNORES_MOCK, Suite::Room)),
        }
    }
}

#[cfg(test)]
mod tests {
    use livetape_mock::{Endpoint, Fault};

    use super::*;

    /// Cases that a show of a few frames does not reach.
    const LATER: [&str; 6] =
        ["bad-gzip", "close-frame", "drop", "duplicates", "truncated-protobuf", "unknown"];

    #[test]
    fn every_case_has_its_scenario_and_incidents_fit_into_the_demo() {
        let demo = Tape::find(DEMO).unwrap().duration().unwrap();
        for case in Suite::Room.cases() {
            let scenario = script(case);
            assert!(case.room.scenario.is_none() || scenario != Scenario::default(), "{}", case.name);
            assert!(case.group != Group::Incident || script_time(&scenario) < demo, "{}", case.name);
            assert_eq!(frames_before(&scenario) > 0, LATER.contains(&case.name), "{}", case.name);
            let is_still = |fault: &Fault| {
                let effect = fault.kind.effect();
                fault.at.contains(&Endpoint::Socket)
                    && matches!(effect, Some(Effect::Late | Effect::Quiet | Effect::Silent))
            };
            let is_still = scenario.faults.iter().any(is_still) || case.group == Group::Incident;
            assert_eq!(case.waits(), is_still, "{}", case.name);
        }
    }
}
