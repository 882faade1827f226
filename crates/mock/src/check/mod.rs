//! Expectations of tests about their clients.

pub(crate) mod expect;
mod verify;
