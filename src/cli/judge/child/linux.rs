//! What `/proc` tells about other processes.

use std::{fs, path::Path, time::Duration};

use memchr::memmem;
use rustix::process::{Pid, Signal, kill_process};

use super::super::Work;

/// Maximum number of looks for processes that a command left behind: one may start another before it is killed.
const SCANS_MAX: usize = 100;

/// Unit of the times in `/proc`, in milliseconds.
const TICK_MS: u64 = 10;

/// Kills the processes that have left the group of a command: those whose environment names its folder.
pub(in crate::cli::judge) fn kill_strays(folder: &Path) {
    for _ in 0..SCANS_MAX {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let strays = Vec::from_iter(entries.filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
            // Processes of other users cannot be read.
            let environment = fs::read(entry.path().join("environ")).ok()?;
            memmem::find(&environment, folder.as_os_str().as_encoded_bytes()).map(|_| id)
        }));
        if strays.is_empty() {
            return;
        }
        for stray in strays {
            let _ = kill_process(stray, Signal::KILL);
        }
    }
}

/// Returns the work of a process group.
pub(in crate::cli::judge::child) fn work(group: Pid) -> Work {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    let works = numbers.filter_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name, which may contain anything.
        let fields = Vec::from_iter(stat.rsplit_once(')')?.1.split_whitespace());
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let is_in_group = fields.get(2)?.parse() == Ok(group.as_raw_pid());
        let used = is_in_group.then(|| Some(number(11)? + number(12)?))??;
        Some((Duration::from_millis(used * TICK_MS), waited(&entry.path())))
    });
    let (used, waited): (Vec<_>, Vec<_>) = works.unzip();
    Work { used: used.iter().sum(), waited: waited.iter().sum() }
}

/// Returns for how long the threads of a process, which still run, have waited for a processor. Some kernels do not say it.
fn waited(process: &Path) -> Duration {
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let waits = threads.filter_map(|thread| {
        let schedule = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedule.split(' ').nth(1)?.parse().ok().map(Duration::from_nanos)
    });
    waits.sum()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    /// Maximum number of times that a thread looks at how long all have waited: about ten seconds.
    const LOOKS_MAX: usize = 100_000;

    #[test]
    fn threads_that_wait_for_a_processor_are_counted() {
        let own = Path::new("/proc/self");
        let (before, is_over) = (waited(own), AtomicBool::new(false));
        let spin = || {
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        // The first thread, whose waits are those of the process, only joins them.
        let has_waited = thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().unwrap().get() {
                scope.spawn(spin);
            }
            let looks = scope.spawn(|| {
                let has = (0..LOOKS_MAX).any(|_| waited(own) > before + Duration::from_millis(20));
                is_over.store(true, Ordering::Relaxed);
                has
            });
            looks.join().unwrap()
        });
        assert!(has_waited);
    }
}
