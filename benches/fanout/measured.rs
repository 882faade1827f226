//! The measured servers and figures.

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
