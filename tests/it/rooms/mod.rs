//! Live rooms against the mock.

mod again;
mod inject;
mod orders;
mod over_sockets;
pub(crate) mod rig;
mod scenarios;
