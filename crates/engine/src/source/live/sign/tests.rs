//! Tests with every known response of a sign server.

use livetape_core::wire::Batch;

use super::*;

fn info() -> BatchInfo {
    BatchInfo {
        cursor: "1_2".into(),
        internal_ext: "ext:1".into(),
        push_server: "wss://host/path".into(),
        route_params: vec![
            ("wrss".into(), "a b".into()),
            ("aid".into(), "7".into()),
            ("imprp".into(), String::new()),
        ],
        ..Default::default()
    }
}

fn answer(status: u16, body: impl Into<Bytes>) -> HttpResponse {
    let mut answer = HttpResponse { status, body: body.into(), ..HttpResponse::default() };
    answer.headers.insert("x-set-tt-cookie", "ttwid=1; msToken=2".parse().unwrap());
    answer
}

fn good(info: BatchInfo) -> Bytes {
    wire::write_batch(&Batch { info, ..Default::default() })
}

#[track_caller]
fn check(answer: &HttpResponse, code: Code, may_fall_back: bool) {
    let failure = read(answer, Duration::ZERO).unwrap_err();
    assert_eq!((failure.code, failure.may_fall_back), (code, may_fall_back), "{}", failure.detail);
}

#[test]
fn rejections_map_to_error_codes() {
    check(
        &answer(401, r#"{"code":401,"message":"The provided API Key is invalid."}"#),
        Code::SignUnauthorized,
        false,
    );
    check(&answer(402, ""), Code::SignUnauthorized, false);
    check(&answer(403, ""), Code::SignUnauthorized, false);
    check(&answer(404, "<html>"), Code::SignFailed, false);
    check(&answer(420, ""), Code::SignFailed, false);
    for body in [
        r#"{"message":"A 403 error occurred whilst fetching the webcast URL.","code":500}"#,
        r#"{"code":500,"error":"Internal Server Error - 1"}"#,
        "",
    ] {
        check(&answer(500, body), Code::SignFailed, true);
    }
    check(
        &answer(503, r#"{"code":503,"error":"API is not ready for connections yet."}"#),
        Code::SignFailed,
        true,
    );
}

#[test]
fn invalid_responses_map_to_error_codes() {
    check(&answer(200, ""), Code::SignEmpty, false);
    check(&answer(200, "<!doctype html><title>hello</title>"), Code::SignEmpty, false);
    check(&answer(200, good(BatchInfo { cursor: String::new(), ..info() })), Code::SignEmpty, false);
    check(&answer(200, good(BatchInfo { push_server: String::new(), ..info() })), Code::SignEmpty, false);
    let stub = BatchInfo { push_server: format!("wss://{STUB_HOST}/?token=x"), ..info() };
    check(&answer(200, good(stub)), Code::SignEmpty, true);
    let text = BatchInfo { internal_ext: String::from_utf8(STUB_TEXT.to_vec()).unwrap(), ..info() };
    check(&answer(200, good(text)), Code::SignEmpty, true);
    let mut without = answer(200, good(info()));
    without.headers.clear();
    check(&without, Code::SignEmpty, false);
}

#[test]
fn a_rate_limit_includes_the_servers_message() {
    let body = r#"{"message":"You have reached the rate limit.","limit_label":"rate_limit_account_day"}"#;
    let mut limited = answer(429, body);
    limited.headers.insert("retry-after", "7".parse().unwrap());
    let failure = read(&limited, Duration::ZERO).unwrap_err();
    let detail = format!("{RATE_LIMITED} (rate_limit_account_day: You have reached the rate limit.)");
    assert_eq!((failure.code, failure.detail), (Code::RateLimited, detail));
    assert_eq!((failure.wait, failure.may_fall_back), (Some(Duration::from_secs(7)), false));
    assert_eq!(read(&answer(429, ""), Duration::ZERO).unwrap_err().detail, RATE_LIMITED);
}

#[test]
fn the_socket_url_comes_from_the_server() {
    let (read, cookie) = read(&answer(200, good(info())), Duration::ZERO).unwrap();
    assert_eq!(cookie, "ttwid=1; msToken=2");
    let url = socket_url(&read, 7, &mut SplitMix(1));
    assert!(url.starts_with("wss://host/path?version_code=180800&"), "{url}");
    assert!(url.ends_with("&aid=7&wrss=a%20b&version_code=270000"), "{url}");
    assert!(url.contains("&room_id=7&") && url.contains("&cursor=1_2&internal_ext=ext%3A1&"), "{url}");
    assert!(!url.contains("imprp") && !url.contains("aid=1988"), "{url}");
}

#[test]
fn the_key_is_sent_in_a_header_only() {
    let options = LiveOptions { sign_key: Some("the-key".parse().unwrap()), ..LiveOptions::new("ann") };
    for sign_form in [SignForm::Fetch, SignForm::Connect] {
        let options = LiveOptions { sign_form, ..options.clone() };
        let request = request("http://host", &options, 7);
        assert!(!request.url.contains("the-key") && !format!("{request:?} {options:?}").contains("the-key"));
        assert!(request.headers.contains(&("x-api-key", "the-key".to_owned())));
    }
    assert!(request("http://host", &options, 7).url.starts_with("http://host/webcast/fetch?"));
}

#[test]
fn the_address_may_have_a_key_of_its_own() {
    let url = |sign_form| {
        request("http://host/?key=k", &LiveOptions { sign_form, ..LiveOptions::new("ann") }, 7).url
    };
    assert!(url(SignForm::Fetch).starts_with("http://host/webcast/fetch?key=k&client=livetape&"));
    assert!(url(SignForm::Connect).starts_with("http://host/webcast/rooms/7/connect?key=k&client=livetape&"));
}

proptest::proptest! {
    #[test]
    fn no_body_causes_a_panic(status in 0_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
        for status in [200, status] {
            let _ = read(&answer(status, body.clone()), Duration::ZERO);
        }
    }
}
