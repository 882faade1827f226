//! How to reach NATS.

use std::{error::Error as _, io, time::Duration};

use async_nats::{Client, ClientError, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerError};
use livetape_core::{
    error::{Code, Problem},
    secret::Secret,
};
use livetape_io::clock;
use nkeys::KeyPair;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::{debug, info, warn};

use super::report::Settings;

/// Maximum time for a connection to NATS.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Maximum interval between pings to NATS. Two without an answer mean that it is gone.
const PING_INTERVAL_MAX: Duration = Duration::from_secs(5);
const RECONNECT_DELAY: Duration = Duration::from_millis(100);
/// Maximum time to wait for NATS at the start.
pub(super) const START_MAX: Duration = Duration::from_secs(60);
/// Interval between attempts to connect at the start.
const START_INTERVAL: Duration = Duration::from_secs(1);

const TLS_HINT: &str =
    "check the certificate of NATS, trust its CA with SSL_CERT_FILE=ca.pem, or use nats:// if it has no TLS";
pub(super) const REJECTED: &str =
    "NATS rejects the user of this node: it was removed, or its password changed";
pub(super) const REJECTED_HINT: &str = "check --nats-creds, or the user and password in --nats";
pub(super) const DENIED_HINT: &str = "grant the user this subject, or use another with --nats-creds";
/// Maximum number of denials that are kept.
const DENIED_MAX: usize = 32;

/// A cluster, and how this process joins it.
#[derive(Clone, Debug)]
pub struct Options {
    /// URLs of the servers of NATS, without users and passwords.
    pub urls: Vec<String>,
    pub login: Login,
    /// Name of the cluster. All its nodes must have the same lease.
    pub cluster: String,
    /// Name of this process, unique for each start.
    pub node: String,
    /// Lifetime of an ownership without renewal.
    pub lease: Duration,
    /// Settings that must be those of the other nodes.
    pub settings: Settings,
    /// Number of NATS servers that store each message.
    pub replicas: usize,
}

/// How a client identifies itself to NATS.
#[derive(Clone, Debug)]
pub enum Login {
    Anonymous,
    /// A user and a password.
    Password(String, Secret),
    Token(Secret),
    /// The seed of an NKey.
    Nkey(Secret),
    /// The text of a credentials file.
    Credentials(Secret),
}

/// What NATS has denied so far, in its own words, each with the last time.
pub(super) type Denied = watch::Receiver<Vec<(Instant, String)>>;

/// A connection to NATS, and whether it currently works.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) is_connected: watch::Receiver<bool>,
    /// Whether NATS rejects this user, although it has accepted it before.
    pub(super) is_rejected: watch::Receiver<bool>,
    pub(super) denied: Denied,
}

impl Options {
    /// Checks the login without asking NATS.
    ///
    /// # Errors
    /// `bad_config` if the login cannot be one.
    pub fn check(&self) -> Result<(), Problem> {
        self.login.identify(ConnectOptions::new()).map(drop)
    }

    /// Connects, and waits for NATS if nothing answers yet. A user that it rejects, and the like, is not waited for.
    pub(super) async fn connect_in_time(&self) -> Result<Link, Problem> {
        let ends = clock::now() + START_MAX;
        let mut told = None;
        loop {
            let problem = match self.try_connect().await {
                Ok(link) => return Ok(link),
                Err((kind, problem)) if may_start(kind) && clock::now() < ends => problem,
                Err((_, problem)) => return Err(problem),
            };
            if told.as_ref() != Some(&problem.message) {
                let (code, hint) = (problem.code.name(), &problem.hint);
                warn!(code, why = %problem, hint, "⏳ Waiting for NATS, up to {START_MAX:?}");
                told = Some(problem.message);
            }
            sleep_until(ends.min(clock::now() + START_INTERVAL)).await;
        }
    }

    pub(super) async fn connect(&self) -> Result<Link, Problem> {
        self.try_connect().await.map_err(|(_, problem)| problem)
    }

    async fn try_connect(&self) -> Result<Link, (ConnectErrorKind, Problem)> {
        let identified = self.login.identify(ConnectOptions::new());
        let (connected, is_connected) = watch::channel(true);
        let (rejecting, is_rejected) = watch::channel(false);
        let (denying, denied) = watch::channel(Vec::new());
        let options = identified
            .map_err(|problem| (ConnectErrorKind::Authentication, problem))?
            .name(format!("livetape {}", self.node))
            .connection_timeout(CONNECT_TIME)
            .ping_interval((self.lease / 2).min(PING_INTERVAL_MAX))
            .reconnect_delay_callback(|_| RECONNECT_DELAY)
            // Anybody on the way can announce a server, which would get the login.
            .ignore_discovered_servers()
            .event_callback(move |event| {
                note(&connected, &event);
                note_rejected(&rejecting, &event);
                if let Event::ServerError(ServerError::Other(text)) = &event {
                    note_denied(&denying, text);
                }
                std::future::ready(())
            });
        let client =
            options.connect(&self.urls).await.map_err(|error| (kind_of(&error), self.problem(&error)))?;
        Ok(Link { client, is_connected, is_rejected, denied })
    }

    fn problem(&self, error: &ConnectError) -> Problem {
        let mut details = String::new();
        let (why, hint) = match kind_of(error) {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                ("it rejects this user", REJECTED_HINT)
            }
            ConnectErrorKind::Tls => {
                details = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
                ("the TLS handshake failed", TLS_HINT)
            }
            ConnectErrorKind::Dns => ("its name cannot be resolved", "check the spelling of --nats"),
            ConnectErrorKind::ServerParse => ("the URL is invalid", "write it like nats://127.0.0.1:4222"),
            ConnectErrorKind::TimedOut => (
                "it does not answer in time",
                "check that NATS listens there, and that --nats names its port for clients",
            ),
            ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => {
                ("nothing answers there", "start NATS, or check --nats")
            }
        };
        let message = format!("cannot connect to NATS at {}: {why}{details}", self.urls.join(", "));
        Problem::new(Code::ClusterUnreachable, message).hint(hint)
    }
}

impl Login {
    /// Adds the login. Errors do not repeat it.
    fn identify(&self, options: ConnectOptions) -> Result<ConnectOptions, Problem> {
        let bad = |message: &str, hint: &str| Problem::new(Code::BadConfig, message).hint(hint);
        Ok(match self {
            Self::Anonymous => options,
            Self::Password(user, password) => {
                options.user_and_password(user.clone(), password.reveal().to_owned())
            }
            Self::Token(token) => options.token(token.reveal().to_owned()),
            Self::Nkey(seed) => {
                let hint = "use its seed, which starts with SU, not its public key";
                KeyPair::from_seed(seed.reveal()).map_err(|_| bad("the NKey of NATS is invalid", hint))?;
                options.nkey(seed.reveal().to_owned())
            }
            Self::Credentials(text) => options.credentials(text.reveal()).map_err(|_| {
                bad("the credentials file of NATS is invalid", "write it with `nsc generate creds`")
            })?,
        })
    }
}

/// Checks that this node has the same lease as the others.
pub(super) fn same_lease(cluster: &str, found: Duration, own: Duration) -> Result<(), Problem> {
    if found == own {
        return Ok(());
    }
    let message = format!("the cluster `{cluster}` has leases of {found:?}, but this node has {own:?}");
    let hint = format!(
        "set the same cluster.lease on every node; to change it, stop all nodes and delete the bucket `livetape-{cluster}`"
    );
    Err(Problem::new(Code::BadConfig, message).hint(hint))
}

/// Whether NATS may only not have started yet.
fn may_start(kind: ConnectErrorKind) -> bool {
    use ConnectErrorKind::{Dns, Io, MaxReconnects, TimedOut};
    matches!(kind, Dns | Io | MaxReconnects | TimedOut)
}

/// The library reports a failed TLS handshake as invalid data.
fn kind_of(error: &ConnectError) -> ConnectErrorKind {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if io.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
        ConnectErrorKind::Tls
    } else {
        error.kind()
    }
}

fn note(connected: &watch::Sender<bool>, event: &Event) {
    match event {
        Event::Connected => {
            info!("🔗 Connected to NATS");
            connected.send_replace(true);
        }
        Event::Disconnected => {
            warn!("❌ The connection to NATS is lost");
            connected.send_replace(false);
        }
        // By this process, which ends.
        Event::Closed => drop(connected.send_replace(false)),
        // Several a second while NATS is away. Texts of the server name users and subjects, but no secrets.
        other => debug!(event = %other, "🔗 NATS"),
    }
}

fn note_rejected(rejecting: &watch::Sender<bool>, event: &Event) {
    let is_rejected = match event {
        Event::Connected => false,
        Event::ClientError(ClientError::Other(text)) => {
            [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Authentication]
                .iter()
                .any(|kind| text.contains(&kind.to_string()))
        }
        _ => return,
    };
    // Again with each attempt to connect.
    let is_news = rejecting.send_if_modified(|known| std::mem::replace(known, is_rejected) != is_rejected);
    if is_news && is_rejected {
        warn!(code = Code::ClusterUnreachable.name(), hint = REJECTED_HINT, "❌ {REJECTED}");
    }
}

/// Waits until NATS has denied something; forever, if the client ends before.
pub(super) async fn denied(mut denied: Denied) {
    if denied.wait_for(|denied| !denied.is_empty()).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns the first subject that NATS has denied, as a problem.
pub(super) fn first_denied(denied: &Denied) -> Result<(), Problem> {
    let first = denied.borrow().first().cloned();
    first.map_or(Ok(()), |(_, told)| Err(denial(&told)))
}

/// Returns what NATS has denied, in our words.
pub(super) fn denial(told: &str) -> Problem {
    let act = if told.to_lowercase().contains("publish") { "publish on" } else { "subscribe to" };
    let subject = told.split('"').nth(1).unwrap_or(told);
    let message = format!("NATS does not allow this user to {act} `{subject}`");
    Problem::new(Code::ClusterUnreachable, message).hint(DENIED_HINT)
}

fn note_denied(denied: &watch::Sender<Vec<(Instant, String)>>, text: &str) {
    if !text.to_lowercase().starts_with("permissions violation") {
        return;
    }
    denied.send_if_modified(|known| {
        let now = clock::now();
        if let Some((at, _)) = known.iter_mut().find(|(_, known)| known == text) {
            *at = now;
            return false;
        }
        let is_kept = known.len() < DENIED_MAX;
        if is_kept {
            warn!(denied = text, "❌ NATS denies this user a permission");
            known.push((now, text.to_owned()));
        }
        is_kept
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_nats_that_does_not_start_is_waited_for_and_then_reported() {
        let options = Options {
            urls: vec!["nats://127.0.0.1:1".to_owned(), "nats://localhost:1".to_owned()],
            login: Login::Anonymous,
            cluster: "show".to_owned(),
            node: "node".to_owned(),
            lease: Duration::from_secs(5),
            settings: Settings::default(),
            replicas: 1,
        };
        let started = clock::now();
        let problem = options.connect_in_time().await.err().expect("nothing listens on port 1");
        assert!(started.elapsed() >= START_MAX);
        assert_eq!(problem.code, Code::ClusterUnreachable);
        let start = "cannot connect to NATS at nats://127.0.0.1:1, nats://localhost:1: ";
        assert!(problem.message.starts_with(start), "{problem}");
    }
}
