//! Three processes of livetape on a real NATS server: `cargo xtask nightly cluster` installs it and runs these tests.

mod bad_input;
mod balanced;
mod damage;
mod doctor;
mod failover;
mod far;
mod faults;
mod logins;
mod losing;
mod orders;
mod outage;
mod proxy;
mod rollback;
mod rooms;
#[path = "../../crates/server/tests/it/schema.rs"]
mod schema;
mod shown;
mod slow;
mod storage;
mod support;
mod talk;
mod upstream;
mod webhook;
