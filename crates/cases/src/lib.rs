//! The cases that `livetape test` puts a client through: what happens in each, and what is right afterwards. Pure,
//! on top of the core.

pub mod change;
pub mod combine;
pub mod expect;
pub mod library;
pub mod mistakes;
pub mod report;
pub mod room;
pub mod script;
pub mod shrink;
pub mod slack;
pub mod table;
pub mod trace;
