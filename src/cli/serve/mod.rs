//! Commands that serve or record: `replay`, `live`, `serve`, `record` and `mock`, and what they share.

pub(super) mod cluster;
pub(super) mod doctor;
mod drift;
pub(super) mod live;
pub(super) mod mock;
pub(super) mod stage;
