//! The main channel, and those of `/ws/{token}`, `/ws/test/{token}` and `/ws/play/{recording}`.

mod capacity;
mod error_first;
mod lookups;
mod machine;
mod members;
mod over_sockets;
mod play;
mod refused;
mod replays;
mod rooms;
mod shared;
