//! Runs the program at full speed, with one reader of its WebSocket in another process.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use memchr::memmem::rfind;

use crate::support::{now, program};

const READ_BYTES: usize = 256 << 10;
/// The last bytes of a close frame, at the end of the stream.
const END: &[u8] = b"recording_ended";

/// Measurements of playing a recording.
pub(crate) struct Played {
    /// Time from the reader's request to the end.
    pub(crate) seconds: f64,
    /// Number of received events.
    pub(crate) events: u64,
    pub(crate) looks: Vec<Look>,
    /// Peak resident memory.
    pub(crate) peak_mib: f64,
    /// Length of the recording, up to the last event that was looked at.
    pub(crate) hours: f64,
}

/// A sample of the process.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// Offset in the recording.
    pub(crate) hours: f64,
    pub(crate) resident_mib: f64,
}

/// Plays a recording at speed `max`, and samples the memory of the process at regular intervals of received
/// bytes.
pub(crate) fn play(recording: &Path, look_every_bytes: usize) -> Played {
    let Program { mut process, address, display } = start(recording, &["--speed", "max"]);
    // The program keeps writing its display, which must be read.
    let display = std::thread::spawn(move || std::io::copy(&mut { display }, &mut std::io::sink()));
    let played = read(&address, process.id(), look_every_bytes);
    process.wait().expect("it ends");
    display.join().expect("no panic").expect("it reads");
    played
}

/// The running program.
pub(crate) struct Program {
    pub(crate) process: Child,
    pub(crate) address: String,
    /// The rest of its output.
    pub(crate) display: BufReader<ChildStdout>,
}

/// Starts the program, which plays a recording and exits at its end.
pub(crate) fn start(recording: &Path, flags: &[&str]) -> Program {
    let mut process = Command::new(program())
        .args(["replay", "--port", "0", "--exit-when-done"])
        .args(flags)
        .arg(recording)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it was built");
    let (address, display) = greeting(&mut process);
    Program { process, address, display }
}

fn greeting(child: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    let mut line = String::new();
    while !line.contains("Serving on") {
        line.clear();
        assert!(output.read_line(&mut line).expect("it writes") > 0, "it serves");
    }
    let (_, rest) = line.split_once("ws://").expect("an address");
    (rest.split('/').next().unwrap_or_default().to_owned(), output)
}

fn read(address: &str, process: u32, look_every_bytes: usize) -> Played {
    let started = now();
    let mut socket = ask(address);
    let mut played = Played { seconds: 0.0, events: 0, looks: Vec::new(), peak_mib: 0.0, hours: 0.0 };
    let (mut buffer, mut since, mut began) = (vec![0; READ_BYTES], look_every_bytes, None);
    loop {
        let read = socket.read(&mut buffer).expect("it sends");
        assert!(read > 0, "it sends the end of the recording");
        let text = &buffer[..read];
        played.events = number_behind(text, b"\"seq\":").unwrap_or(played.events);
        since += read;
        if since >= look_every_bytes
            && let Some(ts) = time_behind(text, b"\"ts\":\"")
        {
            since = 0;
            let hours = ts.duration_since(*began.get_or_insert(ts)).as_secs_f64() / 3600.0;
            played.hours = hours;
            if let Some((resident_mib, peak_mib)) = memory(process) {
                played.looks.push(Look { hours, resident_mib });
                played.peak_mib = peak_mib;
            }
        }
        if text.ends_with(END) {
            played.seconds = now().duration_since(started).as_secs_f64();
            return played;
        }
    }
}

/// Opens a socket and requests the feed.
pub(crate) fn ask(address: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    write!(
        socket,
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .expect("it listens");
    socket
}

/// Returns the number after the last `name` in `text`, if it is complete.
fn number_behind(text: &[u8], name: &[u8]) -> Option<u64> {
    let digits = &text[rfind(text, name)? + name.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// Returns the time after the last `name` in `text`.
fn time_behind(text: &[u8], name: &[u8]) -> Option<jiff::Timestamp> {
    let rest = &text[rfind(text, name)? + name.len()..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// Returns the current and the peak resident memory of a process, in MiB; `None` if the system does not
/// report it or the process has ended.
fn memory(process: u32) -> Option<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kib| kib / 1024.0)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}
