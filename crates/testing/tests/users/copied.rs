//! Tests that the dashboard copies, unchanged (`packages/testing/tests/copied.test.mjs`), with a bot.

use std::time::Duration;

use livetape_testing::{Speed, Tape};

#[tokio::test]
async fn chats_are_right_at_3_2s() {
    let end = Duration::from_millis(3267);
    let tape = Tape::replay("demo").end_at(end).speed(Speed::Max).start().await;
    // Yours: reads the feed until it closes, and returns its total.
    let bot = tokio::spawn(my_bot(tape.ws_url()));
    tape.finished().await;
    let expected = tape.truth().chats;
    drop(tape); // closes the feed
    assert_eq!(bot.await.unwrap(), expected);
}

#[tokio::test]
async fn chats_are_right_in_the_case_names() {
    let tape = Tape::replay("demo").case("names").speed(Speed::Max).start().await;
    // Yours: reads the feed until it closes, and returns its total.
    let bot = tokio::spawn(my_bot(tape.ws_url()));
    tape.finished().await;
    let expected = tape.truth().chats;
    drop(tape); // closes the feed
    assert_eq!(bot.await.unwrap(), expected);
}

/// Returns the number of chats.
async fn my_bot(url: String) -> u64 {
    use futures_util::StreamExt as _;
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut chats = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Ok(event) = serde_json::from_slice::<serde_json::Value>(&message.into_data()) else { continue };
        chats += u64::from(event["type"] == "chat");
    }
    chats
}
