//! Commands to sockets and rooms.

use std::borrow::Cow;

use bytes::Bytes;
use livetape_core::{error::Problem, ws_frame::check_close};
use livetape_server::{
    HandledPath, Reply, Wanted,
    lobby::{NewRoom, Payload},
};
use napi::bindgen_prelude::Either;
use napi_derive::napi;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::{
    app::NativeApp,
    error::{OrError as _, bad, error, json, parse},
    recording::Message,
};

/// Answers of a handler.
const CANCEL: u32 = 1;
const REPLACE: u32 = 2;
const FAILED: u32 = 3;

fn payload(message: Message) -> Payload {
    match message {
        Either::A(text) => Payload::Text(text.into()),
        Either::B(bytes) => Payload::Binary(Bytes::from(Vec::from(bytes))),
    }
}

fn id(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| bad(format!("`{text}` is not a connection")))
}

fn raw(json: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(json).map_err(|error| bad(format!("the message is not JSON: {error}")))
}

#[napi]
impl NativeApp {
    /// Handles the sockets of a path. `wanted` lists the events to report.
    #[napi]
    pub fn handle(
        &self,
        path: String,
        client_id: Option<String>,
        protocols: Vec<String>,
        wanted: Vec<String>,
    ) -> napi::Result<()> {
        let wants = |name: &str| wanted.iter().any(|it| it == name);
        let wanted = Wanted {
            connect: wants("connect"),
            message: wants("message"),
            binary: wants("binary"),
            join: wants("join"),
            leave: wants("leave"),
            ping: wants("ping"),
            pong: wants("pong"),
        };
        self.handlers.add(&path, HandledPath { client_id, wanted, protocols }).map_err(|problem| {
            // The query parameter has another name than the option.
            let message = problem.message.replace("`client_id`", "`clientId`");
            error(&Problem { message, ..problem })
        })
    }

    /// Answers an event, by its number: 0 continues, 1 cancels, 2 continues with another message, as JSON; 3 is a
    /// failure of the handler.
    #[napi]
    pub fn answer(&self, event: f64, verdict: u32, message: Option<String>) {
        let Some(answer) = self.unanswered.lock().take(event as u64) else { return };
        let verdict = match (verdict, message) {
            (CANCEL, _) => Reply::Cancel,
            (REPLACE, Some(message)) => Reply::Replace(message),
            (FAILED, _) => Reply::Failed,
            _ => Reply::Continue,
        };
        self.handlers.answer(answer, verdict);
    }

    /// Lets an event of this turn be answered after it.
    #[napi]
    pub fn defer(&self, event: f64) {
        self.unanswered.lock().defer(event as u64);
    }

    /// Lets an event continue whose handler has no result in time.
    #[napi]
    pub fn give_up(&self, event: f64) {
        if self.unanswered.lock().take(event as u64).is_some() {
            self.handlers.count_unanswered();
        }
    }

    /// Sends a message to a connection, unchanged.
    #[napi]
    pub fn send(&self, socket: String, message: Message) -> napi::Result<()> {
        let (id, payload) = (id(&socket).or_error()?, payload(message));
        self.handlers.gather(|lobby| lobby.write(id, payload)).or_error()
    }

    /// Sends a message to these connections, unchanged. Returns the number of recipients.
    #[napi]
    pub fn send_each(&self, sockets: Vec<String>, message: Message) -> napi::Result<u32> {
        let ids = sockets.iter().map(|socket| id(socket)).collect::<Result<Vec<_>, _>>().or_error()?;
        let count = self.handlers.gather(|lobby| lobby.write_each(&ids, payload(message)));
        Ok(count.try_into().unwrap_or(u32::MAX))
    }

    /// Sends a message to all handled connections, or to those in a room. Returns the number of recipients.
    #[napi]
    pub fn broadcast(&self, message: Message, room: Option<String>) -> napi::Result<u32> {
        let count =
            self.handlers.gather(|lobby| lobby.write_all(room.as_deref(), payload(message))).or_error()?;
        Ok(count.try_into().unwrap_or(u32::MAX))
    }

    /// Sends a room message on behalf of a connection. `message` is JSON.
    #[napi]
    pub fn say(&self, socket: String, room: String, message: String) -> napi::Result<u32> {
        let (id, message) = (id(&socket).or_error()?, raw(message).or_error()?);
        let count = self.handlers.gather(|lobby| lobby.say(id, &room, &message)).or_error()?;
        Ok(count.try_into().unwrap_or(u32::MAX))
    }

    /// Closes a connection after everything already sent to it.
    #[napi]
    pub fn dismiss(&self, socket: String, code: u32, reason: String) -> napi::Result<()> {
        let code = u16::try_from(code).unwrap_or(0);
        check_close(code, &reason).or_error()?;
        self.handlers.with(|lobby| lobby.dismiss(&socket, code, reason)).or_error().map(drop)
    }

    /// Adds a connection to a room.
    #[napi]
    pub fn join_room(&self, socket: String, room: String) -> napi::Result<()> {
        self.handlers.with(|lobby| lobby.join_room(&socket, &room)).or_error().map(drop)
    }

    /// Removes a connection from a room.
    #[napi]
    pub fn leave_room(&self, socket: String, room: String) -> napi::Result<()> {
        self.handlers.with(|lobby| lobby.leave_room(&socket, &room)).or_error().map(drop)
    }

    /// Returns the room that a connection joined last.
    #[napi]
    pub fn room_of(&self, socket: String) -> napi::Result<Option<String>> {
        let id = id(&socket).or_error()?;
        Ok(self.handlers.with(|lobby| lobby.latest_room(id).map(Cow::from).map(Cow::into_owned)))
    }

    /// Sets an entry of a connection's metadata.
    #[napi]
    pub fn set_metadata(&self, socket: String, key: String, value: String) -> napi::Result<()> {
        let set = self.handlers.with(|lobby| {
            let mut metadata = lobby.connection_view(&socket)?.metadata;
            metadata.insert(key, Value::String(value));
            lobby.put_metadata(&socket, metadata)
        });
        set.or_error().map(drop)
    }

    /// Returns an entry of a connection's metadata, as JSON.
    #[napi]
    pub fn get_metadata(&self, socket: String, key: String) -> napi::Result<Option<String>> {
        let view = self.handlers.with(|lobby| lobby.connection_view(&socket)).or_error()?;
        view.metadata.get(&key).map(json).transpose()
    }

    /// Creates a room from the body of `POST /rooms`, and returns its id.
    #[napi]
    pub fn create_room(&self, room: String) -> napi::Result<String> {
        let new: NewRoom = parse("room", &room).or_error()?;
        let made = self.handlers.with(|lobby| lobby.create_room(new, Uuid::new_v4())).or_error()?;
        Ok(made.id)
    }

    /// Returns a room as JSON; `null` if it does not exist.
    #[napi]
    pub fn room(&self, room: String) -> napi::Result<Option<String>> {
        let view = self.handlers.with(|lobby| lobby.room_view(&room));
        view.ok().as_ref().map(json).transpose()
    }

    /// Returns all rooms as JSON.
    #[napi]
    pub fn rooms(&self) -> napi::Result<String> {
        json(&self.handlers.with(|lobby| lobby.room_views()))
    }

    /// Returns the ids of the handled connections, or of those in a room.
    #[napi]
    pub fn connections(&self, room: Option<String>) -> napi::Result<Vec<String>> {
        let ids = self.handlers.with(|lobby| lobby.handled(room.as_deref())).or_error()?;
        Ok(ids.iter().map(Uuid::to_string).collect())
    }

    /// Returns the number of connections and rooms, as JSON.
    #[napi]
    pub fn stats(&self) -> napi::Result<String> {
        json(&self.handlers.with(|lobby| lobby.stats()))
    }

    /// Returns the number of events without an answer in time.
    #[napi]
    pub fn unanswered(&self) -> f64 {
        self.handlers.unanswered() as f64
    }
}
