//! Runs a plan: the recorder's thread as the simulation steps it, beside a model of the queue.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use livetape_core::{
    error::Problem,
    recording::{Error, Item, records::Header},
};
use livetape_io::{
    clock,
    simulation::{disk::SimulatedDisk, paused_clock},
};
use tokio::time::Instant;

use super::{
    path,
    plan::{self, Plan, item},
};
use crate::recorder::{Ready, Summary, Target, queue::payload_bytes, writer_thread::Step};

/// Wall time of the start.
const WALL_NS: i64 = 1_704_067_200_000_000_000;

/// The run of a plan.
pub(super) struct Run {
    pub(super) disk: SimulatedDisk,
    /// All items that were recorded, by number.
    pub(super) items: Vec<Item>,
    /// Number of items that were dropped because the queue was full.
    pub(super) lost: u64,
    /// Items that a killed process, or a power failure, must not lose.
    pub(super) flushed: Vec<u64>,
    pub(super) synced: Vec<u64>,
    /// Result of the recorder; `None` if the process died.
    pub(super) result: Option<Result<Summary, Problem>>,
    /// A broken promise of the recorder.
    pub(super) broken: Option<String>,
    /// Whether items come in parts.
    pub(super) has_parts: bool,
    /// Items in the queue; `None` is a gap.
    queue: VecDeque<Option<u64>>,
    has_gap: bool,
    /// Items that were taken from the queue and written, and when.
    handled: Vec<u64>,
    handled_at: Vec<Instant>,
}

impl Run {
    /// Runs a plan, in which the process may die in one system call.
    pub(super) fn of(plan: &Plan, crash_at: Option<u64>) -> Self {
        let disk = SimulatedDisk::new(&plan.faults, crash_at);
        let mut run = Self {
            disk,
            items: Vec::new(),
            lost: 0,
            flushed: Vec::new(),
            synced: Vec::new(),
            result: None,
            broken: None,
            has_parts: plan.rotate.is_some(),
            queue: VecDeque::new(),
            has_gap: false,
            handled: Vec::new(),
            handled_at: Vec::new(),
        };
        let clock = paused_clock();
        let result = {
            let _context = clock.enter();
            let target = Target::File(path().into());
            let disk = Arc::new(run.disk.clone());
            let header = Header { wall_anchor_ns: Some(WALL_NS), ..Header::default() };
            Ready::on_disk(disk, &target, header, &plan.options())
        };
        let result = result.and_then(|mut ready| {
            let result = run.steps(plan, &mut ready, &clock);
            let _context = clock.enter();
            let failed = result.is_err();
            let result = ready.writer_thread.conclude("show.bin", result);
            let lost = ready.tap.queue.lost();
            // The item that was being written when the disk failed is not counted: it may be in the file.
            let unhandled = (run.items.len() - run.handled.len()) as u64;
            if failed
                && plan.bytes_max.is_none()
                && !(unhandled.saturating_sub(1)..=unhandled).contains(&lost)
            {
                run.broken = Some(format!("{lost} lost items are counted, not {unhandled}"));
            }
            result
        });
        let died = crash_at.is_some_and(|crash| run.disk.calls() > crash);
        run.result = (!died).then_some(result);
        run
    }

    fn steps(
        &mut self,
        plan: &Plan,
        ready: &mut Ready,
        clock: &tokio::runtime::Runtime,
    ) -> Result<(), Error> {
        let (mut offset_ms, mut conn) = (0_i64, 1);
        {
            let _context = clock.enter();
            ready.writer_thread.begin()?;
        }
        for step in &plan.steps {
            match *step {
                plan::Step::Wait(ms) => clock.block_on(tokio::time::advance(Duration::from_millis(ms))),
                plan::Step::Record(kind, later_ms) => {
                    let _context = clock.enter();
                    offset_ms = (offset_ms + later_ms).max(0);
                    let offset = Duration::from_millis(offset_ms.unsigned_abs());
                    let number = self.items.len() as u64;
                    if let plan::Kind::Open = kind {
                        conn += 1;
                    }
                    self.record(plan, ready, item(number, kind, conn, offset));
                }
                plan::Step::Write(times) => {
                    let _context = clock.enter();
                    for _ in 0..times {
                        if self.step(plan, ready)? {
                            return Ok(());
                        }
                    }
                }
            }
        }
        let _context = clock.enter();
        ready.tap.queue.close(plan.seal);
        // Each entry takes one step, and so does the end.
        for _ in 0..self.queue.len() + 2 {
            if self.step(plan, ready)? {
                return Ok(());
            }
        }
        self.broken = Some("the recorder does not end".into());
        Ok(())
    }

    fn record(&mut self, plan: &Plan, ready: &Ready, item: Item) {
        let (number, bytes) = (self.items.len() as u64, payload_bytes(&item.what));
        ready.tap.record(&item);
        self.items.push(item);
        let lost = ready.tap.queue.lost();
        if lost > self.lost {
            (self.lost, self.has_gap) = (lost, true);
        } else if !ready.tap.queue.is_closed() {
            if std::mem::take(&mut self.has_gap) {
                self.queue.push_back(None);
            }
            self.queue.push_back(Some(number));
        }
        let (items, waiting) = ready.tap.queue.waiting();
        let most = plan.queue_bytes_max.max(bytes);
        if items != self.queue.len() || items > plan.queue_items_max + 1 || waiting > most {
            self.broken = Some(format!("{items} items wait with {waiting} bytes"));
        }
    }

    /// Steps the recorder's thread; returns whether it has ended.
    fn step(&mut self, plan: &Plan, ready: &mut Ready) -> Result<bool, Error> {
        let (syncs, files) = (self.disk.syncs(), ready.files.paths().len());
        let is_empty = self.queue.is_empty();
        let step = ready.writer_thread.step()?;
        match step {
            Step::Written if is_empty => self.has_gap = false,
            Step::Written => self.handled.extend(self.queue.pop_front().flatten()),
            Step::Idle(_) | Step::Ended => {}
        }
        self.handled_at.resize(self.handled.len(), clock::now());
        let flushes = match step {
            Step::Written => plan.flushes_each(),
            Step::Idle(_) => plan.flushes_when_idle(),
            Step::Ended => true,
        };
        let syncs = self.disk.syncs() - syncs;
        if syncs > 0 {
            // The end of a part is synced before the item is written to the next one.
            let rotated = ready.files.paths().len() > files && syncs == 1;
            self.synced = self.handled[..self.handled.len() - usize::from(rotated)].to_vec();
        }
        if flushes || syncs > 0 && self.synced.len() == self.handled.len() {
            self.flushed.clone_from(&self.handled);
        }
        if matches!(step, Step::Idle(_)) {
            self.check_idle(plan);
        }
        Ok(matches!(step, Step::Ended))
    }

    /// Nothing that was written longer ago than the interval of syncs is unsynced.
    fn check_idle(&mut self, plan: &Plan) {
        let Some(every) = plan.sync_every() else { return };
        let unsynced = self.handled_at.get(self.synced.len());
        if unsynced.is_some_and(|at| clock::now().duration_since(*at) >= every) {
            self.broken = Some(format!("after {} items, the next should be synced", self.synced.len()));
        }
    }
}
