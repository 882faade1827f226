//! A measurement: runs a server and a load, and samples the server's CPU time and memory, which the system knows.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

use super::points::{MESSAGE_BYTES, Measured, POINTS, Point, Report, Row, ServerKind};
use crate::support::{Args, Run, allow_sockets, node, root};

/// Time for a server to become idle before its memory is sampled.
const REST: Duration = Duration::from_millis(300);

pub(crate) fn run(args: &Args) -> io::Result<()> {
    let only = args.value::<String>("--point");
    let is_wanted = |point: &&Point| only.as_ref().is_none_or(|only| point.name.contains(only.as_str()));
    let points: Vec<&Point> = POINTS.iter().filter(is_wanted).collect();
    let mut kinds = vec![ServerKind::Livetape, ServerKind::Floor, ServerKind::Joined];
    if !args.has("--no-peer") {
        // Fails before any measurement if the peer is missing.
        peer(&POINTS[0])?;
        kinds.push(ServerKind::Ws);
    }
    let most = points.iter().map(|point| point.subscribers).max().unwrap_or(0);
    allow_sockets(most)?;
    let (run, mut report) = (Run::begin(args, "fanout"), Report::default());
    for point in points {
        let mut row = Row::new(*point, &kinds);
        for _ in 0..args.rounds {
            for kind in &kinds {
                row.add(*kind, measure(*kind, point)?);
            }
        }
        if !args.has("--json") {
            row.print();
        }
        report.rows.push(row);
    }
    if !args.has("--json") {
        report.print_memory();
    }
    run.end(report.json());
    Ok(())
}

pub(crate) fn measure(kind: ServerKind, point: &Point) -> io::Result<Measured> {
    measure_beside(kind, point, |_| || ()).map(|(measured, ())| measured)
}

/// Runs a measurement, and calls a function with the server's process ID when the load starts, and the
/// function that it returns when the load has ended, while the server still runs.
pub(crate) fn measure_beside<B, E: FnOnce() -> B>(
    kind: ServerKind,
    point: &Point,
    begin: impl FnOnce(u32) -> E,
) -> io::Result<(Measured, B)> {
    let mut server = Program::start(match kind {
        ServerKind::Ws => peer(point)?,
        _ => this_program(kind.name(), point)?,
    })?;
    let port = server.line()?.trim_start_matches("port ").to_owned();
    pause(REST);
    let process = server.child.id();
    let alone = resident_kib(process)?;
    let mut command = this_program("load", point)?;
    command.args(["--port", &port]);
    let mut load = Program::start(command)?;
    server.expect("ready")?;
    pause(REST);
    let (idle, cpu) = (resident_kib(process)?, cpu_ns(process)?);
    let end = begin(process);
    server.go()?;
    let line = load.line()?;
    let beside = end();
    let cpu = cpu_ns(process)? - cpu;
    let busy = resident_kib(process)?;
    let seen: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [took, late_p50_ms, late_p99_ms] = seen[..] else {
        return Err(io::Error::other(format!("unexpected output of the load: `{line}`")));
    };
    let deliveries = point.deliveries() as f64;
    let each_kib = |all: u64| all.saturating_sub(alone) as f64 / point.subscribers as f64;
    let measured = Measured {
        cpu_us: cpu as f64 / 1e3 / deliveries,
        late_p50_ms,
        late_p99_ms,
        idle_kib: each_kib(idle),
        busy_kib: each_kib(busy),
        per_second: deliveries / took,
    };
    Ok((measured, beside))
}

fn this_program(role: &str, point: &Point) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["fanout", "--role", role]).args(point.args());
    Ok(command)
}

/// A process that is killed when this value is dropped.
struct Program {
    child: Child,
    orders: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Program {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, says) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        Ok(Self { child, orders, says: BufReader::new(says) })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.says.read_line(&mut line)? {
            0 => Err(io::Error::other("a server or the load exited early")),
            _ => Ok(line.trim().to_owned()),
        }
    }

    fn expect(&mut self, word: &str) -> io::Result<()> {
        let line = self.line()?;
        if line == word { Ok(()) } else { Err(io::Error::other(format!("expected `{word}`, got `{line}`"))) }
    }

    fn go(&mut self) -> io::Result<()> {
        writeln!(self.orders, "go")?;
        self.orders.flush()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints a line to the parent process.
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Waits for a line from the parent process.
pub(crate) fn await_go() -> io::Result<()> {
    io::stdin().lock().read_line(&mut String::new()).map(drop)
}

/// Returns the peer: npm `ws`, installed from the lock file in `benches/peers`.
///
/// # Errors
/// A message with the commands that install what is missing.
fn peer(point: &Point) -> io::Result<Command> {
    let mut command = node("benches/peers/ws.mjs", &root().join("benches/peers/node_modules/ws"))
        .map_err(io::Error::other)?;
    command.args(point.args()).args(["--bytes", &MESSAGE_BYTES.to_string()]);
    Ok(command)
}

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
