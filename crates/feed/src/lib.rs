//! What the sources of livetape publish to, and what its server reads: [`hub`] numbers, stores and fans out
//! events, and [`control`] reports the state of a source and passes orders to it.

pub mod control;
pub mod hub;
