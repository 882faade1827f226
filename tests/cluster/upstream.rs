//! What all nodes together may ask of TikTok.

use std::{process::Command, time::Duration};

use livetape_engine::demo::{DEMO, DEMO_BYTES};
use livetape_mock::{Happened, MockTikTok, Scenario, ScenarioFile, User};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Feed, LEASE, Nats, Node, node, polled, take_owner};

/// Lease of nodes with rooms, longer than in other tests: on a busy machine, a node that loses its lease connects again.
pub(crate) const ROOM_LEASE: &str = "2s";
/// Time that TikTok asks to wait: long enough for another node to become the owner.
const PAUSE: Duration = Duration::from_secs(3);

/// A mock with the rooms of ann and ben, and nodes whose tokens open them.
pub(crate) struct Show {
    pub(crate) nats: Nats,
    pub(crate) mock: MockTikTok,
    folder: TempDir,
    max_live: &'static str,
    _runtime: Runtime,
}

impl Show {
    pub(crate) fn start(scenario: impl FnOnce(Scenario) -> Scenario, max_live: &'static str) -> Self {
        Self::on(Nats::start(), scenario, max_live)
    }

    pub(crate) fn on(
        nats: Nats,
        scenario: impl FnOnce(Scenario) -> Scenario,
        max_live: &'static str,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let scenario = scenario(Scenario::live("ann").user(User::new("ben")).recording(DEMO));
        let scenario = ScenarioFile::from(scenario).with_recording(DEMO, DEMO_BYTES);
        let mock = runtime.block_on(MockTikTok::start(scenario)).unwrap();
        let folder = TempDir::new().unwrap();
        let token =
            |user| format!("[[tokens]]\nname = \"{user}\"\ntoken = \"t-{user}\"\nuser = \"{user}\"\n");
        std::fs::write(folder.path().join("livetape.toml"), token("ann") + &token("ben")).unwrap();
        Self { nats, mock, folder, max_live, _runtime: runtime }
    }

    pub(crate) fn node(&self) -> Node {
        self.node_with(ROOM_LEASE)
    }

    pub(crate) fn node_with(&self, lease: &str) -> Node {
        self.node_of(&self.nats.url(), &self.mock.url(), lease)
    }

    pub(crate) fn node_of(&self, nats: &str, upstream: &str, lease: &str) -> Node {
        Node::with(&mut self.command(nats, upstream, lease))
    }

    /// Returns the command of a node.
    pub(crate) fn command(&self, nats: &str, upstream: &str, lease: &str) -> Command {
        let config = self.folder.path().join("livetape.toml");
        let mut command = node(nats, lease);
        command
            .args(["--upstream", upstream, "--max-live", self.max_live, "--allow-inject", "--config"])
            .arg(config);
        command
    }

    /// Whether a room is connected.
    pub(crate) fn is_connected(&self) -> bool {
        let open = self.mock.received().into_iter().fold(0, |open, entry| match entry.what {
            Happened::Upgrade { .. } => open + 1,
            Happened::Closed { .. } => open - 1,
            _ => open,
        });
        open > 0
    }

    /// Number of connections to rooms, and the most at once to the same user.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let (mut open, mut all, mut most) = (Vec::new(), 0, 0);
        for entry in self.mock.received() {
            match entry.what {
                Happened::Upgrade { room_id, .. } => {
                    open.push((entry.connection, room_id));
                    all += 1;
                    most = most.max(open.iter().filter(|(_, of)| *of == room_id).count());
                }
                Happened::Closed { .. } => open.retain(|(connection, _)| *connection != entry.connection),
                _ => {}
            }
        }
        (all, most)
    }
}

/// Opens a room at the first node, which then owns its channel, and afterwards at the others.
pub(crate) fn open<'a>(nodes: impl IntoIterator<Item = &'a Node>, token: &str) -> Vec<Feed> {
    nodes.into_iter().map(|node| node.room(token)).inspect(Feed::peek).collect()
}

/// Returns the code of the `error` that a feed begins with.
fn refusal(feed: &Feed) -> (String, String) {
    let error = feed.until(|event| event["type"] == "error").pop().unwrap();
    let error: Value = serde_json::from_str(&error).unwrap();
    let text = |of: &str| error["data"][of].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

pub(crate) fn is_chat(event: &Value) -> bool {
    event["type"] == "chat"
}

#[test]
fn a_pause_that_one_node_meets_holds_for_all() {
    let show = Show::start(|it| it.rate_limited(1, PAUSE), "9");
    let node = || show.node_with(LEASE);
    let mut nodes = vec![node(), node()];
    let (status, answer) = nodes[0].request("POST", "/connect/ann", &Value::Null);
    assert_eq!((status, &answer["error"]["code"]), (429, &json!("rate_limited")));
    // A node that is killed before it has told the pause takes it along.
    let stored = r#"{"last_by_subj":"$KV.livetape-test.pause"}"#;
    let stored = || show.nats.request("$JS.API.STREAM.MSG.GET.KV_livetape-test", stored);
    polled(|| stored().contains(r#""message""#).then_some(()));
    // The next owner continues the room, but after the pause.
    drop(take_owner(&mut nodes));
    assert_eq!(refusal(&nodes[0].room("t-ben")).0, "rate_limited");
    nodes.push(node());
    assert_eq!(refusal(&nodes[1].room("t-ben")).0, "rate_limited");
    nodes[0].process.until("This node owns the channel");
    assert_eq!(nodes[1].request("GET", "/test/ben", &Value::Null).1["code"], "rate_limited");
    nodes[1].feed("0").until(is_chat);
    let mut asked = show.mock.received().into_iter().filter_map(|entry| match entry.what {
        Happened::Request { status, .. } => Some((entry.at_ms, status)),
        _ => None,
    });
    let refused = asked.by_ref().find(|(_, status)| *status == 429).unwrap().0;
    let next = asked.next().unwrap().0;
    assert!(u128::from(next - refused) >= PAUSE.as_millis(), "asked {} ms later", next - refused);
    nodes[1].room("t-ben").until(is_chat);
}

#[test]
fn rooms_of_all_nodes_count() {
    let show = Show::start(|it| it, "1");
    let mut nodes = vec![show.node(), show.node()];
    nodes[0].post("/connect/ann", &Value::Null);
    let owner = take_owner(&mut nodes);
    let (code, message) = refusal(&nodes[0].room("t-ben"));
    assert_eq!((code.as_str(), message.contains("in the cluster")), ("capacity", true), "{message}");
    assert_eq!(nodes[0].request("DELETE", "/connect/ann", &Value::Null).0, 200);
    // The room that was refused has released its user.
    let claim = r#"{"last_by_subj":"$KV.livetape-test.user.ben"}"#;
    let claim = || show.nats.request("$JS.API.STREAM.MSG.GET.KV_livetape-test", claim);
    polled(|| (!claim().contains(r#""message""#)).then_some(()));
    let ben = nodes[0].room("t-ben");
    ben.until(is_chat);
    let (status, answer) = owner.request("POST", "/connect/ann", &Value::Null);
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("capacity")));
    // Slots of a node that is killed are free after the lease.
    nodes.clear();
    // The socket ends.
    while ben.next().is_some() {}
    let connected = || owner.request("POST", "/connect/ann", &Value::Null).0 == 200;
    assert!((0..20).any(|_| connected()));
    assert_eq!(show.connections(), (3, 1));
}
