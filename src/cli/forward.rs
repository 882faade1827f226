//! `livetape record --proxy-listen`: records what the clients of a proxy do.

use std::net::IpAddr;

use super::{
    args,
    display::say,
    output::warn,
    proxied::{BY_FLAG, Fronts},
    recording::into_file,
    rooms,
};
use crate::{
    mock::Wire,
    proxy::{Handler, Hosts, Stream, Target},
    sans_io::{error::Problem, username::normalise},
    settings::{Listen, Settings},
    source::{
        forward::{Forward, Origin},
        live::NetTransport,
    },
    supervisor::Supervisor,
};

/// Name of the recording if the command line names no user.
const UNKNOWN_USER: &str = "proxy";

/// Passes decrypted connections on to the real hosts.
struct Recorded(Forward);

impl<I: Wire> Handler<I> for Recorded {
    async fn handle(&self, target: Target, _: Option<IpAddr>, io: Stream<I>) {
        let Target { host, port, is_tls } = target;
        self.0.serve(io, Origin { host, port, is_tls }).await;
    }
}

pub(super) async fn record(
    args: &args::RecordRoom,
    settings: &Settings,
    listen: Listen,
) -> Result<u8, Problem> {
    let user = args.user.as_deref().map(normalise).transpose()?.unwrap_or_default();
    let (forward, live) = Forward::start(&rooms::options(&settings.live, &user, None))?;
    let report = |line: &str, _| say(&format!("❌ {line}"));
    let (listens, hosts) = ((Some(listen), None), Hosts { how_to_pass: BY_FLAG, ..Hosts::default() });
    let fronts = Fronts::serve(Recorded(forward), listens, &settings.mock, (hosts, report)).await?;
    if let Some(address) = fronts.proxy.filter(|address| !address.ip().is_loopback()) {
        warn(format_args!("⚠️ Anyone who can reach {address} can send requests to TikTok through it"));
    }
    let user = if user.is_empty() { UNKNOWN_USER } else { &user };
    let about = "🔴 Recording the clients of the proxy".to_owned();
    let lines: Vec<_> = std::iter::once(about).chain(fronts.lines().lines().map(str::to_owned)).collect();
    let follow = |supervisor: Supervisor<NetTransport>| async {
        let ended = supervisor.follow(user, live).await;
        if ended.recordings.is_empty() && ended.recorder.is_none() {
            say(
                "💡 No client opened a WebSocket to a room through the proxy, so there is no file; many need a separate proxy setting for it",
            );
        }
        ended
    };
    into_file(settings, user, &lines, follow).await
}
