//! `/ws` and `/ws/echo`: what clients say to each other, and who bears it.

mod bad_input;
mod ends;
mod feeds;
mod floods;
mod transcript;

use livetape::{lobby, server::Config};
use serde_json::Value;

use crate::support::{Rig, Socket, json, read};

/// A client called `name` that reads no feed, after its welcome.
async fn client(rig: &Rig, name: &str) -> Socket {
    let mut socket = rig.ws(&format!("ws?feed=0&client_id={name}")).await;
    assert_eq!(next(&mut socket).await["type"], "welcome");
    socket
}

/// The next message.
async fn next(socket: &mut Socket) -> Value {
    json(&read(socket, 1).await[0])
}

/// The next message that is not about others who come and go.
async fn next_said(socket: &mut Socket) -> Value {
    loop {
        let message = next(socket).await;
        if !["client_connected", "client_disconnected"].contains(&message["type"].as_str().unwrap()) {
            return message;
        }
    }
}

fn with_lobby(lobby: lobby::Limits) -> Rig {
    Rig::with(livetape::hub::Limits::default(), Config { lobby, ..Config::default() })
}
