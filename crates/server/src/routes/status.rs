//! `/health`, `/ready` and `/status`: the state of the server and its source. `/connect`, `/test` and
//! `/inject`: orders to the source. `/shutdown`: stops the server.

use std::{iter, time::Duration};

use axum::{
    Extension,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::Uri,
};
use livetape_core::{
    error::{Code, Problem},
    inject::parse,
};
use livetape_feed::{
    control::{
        Check, Injected, LookupState, Mode, Nodes, NodesStatus, Status, TabRoom, not_current, shutting_down,
    },
    hub::Hub,
};
use livetape_io::clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{select, time::sleep_until};

use super::{App, given, parse_body, path_params, query};
use crate::{
    access::bearer::ReadOnly,
    state::{API_VERSION, ErrorResponse, Json},
};

/// Response of `GET /health`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum HealthResponse {
    Known(Health),
    /// The request has no valid token.
    Up {
        status: &'static str,
    },
}

impl HealthResponse {
    pub(crate) const UP: Self = Self::Up { status: UP };
}

const UP: &str = "ok";

/// Response of `GET /health` to a request with a valid token, if tokens are required.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
    /// Version of the feed and the REST API; incompatible changes increase it.
    api_version: u32,
    /// Seconds since the start.
    uptime: u64,
    /// What runs on the main channel.
    mode: Mode,
    user: Option<String>,
    clients: usize,
    /// Whether the token of this request allows reading only.
    read_only: bool,
    /// URL of the feed in TikFinity's format, with `--tikfinity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tikfinity: Option<String>,
    /// Memory use, if the system reports it.
    memory: Option<Memory>,
}

#[derive(Serialize, JsonSchema)]
struct Memory {
    /// Resident set size, in bytes.
    rss: usize,
}

pub(crate) async fn health(
    State(app): State<App>,
    read_only: Option<Extension<ReadOnly>>,
) -> Json<HealthResponse> {
    let status = app.shared.control.status();
    Json(HealthResponse::Known(Health {
        status: UP,
        version: env!("CARGO_PKG_VERSION"),
        api_version: API_VERSION,
        uptime: (clock::now() - app.shared.started).as_secs(),
        mode: status.mode,
        user: status.username,
        clients: app.shared.subscriber_count(),
        read_only: read_only.is_some(),
        tikfinity: app.shared.tikfinity.as_deref().map(str::to_owned),
        memory: memory_stats::memory_stats().map(|memory| Memory { rss: memory.physical_mem }),
    }))
}

/// Response of `GET /ready`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Readiness {
    status: &'static str,
    #[serde(flatten)]
    unowned: Option<Unowned>,
}

/// A cluster in which no node owns the main channel. Clients still get the backlog.
#[derive(Serialize, JsonSchema)]
struct Unowned {
    /// Always `null`.
    owner: (),
    /// The reason.
    unowned: String,
}

/// Tells load balancers whether to send clients here. Unlike `/health`, which decides about restarts: those
/// would disconnect the clients of a process that waits for the others.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Readiness>, ErrorResponse> {
    let nodes = app.shared.control.nodes();
    nodes.as_ref().map_or(Ok(()), Nodes::check)?;
    let unowned = nodes.and_then(|nodes| nodes.unowned).map(|unowned| Unowned { owner: (), unowned });
    Ok(Json(Readiness { status: "ok", unowned }))
}

/// Response of `GET /status`: the state of the source, and its subscribers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    #[serde(flatten)]
    status: Status,
    /// Number of clients that subscribe to its events; for a user, on all channels that show the user.
    clients: usize,
    /// Number of observers (`observer=1`).
    observers: usize,
    /// Number of events that the slowest client has not been sent yet.
    behind: u64,
    /// The budget of look-ups at the upstream, which all rooms share.
    #[serde(skip_serializing_if = "Option::is_none")]
    lookups: Option<LookupState>,
    #[serde(flatten)]
    nodes: NodesStatus,
}

impl Overview {
    /// The state of the main channel. `other` is the channel of a token that shows the same user.
    fn main(app: &App, status: Status, other: Option<&Hub>) -> Json<Self> {
        let control = &app.shared.control;
        let (lookups, nodes) = (Some(control.limit().state()), NodesStatus { cluster: control.nodes() });
        let hubs = iter::once(&app.shared.hub).chain(other);
        Json(Self { lookups, nodes, ..Self::of(status, hubs) })
    }

    fn of<'a>(status: Status, hubs: impl Iterator<Item = &'a Hub>) -> Self {
        let (lookups, nodes) = (None, NodesStatus::default());
        let nobody = Self { status, clients: 0, observers: 0, behind: 0, lookups, nodes };
        hubs.fold(nobody, |sum, hub| Self {
            clients: sum.clients + hub.subscriber_count(),
            observers: sum.observers + hub.observer_count(),
            behind: sum.behind.max(hub.behind()),
            ..sum
        })
    }
}

pub(crate) async fn status(State(app): State<App>) -> Json<Overview> {
    Overview::main(&app, app.shared.control.status(), None)
}

pub(crate) async fn status_of(State(app): State<App>, user: User) -> Result<Json<Overview>, ErrorResponse> {
    let user = path_params(user)?;
    let (status, channels) = (app.shared.control.status(), app.shared.control.channels());
    let hub = channels.find(&user);
    if status.is_of(&user) {
        return Ok(Overview::main(&app, status, hub.as_ref()));
    }
    // A user whose room was opened by a token is current, too.
    let room = channels.status(&user).zip(hub);
    let overview = room.map(|(status, hub)| Json(Overview::of(status, iter::once(&hub))));
    overview.ok_or_else(|| not_current(&user).into())
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ShuttingDown {
    status: &'static str,
}

/// Responds before the server stops, because the shutdown completes requests in progress.
pub(crate) async fn shutdown(State(app): State<App>) -> Json<ShuttingDown> {
    app.shared.control.shut_down();
    Json(ShuttingDown { status: "shutting_down" })
}

type User = Result<Path<String>, PathRejection>;

/// Responds once the first attempt has succeeded or failed.
pub(crate) async fn connect(State(app): State<App>, user: User) -> Result<Json<Status>, ErrorResponse> {
    Ok(Json(app.shared.control.connect(path_params(user)?).await?))
}

/// Body of `POST /connect`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follow {
    /// Kind of source: `tab`.
    #[serde(rename = "source")]
    _source: Followed,
    /// User whose LIVE the tab shows; without it, the only tab that shows a LIVE.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String")]
    user: Option<String>,
    /// Number of the tab in the browser's list, from 1, whatever it shows.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "u32", range(max = u32::MAX))]
    tab: Option<u32>,
}

/// What can be followed.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Followed {
    /// A tab of the browser with the debugging port `live.cdp`.
    Tab,
}

/// Responds once the first attempt has succeeded or failed.
pub(crate) async fn follow(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Status>, ErrorResponse> {
    let Follow { user, tab, .. } = parse_body(body)?;
    let number = tab.map(|tab| usize::try_from(tab).unwrap_or(usize::MAX));
    Ok(Json(app.shared.control.connect_tab(TabRoom { user, number }).await?))
}

pub(crate) async fn disconnect(State(app): State<App>, user: User) -> Result<Json<Status>, ErrorResponse> {
    Ok(Json(app.shared.control.disconnect(path_params(user)?).await?))
}

pub(crate) async fn test(State(app): State<App>, user: User) -> Result<Json<Check>, ErrorResponse> {
    Ok(Json(app.shared.control.test(path_params(user)?).await?))
}

const WAIT_CLIENTS_MAX: Duration = Duration::from_secs(30);

pub(crate) async fn inject(
    State(app): State<App>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Injected>, ErrorResponse> {
    let wait_clients = wait_clients(&uri, app.shared.subscribers_max)?;
    let request = parse(parse_body(body)?)?;
    wait_for(&app, wait_clients).await?;
    Ok(Json(app.shared.control.inject(request).await?))
}

/// Number of clients to wait for before injecting.
fn wait_clients(uri: &Uri, clients_max: usize) -> Result<usize, Problem> {
    let mut wait_clients = 0;
    for (key, value) in query::pairs(uri)? {
        if key != "wait_clients" {
            return Err(query::unknown_key(&key, &["wait_clients"]));
        }
        wait_clients = value.parse().ok().filter(|&count| count <= clients_max).ok_or_else(|| {
            let message = format!("`wait_clients` is not a valid number: `{value}`");
            Problem::new(Code::BadRequest, message).hint(format!("write a number from 0 to {clients_max}"))
        })?;
    }
    Ok(wait_clients)
}

async fn wait_for(app: &App, clients: usize) -> Result<(), Problem> {
    select! {
        biased;
        () = app.shared.hub.wait_for_subscribers(clients) => Ok(()),
        () = app.shared.control.shutdown().cancelled() => {
            Err(shutting_down())
        }
        () = sleep_until(clock::now() + WAIT_CLIENTS_MAX) => {
            let (there, seconds) = (app.shared.hub.subscriber_count(), WAIT_CLIENTS_MAX.as_secs());
            let message = format!("{there} of {clients} clients were connected after {seconds} s");
            Err(Problem::new(Code::TooFewClients, message))
        }
    }
}
