//! `--nats`: joins a cluster.

use livetape_cluster::Cluster;
use livetape_core::error::{Code, Problem, exit};
use livetape_engine::channels::ChannelOptions;
use livetape_feed::hub::Hub;

use super::{
    super::stage::{Bound, conclude},
    options::options as options_of,
};
use crate::{
    cli::{
        args,
        options::serving::Addresses,
        process::{display, signals::Signals},
    },
    settings::Settings,
};

/// Serves as a node of the cluster that the settings name.
pub(crate) async fn serve(
    settings: &Settings,
    lifecycle: &args::Lifecycle,
    mut options: ChannelOptions,
) -> Result<u8, Problem> {
    let joining = options_of(settings)?.ok_or_else(|| Problem::new(Code::BadRequest, "--nats is missing"))?;
    let mut signals = Signals::new();
    let joined = async {
        let cluster = Cluster::connect(joining).await?;
        let node = cluster.node().to_owned();
        options.live.close_timeout = options.live.close_timeout.min(cluster.close_timeout());
        // Streams of the cluster have the name of a node and a number: those of this process must differ.
        let hub = |limits| Hub::relayed(String::new(), format!("{node}-here"), limits);
        let (mut bound, mut driver) = Bound::listen_with(settings, lifecycle, None, hub).await?;
        let membership = cluster.join(bound.hub.clone(), bound.control.clone(), &mut driver).await?;
        bound.span(membership.peers);
        let supervising = tokio::spawn(bound.channel(driver, options)?.serve_terms(membership.terms));
        membership.ready.await?;
        Ok::<_, Problem>((node, bound, supervising, membership.left))
    };
    // NATS may be waited for. As the first process of a container, this one ignores signals without a handler.
    let (node, bound, supervising, left) = tokio::select! { biased;
        signal = signals.next() => return Ok(signal.exit_code()),
        joined = joined => joined?,
    };
    let stage =
        bound.open(settings, display::Style::Plain, lifecycle, |Addresses { feed, rest, .. }| {
            display::say(&format!("🌐 Serving on {feed} and {rest}/"));
            display::say(&format!("🔗 Node {node} of the cluster {}", settings.cluster.name));
            display::say("📺 Press Ctrl+C to stop");
        })?;
    let ended = supervising.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let missed = stage.close().await;
    // A panicked task leaves the lease to expire.
    let lost = left.await.unwrap_or(Ok(0))?;
    if lost == 0 {
        return conclude(&ended, missed);
    }
    display::say(&format!("⚠️ Incomplete: up to {lost} events of rooms could not be stored in the cluster"));
    conclude(&ended, exit::LOST)
}
