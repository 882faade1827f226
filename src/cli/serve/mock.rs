//! `livetape mock`: runs the mock TikTok server, with a proxy and a TLS server in front of it, and prints code that connects
//! clients, ready to paste. `cargo xtask nightly peers` runs that code.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use livetape_cases::table::{Case, Suite};
use livetape_core::{
    error::{Code, Problem},
    nearest,
    terminal::printable,
};
use livetape_engine::{
    demo::{DEMO, DEMO_BYTES},
    source::Tape,
};
use livetape_feed::control::Control;
use livetape_io::{clock, net::Listening};
use livetape_mock::{
    After, End, MockTikTok, Scenario, ScenarioFile,
    proxy::{Ca, DOMAINS, Front, Hosts, Mode, Opened, is_answered},
};
use livetape_server::staged::RECORDING_BYTES_MAX;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::stage::Ready;
use crate::{
    cli::{
        args,
        options::{config, serving::Addresses},
        process::{
            display,
            output::{assignments, quoted, report_loss, warn},
            signals,
        },
    },
    log,
    settings::{self, Listen},
};

pub(crate) async fn mock(args: args::Mock) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, false)?;
    let (folder, shutdown_time) = (settings.server.folder(), settings.limits.shutdown_time);
    let settings = settings.mock;
    args.lifecycle.prepare()?;
    let (control, _driver) = Control::new();
    signals::listen(control.clone(), shutdown_time);
    display::end_without_reader(control.clone());
    let (mock, playing) = start(&settings, &folder).await?;
    let fronts = Fronts::start(&settings, &mock, BY_FLAG).await?;
    let address = mock.url();
    let address = address.trim_start_matches("http://");
    let (feed, rest) = (format!("ws://{address}/"), format!("http://{address}"));
    let addresses = Addresses { feed, rest, tikfinity: None };
    args.lifecycle.begin(&Ready::new(&addresses).with_fronts(fronts.as_ref()), &control)?;
    greet(&mock, &playing, settings.scenario.as_deref(), fronts.as_ref());
    let code = report_loss(&playing, mock.loss());
    control.shutdown().cancelled().await;
    Ok(code)
}

/// Starts a mock, and returns it with the name of its recording.
pub(crate) async fn start(
    settings: &settings::Mock,
    folder: &Path,
) -> Result<(Arc<MockTikTok>, String), Problem> {
    let scenario = scenario(settings, folder)?;
    let playing = scenario.scenario.recording.clone();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    let mock = MockTikTok::start_on(scenario.with_recording(DEMO, DEMO_BYTES), address).await?;
    Ok((Arc::new(mock), playing))
}

/// Returns an included scenario, unless there is such a file.
fn included(path: &Path) -> Option<Scenario> {
    path.to_str().filter(|_| !path.exists()).and_then(livetape_server::scenario)
}

/// Returns the case of `livetape test --suite room` with this name, unless there is such a scenario or file.
fn case_of(path: &Path) -> Option<&'static Case> {
    let name = path.to_str().filter(|_| !path.exists() && included(path).is_none())?;
    Suite::Room.find_combined(name).ok()
}

/// Returns the room of a case, which plays the changed recording and then ends.
fn staged(case: &Case, settings: &settings::Mock, folder: &Path) -> Result<ScenarioFile, Problem> {
    let tape = Tape::find_in(folder, Path::new(settings.play.as_deref().unwrap_or(DEMO)))?;
    let tape = tape.changed(case, RECORDING_BYTES_MAX)?;
    let recording = format!("{} in the case {}", tape.name, case.name);
    let played = case.room.scenario.and_then(livetape_server::scenario).unwrap_or_default();
    let script = Scenario { end: End::Control, recording: recording.clone(), ..played };
    Ok(ScenarioFile::from(script).with_opener(recording, move || Ok(tape.open()?)))
}

pub(in crate::cli) fn scenario(settings: &settings::Mock, folder: &Path) -> Result<ScenarioFile, Problem> {
    let case = settings.scenario.as_deref().and_then(case_of);
    let mut file = match &settings.scenario {
        _ if let Some(case) = case => staged(case, settings, folder)?,
        Some(path) => match included(path) {
            Some(scenario) => scenario.into(),
            None => ScenarioFile::read(path).map_err(|problem| match path.exists() {
                true => problem,
                false => {
                    let names = livetape_server::scenario_names();
                    let names = Vec::from_iter(names.iter().map(String::as_str));
                    let hint = nearest::hint(&path.to_string_lossy(), &names);
                    problem.hint(format!("{hint}; or use a file"))
                }
            })?,
        },
        // Without a scenario, a room that has ended starts again for the next client.
        None => Scenario::default().after(After::Again).into(),
    };
    if let Some(play) = settings.play.as_ref().filter(|_| case.is_none()) {
        file.scenario.recording = recording(play, folder)?;
    }
    file.scenario.speed = settings.speed.unwrap_or(file.scenario.speed);
    file.scenario.seed = settings.seed.unwrap_or(file.scenario.seed);
    Ok(file)
}

/// Finds a recording: a file relative to the current directory rather than the scenario, or a name in
/// `folder`.
fn recording(play: &str, folder: &Path) -> Result<String, Problem> {
    let tape = Tape::find_in(folder, Path::new(play))?;
    let Some(path) = tape.path() else { return Ok(tape.name) };
    unicode(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// Returns the path of a recording as text, which scenarios need.
pub(crate) fn unicode(path: &Path) -> Result<String, Problem> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Problem::new(
            Code::RecordingNotFound,
            format!("the path of the recording is not Unicode: {}", path.display()),
        )
        .hint("rename the file or its folder")
    })
}

/// Prints the address and how clients connect to it.
fn greet(mock: &MockTikTok, playing: &str, scenario: Option<&Path>, fronts: Option<&Fronts>) {
    let (url, (user, _)) = (mock.url(), mock.example());
    let scenario = scenario.map(|path| format!(", scripted by {}", path.display())).unwrap_or_default();
    let (playing, scenario) = (printable(playing), printable(&scenario));
    let fronts = fronts.map(Fronts::lines).unwrap_or_default();
    let clients = clients(&url, &printable(&user));
    let text = format!(
        "🎭 Mock TikTok on {url} plays {playing}{scenario}\n{fronts}{clients}\n📺 Press Ctrl+C to stop\n"
    );
    if log::is_json() {
        return display::say(&text);
    }
    // If stdout is closed, the mock ends, as every server does.
    drop(display::print(&[text]));
}

/// Template with the placeholders `<url>`, `<port>` and `<user>`.
const CLIENTS: &str = r#"
livetape
    livetape live <user> --upstream <url>

tiktok-live-connector 2.0 and 2.1 (Node.js)
    // 2.0.7-beta1 fails with a newer API package: npm install @eulerstream/euler-api-sdk@0.1.2
    process.env.SIGN_API_URL = '<url>'
    const hosts = { TIKTOK_HOST_WEB: '127.0.0.1:<port>', TIKTOK_HOST_WEBCAST: '127.0.0.1:<port>' }
    Object.assign(require('tiktok-live-connector/dist/lib/config').default, hosts)
    const { TikTokLiveConnection } = require('tiktok-live-connector')
    const connection = new TikTokLiveConnection('<user>')
    connection.connect()

tiktok-live-connector 2.5 (Node.js)
    process.env.SIGN_API_URL = '<url>'
    const { TikTokLiveConnection } = require('tiktok-live-connector')
    // These versions use HTTPS for 127.0.0.1 and HTTP for 0.0.0.0.
    const hosts = { TIKTOK_HOST_WEB: '0.0.0.0:<port>', TIKTOK_HOST_WEBCAST: '0.0.0.0:<port>' }
    const connection = new TikTokLiveConnection('<user>', { webConfigOverrides: hosts })
    connection.connect()

TikTokLive 6.2.1 to 7.0.1 (Python)
    from TikTokLive import TikTokLiveClient
    from TikTokLive.client.web.web_settings import WebDefaults
    WebDefaults.tiktok_app_url = WebDefaults.tiktok_sign_url = "<url>"
    WebDefaults.tiktok_webcast_url = "<url>/webcast"
    client = TikTokLiveClient(unique_id="<user>")
    client.run()

Requests of clients: curl <url>/__admin/log
"#;

/// Returns the code for the mock at `url`, with one of its users.
pub(crate) fn clients(url: &str, user: &str) -> String {
    let port = url.rsplit(':').next().unwrap_or_default();
    CLIENTS.replace("<url>", url).replace("<port>", port).replace("<user>", user)
}

/// A running proxy, a running TLS server, or both. They stop when this is dropped.
pub(crate) struct Fronts {
    pub(crate) proxy: Option<SocketAddr>,
    pub(crate) tls: Option<SocketAddr>,
    /// File with the CA certificate.
    pub(crate) certificate: PathBuf,
    /// Trust store for Java with the CA certificate.
    pub(crate) trust_store: PathBuf,
    /// Module for Node.js that ends a program which would connect to TikTok itself.
    pub(crate) node_guard: PathBuf,
    /// The command that shows how to trust it.
    trust: String,
    pass: String,
    front: Arc<Front>,
    _stop: DropGuard,
}

/// How the refusal of a host says to pass it.
pub(super) const BY_FLAG: &str = "add --pass ";
/// The same for `run`, which has no such flag.
pub(crate) const BY_VARIABLES: &str = "set LIVETAPE_OFFLINE=false and LIVETAPE_MOCK_PASS=";

impl Fronts {
    /// Starts what the settings ask for.
    pub(crate) async fn start(
        settings: &settings::Mock,
        mock: &Arc<MockTikTok>,
        how_to_pass: &'static str,
    ) -> Result<Option<Self>, Problem> {
        if settings.proxy_listen.is_none() && settings.tls.is_none() {
            return Ok(None);
        }
        if let Some(host) = settings.pass.iter().find(|pass| is_answered(&pass.host)) {
            return Err(Problem::new(
                Code::BadConfig,
                format!("cannot pass {host}: livetape answers for it"),
            )
            .hint("remove it from mock.pass and LIVETAPE_MOCK_PASS"));
        }
        let Opened { ca, certificate, trust_store, node_guard, .. } = open_ca(settings.ca_dir.as_deref())?;
        let proxy = bind(settings.proxy_listen, "--proxy-listen").await?;
        let tls = bind(settings.tls, "--tls").await?;
        let addresses =
            |listening: &Option<Listening>| listening.as_ref().map(Listening::addresses).unwrap_or_default();
        let (proxy_addresses, tls_addresses) = (addresses(&proxy), addresses(&tls));
        let own = [&proxy_addresses[..], &tls_addresses].concat();
        let hosts = Hosts { pass: settings.pass.clone(), direct: mock.address(), own, how_to_pass };
        let report = |line: &str, count| tracing::warn!(count, "❌ {line}");
        let front = Arc::new(Front::new(Arc::clone(mock), hosts, ca, report)?);
        let stop = CancellationToken::new();
        for (listening, mode) in [(proxy, Mode::Proxy), (tls, Mode::Tls)] {
            if let Some(listening) = listening {
                tokio::spawn(Arc::clone(&front).accept(listening, mode, stop.clone()));
            }
        }
        let (proxy, tls) = (proxy_addresses.first().copied(), tls_addresses.first().copied());
        if let Some(address) = proxy.filter(|it| !it.ip().is_loopback() && !settings.pass.is_empty()) {
            warn(format_args!(
                "⚠️ Anyone who can reach {address} can send requests to the hosts of --pass through it"
            ));
        }
        let trust = trust_command(settings.ca_dir.as_deref());
        let pass = settings.pass.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let _stop = stop.drop_guard();
        Ok(Some(Self { proxy, tls, certificate, trust_store, node_guard, trust, pass, front, _stop }))
    }

    /// Returns why clients got no answer, most often.
    pub(crate) fn why_unanswered(&self) -> Option<String> {
        self.front.why_unanswered()
    }

    /// Returns the proxy as the URL that clients need.
    pub(super) fn proxy_url(&self) -> Option<String> {
        self.proxy.map(|address| format!("http://{address}"))
    }

    /// Describes both for people.
    pub(crate) fn lines(&self) -> String {
        let (domains, ca) = (DOMAINS.join(" and "), printable(&self.certificate.display().to_string()));
        let proxy = self.proxy_url().map(|url| {
            let certificate = self.certificate.to_string_lossy();
            let variables = assignments(&[("HTTPS_PROXY", &*url), ("SSL_CERT_FILE", &*certificate)]);
            format!("🔀 Proxy for {domains} on {url}\n    {variables} COMMAND\n")
        });
        let proxy = proxy.unwrap_or_default();
        let tls = self.tls.map(|address| format!("🔒 TLS for {domains} on {address}\n")).unwrap_or_default();
        let pass = match &self.pass[..] {
            "" => String::new(),
            pass => format!("🌐 Requests to {} are passed on unchanged\n", printable(pass)),
        };
        let trust = printable(&self.trust);
        format!("{proxy}{tls}{pass}🔑 Clients must trust {ca}; run `{trust}` to see how\n")
    }
}

async fn bind(listen: Option<Listen>, flag: &str) -> Result<Option<Listening>, Problem> {
    let Some(Listen(address)) = listen else { return Ok(None) };
    let bound = Listening::bind(address).await;
    bound
        .map(Some)
        .map_err(|problem| problem.hint(format!("choose another address or port with {flag} ADDR")))
}

/// Returns the command that shows how to trust the CA in this folder.
fn trust_command(folder: Option<&Path>) -> String {
    let flag =
        folder.map(|folder| format!(" --ca-dir {}", quoted(&folder.to_string_lossy()))).unwrap_or_default();
    format!("livetape ca{flag}")
}

/// Opens the CA, and reports if an expired one was replaced.
pub(crate) fn open_ca(folder: Option<&Path>) -> Result<Opened, Problem> {
    let trust = trust_command(folder);
    let Some(folder) = folder.map(Path::to_owned).or_else(config::ca_dir) else {
        return Err(Problem::new(Code::BadConfig, "no folder for the CA: this user has no home folder")
            .hint("choose a folder with --ca-dir DIR"));
    };
    // Clients run in other directories.
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let opened = Ca::open(&folder, clock::wall())?;
    if opened.is_renewed {
        warn(format_args!(
            "⚠️ The CA is not valid today and was replaced: where you trusted it, trust {} instead ({trust})",
            opened.certificate.display()
        ));
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the scenario of the case, if it has one, and with its changed recording.
    #[tokio::test]
    async fn a_case_of_the_room_suite_is_a_room() {
        for (name, faults) in [("no-final", 0), ("no-final+drop", 1)] {
            let settings =
                settings::Mock { scenario: Some(name.into()), port: 0, ..settings::Mock::default() };
            let file = scenario(&settings, Path::new("recordings")).unwrap();
            let played = &file.scenario;
            assert_eq!((played.faults.len(), played.end), (faults, End::Control), "{name}");
            let (_mock, playing) = start(&settings, Path::new("recordings")).await.unwrap();
            assert!(playing.starts_with("demo"), "{name}: {playing}");
        }
        let unknown = settings::Mock { scenario: Some("no-fnial".into()), ..settings::Mock::default() };
        assert!(scenario(&unknown, Path::new("recordings")).is_err());
    }

    #[test]
    fn every_placeholder_is_replaced() {
        let lines = clients("http://127.0.0.1:4242", "ann");
        for line in [
            "    livetape live ann --upstream http://127.0.0.1:4242\n",
            "    process.env.SIGN_API_URL = 'http://127.0.0.1:4242'\n",
            "{ TIKTOK_HOST_WEB: '0.0.0.0:4242', TIKTOK_HOST_WEBCAST: '0.0.0.0:4242' }\n",
            "    const connection = new TikTokLiveConnection('ann', { webConfigOverrides: hosts })\n",
            "    WebDefaults.tiktok_webcast_url = \"http://127.0.0.1:4242/webcast\"\n",
        ] {
            assert!(lines.contains(line), "{line}{lines}");
        }
        assert!(!lines.contains(['<', '>']), "{lines}");
    }
}
