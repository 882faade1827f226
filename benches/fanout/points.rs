//! What is measured: loads, with the number of subscribers and the number and timing of messages; servers; figures.

/// Length of a message as JSON, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 300;
/// Number of messages in a burst of a flood.
pub(crate) const FLOOD_WINDOW: usize = 16;

/// A kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) subscribers: usize,
    /// Messages per second; 0 for as fast as the clients take them.
    pub(crate) per_second: usize,
    /// Number of messages in a burst.
    pub(crate) burst: usize,
    /// Total number of messages to each subscriber.
    pub(crate) messages: usize,
    /// Number of rooms, each with its own messages, that the subscribers are spread over.
    pub(crate) rooms: usize,
    /// Maximum ratio of our cost to that of the floor with the same kind of writes.
    pub(crate) bar: f64,
}

/// 50,000 deliveries per second, except for the flood.
pub(crate) const POINTS: [Point; 4] = [
    Point {
        name: "1,000 fixed",
        subscribers: 1_000,
        per_second: 50,
        burst: 1,
        messages: 100,
        rooms: 1,
        bar: 1.2,
    },
    Point {
        name: "1,000 in tens",
        subscribers: 1_000,
        per_second: 50,
        burst: 10,
        messages: 100,
        rooms: 1,
        bar: 1.3,
    },
    Point {
        name: "1,000 flood",
        subscribers: 1_000,
        per_second: 0,
        burst: 16,
        messages: 480,
        rooms: 1,
        bar: 1.5,
    },
    Point {
        name: "5,000 fixed",
        subscribers: 5_000,
        per_second: 10,
        burst: 1,
        messages: 20,
        rooms: 1,
        bar: 1.2,
    },
];

impl Point {
    /// Converts to arguments of a server and of the load.
    pub(crate) fn args(&self) -> Vec<String> {
        let named = [
            ("--subscribers", self.subscribers),
            ("--per-second", self.per_second),
            ("--burst", self.burst),
            ("--messages", self.messages),
            ("--rooms", self.rooms),
        ];
        named.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]).collect()
    }

    pub(crate) fn of(args: &crate::support::Args) -> Self {
        Self {
            name: "",
            subscribers: args.count("--subscribers"),
            per_second: args.count("--per-second"),
            burst: args.count("--burst").max(1),
            messages: args.count("--messages"),
            rooms: args.count("--rooms").max(1),
            bar: 0.0,
        }
    }

    /// Returns the deadline of a burst, in ns from the first one.
    pub(crate) fn due_ns(&self, burst: usize) -> u64 {
        match self.per_second {
            0 => 0,
            per_second => (burst * self.burst) as u64 * 1_000_000_000 / per_second as u64,
        }
    }

    pub(crate) fn deliveries(&self) -> usize {
        self.subscribers * self.messages
    }
}

/// Returns a text of `bytes` bytes with the current time, by a clock shared by all processes.
pub(crate) fn text(now_ns: u64, bytes: usize) -> String {
    let mut text = format!("@{now_ns:020}@");
    text.extend(std::iter::repeat_n('.', bytes.saturating_sub(text.len())));
    text
}

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Livetape,
    /// The floor with one write per message.
    Floor,
    /// The floor with one write per burst.
    Joined,
    /// npm `ws`.
    Ws,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Livetape => "livetape",
            Self::Floor => "floor",
            Self::Joined => "joined",
            Self::Ws => "ws",
        }
    }
}

/// The result of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// CPU time of the server per delivery, in µs.
    pub(crate) cpu_us: f64,
    pub(crate) late_p50_ms: f64,
    pub(crate) late_p99_ms: f64,
    /// Resident memory per connection, in KiB, before the first message and at the end.
    pub(crate) idle_kib: f64,
    pub(crate) busy_kib: f64,
    /// Deliveries per second of wall time.
    pub(crate) per_second: f64,
}
