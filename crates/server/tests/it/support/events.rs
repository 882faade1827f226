//! Events to publish.

use livetape_core::event::{Chat, Data, Event, Millis};

pub(crate) fn event(data: Data) -> Event {
    let time = Millis(1_757_443_453_511);
    Event {
        username: "ann".into(),
        user: None,
        timestamp: time,
        ts: time,
        id: None,
        replay: true,
        injected: false,
        data,
    }
}

pub(crate) fn chat(comment: &str) -> Event {
    event(Data::Chat(Chat { comment: comment.into(), ..Chat::default() }))
}

/// Returns chats of about 300 bytes each.
pub(crate) fn chats(count: usize) -> Vec<Event> {
    (0..count).map(|i| chat(&format!("{i}{}", ".".repeat(100)))).collect()
}
