//! A chat bot that thanks viewers for gifts, and its tests: run them with `cargo test --example bot`.

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Reads the feed until the server closes it normally, and returns its thank-you messages. Resumes after
/// any other close.
async fn run(feed: &str) -> Vec<String> {
    // From position 0, the first connection also receives earlier events.
    let (mut thanks, mut position) = (Vec::new(), "0".to_owned());
    loop {
        let (mut socket, _) =
            connect_async(format!("{feed}?gifts=final&since={position}")).await.expect("a server");
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(json) => {
                    let event: Value = serde_json::from_str(&json).expect("JSON");
                    position = format!("{}:{}", event["stream"].as_str().unwrap_or_default(), event["seq"]);
                    thanks.extend(thank(&event));
                }
                Message::Close(Some(close)) if u16::from(close.code) < 1002 => return thanks,
                _ => {}
            }
        }
    }
}

/// Thanks viewers once per streak rather than once per tap, because the feed is read with `gifts=final`.
fn thank(event: &Value) -> Option<String> {
    let data = &event["data"];
    let text = || format!("Thank you for {} {}, {}!", data["repeatCount"], data["giftName"], data["sender"]);
    (event["type"] == "gift").then(text).map(|text| text.replace('"', ""))
}

#[tokio::main]
async fn main() {
    let feed = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:3000/".into());
    run(&feed).await.iter().for_each(|thanks| println!("{thanks}"));
}

#[cfg(test)]
mod tests {
    use livetape_testing::Tape;

    use super::*;

    #[tokio::test]
    async fn it_thanks_once_for_a_streak() {
        let tape = Tape::replay("demo").hold().start().await;
        let url = tape.ws_url();
        let bot = tokio::spawn(async move { run(&url).await });
        tape.wait_for_clients(1).await;
        tape.send().gift("ann", "Rose").count(5).combo().await;
        drop(tape);
        assert_eq!(bot.await.unwrap(), ["Thank you for 5 Rose, ann!"]);
    }

    #[tokio::test]
    async fn it_resumes_where_it_was_disconnected() {
        let tape = Tape::replay("demo").hold().start().await;
        let url = tape.ws_url();
        let bot = tokio::spawn(async move { run(&url).await });
        tape.wait_for_clients(1).await;
        tape.send().gift("ann", "Rose").await;
        tape.drop_clients(1011);
        tape.send().gift("ben", "Coffee").await; // nobody is connected
        tape.wait_for_clients(1).await;
        drop(tape);
        assert_eq!(bot.await.unwrap(), ["Thank you for 1 Rose, ann!", "Thank you for 1 Coffee, ben!"]);
    }
}
