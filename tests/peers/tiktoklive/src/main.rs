//! Runs the unmodified crate tiktoklive, whose hosts are redirected: `livetape-peers-tiktoklive <user>`. The
//! end of the stream, or of stdin, ends it.

use std::{env, process};

use tiktoklive::{
    TikTokLive, core::live_client::TikTokLiveClient, generated::events::TikTokLiveEvent as Event,
};
use tokio::io::{AsyncReadExt as _, stdin};

/// The action of a control message.
const STREAM_ENDED: i32 = 3;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let user = env::args().nth(1).expect("pass a user");
    // Its task reads on without waiting when the socket has ended, and the thread of stdin keeps the process
    // alive.
    if let Err(error) = TikTokLive::new_client(&user).on_event(show).build().connect().await {
        println!(r#"{{"type":"error","class":"{error:?}"}}"#);
        process::exit(0);
    }
    stdin().read_u8().await.ok();
    process::exit(0);
}

fn show(_: &TikTokLiveClient, event: &Event) {
    let kind = match event {
        Event::OnConnected(_) => "connected",
        Event::OnChat(_) => "chat",
        Event::OnGift(_) => "gift",
        Event::OnLike(_) => "like",
        Event::OnMember(_) => "member",
        Event::OnControl(control) if control.raw_data.action.value() == STREAM_ENDED => process::exit(0),
        _ => return,
    };
    println!(r#"{{"type":"{kind}"}}"#);
}
