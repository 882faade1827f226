//! The parts that all serving commands share: hub, listener, display and signals.

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::{
    args, display,
    lifecycle::Ready,
    serving::{self, Addresses},
    signals,
    webhook::Webhook,
};
use crate::{
    control::{Control, Driver, Sources, Token},
    hub::Hub,
    sans_io::error::Problem,
    server::{self, Config, Server, Tikfinity, listen::Listening},
    settings::{self, Settings},
};

/// A running server.
pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) control: Control,
    displays: TaskTracker,
    serving: JoinHandle<()>,
}

/// A server that listens, but does not accept connections yet.
pub(super) struct Bound {
    pub(super) control: Control,
    pub(super) addresses: Addresses,
    driver: Driver,
    hub: Hub,
    config: Config,
    listener: Listening,
    tikfinity: Option<Tikfinity<Listening>>,
    webhook: Option<Webhook>,
}

impl Bound {
    /// Listens on the address of the settings.
    pub(super) async fn listen(settings: &Settings) -> Result<Self, Problem> {
        let config = serving::config(settings)?;
        let webhook = Webhook::new(settings)?;
        let (control, driver) = Control::with(sources(settings))?;
        let listener = Listening::bind(settings.server.address()).await?;
        let tikfinity = serving::tikfinity(settings).await?;
        let hub = Hub::new(stream_name(settings.server.seed), serving::backlog(settings));
        for address in listener.addresses() {
            info!(%address, version = env!("CARGO_PKG_VERSION"), "🔔 Serving");
        }
        for address in tikfinity.iter().flat_map(|it| it.listener.addresses()) {
            info!(%address, "🔔 Serving TikFinity's format");
        }
        let addresses = Addresses::new(settings, &listener.addresses()[0].to_string(), tikfinity.as_ref());
        Ok(Self { control, addresses, driver, hub, config, listener, tikfinity, webhook })
    }

    /// Starts serving. Shows the events if a display is given.
    pub(super) fn serve(self, display: Option<display::Style>) -> (Stage, Driver) {
        let Self { control, driver, hub, config, listener, tikfinity, webhook, addresses: _ } = self;
        let displays = TaskTracker::new();
        if let Some(display) = display {
            displays.spawn(display::show(hub.clone(), display));
        }
        if let Some(webhook) = webhook {
            webhook.start(hub.clone(), control.shutdown().clone(), &displays);
        }
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        let serving = tokio::spawn(server::serve_both(listener, tikfinity, server));
        (Stage { hub, control, displays, serving }, driver)
    }
}

impl Stage {
    /// Starts listening, and returns the driver for a source. Calls `greet` with the address before any event is shown.
    pub(super) async fn open(
        settings: &Settings,
        display: display::Style,
        lifecycle: &args::Lifecycle,
        greet: impl FnOnce(&Addresses),
    ) -> Result<(Self, Driver), Problem> {
        lifecycle.prepare()?;
        let bound = Bound::listen(settings).await?;
        signals::listen(bound.control.clone(), settings.limits.shutdown_time);
        display::end_without_reader(bound.control.clone());
        lifecycle.begin(&Ready::new(&bound.addresses), &bound.control)?;
        if let Some(address) = &bound.addresses.tikfinity {
            display::say(&format!("🎁 Serving TikFinity's format on {address}"));
        }
        greet(&bound.addresses);
        Ok(bound.serve((!settings.server.quiet).then_some(display)))
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
