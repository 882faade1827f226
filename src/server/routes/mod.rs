//! The handlers: what each address answers.

pub(super) mod answer;
pub(super) mod assets;
pub(super) mod connect;
pub(super) mod connections;
pub(super) mod feed;
pub(super) mod inject;
pub(super) mod interactive;
pub(super) mod metrics;
pub(super) mod ndjson;
pub(super) mod openapi;
pub(super) mod page;
pub(super) mod query;
pub(super) mod recordings;
pub(super) mod replay;
pub(super) mod rooms;
pub(super) mod schema;
pub(super) mod status;
pub(super) mod token;
