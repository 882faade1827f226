//! Commands on recordings and captures.

pub(super) mod convert;
pub(super) mod diff;
pub(super) mod edit;
pub(super) mod look;
pub(super) mod share;
