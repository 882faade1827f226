//! `/recordings`: imports of captures, and ranges of recordings.

use std::io::{Cursor, Write as _};

use serde_json::json;

use crate::{
    recordings::{Place, committed},
    support::make::{chrome, flow, flowing},
};

#[tokio::test(start_paused = true)]
async fn an_uploaded_capture_is_imported() {
    let place = Place::new();
    let lines = committed("fixtures/webcast/session-1.jsonl");
    let stored = place.upload("/recordings/show?import=1", &lines).await;
    let body = stored.json();
    assert_eq!(
        (stored.status, &body["name"], &body["import"]["complete"]),
        (201, &json!("show"), &json!(true))
    );
    assert_eq!(body["import"]["frames"], String::from_utf8(lines.clone()).unwrap().lines().count());
    assert_eq!(place.files(), ["show.bin"], "no draft is left behind");
    let details = place.get("/recordings/show").await.json();
    assert_eq!(details["framesReceived"], body["import"]["frames"]);
    let again = place.upload("/recordings/show?import=1", &lines).await;
    assert_eq!((again.status, again.code().as_str()), (409, "output_exists"));
    assert_eq!(place.upload("/recordings/show?import=1&force=1", &lines).await.status, 200);
    // A capture of a few lines, with a damaged one between them.
    let mut damaged: Vec<_> = lines.split_inclusive(|byte| *byte == b'\n').take(3).collect();
    damaged.insert(1, b"{\n");
    let lossy = place.upload("/recordings/lossy?import=1", &damaged.concat()).await.json();
    assert_eq!(
        (&lossy["import"]["badLines"], &lossy["import"]["complete"]),
        (&json!(1), &json!(false)),
        "{lossy}"
    );
}

#[tokio::test(start_paused = true)]
async fn uploads_that_are_not_captures_are_not_imported() {
    let place = Place::new();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b'\n'; 30 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    for body in [&b"<img onerror>"[..], b"", b"PK\x03\x04", &committed("recordings/short.bin"), &bomb] {
        let answer = place.upload("/recordings/x?import=1", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "bad_capture"), "{answer:?}");
        assert!(!answer.body.contains(&*place.shelf().to_string_lossy()), "no path: {}", answer.body);
    }
    assert_eq!(place.upload("/recordings/x?import=maybe", b"{}").await.code(), "bad_request");
    assert_eq!(place.files(), [""; 0], "no draft is left behind");
}

#[tokio::test(start_paused = true)]
async fn a_range_is_stored_as_a_new_recording_scrubbed_by_default() {
    let place = Place::new();
    let cut =
        async |name: &str, body: &str| place.rig.http("POST", &format!("/recordings/{name}/cut"), body).await;
    let capture = committed("fixtures/webcast/session-1.jsonl");
    assert_eq!(place.upload("/recordings/show?import=1", &capture).await.json()["privacy"], "private");
    let made = cut("show", r#"{"name":"part"}"#).await;
    assert_eq!((made.status, &made.json()["privacy"]), (201, &json!("scrubbed")), "{made:?}");
    assert_eq!(cut("show", r#"{"name":"plain","scrub":false}"#).await.json()["privacy"], "private");
    let part = place.get("/recordings/part").await.json();
    let plain = place.get("/recordings/plain").await.json();
    assert_eq!(plain["timeline"]["types"], part["timeline"]["types"], "the same events");
    assert_eq!(cut("demo", r#"{"name":"minute","from":"10s","to":60}"#).await.status, 201);
    let length = place.get("/recordings/minute").await.json()["durationMs"].as_u64().unwrap();
    assert!((45_000..=50_000).contains(&length), "{length}");
    for (name, body, expected) in [
        ("demo", r#"{"name":"part"}"#, (409, "output_exists")),
        ("demo", r#"{"name":"demo"}"#, (403, "read_only_recording")),
        ("demo", r#"{"name":"../x"}"#, (400, "bad_request")),
        ("demo", r#"{"name":"x","from":"1m","to":"10s"}"#, (400, "bad_request")),
        ("demo", r#"{"name":"x","from":"10h"}"#, (400, "bad_request")),
        ("demo", r#"{"name":"x","from":"soon"}"#, (400, "bad_request")),
        ("none", r#"{"name":"x"}"#, (404, "recording_not_found")),
    ] {
        let answer = cut(name, body).await;
        assert_eq!((answer.status, answer.code().as_str()), expected, "{body}");
    }
    assert_eq!(place.files(), ["minute.bin", "part.bin", "plain.bin", "show.bin"], "no draft is left behind");
}

#[tokio::test(start_paused = true)]
async fn captures_of_browsers_and_proxies_are_imported() {
    let place = Place::new();
    let har = chrome().into_bytes();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("show.har", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&har).unwrap();
    let zipped = zip.finish().unwrap().into_inner();
    for (name, capture) in [("har", har), ("zip", zipped), ("proxy", flow(21, flowing()))] {
        let stored = place.upload(&format!("/recordings/{name}?import=1"), &capture).await;
        let report = &stored.json()["import"];
        assert_eq!(
            (stored.status, &report["frames"], &report["complete"]),
            (201, &json!(82), &json!(true)),
            "{report}"
        );
    }
    assert_eq!(place.files(), ["har.bin", "proxy.bin", "zip.bin"], "no draft is left behind");
}
