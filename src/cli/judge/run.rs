//! `livetape run`: serves a recording, optionally with a mock, while a command runs, whose environment leads it there.

use std::{
    env,
    path::{Path, PathBuf},
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use livetape_cases::room::is_signature;
use livetape_core::{
    error::{Code, Problem, exit},
    offset,
};
use livetape_engine::{
    channels::ChannelOptions,
    demo::DEMO,
    source::{Summary, Tape},
};
use livetape_io::clock;
use livetape_mock::{Happened, LogEntry, MockTikTok, proxy::Opened};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    child::{Child, Guard, Start, exit_code},
    proxies::{self, LOOPBACK, NO_PROXY},
    room::SIGN_CLIENT,
};
use crate::{
    cli::{
        args,
        options::{config, sources},
        process::{
            output::{report_loss, shown, warn},
            signals::{Action, Ending, Signal, Signals},
        },
        serve::{
            mock::{self, BY_VARIABLES, Fronts},
            stage::{Bound, Ready, Stage},
        },
    },
    log,
    settings::{Address, KEYS, Listen, Origin, Resolved, Settings},
};

pub(crate) async fn run(args: args::Run) -> Result<u8, Problem> {
    let mut settings = adapted(&config::resolved(&args.flags)?, args.clients());
    let _log = log::start(&settings.log, false)?;
    let tape =
        Tape::find_in(&settings.server.folder(), args.recording.as_deref().unwrap_or(Path::new(DEMO)))?;
    tape.check_within(settings.replay.start)?;
    let (bound, driver) = Bound::listen(&settings, &args.lifecycle, None).await?;
    let mock = start_mock(&args, &mut settings).await?;
    let options = ChannelOptions {
        // The terminal belongs to the command, unless it could wait without end.
        // A client of the mock has no such socket.
        on_end: match settings.replay.exit_when_done || args.until_idle.is_some() || mock.is_some() {
            true => |_| (),
            false => tell_end,
        },
        // The log does at once, and this command at its end.
        warn: |_| (),
        ..sources::options(&settings, "")?
    };
    let over = CancellationToken::new();
    let (show, is_over) = (bound.channel(driver, options)?.replay(tape.clone()), over.clone().drop_guard());
    let show = tokio::spawn(async move {
        let _is_over = is_over;
        show.await
    });
    let fronts = match &mock {
        Some((mock, _)) => Fronts::start(&settings.mock, mock, BY_VARIABLES).await?,
        None => None,
    };
    let mock_url = mock.as_ref().map(|(mock, _)| mock.url());
    let ready = Ready::new(&bound.addresses).with_mock(mock_url.clone()).with_fronts(fronts.as_ref());
    args.lifecycle.write(&ready)?;
    let env =
        [("LIVETAPE_URL", bound.addresses.feed.clone()), ("LIVETAPE_HTTP", bound.addresses.rest.clone())];
    let mock_env = match mock_url {
        Some(url) => of_mock(&url, fronts.as_ref())?,
        None => Vec::new(),
    };
    let token = bound.token().map(|token| ("LIVETAPE_TOKEN", token.reveal().to_owned()));
    let offline = settings.live.offline.then(|| ("LIVETAPE_OFFLINE", true.to_string()));
    let env = env.into_iter().chain(token).chain(offline).chain(mock_env);
    let env = Vec::from_iter(env);
    // From now on, a signal ends the command before this process.
    let signals = Signals::new();
    let stage = bound.serve(None);
    let mock_used = mock.as_ref().map(|(mock, _)| &**mock);
    let run = Run { args: &args, settings: &settings, stage: &stage, mock: mock_used, over };
    let result = run.command(&env, signals).await;
    stage.control.shut_down();
    let channels = stage.control.channels().clone();
    let deadline = clock::now() + settings.limits.shutdown_time;
    let ended = timeout_at(deadline, show).await;
    let missed = timeout_at(deadline, stage.close()).await.unwrap_or(exit::DONE);
    let code = result?;
    // A forced exit waits for nothing, and the loss may be found only at the end of a large file.
    if code == exit::INTERRUPTED {
        return Ok(code);
    }
    let mut missing = channels.lost();
    missing.insert(tape.name.clone(), tape.loss().await);
    let mut lost = missing.iter().map(|(name, loss)| report_loss(name, *loss)).max().unwrap_or(exit::DONE);
    if let Ok(Ok(Ok(ended))) = &ended
        && let Some(problem) = &ended.recorder
    {
        warn(format_args!("⚠️ The recording is incomplete: {problem}\n💡 {}", problem.hint));
    }
    if ended.is_err() && settings.live.record.is_some() {
        warn(
            "⚠️ The recording is not sealed: the disk is too slow\n💡 record to another disk, or raise limits.shutdown_time",
        );
        lost = exit::LOST;
    }
    if let Some((mock, playing)) = mock.filter(|_| lost == exit::DONE) {
        lost = report_loss(&playing, mock.loss());
    }
    if code != exit::DONE {
        return Ok(code);
    }
    match ended {
        Ok(ended) if lost == exit::DONE => {
            let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
            if ended.loss.is_some() {
                warn(format_args!("⚠️ Incomplete: {}", ended.loss));
            }
            Ok(ended.exit_code()?.max(missed))
        }
        _ => Ok(lost),
    }
}

/// Returns the settings with the defaults of `run`: no display, offline, and a free port unless a flag names
/// one.
pub(in crate::cli) fn adapted(resolved: &Resolved, clients: usize) -> Settings {
    let origin = |path: &str| KEYS.iter().find(|key| key.path() == path).map(|key| resolved.origin(key));
    let is_flag = |path: &str| origin(path) == Some(Origin::Flag);
    let mut settings = resolved.settings.clone();
    settings.server.quiet = true;
    if !is_flag("server.port") && !is_flag("server.listen") {
        settings.server.port = Some(0);
    }
    if origin("live.offline") == Some(Origin::Default) {
        settings.live.offline = true;
    }
    settings.server.wait_clients = Some(clients);
    if is_flag("replay.speed") {
        settings.mock.speed = Some(settings.replay.speed);
    }
    settings
}

/// Starts the mock, which also becomes the upstream of the server.
async fn start_mock(
    args: &args::Run,
    settings: &mut Settings,
) -> Result<Option<(Arc<MockTikTok>, String)>, Problem> {
    let demo = args.mock_proxy.then(|| PathBuf::from(DEMO));
    let Some(scenario) = args.mock.clone().or(demo) else { return Ok(None) };
    settings.mock.scenario = Some(scenario).filter(|scenario| scenario != Path::new(DEMO));
    if let Some(recording) = &args.recording {
        settings.mock.play = Some(mock::unicode(recording)?);
    }
    settings.mock.port = 0;
    settings.mock.proxy_listen = args.mock_proxy.then_some(Listen::loopback(0));
    settings.mock.tls = None;
    if settings.live.offline {
        settings.mock.pass.clear();
    }
    let (mock, playing) = mock::start(&settings.mock, &settings.server.folder()).await?;
    if settings.live.upstream.is_none() {
        settings.live.upstream = mock.url().parse().ok().map(Address);
    }
    Ok(Some((mock, playing)))
}

/// A command and its server.
struct Run<'a> {
    args: &'a args::Run,
    settings: &'a Settings,
    stage: &'a Stage,
    mock: Option<&'a MockTikTok>,
    /// Cancelled when the recording has ended for good.
    over: CancellationToken,
}

/// Why the command was stopped.
enum Why {
    /// A signal, or the end of standard input.
    Asked,
    Silence,
    NotConnected(Problem),
}

impl Run<'_> {
    /// Runs the command until it exits, and returns its exit code.
    async fn command(&self, env: &[(&str, String)], mut signals: Signals) -> Result<u8, Problem> {
        let stdin = if self.args.lifecycle.exit_with_stdin { Stdio::null() } else { Stdio::inherit() };
        let grace = self.settings.limits.shutdown_time;
        let guard = &Guard::new(None);
        let start = Start { command: &self.args.command, env, stdin, is_piped: false, grace, guard };
        let mut child = Child::start(start)?;
        let input = CancellationToken::new();
        let ended = input.clone();
        self.args.lifecycle.at_end_of_input(move || ended.cancel());
        let (started, mut ending, mut why) = (clock::now(), Ending::default(), None);
        let (mut late, mut silence) = (pin!(self.late(started)), pin!(self.silence()));
        let (mut stays, mut has_stayed) = (pin!(self.stays()), false);
        loop {
            tokio::select! { biased;
                status = child.wait() => {
                    let status = status.map_err(|error| Problem::new(Code::Io, format!("cannot wait for COMMAND: {error}")))?;
                    return self.conclude(status, child.was_stopped(status), why);
                }
                signal = signals.next() => match ending.take(signal, clock::now() - started) {
                    Action::Ignore => {}
                    Action::End => {
                        child.forward(signal);
                        why = Some(Why::Asked);
                    }
                    Action::Force => {
                        child.kill();
                        drop(child.wait().await);
                        return Ok(exit::INTERRUPTED);
                    }
                },
                () = input.cancelled(), if why.is_none() => {
                    child.stop(Signal::Terminate);
                    why = Some(Why::Asked);
                }
                problem = &mut late, if why.is_none() => {
                    child.stop(Signal::Terminate);
                    why = Some(Why::NotConnected(problem));
                }
                () = &mut silence, if why.is_none() => {
                    child.stop(Signal::Terminate);
                    why = Some(Why::Silence);
                }
                () = &mut stays, if why.is_none() && !has_stayed => {
                    has_stayed = true;
                    let command = shown(self.args.command[0].as_ref());
                    let end = if self.mock.is_some() { ENDS_ROOM } else { "`--until-idle 5s` ends it" };
                    warn(format_args!("🏁 The recording has ended, and `{command}` still runs; {end}"));
                }
            }
        }
    }

    fn conclude(&self, status: ExitStatus, was_stopped: bool, why: Option<Why>) -> Result<u8, Problem> {
        let code = exit_code(status);
        match why {
            Some(Why::NotConnected(problem)) => Err(problem),
            // A program without a handler for the signal.
            Some(Why::Silence) if was_stopped => Ok(exit::DONE),
            None => match self.unused(code) {
                Some(problem) if code == exit::DONE => Err(problem),
                Some(problem) => {
                    warn(format_args!("⚠️ {}\n💡 {}", problem.message, problem.hint));
                    Ok(code)
                }
                None => Ok(code),
            },
            Some(_) => Ok(code),
        }
    }

    /// Returns the problem if the command, which exited with `code`, did not use what was started for it:
    /// such a test tests nothing.
    fn unused(&self, code: u8) -> Option<Problem> {
        let command = shown(self.args.command[0].as_ref());
        let is_untouched = self.is_untouched();
        // Its own failure came first, so advice on addresses would mislead.
        if code != exit::DONE && is_untouched && self.args.clients != Some(0) {
            let message = format!("`{command}` ended with exit code {code} before it connected");
            return Some(too_few(message, &self.explained("look for its error in the output above")));
        }
        if !self.is_connected() {
            let message =
                format!("`{command}` exited with {code} before its clients connected: {}", self.seen());
            return Some(too_few(message, &self.explained("connect to LIVETAPE_URL, or set --clients 0")));
        }
        if self.mock.is_none() || self.args.clients.is_some() {
            return None;
        }
        if has_only_signed(&self.mock.map(MockTikTok::received).unwrap_or_default()) {
            let message = format!("`{command}` asked the mock only for what a sign server has");
            return Some(Problem::new(Code::TooFewRequests, message).hint(self.explained(SIGN_CLIENT)));
        }
        if !is_untouched {
            return None;
        }
        let message = format!("`{command}` exited with {code} and used neither the mock nor the feed");
        let hint = format!("{}; set --clients 0 if no request is expected", self.way_to_mock());
        Some(Problem::new(Code::TooFewRequests, message).hint(self.explained(&hint)))
    }

    /// Whether the command has used nothing that was started for it.
    fn is_untouched(&self) -> bool {
        let hub = &self.stage.hub;
        hub.subscriber_peak() == 0
            && hub.observer_peak() == 0
            && !self.has_private_replay()
            && self.mock.is_none_or(|mock| !mock.was_used())
    }

    fn way_to_mock(&self) -> &'static str {
        if self.args.mock_proxy { IGNORES_PROXY } else { IGNORES_MOCK }
    }

    /// Adds advice on another proxy than that of the mock.
    fn explained(&self, hint: &str) -> String {
        if self.args.mock_proxy { hint.to_owned() } else { proxies::explained(hint) }
    }

    fn has_private_replay(&self) -> bool {
        self.stage.control.channels().were_used()
    }

    /// Whether the required number of clients was connected, or a client opened a private replay.
    fn is_connected(&self) -> bool {
        self.has_private_replay() || self.stage.hub.subscriber_peak() >= self.args.clients()
    }

    /// Returns an error if the clients are not connected in time; otherwise never returns.
    async fn late(&self, started: Instant) -> Problem {
        let time = self.args.connect_time;
        clock::passed(started.checked_add(time)).await;
        if self.is_connected() {
            if self.args.clients.is_none() && self.is_untouched() {
                let (within, hint) = (offset::shown(time), self.explained(self.way_to_mock()));
                warn(format_args!("⚠️ Nothing used the mock or the feed within {within}\n💡 {hint}"));
            }
            std::future::pending::<()>().await;
        }
        let message = format!("the clients did not connect within {}: {}", offset::shown(time), self.seen());
        too_few(message, &self.explained("connect to LIVETAPE_URL, or change --clients or --connect-time"))
    }

    /// Waits until the command has had time to exit after the end of the recording, which closed its sockets.
    async fn stays(&self) {
        self.over.cancelled().await;
        if self.args.until_idle.is_some() {
            std::future::pending::<()>().await;
        }
        sleep_until(clock::now() + self.settings.limits.shutdown_time).await;
    }

    /// Describes the clients that connected.
    fn seen(&self) -> String {
        let (hub, clients) = (&self.stage.hub, self.args.clients());
        let mut seen = format!("{} of {clients} clients", hub.subscriber_peak());
        match hub.observer_count() {
            0 => {}
            1 => seen += ", 1 observer",
            observers => seen += &format!(", {observers} observers"),
        }
        if let Some(mock) = self.mock {
            seen += &format!(", {} entries in the log of the mock", mock.received().len());
        }
        seen
    }

    /// Waits until nothing was sent for the time of `--until-idle`, after the clients connected.
    async fn silence(&self) {
        let Some(length) = self.args.until_idle else { return std::future::pending().await };
        let (hub, channels) = (&self.stage.hub, self.stage.control.channels());
        // Private replays are not among these subscribers.
        let arrived = || hub.wait_for_subscribers(self.args.clients());
        while timeout_at(clock::now() + length, arrived()).await.is_err() && !self.is_connected() {}
        let mut news = hub.news();
        let mut entries = 0;
        loop {
            while timeout_at(clock::now() + length, news.wait()).await.is_ok() {}
            let before = std::mem::replace(&mut entries, self.mock.map_or(0, |mock| mock.received().len()));
            // The mock only counts as silent after a request.
            let is_used = self.mock.is_none() || entries > 0;
            if is_used && entries == before && channels.subscriber_count() == 0 {
                return;
            }
        }
    }
}

/// How a command ends that comes back to a room of the mock.
const ENDS_ROOM: &str =
    "a room of the mock starts again for each client that comes back, but once with `--mock stream-ended`";
pub(super) const IGNORES_PROXY: &str = "check that the client uses the proxy of HTTPS_PROXY: `fetch` in Node.js reads it from 22.21 and 24.0 on; \
    other clients need a setting, or hosts redirected with `livetape mock --tls`";
/// What a client needs whose requests reach the mock, and whose WebSocket does not.
pub(super) const PASSES_PROXY: &str = "its requests reached the mock, and its WebSocket did not: many clients send only `fetch` through HTTPS_PROXY; \
    give the client an agent for the WebSocket, or redirect hosts with `livetape mock --tls`";
pub(super) const IGNORES_MOCK: &str =
    "send its requests to LIVETAPE_MOCK_URL, or use --mock-proxy for a client with fixed hosts";

/// Reports the end of the recording to a command that would otherwise wait without a message.
fn tell_end(_: &Summary) {
    warn("🏁 The recording has ended; sockets stay open, `--exit-when-done` closes them");
}

fn too_few(message: String, hint: &str) -> Problem {
    Problem::new(Code::TooFewClients, message).hint(hint)
}

/// Returns the variables with the address of a mock, and those of its proxy.
pub(super) fn of_mock(url: &str, fronts: Option<&Fronts>) -> Result<Vec<(&'static str, String)>, Problem> {
    let mut variables = Vec::from(["LIVETAPE_MOCK_URL", "SIGN_API_URL"].map(|name| (name, url.to_owned())));
    if let Some(fronts) = fronts {
        variables.extend(of_proxy(fronts)?);
    }
    Ok(variables)
}

/// Returns the variables of a proxy.
fn of_proxy(fronts: &Fronts) -> Result<Vec<(&'static str, String)>, Problem> {
    let Some(proxy) = fronts.proxy else { return Ok(Vec::new()) };
    let (url, ca) = (format!("http://{proxy}"), text(&fronts.certificate)?);
    let (host, port, store) = (proxy.ip(), proxy.port(), text(&fronts.trust_store)?);
    // Options are added to those of the user.
    let [java, node] = ["JAVA_TOOL_OPTIONS", "NODE_OPTIONS"]
        .map(|name| env::var(name).map(|options| options + " ").unwrap_or_default());
    let java = format!(
        "{java}-Dhttp.proxyHost={host} -Dhttp.proxyPort={port} -Dhttps.proxyHost={host} -Dhttps.proxyPort={port} \
         \"-Dhttp.nonProxyHosts=localhost|127.*|[::1]\" \"-Djavax.net.ssl.trustStore={store}\" \
         -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword={}",
        Opened::PASSWORD
    );
    let proxies = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "WSS_PROXY",
        "wss_proxy",
        "WS_PROXY",
        "ws_proxy",
    ]
    .map(|name| (name, url.clone()));
    let certificates =
        ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"];
    // Exceptions from another proxy would keep requests from this one.
    let direct = NO_PROXY.map(|name| (name, LOOPBACK.join(",")));
    // Within quotes, a backslash stands for the character after it.
    let node = format!(r#"{node}--require "{}""#, text(&fronts.node_guard)?.replace('\\', r"\\"));
    let others =
        [("NODE_USE_ENV_PROXY", "1".to_owned()), ("NODE_OPTIONS", node), ("JAVA_TOOL_OPTIONS", java)];
    let certificates = certificates.map(|name| (name, ca.clone()));
    Ok(proxies.into_iter().chain(certificates).chain(direct).chain(others).collect())
}

/// Returns a path as text, which the variables need. Java cannot escape quotes in it.
fn text(path: &Path) -> Result<String, Problem> {
    path.to_str().filter(|path| !path.contains('"')).map(str::to_owned).ok_or_else(|| {
        Problem::new(
            Code::BadConfig,
            format!("the path of the CA cannot be used in variables: {}", path.display()),
        )
        .hint("choose another folder with --ca-dir DIR")
    })
}

/// Whether the mock has only answered requests to a sign server: the others went to TikTok.
fn has_only_signed(log: &[LogEntry]) -> bool {
    let is_signed = |entry: &LogEntry| matches!(&entry.what, Happened::Request { path, status: 200..=299, .. } if is_signature(path));
    !log.is_empty() && log.iter().all(is_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_only_asks_for_signatures_is_only_half_redirected() {
        let request = |path: &str, status| LogEntry {
            at_ms: 0,
            connection: 1,
            what: Happened::Request {
                method: "GET".into(),
                path: path.into(),
                query: Vec::new(),
                headers: Vec::new(),
                status,
                fault: None,
                wait: None,
            },
        };
        let signed = || request("/webcast/fetch", 200);
        assert!(has_only_signed(&[request("/webcast/anchors/demo/room_id", 200), signed()]));
        assert!(!has_only_signed(&[]));
        // One that was refused may have had no reason to go on.
        assert!(!has_only_signed(&[request("/webcast/fetch", 429)]));
        assert!(!has_only_signed(&[signed(), request("/api-live/user/room/", 200)]));
    }
}
