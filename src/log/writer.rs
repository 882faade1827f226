//! The thread that writes the log: a terminal or a disk that hangs stops nobody.

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

/// Lines that wait to be written; more are lost, and counted.
const WAITING_LINES_MAX: usize = 4_096;
/// How long the last lines have at the end.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Where lines go.
#[derive(Clone)]
pub(super) struct Writer {
    queue: SyncSender<Option<String>>,
    lost: Arc<AtomicU64>,
}

/// Dropped at the end of the process, it waits until the last lines are written, for a second at most.
#[derive(Debug)]
pub struct Guard {
    queue: SyncSender<Option<String>>,
    ending: Arc<AtomicBool>,
    written: Receiver<()>,
}

impl Writer {
    pub(super) fn write(&self, line: String) {
        if self.queue.try_send(Some(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were lost, for want of a place or because they could not be written.
    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        // Where the queue is full the thread is awake anyway.
        drop(self.queue.try_send(None));
        // Whatever hangs for longer has had its time.
        let _ = self.written.recv_timeout(FLUSH_MAX);
    }
}

/// Starts the thread.
///
/// # Errors
/// If there is no thread for it.
pub(super) fn start(out: impl Write + Send + 'static, format: LogFormat) -> io::Result<(Writer, Guard)> {
    let (queue, lines) = sync_channel(WAITING_LINES_MAX);
    let (tell, written) = channel();
    let (lost, ending) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let writer = Writer { queue: queue.clone(), lost: Arc::clone(&lost) };
    let guard = Guard { queue, ending: Arc::clone(&ending), written };
    thread::Builder::new().name("log".into()).spawn(move || {
        let mut scribe = Scribe { out, format, lost, told: 0 };
        while let Some(line) = next(&lines, &ending) {
            scribe.write(&line);
        }
        drop(scribe.out.flush());
        let _ = tell.send(());
    })?;
    Ok((writer, guard))
}

/// The next line; `None` at the end, when all were handed out.
fn next(lines: &Receiver<Option<String>>, ending: &AtomicBool) -> Option<String> {
    match lines.try_recv() {
        Ok(line) => line,
        Err(TryRecvError::Empty) if ending.load(Ordering::Acquire) => None,
        Err(TryRecvError::Empty) => lines.recv().ok().flatten(),
        Err(TryRecvError::Disconnected) => None,
    }
}

struct Scribe<W> {
    out: W,
    format: LogFormat,
    lost: Arc<AtomicU64>,
    /// How many of the lost the log itself tells of.
    told: u64,
}

impl<W: Write> Scribe<W> {
    fn write(&mut self, line: &str) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > self.told && self.out.write_all(self.report(lost - self.told).as_bytes()).is_ok() {
            self.told = lost;
        }
        if self.out.write_all(line.as_bytes()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report(&self, lines: u64) -> String {
        let message = "⚠️ Lines of the log are missing here".to_owned();
        Line { message, fields: vec![("lines", lines.into())], ..Line::now("WARN") }.format(self.format)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::Sender};

    use super::*;

    /// A disk that says it is full until it is told otherwise, and waits where it is told to.
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
    fn a_full_disk_costs_lines_and_they_are_counted() {
        let disk = Disk::default();
        let (writer, guard) = start(disk.clone(), LogFormat::Text).unwrap();
        let mut scribe = Scribe { out: disk.clone(), format: LogFormat::Json, lost: writer.lost(), told: 0 };
        scribe.write("one\n");
        disk.is_full.store(true, Ordering::Relaxed);
        scribe.write("two\n");
        scribe.write("three\n");
        assert_eq!(writer.lost().load(Ordering::Relaxed), 2);
        disk.is_full.store(false, Ordering::Relaxed);
        scribe.write("four\n");
        scribe.write("five\n");
        let written = disk.written.lock().unwrap().clone();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!((lines[0], &lines[2..]), ("one", &["four", "five"][..]));
        let told: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
        assert_eq!((&told["lines"], &told["level"]), (&2.into(), &"WARN".into()));
        drop(guard);
    }

    #[test]
    fn the_last_lines_are_written_before_the_end() {
        let disk = Disk::default();
        let (writer, guard) = start(disk.clone(), LogFormat::Text).unwrap();
        (0..1_000).for_each(|n| writer.write(format!("{n}\n")));
        drop(guard);
        assert_eq!(disk.written.lock().unwrap().lines().count(), 1_000);
        assert_eq!(writer.lost().load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_disk_that_hangs_holds_nobody() {
        let (open, gate): (Sender<()>, _) = channel();
        let disk = Disk { gate: Some(Arc::new(Mutex::new(gate))), ..Disk::default() };
        let (writer, guard) = start(disk.clone(), LogFormat::Text).unwrap();
        let all = WAITING_LINES_MAX + 500;
        (0..all).for_each(|_| writer.write("line\n".into()));
        // One more may be with the disk.
        let lost = writer.lost().load(Ordering::Relaxed);
        assert!((499..=500).contains(&lost), "{lost}");
        drop(open);
        drop(guard);
        let written = disk.written.lock().unwrap().clone();
        // Told at once, or in parts where the writer began in the midst of it.
        let told = written
            .lines()
            .filter_map(|line| line.split_once("are missing here lines=")?.1.parse::<u64>().ok());
        assert_eq!(told.sum::<u64>(), lost, "{written}");
        assert_eq!(written.matches("line\n").count() as u64 + lost, all as u64);
    }
}
