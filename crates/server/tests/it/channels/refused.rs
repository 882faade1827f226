//! Invalid tokens and invalid requests with tokens. No response contains a token.

use std::sync::Mutex;

use livetape_core::error::Code;
use livetape_feed::control::{Control, Sources, Token};

use crate::support::{As, ROOMS, Rig, Setup, json, read_all, told};

/// Messages shown to the user who runs the server.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test(start_paused = true)]
async fn unknown_tokens_and_those_without_a_user_get_an_error_and_1008() {
    let tell: fn(&str) = |line| TOLD.lock().unwrap().push(line.to_owned());
    let rig = Setup::channels("").sources(|sources| Sources { tell, ..sources }).start(As::Serve);
    let unknown = "\"unauthorized\" retrying=false 1008 unauthorized";
    for path in
        ["ws/nobody-has-it", "ws/T-ANN", "ws/t-an", "ws/t-ann%20", "ws/%ff", "ws/t-nobody-has-it?types=gift"]
    {
        assert_eq!(told(&rig.refusal(path).await), unknown, "{path}");
    }
    let no_user = "\"invalid_username\" retrying=false 1008 invalid_username";
    assert_eq!(told(&rig.refusal("ws/t-none").await), no_user);
    assert_eq!(told(&rig.refusal("ws/t-missing").await), no_user);
    let expected = ["nobody", " "].map(|user| format!("⚠️ TikTok username not given for client of {user}"));
    assert_eq!(*TOLD.lock().unwrap(), expected);
    assert_eq!(rig.requests(), 0);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_position_of_another_channel_is_unknown_here() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    for path in ["ws/t-ann?since=main:0", "ws/test/t-ann?since=main:0"] {
        let log = read_all(&mut rig.ws(path).await).await;
        assert_eq!(crate::support::close(&log), (4001, "unknown_position"), "{path}");
    }
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn rejections_do_not_reveal_tokens() {
    let rig = Rig::start();
    for (method, target, status, code) in [
        ("GET", "/ws/s3cret", 400, "upgrade_required"),
        ("GET", "/ws/test/s3cret", 400, "upgrade_required"),
        ("POST", "/ws/s3cret", 405, "method_not_allowed"),
        ("DELETE", "/ws/test/s3cret", 405, "method_not_allowed"),
        ("GET", "/ws/s3cret/more", 404, "not_found"),
        ("GET", "/x/ws/s3cret", 404, "not_found"),
        ("GET", "/ws/test/s3cret/more", 404, "not_found"),
    ] {
        let answer = rig.http(method, target, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {target}");
        assert!(!answer.body.contains("s3cret"), "{}", answer.body);
    }
    for target in
        ["ws/s3cret?typs=gift", "ws/s3cret?speed=2", "ws/test/s3cret?speed=fast", "ws/test/s3cret?speed=0"]
    {
        let log = read_all(&mut rig.ws(target).await).await;
        assert_eq!(crate::support::close(&log), (1008, "bad_request"), "{target}");
        assert_eq!(json(&log.texts[0])["data"]["code"], "bad_request");
        assert!(!log.texts[0].contains("s3cret"), "{log:?}");
    }
}

#[test]
fn invalid_tokens_prevent_the_start() {
    let token = |secret: &str, user: &str| Token {
        secret: secret.to_owned().into(),
        client: "stage".into(),
        user: Some(user.into()),
        recording: None,
    };
    let refuse = |tokens| Control::with(Sources { tokens, ..Sources::default() }).err().unwrap();
    assert_eq!(refuse(vec![token("test", "ann")]).code, Code::BadRequest);
    assert_eq!(refuse(vec![token("same", "ann"), token("same", "ben")]).code, Code::BadRequest);
    assert_eq!(refuse(vec![token("fine", "a b")]).code, Code::InvalidUsername);
}
