//! How to reach NATS, from the settings.

use livetape_cluster::{Login, Options, SLOTS_MAX};
use livetape_core::error::{Code, Problem};
use percent_encoding::percent_decode_str;

use crate::{
    cli::{
        args,
        options::{serving, trust},
    },
    settings::{self, NatsUrls, Settings},
};

/// Start of the seed of a user's NKey. A credentials file starts with dashes.
const SEED_START: &str = "SU";

/// Returns how to join the cluster of the settings, if there is one. Files and keys are checked; NATS is not
/// asked.
pub(super) fn options(settings: &Settings) -> Result<Option<Options>, Problem> {
    let settings::Cluster { nats: Some(urls), name, ca, lease, wait, replicas, .. } = &settings.cluster
    else {
        return Ok(None);
    };
    if settings.server.max_live > SLOTS_MAX {
        let message = format!("--max-live is above {SLOTS_MAX}, the maximum of a cluster");
        return Err(
            Problem::new(Code::BadConfig, message).hint("choose a smaller number, or use several clusters")
        );
    }
    if let Some(ca) = ca {
        // Otherwise the first connection with TLS would tell.
        trust::certificates(ca, "--nats-ca", "use the certificate of the CA that signed that of NATS")?;
    }
    let options = Options {
        urls: urls.servers(),
        login: login(&settings.cluster)?,
        ca: ca.clone(),
        cluster: name.clone(),
        node: format!("{:016x}", args::random()),
        lease: *lease,
        wait: *wait,
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
