//! HTTP handlers, a module for each group of paths.

#[cfg(feature = "page")]
pub(super) mod assets;
mod body;
pub(super) mod connect;
pub(super) mod connections;
pub(super) mod fallback;
pub(super) mod feed;
pub(super) mod handled;
pub(super) mod inject;
pub(super) mod interactive;
pub(super) mod metrics;
#[cfg(feature = "mock")]
pub(super) mod mock;
pub(super) mod ndjson;
mod offset;
pub(super) mod openapi;
pub(super) mod page;
pub(super) mod query;
pub(super) mod recordings;
pub(super) mod replay;
pub(super) mod rooms;
pub(super) mod schema;
pub(super) mod status;
pub(super) mod token;

use std::sync::Arc;

use self::{metrics::Metrics, recordings::Shelf};
use super::{
    state::Shared,
    transport::connections::Connections,
    ws::{door::Door, handlers::Handlers, registry::Sockets},
};

/// State of the handlers.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The routes, for their descriptions.
    pub(crate) table: fn() -> Vec<openapi::Route>,
    pub(crate) shared: Shared,
    pub(crate) connections: Connections,
    pub(crate) sockets: Sockets,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) metrics: Metrics,
    pub(crate) lost_log_lines: fn() -> u64,
    /// The mock that `POST /mock` starts.
    #[cfg(feature = "mock")]
    pub(crate) mock: Arc<mock::MockHost>,
    pub(crate) door: Option<Door>,
    pub(crate) handlers: Option<Handlers>,
}
