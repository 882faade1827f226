//! A client for a browser tab (Chrome DevTools Protocol). It takes the browser's messages and returns
//! commands and items.
//!
//! The client also attaches to workers and cross-site frames opened by the tab, before they run.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    error::close,
    observer::{Observer, Socket, role_of, user_in},
    recording::{
        Item, Opcode, What,
        records::{ConnClose, Http, HttpHeader, conn_close::Who},
    },
};
use serde::Deserialize;

use super::watch::command;

/// Maximum number of pending exchanges, and of requested bodies. Beyond it, the first are forgotten.
const EXCHANGES_MAX: usize = 256;
/// Id of the command that enables network events.
const ENABLE: u64 = 1;
/// Start of the names of events with a frame.
const FRAMES: &str = "Network.webSocketFrame";
/// Maximum opcode of a frame (RFC 6455 §5.2).
const OPCODE_MAX: f64 = 15.0;
/// Maximum number of sockets to track. Beyond it, the first count as closed.
const SOCKETS_MAX: usize = 1000;

/// What happened to the tab itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Crashed,
    /// It shows something else than the LIVE of the user.
    Left,
}

#[derive(Debug, Default)]
pub(super) struct Tab {
    pub(super) observer: Observer,
    /// The only user whose connections are taken; `None` to follow the tab.
    only: Option<String>,
    /// Whether it shows a LIVE that is wanted.
    is_wanted: bool,
    has_crashed: bool,
    /// What has changed since it was last taken.
    pub(super) news: Option<Change>,
    /// Id of its main frame.
    frame: String,
    commands: Vec<String>,
    last_command: u64,
    sockets: BTreeMap<Key, Socket>,
    /// Responses that are still being received.
    exchanges: BTreeMap<Key, Http>,
    /// Responses whose bodies were requested, by command id.
    asked: BTreeMap<u64, Http>,
    clock: Clock,
    /// Whether the tab has started to send events.
    pub(super) is_enabled: bool,
    /// Whether the tab was closed, as opposed to losing the browser.
    pub(super) is_closed: bool,
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
    /// Creates a tab whose connections are those of `user`. With `only`, those are left out that it opens while it
    /// shows something else.
    #[must_use]
    pub(super) fn new(user: &str, only: Option<&str>) -> Self {
        Self {
            observer: Observer::new(user),
            only: only.map(str::to_owned),
            is_wanted: true,
            ..Self::default()
        }
    }

    /// Begins with a tab of this address, whose main frame has this id. [`Tab::take_commands`] returns the first commands
    /// to send.
    pub(super) fn attach(&mut self, url: &str, frame: &str) {
        frame.clone_into(&mut self.frame);
        self.clock.first = None;
        (self.is_enabled, self.is_closed, self.has_crashed) = (false, false, false);
        self.exchanges.clear();
        self.asked.clear();
        self.last_command = 0;
        self.commands.clear();
        self.enable(None);
        self.send(None, "Inspector.enable", "{}");
        self.send(None, "Page.enable", "{}");
        self.shows(url);
    }

    /// Takes note of the address that the tab shows.
    fn shows(&mut self, url: &str) {
        let user = user_in(url);
        match (&self.only, user) {
            (Some(only), user) => self.is_wanted = user.is_some_and(|user| user.eq_ignore_ascii_case(only)),
            (None, Some(user)) => self.observer.set_user(user),
            (None, None) => {}
        }
    }

    /// Whether it shows something else than the LIVE that is wanted, or nothing because it has crashed.
    pub(super) fn change(&self) -> Option<Change> {
        match (self.has_crashed, self.is_wanted) {
            (true, _) => Some(Change::Crashed),
            (false, false) => Some(Change::Left),
            (false, true) => None,
        }
    }

    pub(super) fn take_commands(&mut self) -> Vec<String> {
        std::mem::take(&mut self.commands)
    }

    /// Returns the items since the last call. `will_retry`: whether connections may follow those that were closed.
    pub(super) fn take_items(&mut self, will_retry: bool) -> Vec<Item> {
        let mut items = self.observer.take_items();
        for item in &mut items {
            if let What::ConnClose(close) = &mut item.what {
                close.will_retry = will_retry;
            }
        }
        items
    }

    /// Returns the number of browser messages that violate the protocol since the last call.
    pub(super) fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }

    pub(super) fn handle(&mut self, text: &str, now: Duration) {
        let Ok(message) = serde_json::from_str::<Incoming>(text) else {
            self.unreadable += 1;
            let method = serde_json::from_str::<Method>(text).map(|message| message.method);
            if !self.is_enabled || method.is_ok_and(|method| !method.starts_with(FRAMES)) {
                return;
            }
            let offset = self.clock.offset(None, now);
            return self.observer.unreadable(offset, text.len());
        };
        if let Some(id) = message.id {
            self.is_enabled |= id == ENABLE;
            return self.answered(id, &message, now);
        }
        let Incoming { method, params, session, .. } = message;
        let key = Key { session: session.unwrap_or_default(), request: params.request_id.clone() };
        match method.as_str() {
            "Target.attachedToTarget" => self.enable(Some(&params.session_id)),
            "Target.detachedFromTarget" => {
                self.lose_if(now, &broken("the worker has ended"), |key| key.session == params.session_id);
            }
            "Inspector.detached" => self.is_closed |= params.reason == "target_closed",
            "Inspector.targetCrashed" => self.crashed(now),
            "Inspector.targetReloadedAfterCrash" => self.has_crashed = false,
            "Page.frameNavigated" if params.frame.parent_id.is_none() => {
                self.has_crashed = false;
                // What the last document and its workers had open is gone, whether the browser reports it or not.
                self.lose(now, &broken("the page was left"));
                self.navigated(&params.frame.url, now);
            }
            "Page.navigatedWithinDocument" if params.frame_id == self.frame => {
                self.navigated(&params.url, now);
            }
            "Network.responseReceived" if self.is_wanted => self.responded(key, params, now),
            "Network.loadingFinished" => self.finished(&key, now),
            "Network.loadingFailed" => drop(self.exchanges.remove(&key)),
            _ => self.socket_event(&method, key, params, now),
        }
    }

    /// Closes all open sockets.
    pub(super) fn lose(&mut self, now: Duration, close: &ConnClose) {
        self.lose_if(now, close, |_| true);
    }

    fn lose_if(&mut self, now: Duration, close: &ConnClose, is_lost: impl Fn(&Key) -> bool) {
        let offset = self.clock.offset(None, now);
        for (_, mut socket) in self.sockets.extract_if(.., |key, _| is_lost(key)) {
            self.observer.close(offset, &mut socket, close.clone());
        }
    }

    fn crashed(&mut self, now: Duration) {
        // A crashed tab answers no commands.
        self.is_enabled = true;
        self.has_crashed = true;
        self.news = Some(Change::Crashed);
        self.lose(now, &broken("the tab has crashed"));
    }

    /// Takes note of another address in the tab.
    fn navigated(&mut self, url: &str, now: Duration) {
        let was_wanted = self.is_wanted;
        self.shows(url);
        if was_wanted && !self.is_wanted {
            self.news = Some(Change::Left);
            self.lose(now, &broken("the tab has left the LIVE"));
        }
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

    fn responded(&mut self, key: Key, params: Params, now: Duration) {
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
        if self.exchanges.len() > EXCHANGES_MAX
            && let Some((_, forgotten)) = self.exchanges.pop_first()
        {
            self.miss_body(&forgotten, now);
        }
    }

    fn finished(&mut self, key: &Key, now: Duration) {
        let Some(http) = self.exchanges.remove(key) else { return };
        let session = (!key.session.is_empty()).then_some(key.session.as_str());
        let params = serde_json::json!({ "requestId": key.request }).to_string();
        let id = self.send(session, "Network.getResponseBody", &params);
        self.asked.insert(id, http);
        if self.asked.len() > EXCHANGES_MAX
            && let Some((_, forgotten)) = self.asked.pop_first()
        {
            self.miss_body(&forgotten, now);
        }
    }

    fn answered(&mut self, id: u64, message: &Incoming, now: Duration) {
        let Some(mut http) = self.asked.remove(&id) else { return };
        let body = message.result.as_ref().and_then(|result| match result.is_base64 {
            true => STANDARD.decode(&result.body).ok(),
            false => Some(result.body.clone().into_bytes()),
        });
        if body.is_none() {
            self.miss_body(&http, now);
        }
        http.body = body.unwrap_or_default().into();
        let offset = self.clock.offset(None, now);
        self.observer.exchange(offset, http, 0);
    }

    fn miss_body(&mut self, http: &Http, now: Duration) {
        let offset = self.clock.offset(None, now);
        self.observer.unreadable_body(offset, http);
    }

    fn socket_event(&mut self, method: &str, key: Key, params: Params, now: Duration) {
        match method {
            "Network.webSocketCreated" if self.is_wanted => {
                self.sockets.insert(key, Socket::new(params.url));
                self.forget_first(now);
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
            "Network.webSocketClosed" => self.close(&key, params.timestamp, now),
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
        let Response { opcode, payload_data, .. } = params.response;
        let length = payload_data.len();
        let read =
            match opcode.filter(|opcode| (0.0..=OPCODE_MAX).contains(opcode)).map(|it| Opcode(it as u8)) {
                Some(Opcode::TEXT) => Some((Opcode::TEXT, Bytes::from(payload_data))),
                Some(opcode) => STANDARD.decode(&payload_data).ok().map(|bytes| (opcode, bytes.into())),
                None => None,
            };
        let offset = self.clock.offset(params.timestamp, now);
        if !self.is_wanted && !self.sockets.contains_key(&key) {
            return;
        }
        // A socket opened before watching started has no known URL, so its frames identify it.
        let socket = self.sockets.entry(key).or_default();
        match read {
            Some((opcode, bytes)) => self.observer.frame(offset, socket, is_sent, opcode, bytes),
            None => self.observer.unreadable_frame(offset, socket, is_sent, length),
        }
        self.forget_first(now);
    }

    /// Closes the first socket if there are too many.
    fn forget_first(&mut self, now: Duration) {
        if self.sockets.len() > SOCKETS_MAX
            && let Some((_, mut socket)) = self.sockets.pop_first()
        {
            let offset = self.clock.offset(None, now);
            self.observer.close(offset, &mut socket, broken("too many sockets"));
        }
    }

    /// Handles the end of a socket.
    fn close(&mut self, key: &Key, timestamp: Option<f64>, now: Duration) {
        let offset = self.clock.offset(timestamp, now);
        if let Some(mut socket) = self.sockets.remove(key) {
            let close =
                ConnClose { code: close::NO_CODE.into(), who: Who::Unknown.into(), ..ConnClose::default() };
            self.observer.close(offset, &mut socket, close);
        }
    }
}

/// Returns how a socket ends that the browser does not report, for this reason.
pub(super) fn broken(reason: &str) -> ConnClose {
    ConnClose {
        code: close::ABNORMAL.into(),
        reason: reason.to_owned(),
        who: Who::Network.into(),
        will_retry: false,
    }
}

/// Identifies a request within an attached session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    session: String,
    request: String,
}

/// The kind of a message from the browser.
#[derive(Debug, Deserialize)]
struct Method {
    method: String,
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
    frame_id: String,
    frame: Frame,
    url: String,
    reason: String,
    error_message: String,
    timestamp: Option<f64>,
    response: Response,
}

/// A frame of a page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Frame {
    parent_id: Option<String>,
    url: String,
}

/// An HTTP response or a frame of a socket.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response {
    url: String,
    status: f64,
    headers: BTreeMap<String, String>,
    opcode: Option<f64>,
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

    fn attached() -> Tab {
        let mut tab = Tab::new("ann", None);
        tab.attach("", "main");
        tab
    }

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
        let mut tab = attached();
        (1..=sockets).for_each(|request| report(&mut tab, "webSocketCreated", request));
        report(&mut tab, "webSocketHandshakeResponseReceived", 1);
        !tab.take_items(true).is_empty()
    }

    /// Whether the body of the first of so many responses is requested.
    fn holds_responses(responses: usize) -> bool {
        let mut tab = attached();
        (1..=responses).for_each(|request| report(&mut tab, "responseReceived", request));
        tab.take_commands();
        report(&mut tab, "loadingFinished", 1);
        !tab.take_commands().is_empty()
    }

    /// Whether the first of so many requested bodies is expected.
    fn expects_bodies(bodies: usize) -> bool {
        let mut tab = attached();
        let first = tab.take_commands().len() + 1;
        for request in 1..=bodies {
            report(&mut tab, "responseReceived", request);
            report(&mut tab, "loadingFinished", request);
        }
        tab.handle(&format!(r#"{{"id":{first},"result":{{"body":"x"}}}}"#), Duration::ZERO);
        !tab.take_items(true).is_empty()
    }

    #[test]
    fn a_tab_that_opens_everything_needs_bounded_memory() {
        assert_eq!([1_000, 1_001].map(tracks_sockets), [true, false]);
        assert_eq!([256, 257].map(holds_responses), [true, false]);
        assert_eq!([256, 257].map(expects_bodies), [true, false]);
    }
}
