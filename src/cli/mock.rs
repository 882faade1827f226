//! `livetape mock`: a TikTok for any client.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use super::{args, config, signals};
use crate::{
    control::Control,
    log,
    mock::{After, MockTikTok, Scenario, Setting},
    sans_io::error::{Code, Problem, exit},
    settings,
    terminal::printable,
};

pub(super) async fn mock(args: args::Mock) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, false)?;
    let settings = settings.mock;
    let setting = setting(&settings)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    let playing = setting.scenario.recording.clone();
    let (control, _driver) = Control::new();
    signals::listen(control.clone());
    let mock = MockTikTok::start_on(setting, address).await?;
    greet(&mock.url(), &playing, settings.scenario.as_deref());
    control.shutdown().cancelled().await;
    Ok(exit::DONE)
}

fn setting(settings: &settings::Mock) -> Result<Setting, Problem> {
    let mut setting = match &settings.scenario {
        Some(path) => Setting::read(path)?,
        // One client after the other: without a scenario a room that has ended begins anew.
        None => Scenario { after: After::Again, ..Scenario::default() }.into(),
    };
    if let Some(play) = &settings.play {
        setting.scenario.recording = recording(play)?;
    }
    setting.scenario.speed = settings.speed.unwrap_or(setting.scenario.speed);
    setting.scenario.seed = settings.seed.unwrap_or(setting.scenario.seed);
    Ok(setting)
}

/// From where the command runs, not from the folder of the scenario.
fn recording(play: &Path) -> Result<String, Problem> {
    if play == Path::new("demo") {
        return Ok("demo".into());
    }
    let path: PathBuf = std::path::absolute(play).unwrap_or_else(|_| play.to_owned());
    match path.to_str() {
        Some(path) if play.is_file() => Ok(path.to_owned()),
        _ => Err(Problem::new(Code::RecordingNotFound, format!("there is no recording {}", play.display()))),
    }
}

/// The address, and how clients are pointed at it.
fn greet(url: &str, playing: &str, scenario: Option<&Path>) {
    let scenario = scenario.map(|path| format!(", as {} says", path.display())).unwrap_or_default();
    println!("🎭 The mock TikTok is on {url} and plays {}{}", printable(playing), printable(&scenario));
    println!("   livetape                       livetape live USER --upstream {url}");
    println!("   tiktok-live-connector 2.0.x    SIGN_API_URL={url} node your-program.js");
    println!("   TikTokLive (Python)            WebDefaults.tiktok_sign_url = \"{url}\"");
    println!("   what clients did               curl {url}/__admin/log");
    println!("📺 Press Ctrl+C to stop");
}
