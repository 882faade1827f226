//! CPU time and memory of a process, from the system.

use std::{fs, io, thread, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Returns the time of a clock shared by all processes, in ns.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "programs without their own runtime")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

/// Returns the CPU time of all threads of a process, in ns.
pub(crate) fn cpu_ns(process: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end in between.
        let times = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        sum += times.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// Returns the resident memory of a process, in KiB.
///
/// # Errors
/// Fails if the process has ended: the system then still shows it, but without memory.
pub(crate) fn resident_kib(process: u32) -> io::Result<u64> {
    resident(&fs::read_to_string(format!("/proc/{process}/status"))?)
        .ok_or_else(|| io::Error::other("the measured process has ended"))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_has_no_memory() {
        assert_eq!(resident("Name:\tfanout\nVmRSS:\t    7936 kB\nThreads:\t3\n"), Some(7936));
        assert_eq!(resident("Name:\tfanout\nState:\tZ (zombie)\nThreads:\t1\n"), None);
    }
}
