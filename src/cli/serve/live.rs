//! `livetape live` and `livetape serve`.

use livetape_core::error::Problem;
use livetape_engine::channels::{Channel, ChannelOptions};

use super::{cluster, stage};
use crate::{
    cli::{
        args,
        options::{config, rooms, serving::Addresses, sources},
        process::display,
    },
    log,
};

pub(crate) async fn live(args: args::Live) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let user = rooms::user(args.user.as_deref(), &settings.live)?;
    let options =
        ChannelOptions { ends_with_source: !settings.live.stay, ..sources::options(&settings, &user) };
    let wait_clients = options.wait_clients;
    let name = user.clone();
    let greet = |Addresses { feed, rest, .. }: &Addresses| {
        display::say(&format!("Starting TikTok Live CLI for user: {name}"));
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        if wait_clients > 0 {
            display::say(&display::waiting(wait_clients));
        } else {
            display::say("Connecting to TikTok Live...");
        }
    };
    let live = |channel: Channel| async { Ok(channel.live(user).await) };
    stage::serve(&settings, &args.lifecycle, display::Style::Live, options, None, live, greet).await
}

pub(crate) async fn serve(args: args::ServeIdle) -> Result<u8, Problem> {
    let mut settings = config::settings(&args.flags)?;
    settings.server.port = args.port_first.or(settings.server.port);
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    cluster::check(&settings)?;
    let options = sources::options(&settings, "");
    if settings.cluster.nats.is_some() {
        return cluster::serve(&settings, &args.lifecycle, options).await;
    }
    let greet = |Addresses { feed, rest, .. }: &Addresses| {
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        display::say(&format!("🔴 Connect a room with: curl -X POST {rest}/connect/USER"));
        display::say("📺 Press Ctrl+C to stop");
    };
    let idle = |channel: Channel| async { Ok(channel.serve().await) };
    stage::serve(&settings, &args.lifecycle, display::Style::Plain, options, None, idle, greet).await
}
