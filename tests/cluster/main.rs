//! Three processes of livetape on a real NATS server: `cargo xtask cluster` installs it and runs these tests.

mod bad_input;
mod failover;
mod outage;
mod rooms;
mod same_logs;
mod support;
mod upstream;
