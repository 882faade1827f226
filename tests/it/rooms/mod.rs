//! Live rooms against the mock.

mod again;
mod orders;
mod over_sockets;
mod recorded;
mod rig;
mod scenarios;
