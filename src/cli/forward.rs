//! `livetape record --proxy-listen`: records what the clients of a proxy do.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use tokio::net::lookup_host;

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
    sans_io::{
        error::{Code, Problem},
        username::normalise,
    },
    settings::{Listen, Settings},
    source::{
        forward::{Forward, Origin},
        live::{NetTransport, Url},
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
    check_offline(settings)?;
    let user = args.user.as_deref().map(normalise).transpose()?.unwrap_or_default();
    let (forward, live) = Forward::start(&rooms::options(&settings.live, &user, None))?;
    check_not_itself(settings, listen.0).await?;
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
        if ended.recordings.is_empty() && ended.recorder.is_none() && ended.refused.is_none() {
            say(
                "💡 No client opened a WebSocket to a room through the proxy, so no file was written; many need a separate proxy setting for it",
            );
        }
        ended
    };
    into_file(settings, user, &lines, follow).await
}

/// Rejects hosts of `--pass` that are not on this machine, because `--offline` leaves nothing else reachable.
fn check_offline(settings: &Settings) -> Result<(), Problem> {
    let is_away = |host: &str| host != "localhost";
    match settings.mock.pass.iter().find(|pass| settings.live.offline && is_away(&pass.host)) {
        None => Ok(()),
        Some(pass) => {
            let message = format!("--pass {pass} is not on this machine, and --offline contacts no others");
            Err(Problem::new(Code::OfflineMode, message).hint("leave out --pass, or --offline"))
        }
    }
}

/// Rejects a proxy or upstream that is this proxy itself: a single request would loop forever.
async fn check_not_itself(settings: &Settings, listen: SocketAddr) -> Result<(), Problem> {
    let live = &settings.live;
    for (flag, address) in [("--proxy", &live.proxy), ("--upstream", &live.upstream)] {
        if let Some(address) = address
            && is_itself(&address.0, listen).await
        {
            let message = format!("{flag} is the address of --proxy-listen: requests would loop forever");
            return Err(Problem::new(Code::BadRequest, message)
                .hint(format!("leave out {flag}, or choose another port with --proxy-listen ADDR")));
        }
    }
    Ok(())
}

async fn is_itself(url: &Url, listen: SocketAddr) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    if port != listen.port() {
        return false;
    }
    // A name that cannot be resolved is reported when it is used.
    let found = lookup_host((host.trim_matches(['[', ']']), port)).await;
    found.into_iter().flatten().any(|address| reaches(address.ip().to_canonical(), listen.ip()))
}

/// Whether a connection to `address` reaches a listener on this machine.
fn reaches(address: IpAddr, listen: IpAddr) -> bool {
    let is_local = address.is_loopback() || address.is_unspecified();
    // Only addresses of this machine can be bound.
    let is_own = || is_local || UdpSocket::bind((address, 0)).is_ok();
    address == listen.to_canonical()
        || (is_local && listen.to_canonical().is_loopback())
        || (listen.is_unspecified() && is_own())
}
