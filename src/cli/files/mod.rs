//! Commands on recordings and captures.

pub(super) mod cat;
pub(super) mod diff;
pub(super) mod edit;
pub(super) mod events;
pub(super) mod export;
pub(super) mod import;
pub(super) mod share;
pub(super) mod tools;
