//! Commands that serve or record: `replay`, `live`, `serve`, `record` and `mock`, and what they share.

mod browser;
pub(super) mod cluster;
pub(super) mod lifecycle;
pub(super) mod live;
pub(super) mod mock;
mod mock_banner;
pub(super) mod proxied;
pub(super) mod record;
mod recording;
pub(super) mod replay;
pub(super) mod stage;
