//! `/recordings`: bytes, files and uploads that need more than requests and responses (`sessions/recordings.snap` and
//! `captures.snap`).

use std::{
    fs,
    io::{Read as _, Write as _},
    time::Duration,
};

use livetape_cases::table::Suite;
use livetape_core::recording::{Flags, Frame, Item, Opcode, What, Writer, records::Header};
use livetape_engine::{
    demo::DEMO_BYTES,
    recorder::{Recorder, RecorderOptions, Target},
    source::Tape,
};
use livetape_feed::{control::ReplayState, hub::Limits};
use livetape_server::{Config, Recordings, staged::Staged};
use livetape_tools::info::info;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    rest::replaying,
    support::{HttpResponse, Rig, Setup, eventually, read_all, repository},
};

const UPLOAD_BYTES_MAX: u64 = 1_000_000;

/// The timeline of the dashboard, and what it reads at a moment, are those of the changed recording, also of a file outside the
/// folder.
#[tokio::test(start_paused = true)]
async fn the_show_of_a_case_is_a_recording_of_its_own() {
    let tape = Tape::from_bytes("show", DEMO_BYTES.into());
    let staged = Staged::new(Suite::Feed.find("no-final").unwrap(), &tape, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let recordings =
        Recordings { directory: folder.path().join("shelf"), upload_bytes_max: UPLOAD_BYTES_MAX };
    let config = Config { staged: Some(staged.clone()), recordings, ..Config::default() };
    let (rig, channel) = Setup { config, ..Setup::default() }.channel();
    let place = Place { rig, folder };
    place.put_file("show (no-final).bin", b"something else");
    let rig = &place.rig;
    let show = tokio::spawn(channel.replay(staged.tape.clone()));
    rig.ready().await;
    let state = rig.http("GET", "/replay", "").await.json();
    let name = "show (no-final)";
    assert_eq!((&state["recording"], &state["show"]), (&json!("show"), &json!(name)));
    let list = rig.http("GET", "/recordings", "").await.json();
    let listed = list["recordings"].as_array().unwrap().iter().filter(|entry| entry["name"] == name);
    let listed = Vec::from_iter(listed.map(|entry| (entry["builtIn"].clone(), entry["sealed"].clone())));
    assert_eq!(listed, [(json!(true), json!(true))], "once, although a file has its name");
    let path = "/recordings/show%20(no-final)";
    let details = rig.http("GET", path, "").await.json();
    let mut bytes = Vec::new();
    staged.tape.open().unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes != DEMO_BYTES);
    let found = info(&bytes[..]).unwrap();
    assert_eq!(
        (&details["replaying"], &details["framesReceived"]),
        (&json!(true), &json!(found.frames_received))
    );
    let download = format!("GET {path}/file HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(place.bytes(&download, b"").await.ends_with(&[b"\r\n\r\n", &bytes[..]].concat()));
    for (method, body) in [("DELETE", ""), ("PATCH", r#"{"name":"mine"}"#), ("PUT", "")] {
        assert_eq!(rig.http(method, path, body).await.code(), "read_only_recording");
    }
    // A private replay waits nowhere.
    let count =
        async |path: &str| read_all(&mut rig.ws(&format!("ws/play/{path}speed=max")).await).await.texts.len();
    let changed = count("demo?case=no-final&").await;
    assert_eq!(count("show%20(no-final)?").await, changed);
    assert_ne!(count("demo?").await, changed);
    // It can be played again after another one.
    for (recording, case) in [("demo", json!(null)), (name, json!("no-final"))] {
        let body = json!({ "recording": recording }).to_string();
        let loaded = rig.http("POST", "/replay/load", &body).await;
        assert_eq!((loaded.status, &loaded.json()["case"]), (200, &case), "{recording}");
    }
    rig.control.shut_down();
    show.await.unwrap().unwrap();
}

/// A server with its own directory.
struct Place {
    pub(crate) rig: Rig,
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recordings =
            Recordings { directory: folder.path().join("shelf"), upload_bytes_max: UPLOAD_BYTES_MAX };
        let rig = Rig::with(Limits::default(), Config { recordings, ..Config::default() });
        Self { rig, folder }
    }

    fn shelf(&self) -> std::path::PathBuf {
        self.folder.path().join("shelf")
    }

    fn put_file(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.shelf()).unwrap();
        fs::write(self.shelf().join(name), bytes).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> HttpResponse {
        self.rig.http("GET", path, "").await
    }

    async fn upload(&self, path: &str, bytes: &[u8]) -> HttpResponse {
        let head = format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", bytes.len());
        let answer = self.bytes(&format!("{head}connection: close\r\n\r\n"), bytes).await;
        HttpResponse::parse(&answer)
    }

    /// Sends a request head and body and returns the response.
    async fn bytes(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let (mut reading, mut writing) = tokio::io::split(self.rig.connect().await);
        let said = [head.as_bytes(), body].concat();
        let mut answer = Vec::new();
        let (_, read) = tokio::join!(writing.write_all(&said), reading.read_to_end(&mut answer));
        read.unwrap();
        answer
    }

    async fn names(&self) -> Vec<String> {
        let list = self.get("/recordings").await.json();
        let names = list["recordings"].as_array().unwrap().iter();
        names.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.shelf())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn replay(&self, recording: &str) {
        self.rig.driver().set_replay(Some(ReplayState { recording: recording.to_owned(), ..replaying() }));
    }
}

pub(crate) fn committed(path: &str) -> Vec<u8> {
    fs::read(repository().join(path)).unwrap()
}

/// Scrubbing drops what it cannot read.
#[tokio::test(start_paused = true)]
async fn a_range_that_would_lose_messages_is_not_stored() {
    let (place, mut file) = (Place::new(), Vec::new());
    let mut writer = Writer::new(&mut file, &Header::default()).unwrap();
    let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: (&b":\x03msgB\x10cut off"[..]).into() });
    let (offset, flags) = (Duration::ZERO, Flags::default());
    writer.write(&Item { offset, conn: 1, flags, what }).unwrap();
    writer.finish().unwrap();
    place.put_file("odd.bin", &file);
    let answer = place.rig.http("POST", "/recordings/odd/cut", r#"{"name":"part"}"#).await;
    assert_eq!((answer.status, &*answer.code()), (422, "bad_recording"), "{answer:?}");
    assert_eq!(place.files(), ["odd.bin"]);
    let answer = place.rig.http("POST", "/recordings/odd/cut", r#"{"name":"part","scrub":false}"#).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_downloaded_byte_for_byte() {
    let place = Place::new();
    let bytes = committed("recordings/demo.bin");
    let stored = place.upload("/recordings/ann%20%E2%99%A5", &bytes).await;
    assert_eq!((stored.status, &stored.json()["name"]), (201, &json!("ann ♥")), "{stored:?}");
    assert_eq!(place.files(), ["ann ♥.bin"]);
    let head =
        "GET /recordings/ann%20%E2%99%A5/file HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = place.bytes(head, b"").await;
    let split = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let (head, body) = (String::from_utf8_lossy(&answer[..split]), &answer[split + 4..]);
    let disposition = "attachment; filename=\"ann _.bin\"; filename*=UTF-8''ann%20%E2%99%A5.bin";
    assert!(
        head.contains(disposition) && head.contains(&format!("content-length: {}", bytes.len())),
        "{head}"
    );
    assert!(body == bytes);
    let built_in = place
        .bytes("GET /recordings/demo/file HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", b"");
    assert!(built_in.await.ends_with(&bytes));
}

/// Chunked bodies have no known length.
#[tokio::test(start_paused = true)]
async fn a_chunked_upload_is_bounded_too() {
    let place = Place::new();
    let head = "PUT /recordings/x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let chunk = [format!("{:x}\r\n", 100_000).into_bytes(), vec![0; 100_000], b"\r\n".to_vec()].concat();
    let chunks = usize::try_from(UPLOAD_BYTES_MAX).unwrap() / 100_000 + 1;
    let answer = HttpResponse::parse(&place.bytes(head, &chunk.repeat(chunks)).await);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    assert_eq!(place.files(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_upload_leaves_no_file() {
    let place = Place::new();
    let bytes = committed("recordings/short.bin");
    let head =
        format!("PUT /recordings/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", bytes.len());
    let mut stream = place.rig.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..bytes.len() / 2]).await.unwrap();
    // A second upload of the same name at the same time.
    let busy = place.upload("/recordings/x", &bytes).await;
    assert_eq!((busy.status, busy.code().as_str()), (409, "recording_busy"));
    let load = place.rig.http("POST", "/replay/load", r#"{"recording":"x"}"#).await;
    assert_eq!((load.status, load.code().as_str()), (409, "recording_busy"));
    // The client stops sending, and gets an error 30 s later. They start once the disk is ready, so the test
    // advances the paused clock until then; it does not advance by itself while a thread waits for the
    // upload.
    let mut answer = Vec::new();
    let mut told = std::pin::pin!(stream.read_to_end(&mut answer));
    loop {
        tokio::select! { biased;
            read = &mut told => {
                read.unwrap();
                break;
            }
            () = tokio::time::advance(Duration::from_secs(1)) => {}
        }
    }
    assert_eq!(HttpResponse::parse(&answer).code(), "bad_request");
    assert_eq!(place.files(), [""; 0]);
    assert_eq!(place.upload("/recordings/x", &bytes).await.status, 201, "the name is free again");
}

#[tokio::test(start_paused = true)]
async fn recordings_in_use_cannot_be_changed() {
    let place = Place::new();
    place.put_file("played.bin", &committed("recordings/short.bin"));
    place.replay("played");
    let path = place.shelf().join("written.bin");
    let options = RecorderOptions::default();
    let recorder = Recorder::start(&Target::File(path.clone()), Header::default(), &options).unwrap();
    fs::hard_link(&path, place.shelf().join("linked.bin")).unwrap();
    for (name, code) in [
        ("played", "recording_busy"),
        ("written", "recording_busy"),
        ("linked", "recording_busy"),
        ("demo", "read_only_recording"),
    ] {
        let path = format!("/recordings/{name}");
        let answers = [
            place.rig.http("DELETE", &path, "").await,
            place.rig.http("PATCH", &path, r#"{"name":"other"}"#).await,
            place.upload(&format!("{path}?force=1"), &committed("recordings/gifts.bin")).await,
        ];
        assert_eq!(answers.map(|answer| answer.code()), [code; 3], "{name}");
    }
    assert_eq!(place.files(), ["linked.bin", "played.bin", "written.bin"]);
    recorder.finish().unwrap();
    assert_eq!(place.rig.http("DELETE", "/recordings/written", "").await.status, 200);
}

/// Other programs may write to the folder, but no file in it can lead outside or block the server.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_regular_files_are_recordings() {
    let place = Place::new();
    place.put_file("real.bin", &committed("recordings/short.bin"));
    let at = |name: &str| place.shelf().join(format!("{name}.bin"));
    std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    fs::create_dir(at("folder")).unwrap();
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9.bin");
    fs::write(place.shelf().join(odd), committed("recordings/short.bin")).unwrap();
    assert_eq!(place.names().await, ["demo", "real"]);
    assert_eq!(place.get("/recordings").await.json()["unlisted"], 1, "what cannot be named is counted");
    for name in ["link", "zero", "fifo", "folder"] {
        let path = format!("/recordings/{name}");
        let answers = [
            place.get(&path).await,
            place.get(&format!("{path}/file")).await,
            place.rig.http("PATCH", &path, r#"{"name":"other"}"#).await,
            place.rig.http("DELETE", &path, "").await,
        ];
        assert_eq!(answers.map(|answer| answer.code()), ["recording_not_found"; 4], "{name}");
    }
    assert_eq!(place.files().len(), 6, "nothing was touched");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_the_owner_can_read_an_upload() {
    let place = Place::new();
    assert_eq!(place.upload("/recordings/x", &committed("recordings/short.bin")).await.status, 201);
    let permissions = place.shelf().join("x.bin").metadata().unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn drafts_of_a_killed_server_are_removed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".x.bin.1.part"), "half of an upload").unwrap();
    fs::write(folder.path().join("x.bin"), committed("recordings/short.bin")).unwrap();
    let recordings = Recordings { directory: folder.path().into(), ..Recordings::default() };
    let _rig = Rig::with(Limits::default(), Config { recordings, ..Config::default() });
    let left = || fs::read_dir(folder.path()).unwrap().count();
    eventually(|| left() == 1).await;
    assert!(folder.path().join("x.bin").is_file());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_line_of_a_capture_is_counted() {
    let place = Place::new();
    let lines = committed("fixtures/webcast/session-1.jsonl");
    let mut damaged: Vec<_> = lines.split_inclusive(|byte| *byte == b'\n').take(3).collect();
    damaged.insert(1, b"{\n");
    let lossy = place.upload("/recordings/lossy?import=1", &damaged.concat()).await.json();
    let import = &lossy["import"];
    assert_eq!((&import["badLines"], &import["complete"]), (&json!(1), &json!(false)), "{lossy}");
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
    assert_eq!(place.files(), [""; 0], "no draft is left behind");
}
