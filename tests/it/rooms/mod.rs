//! Live rooms against the mock.

mod orders;
mod rig;
mod scenarios;
