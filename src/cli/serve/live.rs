//! `livetape live` and `livetape serve`.

use super::stage::{Bound, conclude};
use crate::{
    cli::{
        args,
        options::{config, rooms, serving::Addresses, sources},
        process::display,
    },
    log,
    sans_io::error::Problem,
    source::live::NetTransport,
    supervisor::{Supervisor, SupervisorOptions},
};

pub(crate) async fn live(args: args::Live) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let user = rooms::user(args.user.as_deref(), &settings.live)?;
    let options =
        SupervisorOptions { ends_with_source: !settings.live.stay, ..sources::options(&settings, &user) };
    let wait_clients = options.wait_clients;
    let transport = NetTransport::new(&options.live)?;
    let (bound, driver) = Bound::listen(&settings, &args.lifecycle).await?;
    let supervisor = Supervisor::new(bound.hub.clone(), &bound.control, driver, transport, options);
    let stage = bound.open(&settings, display::Style::Live, &args.lifecycle, |addresses| {
        let Addresses { feed, rest, .. } = addresses;
        display::say(&format!("Starting TikTok Live CLI for user: {user}"));
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        if wait_clients > 0 {
            display::say(&display::waiting(wait_clients));
        } else {
            display::say("Connecting to TikTok Live...");
        }
    })?;
    let ended = supervisor.live(user).await;
    let missed = stage.close().await;
    conclude(&ended, missed)
}

pub(crate) async fn serve(args: args::ServeIdle) -> Result<u8, Problem> {
    let mut settings = config::settings(&args.flags)?;
    settings.server.port = args.port_first.or(settings.server.port);
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    config::check_cluster(&settings)?;
    let options = sources::options(&settings, "");
    let transport = NetTransport::new(&options.live)?;
    #[cfg(feature = "nats")]
    if let Some(cluster) = super::cluster::connect(&settings).await? {
        return super::cluster::serve(cluster, &settings, &args.lifecycle, transport, options).await;
    }
    let (bound, driver) = Bound::listen(&settings, &args.lifecycle).await?;
    let supervisor = Supervisor::new(bound.hub.clone(), &bound.control, driver, transport, options);
    let stage = bound.open(&settings, display::Style::Plain, &args.lifecycle, |addresses| {
        let Addresses { feed, rest, .. } = addresses;
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        display::say(&format!("🔴 Connect a room with: curl -X POST {rest}/connect/USER"));
        display::say("📺 Press Ctrl+C to stop");
    })?;
    let ended = supervisor.serve().await;
    let missed = stage.close().await;
    conclude(&ended, missed)
}
