//! Writing, reading, seeking and importing recordings, compared with bare loops over the same bytes.

use std::{
    fs::File,
    hint::black_box,
    io::{BufReader, BufWriter, Read as _, Write as _},
    path::Path,
    time::Duration,
};

use crate::support::{Args, Match, Report, cpu, process_cpu};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    decoder::{self, Decoder},
    recording::{Flags, Frame, Item, Opcode, Reader, What, Writer, records::Header},
};
use livetape_tools::{
    export,
    import::{self, import_capture},
    synth,
};
use serde::Deserialize;

/// Number of records in the file, and the record to seek to.
const RECORDS: u32 = 200_000;
const SOUGHT: u32 = 100_000;
const PAYLOAD_BYTES: usize = 300;
const BUFFER_BYTES: usize = 128 << 10;
/// Length of everything before a payload: sync word, length, number, checksum; type, flags, opcode, zero,
/// connection, offset.
const HEAD_BYTES: usize = 16;
const BODY_HEAD_BYTES: usize = 16;

pub(crate) fn run() {
    let args = Args::parse();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let bare = tempfile::NamedTempFile::new().expect("a temporary file");
    let items: Vec<Item> = (0..RECORDS).map(item).collect();
    write(file.path(), &items);
    bare_write(bare.path());
    let mut report = Report::begin(&args, "recording");
    let what = |name| Match { name, unit: "ms of CPU", beside: "bare records and crc32", bar: 1.5 };
    report.compare(&what("write"), || ms(|| write(file.path(), &items)), || ms(|| bare_write(bare.path())));
    report.compare(&what("read and verify"), || ms(|| read(file.path())), || ms(|| bare_read(file.path())));
    let what = Match { name: "seek to record 100,000", unit: "ms of CPU", beside: "bare heads", bar: 1.5 };
    report.compare(&what, || ms(|| seek(file.path())), || ms(|| bare_seek(file.path())));
    let har = Bytes::from(har());
    let name = format!("import of a HAR of {} MB", har.len() / 1_000_000);
    let beside = "bare serde_json and decoder";
    let what = Match { name: &name, unit: "ms of CPU", beside, bar: 1.5 };
    report.compare(&what, || process_ms(|| import_har(&har)), || process_ms(|| bare_import(&har)));
    report.end();
}

/// A HAR as a browser would save it for a busy hour.
fn har() -> Vec<u8> {
    let show =
        synth::SynthOptions { seed: 1, profile: synth::Profile::Busy, length: synth::Length::Minutes(60) };
    let recording = synth::synth(Vec::new(), &show).expect("a vector takes every byte");
    let mut har = Vec::new();
    export::har(|| Ok(&recording[..]), &mut har).expect("a vector takes every byte");
    har
}

fn import_har(har: &Bytes) {
    let options = import::ImportOptions { name: "show".into(), ..import::ImportOptions::default() };
    let report = import_capture(har, std::io::sink(), &options).expect("it was exported");
    assert!(report.frames > 0);
}

/// The parts of a HAR that an import reads. Only strings with escapes are copied.
#[derive(Deserialize)]
struct Har<'a> {
    #[serde(borrow)]
    log: Log<'a>,
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow)]
    entries: Vec<HarEntry<'a>>,
}

#[derive(Deserialize)]
struct HarEntry<'a> {
    #[serde(borrow, default, rename = "_webSocketMessages")]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    time: f64,
    opcode: u8,
    #[serde(borrow)]
    data: std::borrow::Cow<'a, str>,
}

/// The minimum of an import, on one thread and in memory: JSON, base64, records and the decoder. Does not
/// search for secrets, and only handles well-formed, uncompressed HAR files.
fn bare_import(har: &[u8]) {
    let mut writer = Writer::new(std::io::sink(), &Header::default()).expect("a sink takes every byte");
    let mut decoder = Decoder::new(decoder::DecoderOptions { replay: true, dedup: false });
    let mut start = None;
    let har: Har<'_> = serde_json::from_slice(har).expect("it is a HAR");
    for Message { time, opcode, data } in har.log.entries.into_iter().flat_map(|it| it.messages) {
        let bytes = match opcode {
            1 => Bytes::from(data.into_owned()),
            _ => STANDARD.decode(data.as_bytes()).expect("it is base64").into(),
        };
        let offset = Duration::from_secs_f64((time - *start.get_or_insert(time)).max(0.0));
        let what = What::Frame(Frame { opcode: Opcode(opcode), bytes });
        let item = Item { offset, conn: 1, flags: Flags::default(), what };
        writer.write(&item).expect("a sink takes every byte");
        decoder.handle(&item);
        black_box(decoder.take_events().count());
    }
    assert!(decoder.counts().messages > 0);
}

/// Measures the CPU time of all threads, in ms.
fn process_ms(work: impl FnOnce()) -> f64 {
    let started = process_cpu();
    work();
    (process_cpu() - started) * 1e3
}

fn ms(work: impl FnOnce()) -> f64 {
    let started = cpu();
    work();
    (cpu() - started) * 1e3
}

fn offset(n: u32) -> Duration {
    Duration::from_millis(u64::from(n))
}

fn payload(n: u32) -> [u8; PAYLOAD_BYTES] {
    let mut payload = [0x5a; PAYLOAD_BYTES];
    payload[..4].copy_from_slice(&n.to_le_bytes());
    payload
}

fn item(n: u32) -> Item {
    let frame = Frame { opcode: Opcode::BINARY, bytes: Bytes::copy_from_slice(&payload(n)) };
    Item { offset: offset(n), conn: 1, flags: Flags::default(), what: What::Frame(frame) }
}

fn write(path: &Path, items: &[Item]) {
    let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path).expect("a temporary file"));
    let mut writer = Writer::new(file, &Header::default()).expect("a temporary file");
    for item in items {
        writer.write(item).expect("a temporary file");
    }
    writer.finish().expect("a temporary file");
}

fn bare_write(path: &Path) {
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path).expect("a temporary file"));
    for n in 0..RECORDS {
        let length = (BODY_HEAD_BYTES + PAYLOAD_BYTES) as u32;
        let mut record = [0; HEAD_BYTES + BODY_HEAD_BYTES + PAYLOAD_BYTES];
        record[4..8].copy_from_slice(&length.to_le_bytes());
        record[8..12].copy_from_slice(&n.to_le_bytes());
        record[HEAD_BYTES + BODY_HEAD_BYTES..].copy_from_slice(&payload(n));
        let mut crc = crc32fast::Hasher::new();
        crc.update(&record[4..12]);
        crc.update(&record[HEAD_BYTES..]);
        record[12..16].copy_from_slice(&crc.finalize().to_le_bytes());
        file.write_all(&record).expect("a temporary file");
    }
    file.flush().expect("a temporary file");
}

fn read(path: &Path) {
    let mut reader = Reader::open(File::open(path).expect("it was written")).expect("it was written");
    while let Some(head) = reader.next_head().expect("it was written") {
        black_box(head);
    }
    assert!(reader.report().records > u64::from(RECORDS));
}

fn bare_read(path: &Path) {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).expect("it was written"));
    file.read_exact(&mut [0; HEAD_BYTES]).expect("a preamble");
    let (mut head, mut body) = ([0; HEAD_BYTES], Vec::new());
    while file.read_exact(&mut head).is_ok() {
        body.resize(length(&head), 0);
        file.read_exact(&mut body).expect("a whole record");
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head[4..12]);
        crc.update(&body);
        assert_eq!(crc.finalize().to_le_bytes(), head[12..]);
    }
}

fn seek(path: &Path) {
    let mut reader = Reader::open(File::open(path).expect("it was written")).expect("it was written");
    reader.skip_before(offset(SOUGHT), |_| false).expect("it was written");
    let head = reader.next_head().expect("it was written").expect("there are more records");
    assert_eq!(head.offset, offset(SOUGHT));
}

fn bare_seek(path: &Path) {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).expect("it was written"));
    file.read_exact(&mut [0; HEAD_BYTES]).expect("a preamble");
    let mut head = [0; HEAD_BYTES];
    for _ in 0..=SOUGHT {
        file.read_exact(&mut head).expect("a whole head");
        file.seek_relative(length(&head) as i64).expect("a whole record");
    }
}

fn length(head: &[u8; HEAD_BYTES]) -> usize {
    u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize
}
