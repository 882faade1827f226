//! The recorder on a simulated disk that fails, and whose process dies in every system call.

mod image;
mod plan;
mod run;

use std::{path::Path, time::Duration};

use livetape_io::simulation::disk::Image;
use proptest::prelude::*;

use super::{RecorderOptions, queue::Queue};
use image::{Recovered, check_image};
use plan::{Plan, plans};
use run::Run;

proptest! {
    // Each runs once for every system call.
    // Each is run again for every system call.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]
    #[test]
    fn simulated_recordings_lose_nothing_that_was_synced(plan in plans()) {
        let run = Run::of(&plan, None);
        check(&plan, &run)?;
        for call in 0..run.disk.calls() {
            check(&plan, &Run::of(&plan, Some(call)))
                .map_err(|error| TestCaseError::fail(format!("crash in system call {call}: {error}")))?;
        }
    }
}

/// Checks a run, and what remains if the process is killed or the power fails at its end.
fn check(plan: &Plan, run: &Run) -> Result<(), TestCaseError> {
    if let Some(broken) = &run.broken {
        return Err(TestCaseError::fail(broken.clone()));
    }
    let images = [
        ("kill", run.disk.after_kill(), &run.flushed),
        ("power failure", run.disk.after_power_failure(), &run.synced),
    ];
    for (how, image, safe) in images {
        check_image(run, &image, safe)
            .and_then(|read| check_end(plan, run, how, &image, &read))
            .map_err(|error| TestCaseError::fail(format!("after a {how}: {error}")))?;
    }
    Ok(())
}

/// A recorder that reports success has written everything, and one that did not fails only because of the
/// disk.
fn check_end(
    plan: &Plan,
    run: &Run,
    how: &str,
    image: &Image,
    read: &Recovered,
) -> Result<(), TestCaseError> {
    match &run.result {
        Some(Ok(summary)) => {
            // Items after the maximum length were not wanted.
            prop_assert!(summary.lost == run.lost || summary.is_full && summary.lost < run.lost);
            prop_assert!(plan.bytes_max.is_none_or(|most| summary.bytes <= most), "{} bytes", summary.bytes);
            if how == "kill" || plan.syncs() {
                let bytes: usize = image.values().map(Vec::len).sum();
                prop_assert_eq!(summary.bytes, bytes as u64);
                prop_assert_eq!(read.is_complete, plan.seal || summary.is_full);
            }
        }
        Some(Err(problem)) => prop_assert!(run.disk.failures() > 0, "{}", problem),
        None => {}
    }
    // At the maximum length, the rest was not wanted. Without syncs, a power failure may take whole files.
    if read.is_complete && plan.bytes_max.is_none() && (how == "kill" || plan.syncs()) {
        prop_assert_eq!(read.accounted, run.items.len() as u64);
    }
    Ok(())
}

/// Path of the recording, or the base of its parts.
fn path() -> &'static Path {
    Path::new("show.bin")
}

/// Found by simulation.
#[test]
fn items_in_a_discarded_gap_are_counted_once() {
    let options = RecorderOptions { queue_items_max: 2, ..RecorderOptions::default() };
    let queue = Queue::new(&options);
    let push = |n| queue.push(plan::item(n, plan::Kind::Frame(8), 1, Duration::ZERO), None);
    (0..3).for_each(push);
    assert_eq!(queue.lost(), 1);
    // Half of the queue must be empty before it accepts items, behind a gap.
    while queue.waiting().0 > 0 {
        queue.next().unwrap();
    }
    push(3);
    queue.discard();
    assert_eq!(queue.lost(), 2);
}
