//! Three processes of livetape on a real NATS server: `cargo xtask nightly cluster` installs it and runs these tests.

mod bad_input;
mod balanced;
mod clocks;
mod damage;
mod doctor;
mod failover;
mod far;
mod faults;
mod full;
mod handover;
mod logins;
mod losing;
mod orders;
mod outage;
mod process;
mod proxy;
mod rollback;
mod rooms;
mod same_logs;
#[path = "../../crates/server/tests/it/schema.rs"]
mod schema;
mod servers;
mod shown;
mod slow;
mod storage;
mod support;
mod talk;
mod unowned;
mod upstream;
mod webhook;
