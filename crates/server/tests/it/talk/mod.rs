//! `/ws` and `/ws/echo`: messages between clients.

mod bad_input;
mod ends;
mod feeds;
mod floods;
mod order;
mod transcript;

use livetape_server::{Config, lobby};
use serde_json::Value;

use crate::support::{Rig, Socket, json, read};

/// Connects a client called `name`, without the feed, and reads its welcome.
async fn client(rig: &Rig, name: &str) -> Socket {
    let mut socket = rig.ws(&format!("ws?feed=0&client_id={name}")).await;
    assert_eq!(next(&mut socket).await["type"], "welcome");
    socket
}

/// Returns the next message.
async fn next(socket: &mut Socket) -> Value {
    json(&read(socket, 1).await[0])
}

/// Returns the next message, skipping those about clients that connect and disconnect.
async fn next_said(socket: &mut Socket) -> Value {
    loop {
        let message = next(socket).await;
        if !["client_connected", "client_disconnected"].contains(&message["type"].as_str().unwrap()) {
            return message;
        }
    }
}

fn with_lobby(lobby: lobby::Limits) -> Rig {
    Rig::with(livetape_feed::hub::Limits::default(), Config { lobby, ..Config::default() })
}
