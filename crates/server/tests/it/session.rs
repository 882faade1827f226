//! Sessions: each file in `sessions` is read from top to bottom like a conversation with the server. It has
//! steps, and after each what the server answers:
//!
//! | step | |
//! |---|---|
//! | `server \| OPTION: VALUE` | starts a server, see [`configure`] |
//! | `METHOD ADDRESS BODY \| HEADER: VALUE` | sends a request, see [`Request`] |
//! | `headers \| HEADER: VALUE` | adds headers to all requests from here on, instead of earlier ones |
//! | `NAME opens ADDRESS \| HEADER: VALUE` | opens a socket, and closes an earlier one of this name |
//! | `NAME → TEXT`, `NAME → bytes 0 255` | sends a message |
//! | `NAME closes CODE REASON`, `NAME leaves` | ends a socket with a close frame, or without |
//! | `NAME sends METHOD ADDRESS BODY` | sends a request whose answer is listed when it comes, as `NAME ← …` |
//! | `the replay ends` | waits until a replay at speed `max` has ended |
//! | `the members of USER` | counts the members of the user's room in each list |
//! | `wait 30 s` | advances the paused clock |
//! | others | see [`Stage::act`] |
//!
//! Answers begin with `←`. Steps that follow each other with the same answer are listed above it. A failure
//! is `← STATUS CODE: MESSAGE → HINT`. Headers are listed if they differ from the [`USUAL`] ones. Text from
//! the request's origin is `ORIGIN`; IDs are numbered by their first appearance, which later steps may use.
//!
//! `a×3` stands for `aaa`. All responses are compared with `/openapi.json`.
//!
//! `INSTA_UPDATE=always` writes the answers into the file. Review the difference.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::ErrorKind,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use livetape_core::{
    error::{Code, Problem},
    event::Id,
};
use livetape_engine::source::browser::Browser;
use livetape_feed::{
    control::{Check, Driver, Injected, Nodes, OpenChannel, Order, Refusal, ReplayPhase, not_current},
    hub::CloseReason,
};
use livetape_mock::{Happened, LogEntry};
use livetape_server::{Config, Recordings, Tokens};
use serde_json::{Value, json};
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_tungstenite::{
    client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, HeaderValue},
        protocol::CloseFrame,
    },
};

use crate::{
    openapi::{document, schema_of},
    rest::{connect, replaying},
    schema::Schema,
    support::{As, HttpResponse, ROOMS, Rig, Setup, Socket, chat, eventually, repository, wait},
};

/// Maximum width of JSON in one line.
const WIDTH: usize = 110;
/// Time after each step in which the server acts.
const MOMENT: Duration = Duration::from_millis(1);
/// Number of look-ups that may be queued.
const LOOKUPS_QUEUED_MAX: usize = 10;
/// Maximum time until a server has ended.
const END_MAX: Duration = Duration::from_secs(3600);
/// Maximum size of an upload, in bytes.
const UPLOAD_BYTES_MAX: u64 = 1_000_000;

/// Headers of most responses. Others are listed, and so is the absence of these.
const USUAL: [(&str, &str); 5] = [
    ("content-type", "application/json"),
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-resource-policy", "same-site"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
];
/// Headers that are never listed: they are not ours, or random.
const IGNORED: [&str; 5] = ["connection", "content-length", "date", "transfer-encoding", "x-request-id"];

/// Changes the server that the next steps talk to, by an option of `server`.
fn configure(setup: &mut Setup, name: &str, value: &str) {
    let list = || value.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let number = || value.parse::<usize>().unwrap();
    let Setup { config: Config { access, .. }, .. } = setup;
    match name {
        "hosts" => access.hosts = list(),
        "origins" => access.origins = list(),
        "any address" => access.any_address = true,
        "tokens" => access.tokens = Tokens::new(list().into_iter().map(Into::into).collect()),
        "read-only tokens" => {
            let tokens = std::mem::take(&mut access.tokens);
            access.tokens = tokens.with_read_only(list().into_iter().map(Into::into).collect());
        }
        // Of the main channel and of those of tokens.
        "backlog" => {
            (setup.limits.events_max, setup.options.backlog.events_max) = (number() as u64, number() as u64);
        }
        // Read by `Stage::start`.
        "command" | "exit" | "scenario" | "fault" => {}
        "wait clients" => {
            (setup.options.wait_clients, setup.options.play.wait_clients) = (number(), number());
        }
        "allow inject" => setup.options.allow_inject = true,
        // The users of `ROOMS` or of `scenario`, and the tokens of `tokens()`.
        "live rooms" => setup.sources.max_live = number(),
        "private replays" => setup.sources.max_replays = number(),
        "connections per address" => setup.config.bounds.connections_per_address_max = number(),
        // A browser that refuses connections.
        "browser" => {
            let refused = async || Err::<DuplexStream, _>(ErrorKind::ConnectionRefused.into());
            setup.options.browser = Some(Browser::new(value, refused));
        }
        "subscribers" => setup.config.subscribers_max = number(),
        "sockets" => setup.config.lobby.connections_max = number(),
        "echo sockets" => setup.config.sockets.echo_sockets_max = number(),
        "look-ups" => setup.options.live.lookups_per_minute = Some(number() as u32),
        _ => panic!("`{name}` is not an option of a server"),
    }
}

/// A request: `METHOD ADDRESS BODY`, then options.
#[derive(Default)]
struct Request<'a> {
    method: &'a str,
    target: &'a str,
    body: Vec<u8>,
    headers: Vec<(&'a str, &'a str)>,
    /// `only /a /b`: the values that are shown, as JSON pointers. `*` stands for all items of a list,
    /// which the events of a feed are, too.
    only: Vec<&'a str>,
    /// `lines TEXT, TEXT`: the lines of the body that are shown contain one of these.
    lines: Option<&'a str>,
    /// `HTTP/1.0`
    version: Option<&'a str>,
    /// `from ADDRESS`: the address of the client.
    address: Option<IpAddr>,
}

impl<'a> Request<'a> {
    /// Parses a line, to which headers are added that it does not have itself.
    fn parse(line: &'a str, headers: &'a str) -> Self {
        let mut parts = line.split(" | ");
        let mut head = parts.next().unwrap().splitn(3, ' ');
        let [method, target, body] = [(); 3].map(|()| head.next().unwrap_or_default());
        let mut request = Self { method, target, body: body.into(), ..Self::default() };
        for option in parts {
            match option.split_once(' ').unwrap_or((option, "")) {
                ("only", pointers) => request.only = pointers.split(' ').collect(),
                ("lines", text) => request.lines = Some(text),
                ("file", path) => request.body = fs::read(repository().join(path)).unwrap(),
                ("zeros", count) => request.body = vec![0; count.parse().unwrap()],
                ("from", address) => request.address = Some(address.parse().unwrap()),
                ("HTTP/1.0", "") => request.version = Some(option),
                ("upgrade", "") => request.headers.extend(UPGRADE),
                _ => request.headers.push(header(option)),
            }
        }
        for (name, value) in headers.split(" | ").skip(1).map(header) {
            if request.header(name).is_none() {
                request.headers.push((name, value));
            }
        }
        request
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version.unwrap_or("HTTP/1.1"));
        for (name, value) in &self.headers {
            // `without host: ` leaves out a header that is sent otherwise.
            if !name.starts_with("without ") {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
        }
        let has_body = !self.body.is_empty() || !["GET", "HEAD", "OPTIONS"].contains(&self.method);
        let length = self.body.len().to_string();
        let defaults = [("host", "localhost"), ("connection", "close")];
        for (name, value) in defaults.into_iter().chain(has_body.then_some(("content-length", &*length))) {
            if self.headers.iter().all(|(key, _)| key.trim_start_matches("without ") != name) {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Headers of `upgrade`.
const UPGRADE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

/// Replaces `a×3` by `aaa`.
fn expanded(line: &str) -> String {
    let Some((before, after)) = line.split_once('×') else { return line.to_owned() };
    let digits = after.find(|it: char| !it.is_ascii_digit()).unwrap_or(after.len());
    let letter = before.chars().next_back().unwrap().to_string();
    let count = after[..digits].parse::<usize>().unwrap() - 1;
    format!("{before}{}{}", letter.repeat(count), &after[digits..])
}

fn header(option: &str) -> (&str, &str) {
    option.split_once(':').map_or((option, ""), |(name, value)| (name, value.trim()))
}

thread_local! {
    /// Warnings for the operator.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A server, and the sockets of its clients.
struct Stage {
    rig: Rig,
    folder: tempfile::TempDir,
    clients: Vec<(String, Socket)>,
    names: Names,
    /// The `headers` of all requests.
    headers: String,
    /// Exit code of the command.
    exit: u8,
    /// Orders that reached the channel.
    orders: Arc<Mutex<Vec<String>>>,
    /// Names, lines and answers of `sends`.
    sent: Vec<(String, String, JoinHandle<HttpResponse>)>,
}

impl Stage {
    fn start(options: &str) -> Self {
        let options: Vec<_> = options.split(" | ").skip(1).map(header).collect();
        let folder = tempfile::tempdir().unwrap();
        let option = |wanted: &str| options.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let has_rooms = option("live rooms").is_some();
        // Lines of a scenario of the mock, and a fault of it.
        let mut scenario = option("scenario").unwrap_or(ROOMS).replace("; ", "\n");
        scenario += &option("fault").map_or(String::new(), |fault| format!("\nfault = [{{ {fault} }}]\n"));
        let command = match option("command") {
            Some("live") => As::Live,
            Some("replay") => As::Replay,
            _ => As::Serve,
        };
        let mut setup = if has_rooms { Setup::channels(&scenario) } else { Setup::default() };
        let directory = folder.path().join("shelf");
        setup.config.recordings = Recordings { directory, upload_bytes_max: UPLOAD_BYTES_MAX };
        options.iter().for_each(|(name, value)| configure(&mut setup, name, value));
        assert_eq!(setup.config.access.check(), Ok(()));
        setup.sources.tell = |line| TOLD.with_borrow_mut(|told| told.push(line.to_owned()));
        let rig = if has_rooms { setup.start(command) } else { setup.idle() };
        let exit = option("exit").map_or(0, |code| code.parse().unwrap());
        let (clients, names, headers, orders, sent) = Default::default();
        Self { rig, folder, clients, names, headers, exit, orders, sent }
    }

    /// Takes a step, and returns what the server answers.
    async fn step(&mut self, line: &str, schemas: &mut Schemas) -> String {
        let line = self.names.0.iter().fold(expanded(line), |line, (id, name)| line.replace(name, id));
        let mut answer = String::new();
        let words = line.splitn(3, ' ').collect::<Vec<_>>();
        match words[..] {
            [method, ..] if method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                let headers = self.headers.clone();
                let request = Request::parse(&line, &headers);
                let response = self.rig.raw_from(request.address, &request.bytes()).await;
                schemas.check(&request, &response);
                answer = self.shown(&request, &response);
            }
            [name, "opens", _] => answer = self.open(name, &line).await,
            [name, "sends", request] => {
                let bytes = Request::parse(request, &self.headers).bytes();
                let response = Rig::exchange(self.rig.connector.clone(), None, bytes);
                self.sent.push((name.to_owned(), request.to_owned(), tokio::spawn(response)));
            }
            ["the", "replay", "ends"] => {
                // A thread reads the recording, and the paused clock does not wait for it.
                let is_ended = || self.rig.control.replay().unwrap().state == ReplayPhase::Ended;
                eventually(is_ended).await;
            }
            ["the", "members", of] => answer = self.members(of.strip_prefix("of ").unwrap()).await,
            ["headers", ..] => self.headers = line,
            [name, "→", text] => {
                let message = match text.strip_prefix("bytes ") {
                    Some(bytes) => bytes.split(' ').map(|it| it.parse().unwrap()).collect::<Vec<u8>>().into(),
                    None => Message::text(text),
                };
                self.client(name).send(message).await.unwrap();
            }
            [name, "closes"] => self.client(name).close(None).await.unwrap(),
            [name, "closes", close] => {
                let (code, reason) = close.split_once(' ').unwrap_or((close, ""));
                let frame = CloseFrame { code: code.parse::<u16>().unwrap().into(), reason: reason.into() };
                self.client(name).close(Some(frame)).await.unwrap();
            }
            [name, "leaves"] => self.clients.retain(|(it, _)| it != name),
            ["wait", seconds, "s"] => {
                for _ in 0..seconds.parse().unwrap() {
                    wait(Duration::from_secs(1)).await;
                    answer += &self.heard(schemas).await;
                }
            }
            _ => answer = self.act(&line),
        }
        answer + &self.heard(schemas).await
    }

    /// Steps of the server itself, and of its folder of recordings.
    fn act(&mut self, line: &str) -> String {
        let words = line.split(' ').collect::<Vec<_>>();
        let shelf = self.folder.path().join("shelf");
        match words[..] {
            ["publish", text] => self.rig.hub.publish(&[chat(text)]),
            ["publish", text, "to", user] => {
                self.rig.control.channels().find(user).unwrap().publish(&[chat(text)]);
            }
            ["publish", count, "chats"] => {
                (1..=count.parse().unwrap())
                    .for_each(|it: u32| self.rig.hub.publish(&[chat(&it.to_string())]));
            }
            ["the", "feed", "ends", code, reason] => {
                self.rig.hub.close(CloseReason::new(code.parse().unwrap(), reason.to_owned()));
            }
            ["the", "user", "is", name] => {
                self.rig.driver().update_status(|status| status.username = Some(name.to_owned()));
            }
            ["nobody", "is", "the", "user"] => self.rig.driver().forget_user(),
            ["a", "recording", "is", "played"] => connect(self.rig.driver()),
            ["a", "channel", "answers"] => {
                let (driver, orders) = (self.rig.take_driver(), Arc::clone(&self.orders));
                tokio::spawn(answer(driver, orders));
            }
            ["the", "cluster", "is", is] => self.set_nodes(is == "reachable", None),
            ["the", "cluster", "has", "no", "owner"] => self.set_nodes(true, Some("why".to_owned())),
            ["the", "server", "ends"] => self.rig.control.shut_down(),
            ["the", "queue", "of", "look-ups", "is", "full"] => {
                (0..=LOOKUPS_QUEUED_MAX).for_each(|_| _ = self.rig.control.limit().queue());
            }
            ["the", "sources"] => {
                let channels = self.rig.control.channels().statuses();
                let of = |it: &OpenChannel| {
                    format!("{} of {}", it.hub.stream(), it.user.as_deref().unwrap_or("nobody"))
                };
                let channels: Vec<_> = channels.iter().map(of).collect();
                let is_closed = |it: &&LogEntry| matches!(it.what, Happened::Closed { .. });
                let closed = self.rig.mock().received().iter().filter(is_closed).count();
                let (requests, opened) = (self.rig.requests(), self.rig.upgrades());
                return format!(
                    "← requests: {requests}, sockets: {opened}, closed: {closed}, channels: {channels:?}\n"
                );
            }
            ["the", "file", name] => return format!("← {}\n", fs::read_to_string(shelf.join(name)).unwrap()),
            ["the", "files"] => {
                let files = fs::read_dir(shelf).into_iter().flatten().map(|it| it.unwrap().file_name());
                let names: BTreeSet<_> = files.map(|it| it.to_string_lossy().into_owned()).collect();
                return format!("← {names:?}\n");
            }
            ["file", ..] => {
                let (name, source) = line["file ".len()..].split_once(" = ").unwrap();
                let path = shelf.join(name.replace("\\u202e", "\u{202e}"));
                fs::create_dir_all(&shelf).unwrap();
                // A text in quotes, or a file of the repository.
                match source.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
                    Some(text) => fs::write(path, text).unwrap(),
                    None => drop(fs::copy(repository().join(source), path).unwrap()),
                }
            }
            ["folder", name] => fs::create_dir_all(shelf.join(name)).unwrap(),
            _ => panic!("`{line}` is not a step"),
        }
        String::new()
    }

    fn set_nodes(&self, reachable: bool, unowned: Option<String>) {
        self.rig.control.set_nodes(Nodes { reachable, unowned, ..Nodes::default() });
    }

    fn client(&mut self, name: &str) -> &mut Socket {
        let client = self.clients.iter_mut().find(|(it, _)| it == name);
        &mut client.unwrap_or_else(|| panic!("{name} is not connected")).1
    }

    async fn open(&mut self, name: &str, line: &str) -> String {
        let headers = self.headers.clone();
        let asked = Request::parse(line, &headers);
        let target = asked.body.strip_prefix(b"/").expect("an address");
        let target = str::from_utf8(target).unwrap();
        let mut request = format!("ws://localhost/{target}").into_client_request().unwrap();
        for (name, value) in &asked.headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        self.clients.retain(|(it, _)| it != name);
        let stream = self.rig.connector.connect_from(asked.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                self.clients.push((name.to_owned(), socket));
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|it| format!(" {}", it.to_str().unwrap()));
                format!("← 101{}\n", protocol.unwrap_or_default())
            }
            Err(Error::Http(response)) => {
                let headers = response.headers().iter();
                let header = |(name, value): (&HeaderName, &HeaderValue)| {
                    (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
                };
                let response = HttpResponse {
                    status: response.status().as_u16(),
                    headers: headers.map(header).collect(),
                    body: String::from_utf8(response.into_body().unwrap_or_default()).unwrap(),
                };
                self.shown(&asked, &response)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the number of members of a user's room in all lists and counts.
    async fn members(&self, user: &str) -> String {
        let get = async |path: &str| self.rig.http("GET", path, "").await.json();
        let rooms = get("/rooms").await;
        let is_of_user = |it: &&Value| it["name"].as_str().unwrap().eq_ignore_ascii_case(user);
        let rooms: Vec<_> = rooms["rooms"].as_array().unwrap().iter().filter(is_of_user).collect();
        let [room] = rooms[..] else { panic!("one room of {user}, not {rooms:?}") };
        let (stats, status) = (get("/stats").await, get(&format!("/status/{user}")).await);
        let of_room = get(&format!("/connections?room=user:{user}")).await;
        let rooms_of_all = found(&get("/connections").await, "/connections/*/rooms");
        let is_in = |rooms: &&Value| rooms.as_array().unwrap().contains(&room["id"]);
        format!(
            "← {} in /rooms, {} in /stats, {} in /status, {} and {} in /connections\n",
            room["connectionsCount"],
            stats["connectionsByRoom"][room["id"].as_str().unwrap()],
            status["clients"],
            of_room["connections"].as_array().unwrap().len(),
            rooms_of_all.as_array().unwrap().iter().filter(is_in).count(),
        )
    }

    /// Returns what all clients receive until nothing more comes.
    async fn heard(&mut self, schemas: &mut Schemas) -> String {
        let mut heard = String::new();
        loop {
            wait(MOMENT).await;
            let before = heard.len();
            for order in std::mem::take(&mut *self.orders.lock().unwrap()) {
                writeln!(heard, "channel ← {order}").unwrap();
            }
            for (name, line, response) in std::mem::take(&mut self.sent) {
                if !response.is_finished() {
                    self.sent.push((name, line, response));
                    continue;
                }
                let (request, response) = (Request::parse(&line, ""), response.await.unwrap());
                schemas.check(&request, &response);
                write!(heard, "{name} {}", self.shown(&request, &response)).unwrap();
            }
            TOLD.take().iter().for_each(|line| writeln!(heard, "operator ← {}", line.trim_end()).unwrap());
            let names = &mut self.names;
            self.clients.retain_mut(|(name, socket)| {
                while let Some(next) = socket.next().now_or_never() {
                    let text = match next {
                        Some(Ok(Message::Text(text))) => names.told(&text),
                        Some(Ok(Message::Binary(bytes))) => format!("bytes {bytes:?}"),
                        Some(Ok(Message::Close(Some(frame)))) => {
                            format!("closed {} {}", u16::from(frame.code), frame.reason)
                        }
                        Some(Ok(Message::Close(None))) => "closed without a code".to_owned(),
                        Some(Ok(_)) => continue,
                        Some(Err(_)) => "cut off".to_owned(),
                        None => return false,
                    };
                    writeln!(heard, "{name} ← {}", text.trim_end()).unwrap();
                }
                true
            });
            if heard.len() == before {
                return heard;
            }
        }
    }

    /// Formats a response.
    fn shown(&mut self, request: &Request, response: &HttpResponse) -> String {
        let mut text = format!("← {}", response.status);
        // The events of a feed are shown like a list.
        let is_feed = response.header("content-type") == Some("application/x-ndjson");
        let json = if is_feed && !request.only.is_empty() {
            response.body.lines().map(serde_json::from_str::<Value>).collect()
        } else {
            serde_json::from_str(&response.body)
        };
        match json {
            Ok::<Value, _>(mut json) => {
                self.names.settle(&mut json);
                let error = json.get("error").filter(|it| it.is_object()).cloned();
                if !request.only.is_empty() {
                    let only = request.only.iter();
                    json = only.map(|it| (it.to_string(), found(&json, it))).collect();
                } else if let Some(error) = error {
                    let word = |key: &str| error[key].as_str().unwrap_or_default();
                    write!(text, " {}: {} → {}", word("code"), word("message"), word("hint")).unwrap();
                    json.as_object_mut().unwrap().remove("error");
                }
                if json != json!({}) {
                    write!(text, " {}", fitted(&json, 0)).unwrap();
                }
            }
            _ => {
                let wanted: Vec<_> = request.lines.unwrap_or_default().split(", ").collect();
                let is_wanted = |line: &&str| wanted.iter().any(|it| line.contains(it));
                let lines = response.body.lines().filter(is_wanted);
                lines.for_each(|line| write!(text, "\n  {line}").unwrap());
            }
        }
        for (name, usual) in USUAL {
            match response.header(name) {
                None if name == "content-type" && response.body.is_empty() => {}
                None => write!(text, "\n  without {name}").unwrap(),
                Some(value) if value == usual => {}
                Some(value) => write!(text, "\n  {name}: {value}").unwrap(),
            }
        }
        let is_usual = |name: &str| USUAL.iter().any(|(it, _)| *it == name) || IGNORED.contains(&name);
        for (name, value) in response.headers.iter().filter(|(name, _)| !is_usual(name)) {
            let value = if name == "etag" { "<etag>" } else { value };
            write!(text, "\n  {name}: {value}").unwrap();
        }
        let origin = request.header("origin").filter(|it| it.contains("://"));
        let text = origin.map_or(text.clone(), |origin| text.replace(origin, "ORIGIN"));
        self.names.replaced(&text) + "\n"
    }

    /// Waits for the end of a server that was told to end.
    async fn end(self) {
        if self.rig.channel.is_some() {
            assert_eq!(self.rig.end().await.exit_code(), Ok(self.exit));
        } else if self.rig.control.shutdown().is_cancelled() {
            tokio::time::timeout(END_MAX, self.rig.serving).await.unwrap().unwrap();
        }
    }
}

/// The schemas of `/openapi.json`, with which each response is compared.
struct Schemas {
    api: Value,
    /// By route, method and status.
    compiled: BTreeMap<[String; 3], Schema>,
}

impl Schemas {
    fn check(&mut self, request: &Request, response: &HttpResponse) {
        let path: Vec<_> = request.target.split('?').next().unwrap().split('/').collect();
        let is_route = |route: &&String| {
            let route: Vec<_> = route.split('/').collect();
            route.len() == path.len()
                && route.iter().zip(&path).all(|(known, it)| known.starts_with('{') || known == it)
        };
        // Routes without a parameter come first.
        let routes = self.api["paths"].as_object().unwrap();
        let route = routes.keys().filter(is_route).min_by_key(|route| route.matches('{').count());
        let method = request.method.to_lowercase();
        let Some(responses) = route.and_then(|it| routes[it].get(&method)?.get("responses")) else { return };
        if response.header("content-type") != Some("application/json") || response.body.is_empty() {
            return;
        }
        let status = response.status.to_string();
        let described = responses.get(&status);
        assert_eq!(described.is_some(), response.status < 300, "{method} {}: {response:?}", request.target);
        let described = described.unwrap_or(&responses["default"]);
        let key = [route.unwrap().clone(), method, status];
        let schema = self.compiled.entry(key).or_insert_with(|| schema_of(&self.api, described));
        schema.check(&response.json()).unwrap_or_else(|error| panic!("{}: {error}", request.target));
    }
}

/// Accepts orders like a channel of ann, and rejects those for other users.
async fn answer(mut driver: Driver, orders: Arc<Mutex<Vec<String>>>) {
    connect(&driver);
    driver.tester = Box::new(|username, answer| {
        let code = Some(Code::UserOffline);
        answer.accept(Check { exists: Some(true), live: Some(false), code, username, ..Check::default() });
    });
    let told = |order: String| orders.lock().unwrap().push(order);
    while let Some(order) = driver.next_order().await {
        match order {
            Order::Replay(order, answer) => {
                told(format!("{order:?}"));
                answer.accept(replaying());
            }
            Order::Inject(_, answer) => {
                answer.accept(Injected { offset_ms: 7, ids: vec![Id(5)], seqs: vec![9], delivered: 1 });
            }
            Order::Connect(user, answer) | Order::Disconnect(user, answer) if user == "ann" => {
                answer.accept(driver.status());
            }
            Order::Disconnect(user, answer) => answer.refuse(not_current(&user)),
            other => other.refuse(Refusal {
                problem: Problem::new(Code::RateLimited, "Too many connections started"),
                retrying: true,
                retry_after: Some(Duration::from_millis(1_200)),
            }),
        }
    }
}

/// Keys of values that differ from run to run, and what is shown instead.
const MASKED: [(&str, &str); 9] = [
    ("createdAt", "<time>"),
    ("lastPing", "<time>"),
    ("leftAt", "<time>"),
    ("modified", "<time>"),
    ("rss", "<bytes>"),
    ("server_time", "<time>"),
    ("timestamp", "<time>"),
    ("ts", "<time>"),
    ("version", "<version>"),
];

/// Names of random IDs.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// Masks what differs from run to run.
    fn settle(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.settle(item)),
            Value::Object(map) => {
                for (key, value) in map {
                    self.learn(key);
                    self.settle(value);
                    let mask = MASKED.iter().find(|(masked, _)| masked == key);
                    let is_time = value.as_str().is_some_and(|it| it.len() == 24 && it.ends_with('Z'));
                    if let Some((_, mask)) = mask.filter(|(_, mask)| is_time || *mask != "<time>") {
                        *value = (*mask).into();
                    }
                }
            }
            Value::String(text) => self.learn(text),
            _ => {}
        }
    }

    fn learn(&mut self, text: &str) {
        let is_hex = |id: &str| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_random = uuid::Uuid::try_parse(text).is_ok()
            || text.starts_with("room_") && text.len() > 20
            || text.strip_prefix("client_").is_some_and(is_hex);
        if is_random {
            let count = self.0.len() + 1;
            self.0.entry(text.to_owned()).or_insert(format!("<id {count}>"));
        }
    }

    fn replaced(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }

    /// Returns a message of a socket, which need not be JSON.
    fn told(&mut self, text: &str) -> String {
        let Ok(mut json) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
        if json["type"] == "chat" {
            return format!("chat {} {}", json["seq"], json["data"]["comment"]);
        }
        self.settle(&mut json);
        self.replaced(&json.to_string())
    }
}

/// Returns the value at a JSON pointer, in which `*` stands for all items of a list.
fn found(json: &Value, pointer: &str) -> Value {
    let Some((list, rest)) = pointer.split_once("/*") else {
        return json.pointer(pointer).cloned().unwrap_or_default();
    };
    json.pointer(list).unwrap().as_array().unwrap().iter().map(|item| found(item, rest)).collect()
}

/// Formats JSON, each part in one line if it fits.
fn fitted(value: &Value, indent: usize) -> String {
    let line = value.to_string();
    if indent + line.len() <= WIDTH {
        return line;
    }
    let inner = indent + 2;
    let (parts, [open, close]): (Vec<_>, _) = match value {
        Value::Array(items) => (items.iter().map(|item| fitted(item, inner)).collect(), ['[', ']']),
        Value::Object(map) => {
            let part = |(key, value)| format!("{}: {}", json!(key), fitted(value, inner));
            (map.iter().map(part).collect(), ['{', '}'])
        }
        _ => return line,
    };
    let (margin, inner) = (" ".repeat(indent), " ".repeat(inner));
    format!("{open}\n{inner}{}\n{margin}{close}", parts.join(&format!(",\n{inner}")))
}

/// Whether a line of a file is written by the driver.
fn is_answer(line: &str) -> bool {
    line.starts_with([' ', '←', '}', ']']) || line.split_once(' ').is_some_and(|(_, it)| it.starts_with('←'))
}

/// Takes the steps of a file, and compares the answers.
async fn play(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/sessions/{name}.snap"));
    let file = fs::read_to_string(path).unwrap();
    let text = file.rsplit("---\n").next().unwrap();
    let api = document(&Rig::start(), "/openapi.json").await;
    let mut schemas = Schemas { api, compiled: BTreeMap::new() };
    let (mut written, mut stage, mut pending) = (String::new(), None::<Stage>, String::new());
    for line in text.lines().filter(|line| !is_answer(line)) {
        let answer = if line.starts_with('#') || line.is_empty() {
            String::new()
        } else if line.split(' ').next() == Some("server") {
            if let Some(stage) = stage.replace(Stage::start(line)) {
                stage.end().await;
            }
            String::new()
        } else {
            stage.as_mut().expect("a server").step(line, &mut schemas).await
        };
        if answer != pending {
            written += &std::mem::take(&mut pending);
        }
        writeln!(written, "{line}").unwrap();
        pending = answer;
    }
    written += &pending;
    stage.expect("a server").end().await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("sessions");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, written));
}

/// Declares a test for each file.
macro_rules! sessions {
    ($($name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            play(stringify!($name)).await;
        }
    )*};
}

sessions! { access captures channels closing feed inject lobby members overlays pages recordings replay rest rooms shared tokens }
