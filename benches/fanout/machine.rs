//! What the system says of a process and of itself.

use std::{fs, hint::black_box, io, thread, time::Duration};

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

/// Files beside the sockets.
const FILES_BESIDE: u64 = 64;
/// Steps of the calibration loop: some 50 ms.
const CALIBRATION_STEPS: u64 = 50_000_000;

/// Nanoseconds of a clock that all processes share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "programs without a runtime of their own")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

/// CPU time of all threads of a process, in nanoseconds.
pub(crate) fn cpu_ns(process: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the two.
        let times = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        sum += times.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// Resident memory of a process, in KiB.
pub(crate) fn resident_kib(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0))
}

/// Allows so many sockets, up to what the system allows this user.
pub(crate) fn allow_sockets(count: usize) -> io::Result<()> {
    let wanted = count as u64 + FILES_BESIDE;
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(limit.current) {
        return Ok(());
    }
    if !enough(limit.maximum) {
        let most = limit.maximum.unwrap_or(0);
        let message = format!(
            "{count} sockets need {wanted} open files, and this user may have {most}: \
             raise the hard limit, e.g. `ulimit -Hn {wanted}` as root or `nofile` in /etc/security/limits.conf"
        );
        return Err(io::Error::other(message));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
    Ok(())
}

/// How long a loop of arithmetic takes, as milliseconds on the clock and on the CPU: the further apart, the busier the
/// machine.
pub(crate) fn calibrate() -> (f64, f64) {
    let cpu = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let (wall, used) = (now_ns(), cpu());
    let mut x = 1_u64;
    for i in 0..CALIBRATION_STEPS {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
    }
    black_box(x);
    ((now_ns() - wall) as f64 / 1e6, cpu() - used)
}
