//! Live rooms of the mock.

mod again;
mod inject;
mod orders;
mod over_sockets;
mod recorded;
mod scenarios;
