//! What goes on: `/health`, `/status`, and its end: `/shutdown`.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, connect};
use crate::{
    clock,
    control::{Mode, Status, not_current},
    hub::Hub,
    server::state::refusal::Refusal,
};

/// The answer of `GET /health`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
    /// Seconds since the start.
    uptime: u64,
    /// What runs on the main channel.
    mode: Mode,
    user: Option<String>,
    clients: usize,
    /// Where the system tells it.
    memory: Option<Memory>,
}

#[derive(Serialize, JsonSchema)]
struct Memory {
    /// Resident, in bytes.
    rss: usize,
}

pub(crate) async fn health(State(app): State<App>) -> Json<Health> {
    let status = app.shared.control.status();
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        uptime: (clock::now() - app.shared.started).as_secs(),
        mode: status.mode,
        user: status.username,
        clients: app.shared.subscriber_count(),
        memory: memory_stats::memory_stats().map(|memory| Memory { rss: memory.physical_mem }),
    })
}

/// The answer of `GET /status`: what the source is doing, and who reads it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    #[serde(flatten)]
    status: Status,
    /// How many clients read its events.
    clients: usize,
    /// How many only look on (`observer=1`).
    observers: usize,
}

impl Overview {
    fn new(status: Status, hub: &Hub) -> Json<Self> {
        Json(Self { status, clients: hub.subscriber_count(), observers: hub.observer_count() })
    }
}

pub(crate) async fn status(State(app): State<App>) -> Json<Overview> {
    Overview::new(app.shared.control.status(), &app.shared.hub)
}

pub(crate) async fn status_of(
    State(app): State<App>,
    user: Result<Path<String>, PathRejection>,
) -> Result<Json<Overview>, Refusal> {
    let user = connect::name(user)?;
    let status = app.shared.control.status();
    if status.is_of(&user) {
        return Ok(Overview::new(status, &app.shared.hub));
    }
    // Somebody whose room a token has open is current as well.
    let channels = app.shared.control.channels();
    let room = channels.status(&user).zip(channels.find(&user));
    room.map(|(status, hub)| Overview::new(status, &hub)).ok_or_else(|| not_current(&user).into())
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Farewell {
    status: &'static str,
}

/// Answered before the end: the request at hand is.
pub(crate) async fn shutdown(State(app): State<App>) -> Json<Farewell> {
    app.shared.control.shut_down();
    Json(Farewell { status: "shutting_down" })
}
