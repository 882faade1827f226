//! Commands that prepare a machine for livetape, or check its settings.

pub(super) mod ca;
pub(super) mod config;
pub(super) mod shell;
pub(super) mod token;
