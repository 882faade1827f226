//! Thread that writes the log, so that a hanging terminal or disk blocks nothing else.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use super::line::Line;
use crate::settings::LogFormat;

/// Maximum number of queued lines. Lines beyond it are lost and counted.
const WAITING_LINES_MAX: usize = 4_096;
/// Longest time to write the last lines at the end of the process.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Sender of lines to the thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: SyncSender<Option<String>>,
    lost: Arc<AtomicU64>,
}

/// Waits on drop, for at most a second, until the last lines are written.
#[derive(Debug)]
pub struct Guard {
    queue: SyncSender<Option<String>>,
    ending: Arc<AtomicBool>,
    written: Receiver<()>,
    lost: Arc<AtomicU64>,
    /// Whether to report lost lines on stderr at the end.
    pub(super) tells: bool,
}

impl Writer {
    pub(super) fn write(&self, line: String) {
        if self.queue.try_send(Some(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the number of lines lost because the queue was full or a write failed.
    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        // If the queue is full, the thread is awake anyway.
        drop(self.queue.try_send(None));
        // A longer wait would delay the exit.
        let _ = self.written.recv_timeout(FLUSH_MAX);
        let lost = self.lost.load(Ordering::Relaxed);
        if self.tells && lost > 0 {
            // A failure to print to stderr cannot be reported.
            drop(writeln!(io::stderr(), "⚠️ The log is incomplete: {lost} lines lost"));
        }
    }
}

/// Starts the thread.
///
/// # Errors
/// Returns an error if the thread cannot be started.
pub(super) fn start(out: impl Write + Send + 'static, format: LogFormat) -> io::Result<(Writer, Guard)> {
    let (queue, lines) = sync_channel(WAITING_LINES_MAX);
    let (tell, written) = channel();
    let (lost, ending) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let writer = Writer { queue: queue.clone(), lost: Arc::clone(&lost) };
    let guard = Guard { queue, ending: Arc::clone(&ending), written, lost: Arc::clone(&lost), tells: false };
    thread::Builder::new().name("log".into()).spawn(move || {
        let mut log = LineWriter { out, format, lost, reported: 0 };
        while let Some(line) = next(&lines, &ending) {
            log.write(&line);
        }
        drop(log.out.flush());
        let _ = tell.send(());
    })?;
    Ok((writer, guard))
}

/// Returns the next line; `None` at the end, after all lines.
fn next(lines: &Receiver<Option<String>>, ending: &AtomicBool) -> Option<String> {
    match lines.try_recv() {
        Ok(line) => line,
        Err(TryRecvError::Empty) if ending.load(Ordering::Acquire) => None,
        Err(TryRecvError::Empty) => lines.recv().ok().flatten(),
        Err(TryRecvError::Disconnected) => None,
    }
}

struct LineWriter<W> {
    out: W,
    format: LogFormat,
    lost: Arc<AtomicU64>,
    /// Number of lost lines that the log has reported.
    reported: u64,
}

impl<W: Write> LineWriter<W> {
    fn write(&mut self, line: &str) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > self.reported && self.out.write_all(self.report(lost - self.reported).as_bytes()).is_ok() {
            self.reported = lost;
        }
        if self.out.write_all(line.as_bytes()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report(&self, lines: u64) -> String {
        let message = "⚠️ Log lines are missing here".to_owned();
        Line { message, fields: vec![("lines", lines.into())], ..Line::now("WARN") }.format(self.format)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::Sender};

    use super::*;

    /// A disk that can be full, and that can block on a gate.
    #[derive(Clone, Default)]
    struct Disk {
        written: Arc<Mutex<String>>,
        is_full: Arc<AtomicBool>,
        gate: Option<Arc<Mutex<Receiver<()>>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(gate) = &self.gate {
                let _ = gate.lock().unwrap().recv();
            }
            if self.is_full.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.lock().unwrap().push_str(str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_lost_to_a_full_disk_are_counted() {
        let disk = Disk::default();
        let (writer, guard) = start(disk.clone(), LogFormat::Text).unwrap();
        let mut log =
            LineWriter { out: disk.clone(), format: LogFormat::Json, lost: writer.lost(), reported: 0 };
        log.write("one\n");
        disk.is_full.store(true, Ordering::Relaxed);
        log.write("two\n");
        log.write("three\n");
        assert_eq!(writer.lost().load(Ordering::Relaxed), 2);
        disk.is_full.store(false, Ordering::Relaxed);
        log.write("four\n");
        log.write("five\n");
        let written = disk.written.lock().unwrap().clone();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!((lines[0], &lines[2..]), ("one", &["four", "five"][..]));
        let reported: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
        assert_eq!((&reported["lines"], &reported["level"]), (&2.into(), &"WARN".into()));
        drop(guard);
    }

    #[test]
    fn the_last_lines_are_written_on_drop() {
        let disk = Disk::default();
        let (writer, guard) = start(disk.clone(), LogFormat::Text).unwrap();
        (0..1_000).for_each(|n| writer.write(format!("{n}\n")));
        drop(guard);
        assert_eq!(disk.written.lock().unwrap().lines().count(), 1_000);
        assert_eq!(writer.lost().load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_hanging_disk_blocks_no_writer() {
        let (open, gate): (Sender<()>, _) = channel();
        let disk = Disk { gate: Some(Arc::new(Mutex::new(gate))), ..Disk::default() };
        let (writer, guard) = start(disk.clone(), LogFormat::Text).unwrap();
        let all = WAITING_LINES_MAX + 500;
        (0..all).for_each(|_| writer.write("line\n".into()));
        // The disk may hold one more.
        let lost = writer.lost().load(Ordering::Relaxed);
        assert!((499..=500).contains(&lost), "{lost}");
        drop(open);
        drop(guard);
        let written = disk.written.lock().unwrap().clone();
        // Reported at once, or in parts if the writer started in between.
        let reported = written
            .lines()
            .filter_map(|line| line.split_once("are missing here lines=")?.1.parse::<u64>().ok());
        assert_eq!(reported.sum::<u64>(), lost, "{written}");
        assert_eq!(written.matches("line\n").count() as u64 + lost, all as u64);
    }
}
