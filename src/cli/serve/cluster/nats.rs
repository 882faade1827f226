//! `serve --nats` joins a cluster, and `doctor` checks whether it would.

use livetape_cluster::{Cluster, Login, Options, SLOTS_MAX, diagnose};
use livetape_core::error::{Code, Problem, exit};
use livetape_engine::channels::ChannelOptions;
use livetape_feed::hub::Hub;
use percent_encoding::percent_decode_str;

use super::super::stage::{Bound, conclude};
use crate::{
    cli::{
        args,
        options::{
            config,
            serving::{self, Addresses},
        },
        process::{
            display,
            output::{complain, say},
            signals::Signals,
        },
    },
    settings::{self, NatsUrls, Settings},
};

/// Start of the seed of a user's NKey. A credentials file starts with dashes.
const SEED_START: &str = "SU";

/// Returns how to join the cluster of the settings, if there is one. Files and keys are checked; NATS is not
/// asked.
pub(super) fn options_of(settings: &Settings) -> Result<Option<Options>, Problem> {
    let settings::Cluster { nats: Some(urls), name, lease, replicas, .. } = &settings.cluster else {
        return Ok(None);
    };
    if settings.server.max_live > SLOTS_MAX {
        let message = format!("--max-live is above {SLOTS_MAX}, the maximum of a cluster");
        return Err(
            Problem::new(Code::BadConfig, message).hint("choose a smaller number, or use several clusters")
        );
    }
    let options = Options {
        urls: urls.servers(),
        login: login(&settings.cluster)?,
        cluster: name.clone(),
        node: format!("{:016x}", args::random()),
        lease: *lease,
        settings: serving::shared(settings)?,
        replicas: *replicas,
    };
    options.check()?;
    Ok(Some(options))
}

fn login(settings: &settings::Cluster) -> Result<Login, Problem> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    if let Some(path) = &settings.creds {
        let text = String::from_utf8(serving::read(path)?).map_err(|_| {
            let message = format!("{} is not a credentials file", path.display());
            Problem::new(Code::BadConfig, message).hint("write it with `nsc generate creds`")
        })?;
        let is_seed = text.trim().starts_with(SEED_START);
        return Ok(if is_seed {
            Login::Nkey(text.trim().to_owned().into())
        } else {
            Login::Credentials(text.into())
        });
    }
    Ok(match settings.nats.as_ref().and_then(NatsUrls::user) {
        Some((user, Some(password))) => Login::Password(decoded(user), decoded(password).into()),
        Some((token, None)) => Login::Token(decoded(token).into()),
        None => Login::Anonymous,
    })
}

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

/// Prints every finding.
pub(in crate::cli) async fn doctor(args: args::Doctor) -> Result<u8, Problem> {
    let options = options_of(&config::settings(&args.flags)?)?.ok_or_else(|| {
        Problem::new(Code::BadRequest, "nothing to check").hint("name the cluster's NATS with --nats URL")
    })?;
    let mut exit = exit::DONE;
    for finding in diagnose(&options).await {
        match finding {
            Ok(line) => say(format!("✅ {line}\n"))?,
            Err(problem) => exit = exit.max(complain(&problem)),
        }
    }
    Ok(exit)
}
