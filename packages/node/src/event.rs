//! Events of sockets, in the form that JavaScript receives, and what waits for its answers.

use std::{collections::HashMap, mem, time::Duration};

use livetape_io::clock;
use livetape_server::{Answer, Event, Handlers, Handshake, Reply, What};
use napi::{
    Env,
    bindgen_prelude::{Array, Buffer},
};
use napi_derive::napi;
use serde_json::json;
use tokio::time::Instant;

/// Number of elements of an event in an array: its kind (see `KIND` in `js/dispatch.cts`), the id of its connection, and
/// what happened.
const EVENT_ELEMENTS: usize = 3;

/// What happened, if it is more than a text or bytes.
#[napi(object)]
#[derive(Default)]
pub struct Details {
    /// Client id of a connection, message to a room, or reason of a close.
    pub text: String,
    /// Path of a connection, room of a message, or the room that a closed socket joined last.
    pub place: Option<String>,
    /// Close code.
    pub code: Option<u32>,
    /// Request of a connection, or metadata of a closed socket.
    pub json: Option<String>,
    /// Whether the server closed a socket.
    pub by_server: Option<bool>,
}

/// The events that JavaScript has not answered. They are numbered from 1.
#[derive(Default)]
pub(crate) struct Unanswered {
    /// Number of events before the turn.
    before: u64,
    /// What answers those of the turn, in their order.
    turn: Vec<Option<Answer>>,
    began: Option<Instant>,
    /// What answers those that JavaScript answers after their turn.
    deferred: HashMap<u64, Answer>,
}

impl Unanswered {
    fn in_turn(&mut self, number: u64) -> Option<Answer> {
        let at = usize::try_from(number.checked_sub(self.before + 1)?).ok()?;
        self.turn.get_mut(at)?.take()
    }

    /// Takes what answers an event, unless it is answered.
    pub(crate) fn take(&mut self, number: u64) -> Option<Answer> {
        self.in_turn(number).or_else(|| self.deferred.remove(&number))
    }

    /// Keeps an event of the turn until it is answered.
    pub(crate) fn defer(&mut self, number: u64) {
        if let Some(answer) = self.in_turn(number) {
            self.deferred.insert(number, answer);
        }
    }

    /// Lets the events of the turn continue. One of their handlers is late if all together took too long.
    pub(crate) fn end(&mut self, handlers: &Handlers, answer_max: Duration) {
        self.before += self.turn.len() as u64;
        for answer in mem::take(&mut self.turn).into_iter().flatten() {
            handlers.answer(answer, Reply::Continue);
        }
        if self.began.take().is_some_and(|began| clock::now() - began > answer_max) {
            handlers.count_unanswered();
        }
    }
}

/// Begins a turn with these events, and returns them as one array.
pub(crate) fn to_array<'env>(
    env: &'env Env,
    events: Vec<Event>,
    unanswered: &mut Unanswered,
) -> napi::Result<Array<'env>> {
    let length = (events.len() * EVENT_ELEMENTS).try_into().unwrap_or(u32::MAX);
    let mut array = env.create_array(length)?;
    unanswered.began = (!events.is_empty()).then(clock::now);
    for (event, at) in events.into_iter().zip((0..).step_by(EVENT_ELEMENTS)) {
        let Event { answer, socket, what } = event;
        unanswered.turn.push(answer);
        let kind: u32 = match what {
            What::Connect { path, client_id, handshake } => {
                let Handshake { url, headers, address, protocol } = *handshake;
                let request =
                    json!({ "url": url, "headers": headers, "address": address, "protocol": protocol });
                let json = Some(request.to_string());
                array.set(
                    at + 2,
                    Details { text: client_id, place: Some(path), json, ..Details::default() },
                )?;
                0
            }
            What::Message(text) => {
                array.set(at + 2, text)?;
                1
            }
            What::Say { room_id, message } => {
                array.set(at + 2, Details { text: message, place: Some(room_id), ..Details::default() })?;
                2
            }
            What::Binary(bytes) => {
                array.set(at + 2, Buffer::from(Vec::from(bytes)))?;
                3
            }
            What::Join(room_id) => {
                array.set(at + 2, room_id)?;
                4
            }
            What::Leave(room_id) => {
                array.set(at + 2, room_id)?;
                5
            }
            What::Ping => 6,
            What::Pong => 7,
            What::Close { code, reason, last } => {
                let json = serde_json::to_string(&last.metadata).ok();
                let code = Some(code.into());
                let by_server = Some(last.by_server);
                array.set(at + 2, Details { text: reason, place: last.room_id, code, json, by_server })?;
                8
            }
        };
        array.set(at, kind)?;
        array.set(at + 1, socket.to_string())?;
    }
    Ok(array)
}
