//! The channels opened with tokens: `/ws/{token}` and `/ws/test/{token}`.

mod error_first;
mod machine;
mod over_sockets;
mod play;
mod refused;
mod replays;
mod rooms;
mod shared;
