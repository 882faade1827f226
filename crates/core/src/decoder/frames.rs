//! Decodes frames into batches, messages and events.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;

use super::{Decoder, connections::ConnectionState};
use crate::{
    dedup::{Comment, Duplicate, StreakKey},
    event::{Data, Event, Millis, SuperFan, Unknown},
    recording::{Frame, Item, Opcode},
    wire::{self, EntriesLeft, Known, Message, Reading},
};

/// Maximum payload in an `unknown` event, in bytes. The largest real message is about 120 KB, and the backlog
/// holds 8 MiB.
const RAW_BYTES_MAX: usize = 256 << 10;

impl Decoder {
    pub(super) fn frame(&mut self, item: &Item, frame: &Frame) {
        self.counts.frames += 1;
        if frame.opcode != Opcode::BINARY {
            return;
        }
        let push = wire::read_push(&frame.bytes, &mut self.faults);
        if push.holds_batch() {
            self.batch(item, push.payload);
        }
        self.push_broken(item, &frame.bytes);
    }

    /// Counts the faults in a frame that the client sent.
    pub(super) fn sent(&mut self, frame: &Frame) {
        if frame.opcode != Opcode::BINARY {
            return;
        }
        let push = wire::read_push(&frame.bytes, &mut self.faults);
        if push.holds_batch() {
            wire::unzip_batch(push.payload, &mut self.unzipper, &mut self.faults);
        }
        self.count_faults_from(0);
    }

    pub(super) fn initial_batch(&mut self, item: &Item, body: &Bytes) {
        self.counts.frames += 1;
        self.batch(item, body.clone());
        self.push_broken(item, body);
    }

    fn batch(&mut self, item: &Item, payload: Bytes) {
        let batch = wire::unzip_batch(payload, &mut self.unzipper, &mut self.faults);
        let connection = self.connection(item.conn);
        // Exactly, because a large batch would otherwise take up to three times the memory while the list
        // grows.
        self.events.reserve_exact(batch.messages.len());
        let mut left = EntriesLeft::of(&batch.messages);
        for message in &batch.messages {
            self.message(item, &connection, message, &mut left);
        }
    }

    fn message(
        &mut self,
        item: &Item,
        connection: &ConnectionState,
        message: &Message,
        left: &mut EntriesLeft,
    ) {
        self.counts.messages += 1;
        let room = connection.room_key(item.conn);
        if self.options.dedup
            && let Some(duplicate) = self.dedup.check_id(room, message.msg_id, message.is_history)
        {
            return self.count_duplicate(duplicate.name());
        }
        let known_faults = self.faults.len();
        let reading = wire::read_in_batch(message, left, &mut self.faults);
        self.count_faults_from(known_faults);
        match reading {
            Reading::Known(known) => self.known(item, connection, message, known),
            Reading::Unknown => {
                self.counts.count_unknown(&message.method);
                self.unknown(item, connection, message, None);
            }
            Reading::Broken(kind) => self.unknown(item, connection, message, Some(kind.name())),
        }
    }

    fn known(&mut self, item: &Item, connection: &ConnectionState, message: &Message, known: Known) {
        let room = connection.room_key(item.conn);
        let (ts, create_time) = (self.ts(item.offset), known.create_time());
        let mut event = Event {
            username: Arc::clone(&connection.username),
            user: known.user,
            timestamp: wire::millis(create_time).map_or(ts, Millis),
            ts,
            id: self.outward_id(message.msg_id),
            replay: self.options.replay,
            injected: item.flags.is_injected(),
            data: known.data,
        };
        let create_time = wire::millis(create_time).unwrap_or(create_time);
        if let Data::Chat(chat) = &mut event.data {
            chat.is_history = message.is_history;
        }
        if self.options.dedup
            && let Some(reason) = self.check_content(room, &event, create_time, message.is_history)
        {
            return self.count_duplicate(reason);
        }
        self.streaks.handle(item.offset, room, &mut event, &mut self.inferred);
        let derived = match &event.data {
            Data::Barrage(barrage) => SuperFan::of(barrage),
            _ => None,
        };
        // Derived events have no id, because clients drop ids they have already seen.
        let derived = derived.map(|data| Event { id: None, data, ..event.clone() });
        self.push(event);
        derived.into_iter().for_each(|event| self.push(event));
        self.push_inferred();
    }

    /// Finds duplicates under a new id: repeated history, or the repeated final of a streak.
    fn check_content(
        &mut self,
        room: i64,
        event: &Event,
        create_time: i64,
        is_history: bool,
    ) -> Option<&'static str> {
        let user_id = event.user.as_ref().map_or(0, |user| user.user_id.0);
        let duplicate = match &event.data {
            Data::Chat(chat) => {
                let comment = Comment { user_id, create_time, text: chat.comment.clone() };
                self.dedup.check_comment(room, comment, is_history)
            }
            Data::Gift(gift) if gift.repeat_end => {
                let streak = StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 };
                self.dedup.check_final(room, streak)
            }
            _ => None,
        };
        duplicate.map(Duplicate::name)
    }

    fn unknown(
        &mut self,
        item: &Item,
        connection: &ConnectionState,
        message: &Message,
        fault: Option<&'static str>,
    ) {
        let id = self.outward_id(message.msg_id);
        let data = raw(&message.method, &message.payload, fault);
        let event = self.state_event(Arc::clone(&connection.username), item.offset, data);
        self.push(Event { id, injected: item.flags.is_injected(), ..event });
    }

    /// Counts the faults of a whole frame, and emits its raw bytes.
    fn push_broken(&mut self, item: &Item, bytes: &Bytes) {
        let first = self.faults.first().map(|fault| fault.kind.name());
        self.count_faults_from(0);
        if let Some(name) = first {
            let username = self.connection(item.conn).username;
            let event = self.state_event(username, item.offset, raw("", bytes, Some(name)));
            self.push(Event { injected: item.flags.is_injected(), ..event });
        }
    }

    fn count_faults_from(&mut self, from: usize) {
        for fault in self.faults.drain(from..) {
            *self.counts.faults.entry(fault.kind.name()).or_default() += 1;
        }
    }

    fn count_duplicate(&mut self, reason: &'static str) {
        *self.counts.duplicates.entry(reason).or_default() += 1;
    }
}

fn raw(method: &str, bytes: &Bytes, fault: Option<&'static str>) -> Data {
    let kept = &bytes[..bytes.len().min(RAW_BYTES_MAX)];
    let payload = base64::engine::general_purpose::STANDARD.encode(kept);
    Data::Unknown(Unknown { method: method.to_owned(), payload, fault, truncated: kept.len() < bytes.len() })
}
