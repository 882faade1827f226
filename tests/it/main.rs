//! Tests of the program or of several crates at once, in one binary with a module per area. All others are in the crate
//! that they test.

#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "tests of other systems use it"))]

mod doctor;
mod documents;
mod edges;
mod fuzz;
mod hostile;
mod missing;
mod process;
mod settings;
mod support;
mod tidy;
