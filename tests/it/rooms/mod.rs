//! Live rooms against the mock.

mod again;
mod orders;
mod over_sockets;
pub(crate) mod rig;
mod scenarios;
