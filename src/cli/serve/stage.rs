//! The parts that all serving commands share: hub, listener, display and signals; `--ready-file` and
//! `--exit-with-stdin`, for programs that start a server.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process,
    sync::Arc,
    thread,
    time::Duration,
};

use livetape_cases::script::How;
use livetape_core::{
    error::{Code, Problem, close, exit},
    secret::Secret,
};
use livetape_engine::{
    channels::{Channel, ChannelOptions, Ended},
    source::live::{LiveOptions, NetTransport},
};
use livetape_feed::{
    control::{Control, Driver, WebhookState},
    hub::{Ends, Hub, Limits},
};
use livetape_io::{
    files::{Draft, check_replaceable},
    net::Listening,
};
use livetape_server::{API_VERSION, Config, Door, Server, Tikfinity, staged::Staged};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::mock::Fronts;
use crate::{
    cli::{
        args::{self, Lifecycle},
        options::serving::{self, Addresses, Webhook},
        process::{
            display,
            output::{complain, file_problem, json_line, warn},
            signals,
        },
    },
    log::refuse_recording,
    settings::Settings,
};

/// A running server.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    displays: TaskTracker,
    serving: JoinHandle<()>,
    webhook: Option<Arc<WebhookState>>,
    exits_when_done: bool,
}

/// Listens, announces the addresses with `greet`, serves until the source that `start` returns has ended, and
/// closes the server. Returns the exit code.
pub(super) async fn serve<E: Future<Output = Result<Ended, Problem>>>(
    settings: &Settings,
    lifecycle: &Lifecycle,
    display: display::Style,
    options: ChannelOptions,
    staged: Option<&Staged>,
    start: impl FnOnce(Channel) -> E,
    greet: impl FnOnce(&Addresses),
) -> Result<u8, Problem> {
    let (bound, driver) = Bound::listen(settings, lifecycle, staged).await?;
    let live = options.live.clone();
    let source = start(bound.channel(driver, options)?);
    let stage = bound.open(settings, display, lifecycle, greet)?;
    let ended = match staged {
        Some(staged) => beside(staged, &stage, source).await?,
        None => source.await?,
    };
    let missed = stage.close().await;
    advise(&ended, &live);
    conclude(&ended, missed)
}

/// Performs the script of a case beside its show, and reports it.
async fn beside(
    staged: &Staged,
    stage: &Stage,
    source: impl Future<Output = Result<Ended, Problem>>,
) -> Result<Ended, Problem> {
    let performing = async {
        staged.perform(&stage.hub, &stage.control, |told| display::say(&format!("🎬 {told}"))).await;
        std::future::pending::<()>().await;
    };
    tokio::select! { biased;
        ended = source => ended,
        () = performing => unreachable!("it never ends"),
    }
}

/// A server that listens, but does not accept connections yet.
pub(crate) struct Bound {
    pub(crate) control: Control,
    pub(crate) hub: Hub,
    pub(crate) addresses: Addresses,
    config: Config,
    listener: Listening,
    /// For how long the first attempts to connect are reset.
    late: Duration,
    tikfinity: Option<Tikfinity<Listening>>,
    webhook: Option<Webhook>,
    exits_when_done: bool,
}

/// Interval of pings in a case without them: longer than it takes.
const NO_PINGS: Duration = Duration::from_secs(86_400);

impl Bound {
    /// Listens on the address of the settings, and returns the driver for a source. Create the source before
    /// serving: a client may send it a request at once.
    pub(crate) async fn listen(
        settings: &Settings,
        lifecycle: &Lifecycle,
        staged: Option<&Staged>,
    ) -> Result<(Self, Driver), Problem> {
        let hub = |limits| Hub::new(stream_name(settings.server.seed), limits);
        Self::listen_with(settings, lifecycle, staged, hub).await
    }

    /// Like [`Bound::listen`], with another channel.
    pub(super) async fn listen_with(
        settings: &Settings,
        lifecycle: &Lifecycle,
        staged: Option<&Staged>,
        hub: impl FnOnce(Limits) -> Hub,
    ) -> Result<(Self, Driver), Problem> {
        lifecycle.prepare()?;
        let mut config = Config { staged: staged.cloned(), ..serving::config(settings)? };
        let breaks = staged.map_or(&[][..], |it| it.case.script.breaks);
        if breaks.iter().any(|it| it.how == How::Deaf) {
            config.sockets.ping_interval = NO_PINGS;
        }
        let webhook = Webhook::new(settings)?;
        let (control, driver) = Control::with(serving::token_sources(settings))?;
        driver.update_upstream(|upstream| {
            upstream.webhook = webhook.as_ref().map(|webhook| Arc::clone(&webhook.counts));
        });
        let late = staged.map_or(Duration::ZERO, |it| it.case.script.late);
        let listener = Listening::bind(settings.server.address()).await?;
        let tikfinity = serving::tikfinity(settings).await?;
        let hub = hub(serving::backlog(settings));
        let addresses = Addresses::new(settings, &listener.addresses()[0].to_string(), tikfinity.as_ref());
        // Whoever is away when it ends has missed nothing.
        let breaks_connections = staged.is_some_and(|staged| staged.case.script.breaks_connections());
        let exits_when_done = settings.replay.exit_when_done && !breaks_connections;
        let bound =
            Self { control, hub, addresses, config, listener, late, tikfinity, webhook, exits_when_done };
        Ok((bound, driver))
    }

    /// Returns the channel whose hub is served, for a source.
    pub(crate) fn channel(&self, driver: Driver, options: ChannelOptions) -> Result<Channel, Problem> {
        let transport = NetTransport::new(&options.live)?;
        Ok(Channel::new(self.hub.clone(), &self.control, driver, transport, options))
    }

    /// Returns a bearer token that the server accepts, if it requires one.
    pub(crate) fn token(&self) -> Option<&Secret> {
        self.config.access.tokens.first()
    }

    /// Shares rooms and messages of clients with other servers.
    #[cfg(feature = "nats")]
    pub(super) fn span(&mut self, peers: livetape_feed::control::Peers) {
        self.config.peers = Some(peers);
    }

    /// Announces the address to programs, then to people with `greet`, and starts serving.
    pub(crate) fn open(
        self,
        settings: &Settings,
        display: display::Style,
        lifecycle: &Lifecycle,
        greet: impl FnOnce(&Addresses),
    ) -> Result<Stage, Problem> {
        signals::listen(self.control.clone(), settings.limits.shutdown_time);
        display::end_without_reader(self.control.clone());
        lifecycle.begin(&Ready::new(&self.addresses), &self.control)?;
        if let Some(address) = &self.addresses.tikfinity {
            display::say(&format!("🎁 Serving TikFinity's format on {address}"));
        }
        greet(&self.addresses);
        Ok(self.serve((!settings.server.quiet).then_some(display)))
    }

    /// Starts serving. Shows the events if a display is given.
    pub(crate) fn serve(self, display: Option<display::Style>) -> Stage {
        let Self {
            control,
            hub,
            addresses: _,
            config,
            mut listener,
            late,
            mut tikfinity,
            webhook,
            exits_when_done,
        } = self;
        for address in listener.addresses() {
            info!(%address, version = env!("CARGO_PKG_VERSION"), "🔔 Serving");
        }
        for address in tikfinity.iter().flat_map(|it| it.listener.addresses()) {
            info!(%address, "🔔 Serving TikFinity's format");
        }
        let (displays, counts) = (TaskTracker::new(), webhook.as_ref().map(|it| Arc::clone(&it.counts)));
        if let Some(display) = display {
            displays.spawn(display::show(hub.clone(), display));
        }
        if let Some(webhook) = webhook {
            webhook.start(hub.clone(), control.shutdown().clone(), &displays);
        }
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        let door = server.config.staged.as_ref().map(|staged| staged.door.clone());
        let shutdown = control.shutdown().clone();
        let serving = tokio::spawn(async move {
            tokio::select! { biased;
                // Nobody may ever try to connect.
                () = shutdown.cancelled() => {}
                () = listener.refuse(tikfinity.as_mut().map(|it| &mut it.listener), late, || {
                    door.iter().for_each(Door::note_reset);
                }) => {}
            }
            livetape_server::serve_both(listener, tikfinity, server).await;
        });
        Stage { hub, control, displays, serving, webhook: counts, exits_when_done }
    }
}

impl Stage {
    /// Shuts the server down gracefully, after its source has ended. Returns the exit code: whether the
    /// webhook or a client missed events.
    pub(crate) async fn close(self) -> u8 {
        self.control.shut_down();
        self.control.channels().ended().await;
        // A panicked server has closed its sockets too.
        drop(self.serving.await);
        self.displays.close();
        self.displays.wait().await;
        let mut code = exit::DONE;
        let lost = self.webhook.map_or(0, |counts| counts.lost());
        if lost > 0 {
            display::say(&format!("⚠️ Events not delivered to the webhook: {lost}"));
            code = exit::LOST;
        }
        // If the server was stopped before, clients are expected not to have read everything.
        if self.exits_when_done && self.hub.close_code() == Some(close::NORMAL) {
            let Ends { unread: count, left } = self.hub.ends();
            if left > 0 {
                let clients = if left == 1 { "client" } else { "clients" };
                warn(format_args!("⚠️ {left} {clients} left before the end"));
            }
            if let Some(problem) = unread(count) {
                code = complain(&problem);
            }
        }
        code
    }
}

/// Returns the problem that clients had not read everything at the end of the recording.
fn unread(clients: u64) -> Option<Problem> {
    let message = match clients {
        0 => return None,
        1 => "1 client was dropped before it had read everything".to_owned(),
        clients => format!("{clients} clients were dropped before they had read everything"),
    };
    Some(Problem::new(Code::UnreadClients, message))
}

/// Returns a stream name that no other process uses, so that positions from other processes are rejected.
fn stream_name(seed: Option<u64>) -> String {
    let name = seed.unwrap_or_else(args::random);
    format!("{name:016x}")
}

/// Points to the doctor if a room could not be entered.
pub(crate) fn advise(ended: &Ended, live: &LiveOptions) {
    let helps = |problem: &&Problem| {
        matches!(
            problem.code,
            Code::AgeRestricted
                | Code::Blocked
                | Code::ConnectionLost
                | Code::DnsFailed
                | Code::HandshakeRefused
                | Code::SignEmpty
                | Code::SignFailed
                | Code::SignUnauthorized
        )
    };
    if !live.user.is_empty() && ended.problem.as_ref().filter(helps).is_some() {
        display::say(&format!("💡 Try each way: `livetape doctor {}{}`", live.user, live.flags()));
    }
}

/// Prints a summary of each recording, and returns the exit code: `otherwise` if the source has nothing to
/// report.
pub(crate) fn conclude(ended: &Ended, otherwise: u8) -> Result<u8, Problem> {
    for recording in ended.recordings.iter().filter(|path| path.exists()) {
        display::say(&format!("📼 {}", recording.display()));
    }
    if let Some(bytes) = ended.full_bytes {
        display::say(&format!("🏁 Stopped at --max-size: {bytes} bytes recorded"));
    }
    if let Some(problem) = &ended.recorder {
        // The part that was written is kept and readable.
        display::say(&format!("⚠️ The recording is incomplete: {problem}"));
        display::say(&format!("💡 {}", problem.hint));
    }
    if ended.loss.is_some() {
        display::say(&format!("⚠️ Incomplete: {}", ended.loss));
    }
    Ok(ended.exit_code()?.max(otherwise))
}

/// Advice for a ready file that cannot be written.
const HINT: &str = "use another path for --ready-file";

/// Content of the ready file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready<'a> {
    ws: &'a str,
    http: &'a str,
    /// Address of the feed in TikFinity's format.
    #[serde(skip_serializing_if = "Option::is_none")]
    tikfinity: Option<&'a str>,
    /// Address of the mock that `run --mock` starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    mock: Option<String>,
    /// Address of the mock's proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    /// Address and port of the mock's TLS server.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    /// Path of the CA certificate that clients of both must trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a Path>,
    pid: u32,
    version: &'static str,
    api_version: u32,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(Addresses { feed, rest, tikfinity }: &'a Addresses) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let tikfinity = tikfinity.as_deref();
        Self {
            ws: feed,
            http: rest,
            tikfinity,
            mock: None,
            proxy: None,
            tls: None,
            ca: None,
            pid: process::id(),
            version,
            api_version: API_VERSION,
        }
    }

    pub(crate) fn with_mock(self, mock: Option<String>) -> Self {
        Self { mock, ..self }
    }

    pub(crate) fn with_fronts(self, fronts: Option<&'a Fronts>) -> Self {
        let Some(fronts) = fronts else { return self };
        let ca = Some(&*fronts.certificate);
        Self { proxy: fronts.proxy_url(), tls: fronts.tls.map(|address| address.to_string()), ca, ..self }
    }
}

impl Lifecycle {
    /// Removes the ready file of an earlier process, so that readers do not mistake it for a new one.
    pub(crate) fn prepare(&self) -> Result<(), Problem> {
        let Some(path) = &self.ready_file else { return Ok(()) };
        check_replaceable(path).map_err(|error| file_problem(&error).hint(HINT))?;
        refuse_recording(path).map_err(|error| unwritable(path, &error))?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, &error)),
            _ => Ok(()),
        }
    }

    /// Writes the ready file, and shuts the server down at the end of standard input, if the flags say so.
    pub(super) fn begin(&self, ready: &Ready<'_>, control: &Control) -> Result<(), Problem> {
        self.write(ready)?;
        let control = control.clone();
        self.at_end_of_input(move || control.shut_down());
        Ok(())
    }

    /// Writes the ready file. Readers see the complete file or none.
    pub(crate) fn write(&self, ready: &Ready<'_>) -> Result<(), Problem> {
        let Some(path) = &self.ready_file else { return Ok(()) };
        if let Some(ca) = ready.ca.filter(|path| path.to_str().is_none()) {
            let message = format!("the ready file cannot name the CA: {} is not Unicode", ca.display());
            return Err(
                Problem::new(Code::BadConfig, message).hint("choose another folder with --ca-dir DIR")
            );
        }
        let json = json_line(ready);
        let mut draft = Draft::new(path, true).map_err(|error| file_problem(&error))?;
        draft.write_all(json.as_bytes()).map_err(|error| unwritable(path, &error))?;
        draft.keep_unsynced().map_err(|error| file_problem(&error))
    }

    /// Calls `end` at the end of standard input.
    pub(crate) fn at_end_of_input(&self, end: impl FnOnce() + Send + 'static) {
        if !self.exit_with_stdin {
            return;
        }
        // On its own thread, because a read cannot be interrupted when the runtime shuts down.
        let read = move || {
            // An input that cannot be read counts as ended.
            drop(io::copy(&mut io::stdin(), &mut io::sink()));
            end();
        };
        thread::spawn(read);
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Code::Io, format!("cannot write the ready file {}: {error}", path.display())).hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_ready_file_does_not_name_a_file_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ready.json");
        let lifecycle = Lifecycle { ready_file: Some(file.clone()), ..Lifecycle::default() };
        let addresses = Addresses { feed: String::new(), rest: String::new(), tikfinity: None };
        let ca = |bytes| Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
        let write = |ca| lifecycle.write(&Ready { ca: Some(ca), ..Ready::new(&addresses) });
        let problem = write(ca(b"/caf\xe9/ca.pem")).unwrap_err();
        assert!(problem.code == Code::BadConfig && problem.hint.contains("--ca-dir"), "{problem:?}");
        assert!(!file.exists());
        write(ca("/caf\u{e9}/ca.pem".as_bytes())).unwrap();
        assert!(fs::read_to_string(&file).unwrap().contains("\"ca\":\"/caf\u{e9}/ca.pem\""));
    }

    /// The display ends with the feed. On one thread, the server does not run before it is stopped.
    #[tokio::test]
    async fn a_server_that_is_stopped_at_once_closes_its_feed() {
        let mut settings = Settings::default();
        settings.server.port = Some(0);
        let (bound, _) = Bound::listen(&settings, &Lifecycle::default(), None).await.unwrap();
        let hub = bound.hub.clone();
        assert_eq!(bound.serve(None).close().await, exit::DONE);
        assert_eq!(hub.close_code(), Some(close::GOING_AWAY));
    }
}
