//! A webhook, over the network.

use ring::hmac;
use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::support::process::{livetape, stdout};

#[tokio::test(flavor = "multi_thread")]
async fn events_are_posted_and_redirects_are_not_followed() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(302).insert_header("location", format!("{}/elsewhere", server.uri()));
    Mock::given(method("POST")).respond_with(moved).up_to_n_times(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let url = format!("{}/hook", server.uri());
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--port", "0"];
    let mut replay = livetape(&args);
    replay.args(["--webhook", &url]);
    replay.env("LIVETAPE_WEBHOOK_TYPES", "connection_created,disconnected");
    replay.env("LIVETAPE_WEBHOOK_SECRET", "key");
    let output = tokio::task::spawn_blocking(move || replay.output().unwrap()).await.unwrap();
    let said = stdout(&output);
    assert!(said.contains("Events not delivered to the webhook: 1"), "{said}");
    let requests = server.received_requests().await.unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
    let received = requests.iter().map(|request| {
        let hex: String =
            hmac::sign(&key, &request.body).as_ref().iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(request.headers["x-livetape-signature"], format!("sha256={hex}"));
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        (request.url.path(), event["type"].as_str().unwrap().to_owned())
    });
    let expected = ["connection_created", "disconnected"].map(|kind| ("/hook", kind.to_owned()));
    assert_eq!(received.collect::<Vec<_>>(), expected);
}
