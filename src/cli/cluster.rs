//! `--nats`: joins a cluster. `livetape doctor` checks whether that would work.

use super::{
    args, config, display,
    output::say,
    serving::{self, Addresses},
    stage::{Bound, conclude},
};
use crate::{
    cluster::{Cluster, Login, Options, diagnose},
    hub::Hub,
    sans_io::error::{Code, Problem, exit},
    secret::Secret,
    settings::{self, Address, Settings},
    source::live::NetTransport,
    supervisor::{Supervisor, SupervisorOptions},
};

/// Connects to the cluster of the settings, if there is one.
pub(super) async fn connect(settings: &Settings) -> Result<Option<Cluster>, Problem> {
    match options(settings)? {
        Some(options) => Cluster::connect(options).await.map(Some),
        None => Ok(None),
    }
}

/// `livetape doctor`: prints every finding.
pub(super) async fn doctor(args: args::Doctor) -> Result<u8, Problem> {
    let options = options(&config::settings(&args.flags)?)?;
    let options = options.ok_or_else(|| {
        Problem::new(Code::BadRequest, "nothing to check").hint("name the cluster's NATS with --nats URL")
    })?;
    let mut exit = exit::DONE;
    for finding in diagnose(&options).await {
        match finding {
            Ok(line) => say(format!("✅ {line}\n"))?,
            Err(problem) => exit = exit.max(super::complain(&problem)),
        }
    }
    Ok(exit)
}

fn options(settings: &Settings) -> Result<Option<Options>, Problem> {
    let settings::Cluster { nats: Some(Address(url)), name, ca, lease, replicas, .. } = &settings.cluster
    else {
        return Ok(None);
    };
    let login = login(&settings.cluster)?;
    let mut url = url.clone();
    // The login has them, and the URL is shown. Neither fails for a URL with a host.
    let _ = (url.set_username(""), url.set_password(None));
    Ok(Some(Options {
        url: url.to_string().trim_end_matches('/').to_owned(),
        login,
        ca: ca.clone(),
        cluster: name.clone(),
        node: format!("{:016x}", args::random()),
        lease: *lease,
        replicas: *replicas,
    }))
}

/// Serves as a node of the cluster.
pub(super) async fn serve(
    cluster: Cluster,
    settings: &Settings,
    lifecycle: &args::Lifecycle,
    transport: NetTransport,
    mut options: SupervisorOptions,
) -> Result<u8, Problem> {
    let node = cluster.node().to_owned();
    options.live.close_timeout = options.live.close_timeout.min(cluster.close_timeout());
    // Streams of the cluster have the name of a node and a number: those of this process must differ.
    let hub = |limits| Hub::relayed(String::new(), format!("{node}-here"), limits);
    let (bound, mut driver) = Bound::listen_with(settings, lifecycle, hub).await?;
    let membership = cluster.join(bound.hub.clone(), bound.control.clone(), &mut driver).await?;
    let supervisor = Supervisor::new(bound.hub.clone(), &bound.control, driver, transport, options);
    let supervising = tokio::spawn(supervisor.serve_terms(membership.terms));
    membership.ready.await?;
    let stage =
        bound.open(settings, display::Style::Plain, lifecycle, |Addresses { feed, rest, .. }| {
            display::say(&format!("🌐 Serving on {feed} and {rest}/"));
            display::say(&format!("🔗 Node {node} of the cluster {}", settings.cluster.name));
            display::say("📺 Press Ctrl+C to stop");
        })?;
    let ended = supervising.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let missed = stage.close().await;
    // A panicked task leaves the lease to expire.
    membership.left.await.unwrap_or(Ok(()))?;
    conclude(&ended, missed)
}

fn login(settings: &settings::Cluster) -> Result<Login, Problem> {
    let settings::Cluster { nats, creds, user, password, token, nkey, .. } = settings;
    let of_url = nats.as_ref().filter(|Address(url)| !url.username().is_empty());
    Ok(match (creds, user.clone().zip(password.clone()), token, nkey, of_url) {
        (Some(path), ..) => {
            let text = String::from_utf8(serving::read(path)?);
            let text = text.map_err(|_| {
                let message = format!("{} is not a credentials file", path.display());
                Problem::new(Code::BadConfig, message).hint("write it with `nsc generate creds`")
            })?;
            Login::Credentials(text.into())
        }
        (_, Some((user, password)), ..) => Login::Password(user, password),
        (_, _, Some(token), ..) => Login::Token(token.clone()),
        (_, _, _, Some(seed), _) => Login::Nkey(seed.clone()),
        (_, _, _, _, Some(Address(url))) => match url.password() {
            Some(password) => Login::Password(url.username().to_owned(), Secret::from(password.to_owned())),
            None => Login::Token(url.username().to_owned().into()),
        },
        _ => Login::Anonymous,
    })
}
