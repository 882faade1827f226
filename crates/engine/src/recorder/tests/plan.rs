//! Plans of simulations: options, items, and faults.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::recording::{
    Flags, Frame, Item, Opcode, What,
    records::{ConnClose, ConnOpen},
};
use livetape_io::simulation::disk::{Faults, faults};
use proptest::{collection::vec, option, prelude::*};

use crate::recorder::{Flush, RecorderOptions, Rotate, Sync};

/// Maximum number of steps of a plan.
const STEPS_MAX: usize = 40;

/// What happens in a simulation.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    flush: Flush,
    sync: Sync,
    pub(super) queue_items_max: usize,
    pub(super) queue_bytes_max: usize,
    pub(super) bytes_max: Option<u64>,
    pub(super) rotate: Option<Rotate>,
    pub(super) steps: Vec<Step>,
    /// Whether the recording is sealed at the end.
    pub(super) seal: bool,
    pub(super) faults: Faults,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// An item, this many milliseconds after the previous one or before it.
    Record(Kind, i64),
    /// The thread runs this many times.
    Write(usize),
    /// Time passes, in milliseconds.
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Open,
    Close,
    /// A frame with this many bytes.
    Frame(usize),
}

impl Plan {
    pub(super) fn options(&self) -> RecorderOptions {
        RecorderOptions {
            flush: self.flush,
            sync: self.sync,
            queue_items_max: self.queue_items_max,
            queue_bytes_max: self.queue_bytes_max,
            bytes_max: self.bytes_max,
            rotate: self.rotate,
            wall: None,
        }
    }

    pub(super) fn syncs(&self) -> bool {
        self.sync != Sync::Off
    }

    /// Whether each item is passed to the operating system immediately.
    pub(super) fn flushes_each(&self) -> bool {
        self.flush == Flush::Each
    }

    /// Whether data is passed to the operating system while the queue is empty.
    pub(super) fn flushes_when_idle(&self) -> bool {
        !matches!(self.flush, Flush::Bytes(_))
    }

    /// The time after which data is synced while the disk keeps up; `None` if never.
    pub(super) fn sync_every(&self) -> Option<Duration> {
        self.sync.every()
    }
}

pub(super) fn plans() -> impl Strategy<Value = Plan> {
    let flush = prop_oneof![
        Just(Flush::Each),
        (0..500_u64).prop_map(|ms| Flush::Every(Duration::from_millis(ms))),
        (1..10_000_u64).prop_map(Flush::Bytes),
    ];
    let sync = prop_oneof![
        1 => Just(Sync::Each),
        3 => (0..2000_u64).prop_map(|ms| Sync::Every(Duration::from_millis(ms))),
        1 => Just(Sync::Off),
    ];
    let rotate = prop_oneof![
        (500..20_000_u64).prop_map(Rotate::Bytes),
        (100..5000_u64).prop_map(|ms| Rotate::Every(Duration::from_millis(ms))),
    ];
    let limits = (1..20_usize, 100..200_000_usize, option::weighted(0.2, 5000..100_000_u64));
    let output = (flush, sync, option::weighted(0.4, rotate));
    (output, limits, vec(step(), 0..STEPS_MAX), any::<bool>(), faults()).prop_map(
        |((flush, sync, rotate), (queue_items_max, queue_bytes_max, bytes_max), steps, seal, faults)| Plan {
            flush,
            sync,
            queue_items_max,
            queue_bytes_max,
            bytes_max,
            rotate,
            steps,
            seal,
            faults,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![6 => 8..300_usize, 2 => 300..5000_usize, 1 => 60_000..70_000_usize];
    let kind = prop_oneof![8 => size.prop_map(Kind::Frame), 1 => Just(Kind::Open), 1 => Just(Kind::Close)];
    let later_ms = prop_oneof![8 => 0..400_i64, 1 => -300..0_i64, 1 => 50_000..130_000_i64];
    prop_oneof![
        5 => (kind, later_ms).prop_map(|(kind, later_ms)| Step::Record(kind, later_ms)),
        3 => (1..5_usize).prop_map(Step::Write),
        1 => (0..1500_u64).prop_map(Step::Wait),
    ]
}

/// Returns item `n`, which differs from all others, on connection `conn`.
pub(super) fn item(n: u64, kind: Kind, conn: u32, offset: Duration) -> Item {
    let what = match kind {
        Kind::Open => What::ConnOpen(ConnOpen { room_id: n as i64, ..ConnOpen::default() }),
        Kind::Close => What::ConnClose(ConnClose { reason: n.to_string(), ..ConnClose::default() }),
        Kind::Frame(length) => {
            let mut bytes = vec![0xff; length];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            What::Frame(Frame { opcode: Opcode::BINARY, bytes: Bytes::from(bytes) })
        }
    };
    Item { offset, conn, flags: Flags::default(), what }
}

/// Returns the number of an item that was read; `None` for records of the recorder.
pub(super) fn number(item: &Item) -> Option<u64> {
    match &item.what {
        What::ConnOpen(open) => Some(open.room_id as u64),
        What::ConnClose(close) => close.reason.parse().ok(),
        What::Frame(frame) => Some(u64::from_le_bytes(*frame.bytes.first_chunk()?)),
        _ => None,
    }
}
