//! `livetape mock`: runs the mock TikTok server.

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
    lifecycle::Ready,
    mock_banner,
    proxied::{BY_FLAG, Fronts},
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
    let clients = mock_banner::clients(&url, &printable(&user));
    // If stdout is closed, the mock ends, as every server does.
    drop(display::print(&[format!(
        "🎭 Mock TikTok on {url} plays {playing}{scenario}\n{fronts}{clients}\n📺 Press Ctrl+C to stop\n"
    )]));
}
