//! Messages are written by the sender, by message writers and by the socket's task, without losing, repeating
//! or reordering any.

use futures_util::SinkExt as _;
use livetape_core::retry::SplitMix;
use livetape_server::{Config, lobby};
use tokio::task::yield_now;

use super::{client, next, next_said};
use crate::support::{Rig, Socket, chats, seed};

/// Number of readers: more than the sender writes to by itself.
const READERS: u64 = 8;
const MESSAGES: u64 = 1_000;

/// Reads all messages, with pauses until the pipe is full, and pings to get answers in between.
async fn read_all(mut socket: Socket, mut random: SplitMix) {
    let mut pongs = 0;
    for number in 0..MESSAGES {
        match random.up_to(99) {
            0..10 => {
                for _ in 0..random.up_to(200) {
                    yield_now().await;
                }
            }
            10..15 => {
                socket.send(r#"{"type":"ping"}"#.into()).await.unwrap();
                pongs += 1;
            }
            _ => {}
        }
        let message = loop {
            let message = next(&mut socket).await;
            match message["type"].as_str().unwrap() {
                "broadcast" => break message,
                "pong" => pongs -= 1,
                _ => {}
            }
        };
        assert_eq!(message["message"], number);
    }
    while pongs > 0 {
        pongs -= i32::from(next_said(&mut socket).await["type"] == "pong");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_reader_gets_every_message_once_in_order() {
    let seed = seed();
    let lobby = lobby::Limits { messages_per_second: 10_000, ..lobby::Limits::default() };
    let rig = Rig::with(livetape_feed::hub::Limits::default(), Config { lobby, ..Config::default() });
    let mut readers = Vec::new();
    for number in 0..READERS {
        // Some also read events, so that the channel's writer takes part.
        let name = format!("reader{number}");
        let socket = match number % 2 {
            0 => client(&rig, &name).await,
            _ => rig.ws(&format!("ws?client_id={name}")).await,
        };
        readers.push(tokio::spawn(read_all(socket, SplitMix(seed ^ number))));
    }
    let mut talker = client(&rig, "talker").await;
    for number in 0..MESSAGES {
        talker.send(number.to_string().into()).await.unwrap();
        assert_eq!(next_said(&mut talker).await["type"], "echo");
        if number % 3 == 0 {
            rig.hub.publish_paced(&chats(1)).await;
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
