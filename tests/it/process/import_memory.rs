//! Memory of an import whose HAR is larger than the memory limit.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    process::Stdio,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    captures::{START_MS, STARTED, URL, frames},
    process::livetape,
};

/// Size of the HAR.
const HAR_BYTES: u64 = 36 << 20;
/// Maximum memory, without the pages of the program's own file: how many of them are resident depends on the build.
const MEMORY_BYTES_MAX: u64 = 8 << 20;

/// Writes a HAR of Chrome, repeating the frames of the session.
fn write_har(file: File) {
    let mut out = BufWriter::new(file);
    let frames: Vec<String> = frames().iter().map(|(_, _, bytes)| STANDARD.encode(bytes)).collect();
    let mut time = START_MS as f64 / 1e3;
    let mut written = 0;
    write!(
        out,
        r#"{{"log":{{"creator":{{"name":"WebInspector","version":"1"}},"entries":[{{"_webSocketMessages":["#
    )
    .unwrap();
    for (at, data) in frames.iter().cycle().enumerate() {
        if written > HAR_BYTES {
            break;
        }
        let comma = if at == 0 { "" } else { "," };
        let message =
            format!("{comma}{{\"type\":\"receive\",\"time\":{time},\"opcode\":2,\"data\":\"{data}\"}}\n");
        out.write_all(message.as_bytes()).unwrap();
        (written, time) = (written + message.len() as u64, time + 0.01);
    }
    write!(out, r#"],"request":{{"url":"{URL}"}},"startedDateTime":"{STARTED}"}}]}}}}"#).unwrap();
}

#[test]
fn a_large_har_is_imported_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (har, out) = (folder.path().join("large.har"), folder.path().join("large.bin"));
    write_har(File::create(&har).unwrap());
    let mut command = livetape(&["import", har.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut peak, mut looks) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        (peak, looks) = (kib.map_or(peak, |kib| peak.max(kib << 10)), looks + 1);
        std::thread::yield_now();
    }
    assert!(child.wait().unwrap().success() && looks > 100 && peak > 0);
    assert!(out.metadata().unwrap().len() > HAR_BYTES / 2);
    println!("{HAR_BYTES} bytes of HAR, {peak} bytes of memory");
    assert!(peak <= MEMORY_BYTES_MAX, "{peak} bytes of memory");
}
