//! What is measured: of whom, and which figures.

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Livetape,
    /// One write for each message.
    Floor,
    /// One write for each burst.
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

/// What one measurement gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// CPU time of the server for each delivery, in µs.
    pub(crate) cpu_us: f64,
    pub(crate) late_p50_ms: f64,
    pub(crate) late_p99_ms: f64,
    /// Resident memory for each connection, before anything was sent and at the end.
    pub(crate) idle_kib: f64,
    pub(crate) busy_kib: f64,
    /// Deliveries a second of wall time.
    pub(crate) per_second: f64,
}
