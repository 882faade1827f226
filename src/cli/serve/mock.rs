//! `livetape mock`: runs the mock TikTok server, and prints code that connects clients, ready to paste. `cargo xtask nightly peers` runs that code.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use livetape_core::{
    error::{Code, Problem},
    terminal::printable,
};
use livetape_engine::{
    demo::{DEMO, DEMO_BYTES},
    source::Tape,
};
use livetape_feed::control::Control;
use livetape_mock::{After, MockTikTok, Scenario, ScenarioFile};

use super::{
    proxied::{BY_FLAG, Fronts},
    stage::Ready,
};
use crate::{
    cli::{
        args,
        options::{config, serving::Addresses},
        process::{display, output::report_loss, signals},
    },
    log, settings,
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

fn scenario(settings: &settings::Mock, folder: &Path) -> Result<ScenarioFile, Problem> {
    let mut file = match &settings.scenario {
        Some(path) => ScenarioFile::read(path)?,
        // Without a scenario, a room that has ended starts again for the next client.
        None => Scenario::default().after(After::Again).into(),
    };
    if let Some(play) = &settings.play {
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

#[cfg(test)]
mod tests {
    use super::*;

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
