//! Wrong settings, and messages of others.

use livetape_cluster::ownership::Record;
use prost::Message as _;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    damage::HEAD_BYTES,
    support::{LEASE, Nats, Node, Process, assert_same, contents, demo, livetape, node, numbers},
};

#[test]
fn a_node_that_cannot_join_says_why() {
    let without_jetstream = Nats::with(&[]);
    let with_password = Nats::with(&["--jetstream", "--user", "ann", "--pass", "planted-right"]);
    let with_small_messages = Nats::configured(&["--jetstream"], "max_payload: 65536\n");
    let wrong = with_password.url().replace("//", "//ann:planted-wrong@");
    let table = [
        (without_jetstream.url(), Some(1), "JetStream is off"),
        (with_password.url(), Some(1), "it rejects this user"),
        (wrong, Some(1), "it rejects this user"),
        (with_small_messages.url(), Some(1), "NATS accepts messages of 65536 bytes"),
        ("http://127.0.0.1:1".to_owned(), Some(2), "`http` is not a scheme of NATS"),
        ("nats://".to_owned(), Some(2), "not a valid address"),
    ];
    for (url, code, message) in table {
        let (exit, output) = Process::start(&mut node(&url, LEASE)).wait();
        assert_eq!(exit, code, "{output}");
        assert!(output.contains(message) && output.contains('💡'), "{output}");
        assert!(!output.contains("planted"), "{output}");
    }
    let plain = Nats::with(&["--jetstream"]);
    let too_many = Process::start(node(&plain.url(), LEASE).env("LIVETAPE_CLUSTER_REPLICAS", "3")).wait();
    assert!(too_many.0 == Some(1) && too_many.1.contains("as cluster.replicas, or lower it"), "{too_many:?}");
    let right = with_password.url().replace("//", "//ann:planted-right@");
    let shown = livetape(&["config", "show"]).env("LIVETAPE_NATS", &right).output().unwrap();
    assert!(!String::from_utf8(shown.stdout).unwrap().contains("planted"));
    // One server of several is enough.
    let joined = Node::with(&mut node(&format!("nats://127.0.0.1:1,{right}"), LEASE));
    joined.process.signal("TERM");
    let (exit, output) = joined.process.wait();
    assert!(exit == Some(0) && !output.contains("planted"), "{output}");
}

#[test]
fn wrong_settings_are_found_without_nats() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let bad_seed = folder.path().join("bad.nk");
    std::fs::write(&bad_seed, "SUplanted\n").unwrap();
    let bad_seed = bad_seed.to_str().unwrap();
    for (name, value, message) in [
        ("LIVETAPE_NATS", "nats://127.0.0.1:1,http://127.0.0.1:1", "`http` is not a scheme of NATS"),
        ("LIVETAPE_NATS", "127.0.0.1:4222", "write it like nats://127.0.0.1:4222"),
        ("LIVETAPE_NATS_CREDS", empty, "the credentials file of NATS is invalid"),
        ("LIVETAPE_NATS_CREDS", bad_seed, "the NKey of NATS is invalid"),
        ("LIVETAPE_MAX_LIVE", "1025", "--max-live is above 1024"),
        ("LIVETAPE_CLUSTER_REPLICAS", "0", "cluster.replicas is not between 1 and 5"),
        ("LIVETAPE_CLUSTER_REPLICAS", "6", "cluster.replicas is not between 1 and 5"),
    ] {
        for args in [&["serve", "--port", "0"][..], &["config", "check"]] {
            let mut command = livetape(args);
            command.env("LIVETAPE_NATS", "nats://127.0.0.1:1").env(name, value);
            let (exit, output) = Process::start(&mut command).wait();
            assert_eq!(exit, Some(2), "{output}");
            assert!(output.contains(message), "{name}: {output}");
            // The hint of a wrong setting is often to run the check.
            assert!(output.contains('💡') || args[0] == "config", "{name}: {output}");
            assert!(!output.contains("planted"), "{output}");
        }
    }
}

#[test]
fn nodes_of_a_cluster_need_the_same_lease() {
    let nats = Nats::start();
    let _first = Node::start(&nats);
    let (exit, output) = Process::start(&mut node(&nats.url(), "5s")).wait();
    assert_eq!(exit, Some(2), "{output}");
    assert!(output.contains("has leases of 500ms, but this node has 5s"), "{output}");
}

/// A rolling upgrade, or a step back: the one before is read, if there is one, all others are refused with a hint.
#[test]
fn messages_of_another_version_are_rejected_with_a_code_and_a_hint() {
    let nats = Nats::start();
    let node = Node::start(&nats);
    let feed = node.feed("0");
    let chat =
        |comment: &str| node.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": comment }));
    chat("before");
    let stored = nats.last_stored("livetape-test_main", "livetape.test.feed.main");
    for version in [0, 2, 255] {
        // In all else, it is a record of this owner.
        let record = [b"LTlg", &[version][..], &stored[5..]].concat();
        nats.publish("livetape.test.feed.main", &record);
        let told = node.process.until(r#"code="cluster_version""#);
        assert!(
            told.contains(&format!("has format {version}")) && told.contains("update livetape"),
            "{told}"
        );
        let order =
            json!({ "version": version, "node": "other", "nonce": 1, "command": { "disconnect": "ann" } });
        let answer = nats.request(&format!("livetape.test.order.{}", node.name), &order.to_string());
        assert!(answer.contains("cluster_version") && answer.contains("update livetape"), "{answer}");
    }
    chat("after");
    let log = feed.until(|event| event["data"]["comment"] == "after");
    assert_eq!(numbers(&log).len(), 2);
}

#[test]
fn data_of_another_cluster_is_rejected_with_a_code() {
    let nats = Nats::start();
    let node = Node::start(&nats);
    let feed = node.feed("0");
    node.post("/replay/load", &json!({ "recording": "demo" }));
    node.post("/replay/pause", &json!(null));
    // What this cluster stored, as if it came from another: the identity of its own log is in every message.
    let stored = nats.last_stored("livetape-test_main", "livetape.test.feed.main");
    let record = Record::decode(&stored[HEAD_BYTES..]).unwrap();
    let of_another = Record { log: record.log + 1, ..record }.to_bytes();
    nats.publish("livetape.test.feed.main", b"{\"type\":\"chat\"}");
    node.process.until(r#"code="cluster_message""#);
    nats.publish("livetape.test.feed.main", &of_another);
    let told = node.process.until(r#"code="cluster_message""#);
    assert!(told.contains("was meant for another one"), "{told}");
    // The same message again, and entries of the bucket that no node wrote.
    nats.publish("livetape.test.feed.main", &stored);
    node.process.until(r#"code="cluster_message""#);
    for kind in ["node.main".to_owned(), "log.main".to_owned(), format!("order.{}", node.name)] {
        nats.publish(&format!("livetape.test.{kind}"), b"garbage");
    }
    for key in ["lease.main", "user.ann", "place.0", "pause"] {
        nats.publish(&format!("$KV.livetape-test.{key}"), b"{\"node\":\"another\"}");
    }
    // The lease expires, and the node is the owner again.
    node.process.until("This node owns the channel");
    node.post("/replay/speed", &json!({ "speed": "max" }));
    node.post("/replay/play", &json!(null));
    let log = feed.to_end();
    assert!(numbers(&log).is_sorted_by(|a, b| a < b));
    assert_same(&contents(&log), &demo());
}
