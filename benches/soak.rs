//! Many subscribers for a minute, some of them stalled: the others must not lose events, and memory must not
//! grow. The program starts itself again for the load, in a separate process.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{Args, Run, allow_sockets, rounded};
use futures_util::StreamExt as _;
use livetape::{
    clock,
    control::Control,
    hub::{CloseReason, Hub, Limits},
    sans_io::event::{Chat, Data, Event, Millis},
    server::{Config, Server, listen::Listening, serve},
};
use serde_json::json;
use tokio::{net::TcpSocket, task::JoinSet, time::sleep_until};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// Subscribers that read all the time.
const READERS: usize = 1_980;
/// Subscribers that stop reading after connecting.
const STALLED: usize = 20;
const EVENTS_PER_SECOND: u64 = 50;
const DURATION: Duration = Duration::from_secs(60);
/// Receive buffer of stalled sockets, in bytes; small, so that the server detects them within the minute.
const RECEIVE_BUFFER_BYTES: u32 = 4 * 1024;
/// Length of a chat's text, in bytes, which makes the event as long as an average one.
const TEXT_BYTES: usize = 700;
/// Maximum number of concurrent connection attempts.
const CONNECTING_MAX: usize = 50;
/// Maximum growth of resident memory over the last two thirds of the time.
const GROWTH_MAX: f64 = 0.1;
/// Size of the backlog, in events. The server closes a stalled socket that is half of this behind, plus the
/// kernel's buffers.
const BACKLOG_EVENTS: u64 = 1_024;
/// Close code for a slow subscriber.
const SLOW: u16 = 4101;

pub(crate) fn run() {
    let args = Args::parse();
    if let Err(error) = allow_sockets(READERS + STALLED) {
        eprintln!("soak: {error}");
        std::process::exit(1);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match args.value("--load") {
        Some(address) => runtime.block_on(load(address, &args)),
        None => runtime.block_on(server(&args)),
    }
}

async fn server(args: &Args) {
    let run = Run::begin(args, "soak");
    let listener = Listening::bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let address = listener.addresses()[0];
    let limits = Limits { events_max: BACKLOG_EVENTS, ..Limits::default() };
    let hub = Hub::new("soak".into(), limits);
    let (control, _driver) = Control::new();
    let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
    let serving = tokio::spawn(serve(listener, server));
    let mut load = Command::new(std::env::current_exe().expect("this program"))
        .args(["soak", "--load", &address.to_string()])
        .args(args.has("--json").then_some("--json"))
        .stdout(Stdio::inherit())
        .spawn()
        .expect("this program again");
    hub.wait_for_subscribers(READERS + STALLED).await;
    run.say(&format!(
        "soak: {READERS} readers, {STALLED} stalled, {EVENTS_PER_SECOND} events per second for {DURATION:?}"
    ));
    let started = clock::now();
    let count = EVENTS_PER_SECOND * DURATION.as_secs();
    let mut sizes = Vec::new();
    for i in 0..count {
        sleep_until(started + Duration::from_secs(1) * u32::try_from(i).unwrap_or(u32::MAX) / 50).await;
        hub.publish(&[chat(i)]);
        if i % (5 * EVENTS_PER_SECOND) == 0 {
            sizes.push(resident_mib());
        }
    }
    sizes.push(resident_mib());
    let listed: Vec<_> = sizes.iter().map(|size| format!("{size:.1}")).collect();
    run.say(&format!("  server, MiB every 5 s: {}", listed.join(" ")));
    hub.close(CloseReason { code: 1000, reason: "done".into() });
    let status = tokio::task::spawn_blocking(move || load.wait()).await.expect("a thread").expect("a load");
    control.shut_down();
    drop(serving.await);
    let (third, last) = (sizes[sizes.len() / 3], sizes[sizes.len() - 1]);
    let growth = last / third - 1.0;
    let (percent, most) = (growth * 100.0, GROWTH_MAX * 100.0);
    run.say(&format!(
        "  growth of resident memory in the last two thirds: {percent:+.1}% (maximum {most:+.0}%)"
    ));
    let sizes: Vec<_> = sizes.into_iter().map(rounded).collect();
    run.end(json!({ "mib_every_5_s": sizes, "growth": rounded(growth), "growth_max": GROWTH_MAX }));
    assert!(status.success(), "the load reported a failure");
    assert!(growth <= GROWTH_MAX, "resident memory grew too much");
}

fn resident_mib() -> f64 {
    memory_stats::memory_stats().map_or(0.0, |memory| memory.physical_mem as f64 / 1024.0 / 1024.0)
}

fn chat(i: u64) -> Event {
    let comment = format!("{i}{}", "x".repeat(TEXT_BYTES));
    let data = Data::Chat(Chat { comment: comment.into(), ..Chat::default() });
    Event {
        username: "soak".into(),
        user: None,
        timestamp: Millis(0),
        ts: Millis(0),
        id: None,
        replay: false,
        injected: false,
        data,
    }
}

/// The outcome of a subscriber.
#[derive(Debug)]
enum Ended {
    /// Number of events, without a gap, and the close code.
    Whole(u64, Option<u16>),
    /// It lost events.
    Gap,
}

async fn load(address: SocketAddr, args: &Args) {
    let mut tasks = JoinSet::new();
    let mut ends = Vec::new();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTING_MAX));
    for i in 0..READERS + STALLED {
        let gate = std::sync::Arc::clone(&gate);
        tasks.spawn(async move {
            let permit = gate.acquire().await.expect("it is never closed");
            let socket = TcpSocket::new_v4().expect("a socket");
            if i >= READERS {
                socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).expect("a small buffer");
            }
            let stream = socket.connect(address).await.expect("a connection");
            let (socket, _) = client_async(format!("ws://{address}/"), stream).await.expect("a WebSocket");
            drop(permit);
            if i >= READERS {
                sleep_until(clock::now() + DURATION).await;
            }
            (i, read(socket).await)
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ends.push(ended.expect("no panic"));
    }
    let count = EVENTS_PER_SECOND * DURATION.as_secs();
    let whole =
        |(i, end): &(usize, Ended)| *i < READERS && matches!(end, Ended::Whole(n, Some(1000)) if *n == count);
    let cut = |(i, end): &(usize, Ended)| {
        *i >= READERS && matches!(end, Ended::Whole(n, Some(SLOW) | None) if *n < count)
    };
    for (i, end) in ends.iter().filter(|end| !whole(end) && !cut(end)) {
        eprintln!("  unexpected end of subscriber {i}: {end:?}");
    }
    let (whole, cut) =
        (ends.iter().filter(|end| whole(end)).count(), ends.iter().filter(|end| cut(end)).count());
    if !args.has("--json") {
        println!(
            "  {whole} of {READERS} readers received all {count} events; {cut} of {STALLED} stalled ones were closed with {SLOW} or reset"
        );
    }
    assert!(
        whole == READERS && cut == STALLED,
        "a reader lost events, or a stalled subscriber stayed connected"
    );
}

async fn read(mut socket: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>) -> Ended {
    let (mut seen, mut code) = (0, None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => {
                // The position is at the end of an event.
                let at = text.rfind(r#""seq":"#).map(|at| text[at + 6..].trim_end_matches('}').parse());
                if at != Some(Ok(seen + 1)) {
                    return Ended::Gap;
                }
                seen += 1;
            }
            Message::Close(frame) => code = frame.map(|frame| u16::from(frame.code)),
            _ => {}
        }
    }
    Ended::Whole(seen, code)
}
