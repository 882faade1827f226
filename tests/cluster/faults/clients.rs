//! Clients that go on whatever happens: readers of the feed, and one that injects chats.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use proptest::test_runner::TestRng;
use serde_json::{Value, json};

use super::{index, rng};
use crate::support::PATIENCE;

/// Time between two attempts of a client.
const PAUSE: Duration = Duration::from_millis(25);
/// Maximum time for an answer to an order, which may be that of a stopped node.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// What a reader has seen, in order.
#[derive(Clone)]
pub(super) enum Seen {
    Event {
        stream: String,
        seq: u64,
        line: Arc<str>,
        /// Text of an injected chat.
        chat: Option<String>,
    },
    /// An error without a number, with its code.
    Told(String),
    /// The code with which the node closed the socket.
    Closed(u16),
}

impl Seen {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |it: &Value| it.as_str().map(str::to_owned);
        if let (Some(stream), Some(seq)) = (text(&event["stream"]), event["seq"].as_u64()) {
            let chat = if event["injected"] == true { text(&event["data"]["comment"]) } else { None };
            return Some(Self::Event { stream, seq, line: line.into(), chat });
        }
        text(&event["data"]["code"]).map(Self::Told)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { stream, seq, chat, .. } => write!(f, "{stream}:{seq} {chat:?}"),
            Self::Told(code) => f.write_str(code),
            Self::Closed(code) => write!(f, "closed with {code}"),
        }
    }
}

/// Reads the feed at one node after the other.
pub(super) struct Reader {
    log: Arc<(Mutex<Vec<Seen>>, Condvar)>,
    /// The thread ends with this.
    _stop: Sender<()>,
}

impl Reader {
    pub(super) fn start(addresses: Vec<String>, seed: u64) -> Self {
        let log = Arc::<(Mutex<Vec<Seen>>, Condvar)>::default();
        let (stop, is_stopped) = channel();
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            let (mut rng, mut position) = (rng(seed), "0".to_owned());
            while is_stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let address = &addresses[index(&mut rng, addresses.len())];
                // A broken connection is no news.
                drop(read(address, &mut position, |seen| {
                    // A failed check may have held it.
                    shared.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
                    shared.1.notify_all();
                }));
            }
        });
        Self { log, _stop: stop }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.log.0.lock().unwrap()
    }

    /// Waits until the reader has seen something after the first `from`. Returns its index.
    pub(super) fn sees(&self, from: usize, what: &str, is_it: impl Fn(&Seen) -> bool) -> usize {
        let find = |log: &Vec<Seen>| log[from..].iter().position(&is_it);
        let waiting = self.log.1.wait_timeout_while(self.log(), PATIENCE, |log| find(log).is_none());
        let (log, _) = waiting.unwrap();
        let (found, last) = (find(&log), log[from.max(log.len().saturating_sub(3))..].to_vec());
        // Its thread goes on.
        drop(log);
        from + found.unwrap_or_else(|| panic!("a reader waits in vain for {what}, after {last:?}"))
    }
}

/// Reads at a node until the connection ends.
fn read(address: &str, position: &mut String, mut saw: impl FnMut(Seen)) -> Result<(), tungstenite::Error> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let url = format!("ws://{address}/?raw=1&since={position}");
    let (mut socket, _) =
        tungstenite::client(url, socket).map_err(|_| tungstenite::Error::Utf8(String::new()))?;
    loop {
        match socket.read()? {
            tungstenite::Message::Text(text) => {
                let Some(seen) = Seen::parse(&text) else { continue };
                if let Seen::Event { stream, seq, .. } = &seen {
                    *position = format!("{stream}:{seq}");
                }
                saw(seen);
            }
            tungstenite::Message::Close(Some(frame)) => {
                let code = u16::from(frame.code);
                if code == UNKNOWN_POSITION {
                    "0".clone_into(position);
                }
                saw(Seen::Closed(code));
            }
            _ => {}
        }
    }
}

/// Close code for a position of another stream, or one that is gone.
pub(super) const UNKNOWN_POSITION: u16 = 4001;

/// Sends an order, which may fail at any point.
pub(super) fn order(address: &str, path: &str, body: &Value) -> Outcome {
    let Ok(mut socket) = TcpStream::connect(address) else { return Outcome::Refused };
    let mut exchange = || -> io::Result<String> {
        socket.set_read_timeout(Some(ANSWER_TIME))?;
        let body = body.to_string();
        let head =
            format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().unwrap_or_default();
    match answer.split(' ').nth(1) {
        Some("200") => {
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            Outcome::Executed(serde_json::from_str(body).unwrap())
        }
        None | Some("504") => Outcome::Unknown,
        Some(_) => Outcome::Refused,
    }
}

/// What an answer says about an order.
#[derive(Debug)]
pub(super) enum Outcome {
    Executed(Value),
    /// It is never executed.
    Refused,
    /// It may be executed, once.
    Unknown,
}

/// Injects numbered chats at one node after the other.
pub(super) struct Injector {
    sent: Arc<Mutex<Vec<(String, Outcome)>>>,
    _stop: Sender<()>,
}

impl Injector {
    pub(super) fn start(addresses: Vec<String>, seed: u64) -> Self {
        let sent = Arc::<Mutex<Vec<_>>>::default();
        let (stop, is_stopped) = channel();
        let (shared, mut rng) = (Arc::clone(&sent), rng(seed));
        thread::spawn(move || inject(&addresses, &mut rng, &is_stopped, &shared));
        Self { sent, _stop: stop }
    }

    /// Returns the chats that were sent since the last call, and what became of them.
    pub(super) fn take(&self) -> Vec<(String, Outcome)> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

fn inject(
    addresses: &[String],
    rng: &mut TestRng,
    is_stopped: &Receiver<()>,
    sent: &Mutex<Vec<(String, Outcome)>>,
) {
    for number in 1_u64.. {
        if is_stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let chat = format!("chat {number}");
        let outcome = order(&addresses[index(rng, addresses.len())], "/inject", &injection(&chat));
        sent.lock().unwrap().push((chat, outcome));
    }
}

pub(super) fn injection(chat: &str) -> Value {
    json!({ "type": "chat", "user": "ann", "comment": chat })
}
