//! The events that subscribers receive when they join before, during and after a replay.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{As, ROOMS, Setup, is_quiet, json as parse, read, wait};

/// Longer than `recordings/short.bin`.
const SHOW: Duration = Duration::from_secs(3_600);

fn summaries(texts: &[String]) -> Vec<(Value, Value, Value)> {
    let summary = |text: &String| {
        let event = parse(text);
        (event["seq"].clone(), event["type"].clone(), event["data"]["reason"].clone())
    };
    texts.iter().map(summary).collect()
}

#[tokio::test(start_paused = true)]
async fn after_the_end_joiners_get_the_state_and_with_since_the_backlog() {
    let rig = Setup::channels(ROOMS).start(As::Replay);
    wait(SHOW).await;
    let head = usize::try_from(rig.hub.head()).unwrap();
    let state = vec![
        (json!(1), json!("connection_created"), Value::Null),
        (json!(head), json!("disconnected"), json!("recording_ended")),
    ];
    let mut late = rig.ws("").await;
    assert_eq!(summaries(&read(&mut late, 2).await), state);
    assert!(is_quiet(&mut late));
    let mut talker = rig.ws("ws").await;
    assert_eq!(summaries(&read(&mut talker, 3).await)[1..], state);
    let mut all = rig.ws("?since=0&gifts=delta&raw=1").await;
    assert_eq!(read(&mut all, head).await.len(), head);

    // A seek starts a new generation for all subscribers; later ones get its state.
    rig.control.order(livetape_feed::control::ReplayOrder::Seek(Duration::ZERO)).await.unwrap();
    wait(Duration::from_millis(1)).await;
    assert_eq!(summaries(&read(&mut late, 1).await)[0].1, "connection_created");
    let mut new = rig.ws("").await;
    let again = summaries(&read(&mut new, 1).await);
    assert_eq!((&again[0].0, &again[0].1), (&json!(head + 1), &json!("connection_created")));
    rig.end().await;
}
