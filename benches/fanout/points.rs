//! What is measured: how many read, how much is said, and how it comes.

/// The length of a message as JSON, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 300;
/// What a flood sends at a time.
pub(crate) const FLOOD_WINDOW: usize = 16;

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) subscribers: usize,
    /// Messages a second; 0: as fast as they are taken.
    pub(crate) per_second: usize,
    /// How many come at a time.
    pub(crate) burst: usize,
    /// Messages in all, to each.
    pub(crate) messages: usize,
    /// Rooms that the subscribers are spread over, each with messages of its own.
    pub(crate) rooms: usize,
    /// The most that a message may cost beside the floor that is written in the same way, as a ratio.
    pub(crate) bar: f64,
}

/// 50,000 deliveries a second, apart from the flood.
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
    /// As arguments of a server and of the load.
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

    /// When the burst with this number is due, in nanoseconds from the first.
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

/// A text of `bytes` bytes that says when it was written: the clock of the machine is the same in every process.
pub(crate) fn text(now_ns: u64, bytes: usize) -> String {
    let mut text = format!("@{now_ns:020}@");
    text.extend(std::iter::repeat_n('.', bytes.saturating_sub(text.len())));
    text
}
