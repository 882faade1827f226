//! Random faults, while a replay plays, readers read and clients inject chats. `LIVETAPE_CLUSTER_SEED=N` repeats
//! a run; `LIVETAPE_CLUSTER_FAULTS` is the number of faults, or their names in order: `kill-owner,purge`.
//!
//! After each fault, the cluster must recover by itself, and then:
//!
//! - no number of a stream has two contents, at any reader;
//! - each reader has each number once, in order, or was told (4001) that its position is void, which only some
//!   faults may cause;
//! - each confirmed chat is in the log under its number, unless such a fault happened; each refused one is not,
//!   and none is there twice;
//! - the rest is what `livetape events` says about the recording.

mod check;
mod clients;
mod world;

use std::path::PathBuf;

use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};
use tempfile::TempDir;
use world::World;

use crate::support::{is_nats, livetape};

/// Number of faults that happen to one cluster. Then the next begins with another seed.
const FAULTS_AT_ONCE: usize = 8;
/// One in so many clusters has three NATS servers.
const ROLLING: usize = 5;
/// Seed, if none is given.
const SEED: u64 = 1;
/// Length of the recording, in minutes: more than a run plays.
const MINUTES: &str = "600";

struct Fault {
    name: &'static str,
    strike: fn(&mut World),
    /// Whether readers' positions may be void afterwards: what NATS had stored is gone, or may be.
    voids: bool,
    to: To,
    /// Whether everything has recovered before it.
    waits: bool,
    /// Whether it happens after each change.
    in_ci: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Any,
    /// A cluster with one NATS server.
    One,
    /// A cluster with three.
    Three,
}

const fn fault(name: &'static str, strike: fn(&mut World)) -> Fault {
    Fault { name, strike, voids: false, to: To::Any, waits: false, in_ci: true }
}

/// All faults.
const FAULTS: [Fault; 17] = [
    fault("kill-owner", World::kill_owner),
    fault("kill-other", World::kill_other),
    fault("stop-owner", World::stop_owner),
    fault("stop-other", World::stop_other),
    fault("restart-owner", World::restart_owner),
    fault("restart-other", World::restart_other),
    // Only an owner can say in the log that nothing will follow.
    Fault { waits: true, ..fault("restart-all", World::restart_all) },
    Fault { voids: true, ..fault("kill-all", World::kill_all) },
    fault("purge", World::purge),
    Fault { to: To::One, ..fault("kill-nats", World::kill_nats) },
    Fault { to: To::One, ..fault("stop-nats", World::stop_nats) },
    // NATS 2.9 may lose leases for seconds afterwards.
    Fault { in_ci: false, ..fault("delete-bucket", World::delete_bucket) },
    // A stream that is deleted while others create it can stay broken in NATS 2.9.
    Fault { in_ci: false, voids: true, waits: true, ..fault("delete-stream", World::delete_stream) },
    // Needs a file system of its own.
    Fault { in_ci: false, to: To::One, ..fault("disk-full", World::fill_disk) },
    Fault { voids: true, to: To::One, ..fault("rollback", World::roll_back) },
    // Needs libfaketime.
    Fault { in_ci: false, ..fault("clock", World::set_clock) },
    // Takes twenty seconds.
    Fault { in_ci: false, to: To::Three, ..fault("roll", World::roll_servers) },
];

/// Returns random numbers that only depend on the seed.
fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// Returns a random index of a list.
fn index(rng: &mut TestRng, length: usize) -> usize {
    rng.next_u32() as usize % length
}

/// A recording, and where it is.
fn recording() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("show.bin");
    let made =
        livetape(&["synth", "--profile", "quiet", "--minutes", MINUTES, "-o"]).arg(&path).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    (folder, path)
}

/// Returns what happens to the clusters of a run, one after the other.
fn plan(seed: u64, faults: Option<&str>) -> Vec<(u64, Vec<&'static Fault>)> {
    let named = |name: &str| FAULTS.iter().find(|fault| fault.name == name);
    let Some(faults) = faults else {
        return vec![(seed, FAULTS.iter().filter(|fault| fault.in_ci).collect())];
    };
    let Ok(number) = faults.parse::<usize>() else {
        let find = |name| named(name).unwrap_or_else(|| panic!("there is no fault {name:?}"));
        return vec![(seed, faults.split(',').map(find).collect())];
    };
    let of_cluster = |(seed, first): (u64, usize)| {
        let mut rng = rng(seed);
        let to = if index(&mut rng, ROLLING) == 0 { To::Three } else { To::One };
        // A server of NATS 2.9 that is restarted can lose a stream that was deleted and created again.
        let is_broken = |it: &Fault| to == To::Three && it.name == "delete-stream" && is_nats("2.9");
        let is_possible = |it: &&Fault| (it.to == To::Any || it.to == to) && !is_broken(it);
        let possible: Vec<_> = FAULTS.iter().filter(is_possible).collect();
        let faults = FAULTS_AT_ONCE.min(number - first);
        (seed, (0..faults).map(|_| possible[index(&mut rng, possible.len())]).collect())
    };
    (seed..).zip((0..number).step_by(FAULTS_AT_ONCE)).map(of_cluster).collect()
}

#[test]
fn readers_agree_after_random_faults() {
    let seed = std::env::var("LIVETAPE_CLUSTER_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let faults = std::env::var("LIVETAPE_CLUSTER_FAULTS").ok();
    let (folder, path) = recording();
    let output = livetape(&["events", "--raw"]).arg(&path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = crate::support::contents(&text.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut failed = Vec::new();
    for (seed, faults) in plan(seed, faults.as_deref()) {
        let names: Vec<_> = faults.iter().map(|fault| fault.name).collect();
        let repeat = format!("LIVETAPE_CLUSTER_SEED={seed} LIVETAPE_CLUSTER_FAULTS={}", names.join(","));
        println!("{repeat}");
        let run = || World::start(seed, &names, folder.path()).suffer(&faults, &expected);
        // The next cluster may show something else.
        if std::thread::scope(|scope| scope.spawn(run).join()).is_err() {
            failed.push(repeat);
        }
    }
    assert!(failed.is_empty(), "repeat these:\n{}", failed.join("\n"));
}
