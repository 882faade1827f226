//! Live rooms of the mock.

mod again;
mod goes_live;
mod hidden;
mod inject;
mod orders;
mod over_sockets;
mod recorded;
mod scenarios;
