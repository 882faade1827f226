//! Carries messages between the servers of the nodes: their clients share rooms and messages. Nothing is stored or repeated, so
//! each message arrives at most once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::{Client, Message, Subscriber};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use livetape_core::error::{Code, Problem};
use livetape_feed::control::{Control, Incoming, Outgoing, PEER_BYTES_MAX, PeerLink, Question};
use livetape_io::clock;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    time::timeout_at,
};
use tracing::warn;

use super::{claims::unreachable, store::Store};

const MAGIC: [u8; 4] = *b"LTws";
/// Version of the messages.
const VERSION: u8 = 1;
/// Maximum time for the answers of the other nodes.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Maximum number of questions of this process, and of others, that wait for answers at once.
const QUESTIONS_MAX: usize = 64;
/// Maximum size of a node's answer, in bytes: connections of ten thousand clients fit. It arrives in parts.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Maximum size of all answers to a question, in bytes.
const ANSWERS_BYTES_MAX: usize = 128 << 20;

/// A node's part of the messages between servers.
pub(super) struct Carrier {
    client: Client,
    node: Arc<str>,
    tell: String,
    ask: String,
    news: Subscriber,
    asked: Subscriber,
    is_connected: watch::Receiver<bool>,
    control: Control,
}

/// A message on the way, or a part of it.
#[derive(Debug, PartialEq, Eq)]
struct Parcel {
    node: Arc<str>,
    /// Number of further parts.
    further: u16,
    content: Bytes,
}

impl Parcel {
    fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(MAGIC.len() + 4 + self.node.len() + self.content.len());
        bytes.put_slice(&MAGIC);
        bytes.put_u8(VERSION);
        bytes.put_u16(self.further);
        bytes.put_u8(u8::try_from(self.node.len()).unwrap_or_default());
        bytes.put_slice(self.node.as_bytes());
        bytes.put_slice(&self.content);
        bytes.freeze()
    }

    fn from_bytes(mut bytes: Bytes) -> Result<Self, Problem> {
        let foreign = || Problem::new(Code::ClusterMessage, "a message between servers is not from livetape");
        let head = MAGIC.len() + 4;
        if bytes.len() < head || bytes[..MAGIC.len()] != MAGIC {
            return Err(foreign());
        }
        bytes.advance(MAGIC.len());
        let version = bytes.get_u8();
        if version != VERSION {
            let message =
                format!("a message between servers has format {version}; this version reads {VERSION}");
            return Err(Problem::new(Code::ClusterVersion, message));
        }
        let (further, length) = (bytes.get_u16(), usize::from(bytes.get_u8()));
        if length == 0 || bytes.len() < length {
            return Err(foreign());
        }
        let node = str::from_utf8(&bytes.split_to(length)).map_err(|_| foreign())?.into();
        Ok(Self { node, further, content: bytes })
    }
}

/// Splits an answer into messages that NATS takes.
fn parcels(node: &Arc<str>, answer: &Bytes) -> Vec<Parcel> {
    // Too large to be read: without it, the other node does not wait.
    let answer = if answer.len() > ANSWER_BYTES_MAX { Bytes::new() } else { answer.clone() };
    let count = answer.len().div_ceil(PEER_BYTES_MAX).max(1);
    let part = |index: usize| {
        let (start, end) = (index * PEER_BYTES_MAX, answer.len().min((index + 1) * PEER_BYTES_MAX));
        let further = u16::try_from(count - 1 - index).unwrap_or_default();
        Parcel { node: Arc::clone(node), further, content: answer.slice(start..end) }
    };
    (0..count).map(part).collect()
}

/// The answers to a question, as their parts arrive.
#[derive(Debug, Default)]
struct Answers {
    parts: BTreeMap<Arc<str>, BytesMut>,
    complete: BTreeMap<Arc<str>, Bytes>,
    bytes: usize,
}

impl Answers {
    /// Takes a part. Those of a node arrive in order.
    fn take(&mut self, Parcel { node, further, content }: Parcel) {
        self.bytes = self.bytes.saturating_add(content.len());
        if self.bytes > ANSWERS_BYTES_MAX || self.complete.contains_key(&node) {
            return;
        }
        let parts = self.parts.entry(Arc::clone(&node)).or_default();
        parts.put_slice(&content);
        if further == 0 {
            let answer = self.parts.remove(&node).unwrap_or_default();
            self.complete.insert(node, answer.freeze());
        }
    }
}

impl Carrier {
    pub(super) async fn new(
        client: &Client,
        store: &Store,
        node: &str,
        is_connected: watch::Receiver<bool>,
        control: Control,
    ) -> Result<Self, Problem> {
        Ok(Self {
            client: client.clone(),
            node: node.into(),
            tell: store.subject("ws.tell"),
            ask: store.subject("ws.ask"),
            news: store.subscribe("ws.tell").await?,
            asked: store.subscribe("ws.ask").await?,
            is_connected,
            control,
        })
    }

    /// Carries messages until the process ends.
    pub(super) async fn run(mut self, mut link: PeerLink) {
        let (own, others) =
            (Arc::new(Semaphore::new(QUESTIONS_MAX)), Arc::new(Semaphore::new(QUESTIONS_MAX)));
        loop {
            tokio::select! { biased;
                message = link.next() => match message {
                    Some(Outgoing::Tell(content)) => self.tell(&link, content).await,
                    Some(Outgoing::Ask(Question { bytes, at_least, answers })) => {
                        // Without a place, the question is dropped, which says that it cannot be asked.
                        let Ok(place) = Arc::clone(&own).try_acquire_owned() else { continue };
                        let asking = self.question(bytes, at_least);
                        tokio::spawn(async move {
                            let _place = place;
                            drop(answers.send(asking.await));
                        });
                    }
                    None => return,
                },
                Some(message) = self.news.next() => {
                    if let Some(Parcel { node, content, .. }) = self.open(message.payload) {
                        link.pass(Incoming { from: node, bytes: content, answer: None });
                    }
                }
                Some(message) = self.asked.next() => {
                    let Message { payload, reply: Some(inbox), .. } = message else { continue };
                    let Some(Parcel { node, content, .. }) = self.open(payload) else { continue };
                    let Ok(place) = Arc::clone(&others).try_acquire_owned() else {
                        link.lose();
                        continue;
                    };
                    let (answer, answered) = oneshot::channel();
                    link.pass(Incoming { from: node, bytes: content, answer: Some(answer) });
                    let (client, node) = (self.client.clone(), Arc::clone(&self.node));
                    tokio::spawn(async move {
                        let _place = place;
                        let Ok(answer) = answered.await else { return };
                        for parcel in parcels(&node, &answer) {
                            // The other node stops waiting by itself.
                            drop(client.publish(inbox.clone(), parcel.to_bytes()).await);
                        }
                    });
                }
            }
        }
    }

    /// Returns a message of another node.
    fn open(&self, bytes: Bytes) -> Option<Parcel> {
        let opened = Parcel::from_bytes(bytes).inspect_err(|problem| {
            let (code, hint) = (problem.code.name(), &problem.hint);
            warn!(code, why = %problem, hint, "❌ Skipped a message of the cluster");
        });
        opened.ok().filter(|parcel| parcel.node != self.node)
    }

    async fn tell(&self, link: &PeerLink, content: Bytes) {
        let parcel = Parcel { node: Arc::clone(&self.node), further: 0, content };
        // The client would send it later, when nobody expects it any more.
        let is_told = *self.is_connected.borrow()
            && self.client.publish(self.tell.clone(), parcel.to_bytes()).await.is_ok();
        if !is_told {
            link.lose();
        }
    }

    /// Asks the other nodes, and returns their answers. Waits for those that are known.
    fn question(
        &self,
        content: Bytes,
        at_least: usize,
    ) -> impl Future<Output = Result<Vec<Bytes>, Problem>> + Send + use<> {
        let known = self.control.nodes().map_or(0, |nodes| nodes.nodes.len().saturating_sub(1)).max(at_least);
        let (client, subject) = (self.client.clone(), self.ask.clone());
        let parcel = Parcel { node: Arc::clone(&self.node), further: 0, content };
        let (is_connected, mut connected) = (*self.is_connected.borrow(), self.is_connected.clone());
        async move {
            if !is_connected {
                return Err(unreachable());
            }
            let ends = clock::now() + ANSWER_TIME;
            let inbox = client.new_inbox();
            let mut messages = client.subscribe(inbox.clone()).await.map_err(|_| unreachable())?;
            client.publish_with_reply(subject, inbox, parcel.to_bytes()).await.map_err(|_| unreachable())?;
            let mut answers = Answers::default();
            while answers.complete.len() < known {
                tokio::select! { biased;
                    _ = connected.wait_for(|is_connected| !is_connected) => return Err(unreachable()),
                    message = timeout_at(ends, messages.next()) => {
                        let Ok(Some(message)) = message else { break };
                        if let Ok(parcel) = Parcel::from_bytes(message.payload) {
                            answers.take(parcel);
                        }
                    }
                }
            }
            Ok(answers.complete.into_values().filter(|answer| !answer.is_empty()).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_arrive_in_parts_of_several_nodes() {
        let long = Bytes::from((0..3 * PEER_BYTES_MAX + 7).map(|at| at as u8).collect::<Vec<_>>());
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut answers = Answers::default();
        let mut short = parcels(&b, &Bytes::from_static(b"short")).into_iter();
        let parts = parcels(&a, &long);
        assert_eq!(parts.len(), 4);
        for part in parts {
            answers.take(Parcel::from_bytes(part.to_bytes()).unwrap());
            short.next().into_iter().for_each(|part| answers.take(part));
        }
        assert_eq!(answers.complete[&a], long);
        assert_eq!(answers.complete[&b], "short");
        // Too large for any node to read, and a flood.
        let none = parcels(&a, &Bytes::from(vec![0; ANSWER_BYTES_MAX + 1]));
        assert_eq!((none.len(), none[0].content.len()), (1, 0));
        for _ in 0..2 * ANSWERS_BYTES_MAX / PEER_BYTES_MAX {
            let content = Bytes::from(vec![0; PEER_BYTES_MAX]);
            answers.take(Parcel { node: "c".into(), further: 1, content });
        }
        assert!(answers.parts.values().map(BytesMut::len).sum::<usize>() <= ANSWERS_BYTES_MAX);
    }

    #[test]
    fn messages_of_others_are_named() {
        let parcel = Parcel { node: "a".into(), further: 2, content: Bytes::from_static(b"x") };
        let mut bytes = parcel.to_bytes().to_vec();
        assert_eq!(Parcel::from_bytes(bytes.clone().into()), Ok(parcel));
        for version in [0, 2] {
            bytes[MAGIC.len()] = version;
            let problem = Parcel::from_bytes(bytes.clone().into()).unwrap_err();
            assert_eq!(problem.code, Code::ClusterVersion);
            assert!(!problem.hint.is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_parcel_or_a_problem(bytes in prop::collection::vec(any::<u8>(), 0..40), has_head in any::<bool>()) {
            let head = if has_head { &b"LTws\x01"[..] } else { b"" };
            let _ = Parcel::from_bytes([head, &bytes].concat().into());
        }
    }
}
