//! Every way to log in to NATS, and what a user has to be allowed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    support::{CLUSTER, LEASE, Nats, Node, Process, node, own_ip, polled},
    talk::Client,
};

/// User and password of nodes. No node may print it.
pub(crate) const USER: &str = "planted-node";

/// Returns the documented lists of subjects: to publish on, and to subscribe to.
pub(crate) fn documented_permissions(cluster: &str) -> [Vec<String>; 2] {
    let text = include_str!("../../docs/cluster.md").replace("NAME", cluster);
    ["| publish |", "| subscribe |"].map(|start| {
        let row = text.lines().find(|line| line.starts_with(start)).unwrap();
        row.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    })
}

/// Returns the configuration of a server with a user for nodes, and one who may do everything.
pub(crate) fn users([publish, subscribe]: &[Vec<String>; 2]) -> String {
    let permissions = json!({ "publish": publish, "subscribe": subscribe });
    let node = json!({ "user": USER, "password": USER, "permissions": permissions });
    let stranger = json!({ "user": "stranger", "password": "stranger" });
    // JSON is also a valid configuration.
    format!("authorization: {}\n", json!({ "users": [node, stranger] }))
}

/// Starts a node that must be able to work, and stops it.
#[track_caller]
fn assert_works(command: &mut Command) {
    let node = Node::with(command);
    let feed = node.feed("0");
    node.post("/inject", &json!({ "type": "chat", "user": "ann", "comment": "hi" }));
    feed.until(|event| event["type"] == "chat");
    node.process.signal("TERM");
    let (exit, output) = node.process.wait();
    assert!(exit == Some(0) && !output.contains("planted"), "{output}");
}

/// Starts a node that must be rejected.
#[track_caller]
fn assert_rejected(command: &mut Command, message: &str) {
    let (exit, output) = Process::start(command).wait();
    assert_eq!(exit, Some(1), "{output}");
    assert!(output.contains(message) && output.contains('💡'), "no {message:?} in {output}");
    assert!(!output.contains("planted"), "{output}");
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn each_missing_permission_is_named() {
    let documented = documented_permissions(CLUSTER);
    for (list, act) in ["publish on", "subscribe to"].into_iter().enumerate() {
        for left_out in &documented[list] {
            let mut allowed = documented.clone();
            allowed[list].retain(|subject| subject != left_out);
            let nats = Nats::configured(&["--jetstream"], &users(&allowed));
            let start = left_out.split(['>', '*']).next().unwrap();
            assert_rejected(
                &mut node(&nats.url(), LEASE),
                &format!("does not allow this user to {act} `{start}"),
            );
        }
    }
}

/// As on a busy machine, where a node learns only after its start what NATS denied.
#[test]
fn a_permission_that_is_found_missing_late_is_named_too() {
    let mut allowed = documented_permissions(CLUSTER);
    let nats = Nats::configured(&["--jetstream"], &users(&allowed));
    let node = Node::start(&nats);
    allowed[0].retain(|subject| subject != "livetape.test.node.>");
    std::fs::write(nats.config(), users(&allowed)).unwrap();
    nats.signal("HUP");
    let (exit, output) = node.process.wait();
    assert_eq!(exit, Some(1), "{output}");
    assert!(output.contains("does not allow this user to publish on `livetape.test.node."), "{output}");
}

/// Later, a node goes on without it, and says what is missing.
#[test]
fn a_permission_that_is_taken_away_names_itself() {
    let mut allowed = documented_permissions(CLUSTER);
    let mut nats = Nats::configured(&["--jetstream"], &users(&allowed));
    let node = Node::with(node(&nats.url(), LEASE).env("LIVETAPE_HEARTBEAT", "11s"));
    let feed = node.feed("0");
    // A node that has just started exits.
    Client::open(&node, "ann").until_heartbeat();
    let granted = users(&allowed);
    allowed[0].retain(|subject| !subject.starts_with("$KV."));
    std::fs::write(nats.config(), users(&allowed)).unwrap();
    nats.signal("HUP");
    let told = node.process.until("No node owns the channel");
    assert!(told.contains("does not allow this user to publish on `$KV.livetape-test."), "{told}");
    feed.until(|event| event["data"]["code"] == "cluster_unowned");
    std::fs::write(nats.config(), granted).unwrap();
    nats.kill();
    nats.restart();
    node.process.until("This node owns the channel");
    polled(|| node.status()["cluster"]["unowned"].is_null().then_some(()));
}

#[test]
fn a_revoked_password_names_itself() {
    let allowed = documented_permissions(CLUSTER);
    let nats = Nats::configured(&["--jetstream"], &users(&allowed));
    let node = Node::start(&nats);
    let feed = node.feed("0");
    std::fs::write(
        nats.config(),
        users(&allowed).replace(&format!("\"password\":\"{USER}\""), "\"password\":\"another\""),
    )
    .unwrap();
    nats.signal("HUP");
    let told = node.process.until("NATS rejects the user of this node");
    assert!(told.contains("hint=") && !told.contains("planted"), "{told}");
    polled(|| node.status()["cluster"]["refused"].as_str()?.contains("rejects the user").then_some(()));
    feed.until(|event| event["data"]["message"].as_str().is_some_and(|it| it.contains("rejects the user")));
    // It connects again without a restart.
    std::fs::write(nats.config(), users(&allowed)).unwrap();
    nats.signal("HUP");
    polled(|| node.status()["cluster"]["refused"].is_null().then_some(()));
    polled(|| node.is_owner().then_some(()));
}

#[test]
fn a_token_is_a_login() {
    let nats = Nats::with(&["--jetstream", "--auth", "planted-token"]);
    let with = |token: &str| node(&nats.url().replace("//", &format!("//{token}@")), LEASE);
    assert_works(&mut with("planted-token"));
    assert_rejected(&mut with("planted-other"), "it rejects this user");
}

#[test]
fn a_user_with_a_password_is_a_login() {
    // Percent-encoded in URLs.
    let nats = Nats::with(&["--jetstream", "--user", "a@b", "--pass", "planted/,%"]);
    assert_works(&mut node(&nats.url().replace("//", "//a%40b:planted%2F%2C%25@"), LEASE));
}

#[test]
fn an_nkey_is_a_login() {
    let [publish, subscribe] = documented_permissions(CLUSTER);
    let key = KeyPair::new_user();
    let permissions = json!({ "publish": publish, "subscribe": subscribe });
    let user = json!({ "nkey": key.public_key(), "permissions": permissions });
    let config = format!("authorization: {}", json!({ "users": [user] }));
    let nats = Nats::configured(&["--jetstream"], &config);
    let folder = TempDir::new().unwrap();
    let right = written(folder.path(), "right.nk", &format!("{}\n", key.seed().unwrap()));
    assert_works(node(&nats.url(), LEASE).arg("--nats-creds").arg(&right));
    let other = written(folder.path(), "other.nk", &KeyPair::new_user().seed().unwrap());
    assert_rejected(node(&nats.url(), LEASE).arg("--nats-creds").arg(&other), "it rejects this user");
}

/// Returns a JWT as NATS defines it.
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let (issued_by, about) = (issuer.public_key(), subject.public_key());
    let claims =
        json!({ "jti": about, "iat": 1, "iss": issued_by, "sub": about, "name": "test", "nats": nats });
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(&signature))
}

#[test]
fn a_credentials_file_is_a_login() {
    let (operator, system, account, user) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user());
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_operator = jwt(&operator, &operator, &json!({ "type": "operator", "version": 2 }));
    let of_system = jwt(&operator, &system, &json!({ "type": "account", "version": 2 }));
    let of_account = jwt(&operator, &account, &json!({ "type": "account", "version": 2, "limits": limits }));
    let preloaded = json!({ (system.public_key()): of_system, (account.public_key()): of_account });
    let config = format!(
        "operator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {preloaded}\n",
        system.public_key()
    );
    let nats = Nats::configured(&["--jetstream"], &config);
    let [publish, subscribe] = documented_permissions(CLUSTER);
    let of_user = jwt(
        &account,
        &user,
        &json!({
            "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
            "pub": { "allow": publish }, "sub": { "allow": subscribe },
        }),
    );
    let folder = TempDir::new().unwrap();
    let seed = user.seed().unwrap();
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    let right = written(folder.path(), "right.creds", &text);
    assert_works(node(&nats.url(), LEASE).arg("--nats-creds").arg(&right));
    let other =
        written(folder.path(), "other.creds", &text.replace(&seed, &KeyPair::new_user().seed().unwrap()));
    assert_rejected(node(&nats.url(), LEASE).arg("--nats-creds").arg(&other), "it rejects this user");
    let garbage = written(folder.path(), "garbage.creds", "planted");
    let garbage = Process::start(node(&nats.url(), LEASE).arg("--nats-creds").arg(&garbage)).wait();
    assert!(garbage.0 == Some(2) && !garbage.1.contains("planted"), "{garbage:?}");
}

#[test]
fn tls_needs_a_certificate_of_a_known_ca() {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let server = CertificateParams::new([own_ip().to_string()]).unwrap().signed_by(&key, &ca).unwrap();
    let folder = TempDir::new().unwrap();
    let ca = written(folder.path(), "ca.pem", &ca.pem());
    let files = json!({
        "cert_file": written(folder.path(), "cert.pem", &server.pem()),
        "key_file": written(folder.path(), "key.pem", &key.serialize_pem()),
    });
    let nats = Nats::configured(&["--jetstream"], &format!("tls: {files}\n"));
    for url in [nats.url(), nats.url().replace("nats:", "tls:")] {
        assert_works(node(&url, LEASE).env("SSL_CERT_FILE", &ca));
        assert_rejected(
            &mut node(&url, LEASE),
            "the TLS handshake failed (invalid peer certificate: UnknownIssuer)",
        );
    }
    // A server without TLS does not get the password.
    let plain = Nats::with(&["--jetstream"]);
    let of_plain = plain.url().replace("nats://", "tls://ann:planted@");
    assert_rejected(&mut node(&of_plain, LEASE), "the TLS handshake failed");
}
