//! The parts that all serving commands share: hub, listener, display and signals.

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::{
    args, display,
    serving::{self, Addresses},
    signals,
};
use crate::{
    control::{Control, Driver, Sources, Token},
    hub::Hub,
    sans_io::error::Problem,
    server::{self, Server, listen::Listening},
    settings::{self, Settings},
};

/// A running server.
pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) control: Control,
    displays: TaskTracker,
    serving: JoinHandle<()>,
}

impl Stage {
    /// Starts listening, and returns the driver for a source. Calls `greet` with the address before any event is shown.
    pub(super) async fn open(
        settings: &Settings,
        display: display::Style,
        greet: impl FnOnce(&Addresses),
    ) -> Result<(Self, Driver), Problem> {
        let config = serving::config(settings)?;
        let (control, driver) = Control::with(sources(settings))?;
        let listener = Listening::bind(settings.server.address()).await?;
        let hub = Hub::new(stream_name(settings.server.seed), serving::backlog(settings));
        signals::listen(control.clone(), settings.limits.shutdown_time);
        display::end_without_reader(control.clone());
        for address in listener.addresses() {
            info!(%address, version = env!("CARGO_PKG_VERSION"), "🔔 Serving");
        }
        greet(&Addresses::new(settings, &listener.addresses()[0].to_string()));
        let displays = TaskTracker::new();
        if !settings.server.quiet {
            displays.spawn(display::show(hub.clone(), display));
        }
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        let serving = tokio::spawn(server::serve(listener, server));
        Ok((Self { hub, control, displays, serving }, driver))
    }

    /// Shuts the server down gracefully, after its source has ended.
    pub(super) async fn close(self) {
        self.control.shut_down();
        self.control.channels().ended().await;
        // A panicked server has closed its sockets too.
        drop(self.serving.await);
        self.displays.close();
        self.displays.wait().await;
    }
}

/// Returns the sources that tokens may start.
fn sources(settings: &Settings) -> Sources {
    let token = |token: &settings::Token| Token {
        secret: token.token.clone(),
        client: token.name.clone(),
        user: token.user.clone(),
        recording: token.recording.clone(),
    };
    Sources {
        tokens: settings.tokens.iter().map(token).collect(),
        max_live: settings.server.max_live,
        max_replays: settings.server.max_replays,
        recordings: settings.server.folder(),
        tell: display::say,
    }
}

/// Returns a stream name that no other process uses, so that positions from other processes are rejected.
fn stream_name(seed: Option<u64>) -> String {
    let name = seed.unwrap_or_else(args::random);
    format!("{name:016x}")
}
