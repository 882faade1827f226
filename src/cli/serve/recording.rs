//! The part of `livetape record` that rooms and tabs share.

use livetape_core::error::{Problem, exit};
use livetape_engine::{
    channels::{Channel, ChannelOptions, Ended, Record},
    source::live::NetTransport,
};
use livetape_feed::{
    control::Control,
    hub::{CloseReason, Hub, Limits},
};

use super::stage::conclude;
use crate::{
    cli::{
        options::rooms,
        process::{display, signals},
    },
    settings::Settings,
};

/// Prints `lines`, then records and displays the source that `start` runs on a channel.
pub(super) async fn into_file<E: Future<Output = Ended>>(
    settings: &Settings,
    user: &str,
    lines: &[String],
    start: impl FnOnce(Channel) -> E,
) -> Result<u8, Problem> {
    let folder = || Record::Folder(settings.server.folder());
    let options = ChannelOptions {
        ends_with_source: true,
        record: Some(settings.record.output.clone().map_or_else(folder, Record::File)),
        rotate: settings.record.rotate,
        sync: settings.record.sync,
        record_bytes_max: settings.record.max_size.map(|size| size.0 as u64),
        record_only: true,
        ..ChannelOptions::new(rooms::options(&settings.live, user, None))
    };
    options.check_file()?;
    let transport = NetTransport::new(&options.live)?;
    let (control, driver) = Control::new();
    let hub = Hub::new("record".into(), Limits::default());
    signals::listen(control.clone(), settings.limits.shutdown_time);
    display::end_without_reader(control.clone());
    lines.iter().for_each(|line| display::say(line));
    display::say("📺 Press Ctrl+C to stop");
    let shown =
        (!settings.server.quiet).then(|| tokio::spawn(display::show(hub.clone(), display::Style::Recording)));
    let ended = start(Channel::new(hub.clone(), &control, driver, transport, options)).await;
    hub.close(CloseReason { code: 1000, reason: "recorded".into() });
    if let Some(shown) = shown {
        drop(shown.await);
    }
    conclude(&ended, exit::DONE)
}
