//! A client for a browser tab (Chrome DevTools Protocol). It takes the browser's messages and returns
//! commands and items.
//!
//! The client also attaches to workers and cross-site frames opened by the tab, before they run.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    observer::{Observer, Socket},
    recognise::role_of,
    recording::{
        Item, Opcode,
        records::{ConnClose, Http, HttpHeader, conn_close::Who},
    },
};
use serde::Deserialize;

use super::connection::command;

/// Maximum number of pending exchanges, and of requested bodies. Beyond it, the first are forgotten.
const EXCHANGES_MAX: usize = 256;
/// Id of the command that enables network events.
const ENABLE: u64 = 1;
/// Maximum number of sockets to track. Beyond it, the first are forgotten.
const SOCKETS_MAX: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Tab {
    observer: Observer,
    commands: Vec<String>,
    last_command: u64,
    sockets: BTreeMap<Key, Socket>,
    /// Responses that are still being received.
    exchanges: BTreeMap<Key, Http>,
    /// Responses whose bodies were requested, by command id.
    asked: BTreeMap<u64, Http>,
    clock: Clock,
    is_enabled: bool,
    is_closed: bool,
    unreadable: u64,
}

/// Converts the browser's timestamps to offsets.
#[derive(Debug, Default)]
struct Clock {
    /// The first timestamp, in seconds, and the offset at which it arrived.
    first: Option<(f64, Duration)>,
    last: Duration,
}

impl Clock {
    /// Converts a timestamp. The result never lies in the future and never goes back.
    fn offset(&mut self, timestamp: Option<f64>, now: Duration) -> Duration {
        let given = timestamp.filter(|timestamp| timestamp.is_finite());
        let offset = given.map_or(now, |given| {
            let (first, at) = *self.first.get_or_insert((given, now));
            Duration::try_from_secs_f64(given - first).map_or(at, |since| at.saturating_add(since))
        });
        self.last = offset.min(now).max(self.last);
        self.last
    }
}

impl Tab {
    /// Creates a tab that watches `user`. [`Tab::take_commands`] returns the first commands to send.
    #[must_use]
    pub(super) fn new(user: &str) -> Self {
        let mut tab = Self { observer: Observer::new(user), ..Self::default() };
        tab.enable(None);
        tab
    }

    pub(super) fn take_commands(&mut self) -> Vec<String> {
        std::mem::take(&mut self.commands)
    }

    pub(super) fn take_items(&mut self) -> Vec<Item> {
        self.observer.take_items()
    }

    /// Whether the tab has started to send events.
    #[must_use]
    pub(super) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Whether the tab was closed, as opposed to losing the browser.
    #[must_use]
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the number of browser messages that violate the protocol.
    #[must_use]
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    pub(super) fn handle(&mut self, text: &str, now: Duration) {
        let Ok(message) = serde_json::from_str::<Incoming>(text) else {
            self.unreadable += 1;
            return;
        };
        if let Some(id) = message.id {
            self.is_enabled |= id == ENABLE;
            return self.answered(id, &message, now);
        }
        let Incoming { method, params, session, .. } = message;
        let key = Key { session: session.unwrap_or_default(), request: params.request_id.clone() };
        match method.as_str() {
            "Target.attachedToTarget" => self.enable(Some(&params.session_id)),
            "Inspector.detached" => self.is_closed |= params.reason == "target_closed",
            "Network.responseReceived" => self.responded(key, params),
            "Network.loadingFinished" => self.finished(&key),
            "Network.loadingFailed" => drop(self.exchanges.remove(&key)),
            _ => self.socket_event(&method, key, params, now),
        }
    }

    /// Handles the loss of the browser by closing all open sockets.
    pub(super) fn lose(&mut self, now: Duration) {
        let open: Vec<Key> = self.sockets.keys().cloned().collect();
        for key in open {
            self.close(&key, None, now);
        }
        self.finish(now);
    }

    pub(super) fn finish(&mut self, now: Duration) {
        let offset = self.clock.offset(None, now);
        self.observer.finish(offset);
    }

    fn enable(&mut self, session: Option<&str>) {
        // The browser needs no buffer of its own, because bodies are requested immediately.
        self.send(session, "Network.enable", r#"{"maxPostDataSize":1}"#);
        let auto = r#"{"autoAttach":true,"waitForDebuggerOnStart":true,"flatten":true}"#;
        self.send(session, "Target.setAutoAttach", auto);
        self.send(session, "Runtime.runIfWaitingForDebugger", "{}");
    }

    fn send(&mut self, session: Option<&str>, method: &str, params: &str) -> u64 {
        self.last_command += 1;
        self.commands.push(command(self.last_command, session, method, params));
        self.last_command
    }

    fn responded(&mut self, key: Key, params: Params) {
        let Some(role) = role_of(&params.response.url) else { return };
        let response = params.response;
        let header = |(name, value): (String, String)| HttpHeader { name: name.to_ascii_lowercase(), value };
        let http = Http {
            role: role.into(),
            request_line: format!("GET {}", response.url),
            status: response.status as u32,
            headers: response.headers.into_iter().map(header).collect(),
            body: Bytes::new(),
        };
        self.exchanges.insert(key, http);
        if self.exchanges.len() > EXCHANGES_MAX {
            self.exchanges.pop_first();
        }
    }

    fn finished(&mut self, key: &Key) {
        let Some(http) = self.exchanges.remove(key) else { return };
        let session = (!key.session.is_empty()).then_some(key.session.as_str());
        let params = serde_json::json!({ "requestId": key.request }).to_string();
        let id = self.send(session, "Network.getResponseBody", &params);
        self.asked.insert(id, http);
        if self.asked.len() > EXCHANGES_MAX {
            self.asked.pop_first();
        }
    }

    fn answered(&mut self, id: u64, message: &Incoming, now: Duration) {
        let Some(mut http) = self.asked.remove(&id) else { return };
        let result = message.result.as_ref();
        http.body = result.map_or_else(Bytes::new, |result| match result.is_base64 {
            true => STANDARD.decode(&result.body).unwrap_or_default().into(),
            false => result.body.clone().into(),
        });
        let offset = self.clock.offset(None, now);
        self.observer.exchange(offset, http, 0);
    }

    fn socket_event(&mut self, method: &str, key: Key, params: Params, now: Duration) {
        match method {
            "Network.webSocketCreated" => {
                self.sockets.insert(key, Socket::new(params.url));
                if self.sockets.len() > SOCKETS_MAX {
                    self.sockets.pop_first();
                }
            }
            "Network.webSocketHandshakeResponseReceived" => self.opened(&key, params, now),
            "Network.webSocketFrameReceived" => self.frame(key, params, false, now),
            "Network.webSocketFrameSent" => self.frame(key, params, true, now),
            "Network.webSocketFrameError" => {
                let offset = self.clock.offset(params.timestamp, now);
                if let Some(socket) = self.sockets.get(&key) {
                    self.observer.trouble(offset, socket, params.error_message);
                }
            }
            "Network.webSocketClosed" => self.close(&key, Some(params.timestamp), now),
            _ => {}
        }
    }

    fn opened(&mut self, key: &Key, params: Params, now: Duration) {
        let Some(socket) = self.sockets.get_mut(key).filter(|socket| socket.is_webcast()) else { return };
        let offset = self.clock.offset(params.timestamp, now);
        let header = |(name, value): (String, String)| HttpHeader { name, value };
        let headers = params.response.headers.into_iter().map(header).collect();
        self.observer.open(offset, socket, params.response.status as u32, headers);
    }

    fn frame(&mut self, key: Key, params: Params, is_sent: bool, now: Duration) {
        let opcode = Opcode(params.response.opcode as u8);
        let bytes = match opcode {
            Opcode::TEXT => Bytes::from(params.response.payload_data),
            _ => match STANDARD.decode(&params.response.payload_data) {
                Ok(bytes) => bytes.into(),
                Err(_) => {
                    self.unreadable += 1;
                    return;
                }
            },
        };
        let offset = self.clock.offset(params.timestamp, now);
        // A socket opened before watching started has no known URL, so its frames identify it.
        let socket = self.sockets.entry(key).or_default();
        self.observer.frame(offset, socket, is_sent, opcode, bytes);
    }

    /// Handles the loss of a socket, or its end after a close frame.
    fn close(&mut self, key: &Key, timestamp: Option<Option<f64>>, now: Duration) {
        let offset = self.clock.offset(timestamp.flatten(), now);
        let (code, who) = if timestamp.is_some() { (1005, Who::Unknown) } else { (1006, Who::Network) };
        if let Some(mut socket) = self.sockets.remove(key) {
            let close = ConnClose { code, who: who.into(), ..ConnClose::default() };
            self.observer.close(offset, &mut socket, close);
        }
    }
}

/// Identifies a request within an attached session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    session: String,
    request: String,
}

/// A message from the browser, with the fields of all kinds of messages in use.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incoming {
    id: Option<u64>,
    method: String,
    #[serde(rename = "sessionId")]
    session: Option<String>,
    params: Params,
    result: Option<CommandResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Params {
    request_id: String,
    session_id: String,
    url: String,
    reason: String,
    error_message: String,
    timestamp: Option<f64>,
    response: Response,
}

/// An HTTP response or a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response {
    url: String,
    status: f64,
    headers: BTreeMap<String, String>,
    opcode: f64,
    payload_data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CommandResult {
    body: String,
    #[serde(rename = "base64Encoded")]
    is_base64: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports an event about a request with this number.
    fn report(tab: &mut Tab, event: &str, request: usize) {
        let response = r#"{"url":"https://webcast.tiktok.com/webcast/room/info/?room_id=7","status":200}"#;
        let text = format!(
            r#"{{"method":"Network.{event}","params":{{"requestId":"{request:05}","url":"wss://webcast-ws.tiktok.com/","response":{response}}}}}"#
        );
        tab.handle(&text, Duration::ZERO);
    }

    /// Whether the first of so many sockets is still tracked.
    fn tracks_sockets(sockets: usize) -> bool {
        let mut tab = Tab::new("ann");
        (1..=sockets).for_each(|request| report(&mut tab, "webSocketCreated", request));
        report(&mut tab, "webSocketHandshakeResponseReceived", 1);
        !tab.take_items().is_empty()
    }

    /// Whether the body of the first of so many responses is requested.
    fn holds_responses(responses: usize) -> bool {
        let mut tab = Tab::new("ann");
        (1..=responses).for_each(|request| report(&mut tab, "responseReceived", request));
        tab.take_commands();
        report(&mut tab, "loadingFinished", 1);
        !tab.take_commands().is_empty()
    }

    /// Whether the first of so many requested bodies is expected.
    fn expects_bodies(bodies: usize) -> bool {
        let mut tab = Tab::new("ann");
        let first = tab.take_commands().len() + 1;
        for request in 1..=bodies {
            report(&mut tab, "responseReceived", request);
            report(&mut tab, "loadingFinished", request);
        }
        tab.handle(&format!(r#"{{"id":{first},"result":{{"body":"x"}}}}"#), Duration::ZERO);
        !tab.take_items().is_empty()
    }

    #[test]
    fn a_tab_that_opens_everything_needs_bounded_memory() {
        assert_eq!([1_000, 1_001].map(tracks_sockets), [true, false]);
        assert_eq!([256, 257].map(holds_responses), [true, false]);
        assert_eq!([256, 257].map(expects_bodies), [true, false]);
    }
}
