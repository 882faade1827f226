//! A disk in memory, behind a cache that a power failure loses.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use livetape_io::files::{Disk, DiskFile, FileId};
use parking_lot::Mutex;
use proptest::prelude::*;

/// Unit that a disk writes at once, in bytes. A power failure can tear one into an old and a new part.
const SECTOR_BYTES: usize = 512;
/// System calls that faults are planned for: those after are not worth it, because most plans have fewer.
const FAULTY_CALLS: u64 = 150;

/// A failure of one system call.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Writes only this share, in 256ths; calls other than writes succeed.
    Short(u8),
    /// The device fails: EIO. A failed sync loses everything not synced before, even if a later one succeeds.
    Device,
    /// The disk is full: ENOSPC.
    Full,
    /// A signal interrupts a write: EINTR. Other calls succeed.
    Interrupted,
}

#[derive(Clone, Debug)]
pub struct Faults {
    /// Faults by the number of their system call.
    pub calls: BTreeMap<u64, Fault>,
    /// Determines what survives a power failure.
    pub seed: u64,
}

/// Strategy for up to three faults of a disk.
pub fn faults() -> impl Strategy<Value = Faults> {
    let fault = prop_oneof![
        3 => any::<u8>().prop_map(Fault::Short),
        2 => Just(Fault::Device),
        1 => Just(Fault::Full),
        1 => Just(Fault::Interrupted),
    ];
    let calls = prop::collection::btree_map(0..FAULTY_CALLS, fault, 0..4);
    let calls = prop_oneof![1 => Just(BTreeMap::new()), 2 => calls];
    (calls, any::<u64>()).prop_map(|(calls, seed)| Faults { calls, seed })
}

/// What a crash leaves: the files with their contents.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

/// Clones share its content.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<Simulation>>);

#[derive(Debug)]
struct Simulation {
    faults: BTreeMap<u64, Fault>,
    random: u64,
    /// The first system call that does not return, because the process dies.
    crash_at: Option<u64>,
    calls: u64,
    syncs: u64,
    failures: u64,
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    /// Names that survive a power failure, and the changes since, in order.
    kept_names: BTreeMap<PathBuf, usize>,
    changes: VecDeque<Change>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    cached: Vec<u8>,
    /// The content that survives a power failure.
    kept: Vec<u8>,
    /// Up to here, a failed sync has lost the data that is not in `kept`.
    lost: usize,
    /// Number of open files that write it, and hold its lock.
    writers: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Name(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl SimulatedDisk {
    /// Creates an empty disk. The process dies in the call with the number `crash_at`.
    pub fn new(faults: &Faults, crash_at: Option<u64>) -> Self {
        Self(Arc::new(Mutex::new(Simulation {
            faults: faults.calls.clone(),
            random: faults.seed,
            crash_at,
            calls: 0,
            syncs: 0,
            failures: 0,
            contents: Vec::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            changes: VecDeque::new(),
        })))
    }

    /// Adds a file that survives a power failure.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.0.lock();
        let (cached, kept) = (bytes.to_vec(), bytes.to_vec());
        state.contents.push(Content { cached, kept, ..Content::default() });
        let number = state.contents.len() - 1;
        state.names.insert(path.into(), number);
        state.kept_names.insert(path.into(), number);
    }

    pub fn open(&self, path: &Path) -> impl Read + use<> {
        SimulatedFile { disk: self.clone(), number: self.0.lock().names[path], at: 0, is_writer: false }
    }

    pub fn calls(&self) -> u64 {
        self.0.lock().calls
    }

    /// Number of successful syncs of files.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Number of system calls that returned an error, other than EINTR.
    pub fn failures(&self) -> u64 {
        self.0.lock().failures
    }

    pub fn after_kill(&self) -> Image {
        let state = self.0.lock();
        state.names.iter().map(|(path, &at)| (path.clone(), state.contents[at].cached.clone())).collect()
    }

    /// Returns what a power failure leaves: some of the unsynced sectors, and some of the unsynced names.
    pub fn after_power_failure(&self) -> Image {
        let mut state = self.0.lock();
        let changes = state.changes.len() as u64;
        let applied = state.below(changes + 1) as usize;
        let mut names = state.kept_names.clone();
        state.changes.iter().take(applied).for_each(|change| change.apply(&mut names));
        names.into_iter().map(|(path, at)| (path, state.recovered(at))).collect()
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Name(path, number) => drop(names.insert(path.clone(), *number)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Rename(from, to) => {
                let number = names.remove(from).expect("names change in order");
                names.insert(to.clone(), number);
            }
        }
    }
}

impl Simulation {
    /// Begins a system call, and returns its fault. A process that crashes in this call gets `None`, and may
    /// have executed part of it.
    fn call(&mut self) -> Option<Option<Fault>> {
        let number = self.calls;
        self.calls += 1;
        (self.crash_at.is_none_or(|crash| number < crash)).then(|| self.faults.get(&number).copied())
    }

    /// Executes a call that succeeds or fails as a whole.
    fn whole<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        match self.call() {
            None => Err(crashed()),
            Some(Some(Fault::Device)) => Err(self.failed(device_error())),
            Some(Some(Fault::Full)) => Err(self.failed(io::ErrorKind::StorageFull.into())),
            Some(Some(Fault::Short(_) | Fault::Interrupted) | None) => work(self),
        }
    }

    fn failed(&mut self, error: io::Error) -> io::Error {
        self.failures += 1;
        error
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push_back(change);
    }

    /// Begins to read or write up to `bytes`; returns how many it processes.
    fn transfer(&mut self, bytes: usize) -> io::Result<usize> {
        match self.call() {
            None => Err(crashed()),
            Some(None) => Ok(bytes),
            Some(Some(Fault::Short(share))) => Ok((bytes * usize::from(share) / 256).max(1).min(bytes)),
            Some(Some(Fault::Interrupted)) => Err(io::ErrorKind::Interrupted.into()),
            Some(Some(Fault::Device)) => Err(self.failed(device_error())),
            Some(Some(Fault::Full)) => Err(self.failed(io::ErrorKind::StorageFull.into())),
        }
    }

    fn read(&mut self, number: usize, at: usize, into: &mut [u8]) -> io::Result<usize> {
        let length = self.transfer(into.len())?;
        (&self.contents[number].cached[at..]).read(&mut into[..length])
    }

    fn write(&mut self, number: usize, at: usize, bytes: &[u8]) -> io::Result<usize> {
        let is_crash = self.crash_at == Some(self.calls);
        let written = self.transfer(bytes.len());
        let length = match written {
            // The process may die when part of the data is written.
            Err(_) if is_crash => self.below(bytes.len() as u64 + 1) as usize,
            Err(error) => return Err(error),
            Ok(length) => length,
        };
        let cached = &mut self.contents[number].cached;
        cached.resize(cached.len().max(at + length), 0);
        cached[at..at + length].copy_from_slice(&bytes[..length]);
        written
    }

    fn sync(&mut self, number: usize) -> io::Result<()> {
        let synced = self.whole(|_| Ok(()));
        let content = &mut self.contents[number];
        if synced.is_err() {
            content.lost = content.cached.len();
            return synced;
        }
        let kept = content.kept.len();
        content.kept.resize(content.cached.len(), 0);
        let from = kept.max(content.lost);
        content.kept[from..].copy_from_slice(&content.cached[from..]);
        self.syncs += 1;
        Ok(())
    }

    /// Returns a content after a power failure. Files only grow, so the kept part is never damaged.
    fn recovered(&mut self, number: usize) -> Vec<u8> {
        let Content { cached, mut kept, .. } = self.contents[number].clone();
        let (from, mode) = (kept.len(), self.below(4));
        if mode == 0 || from >= cached.len() {
            return kept;
        }
        let end = if mode == 1 {
            cached.len()
        } else {
            from + self.below((cached.len() - from) as u64 + 1) as usize
        };
        kept.resize(end, 0);
        let mut at = from;
        while at < end {
            let next = end.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
            let torn = at + self.below((next - at) as u64 + 1) as usize;
            match self.below(8) {
                0 => {}
                1 => kept[at..torn].copy_from_slice(&cached[at..torn]),
                2 => kept[torn..next].copy_from_slice(&cached[torn..next]),
                _ => kept[at..next].copy_from_slice(&cached[at..next]),
            }
            at = next;
        }
        kept
    }

    /// Returns a pseudorandom number below `end` (xorshift).
    fn below(&mut self, end: u64) -> u64 {
        self.random |= 1;
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % end
    }
}

fn device_error() -> io::Error {
    io::Error::other("input/output error")
}

fn crashed() -> io::Error {
    io::Error::other("the process is dead")
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path, force: bool) -> io::Result<Box<dyn DiskFile>> {
        let number = self.0.lock().whole(|state| {
            if !force && state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            // A truncated file is simulated as a new one, because only drafts are truncated, and they are
            // never synced.
            state.contents.push(Content { writers: 1, ..Content::default() });
            let number = state.contents.len() - 1;
            state.change(Change::Name(path.into(), number));
            Ok(number)
        })?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), number, at: 0, is_writer: true }))
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.lock().names.contains_key(path)
    }

    fn is_locked(&self, path: &Path) -> bool {
        let state = self.0.lock();
        state.names.get(path).is_some_and(|&number| state.contents[number].writers > 0)
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        self.0.lock().names.get(path).map(|&number| id_of(number)).ok_or(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &Path, to: &Path, force: bool) -> io::Result<()> {
        self.0.lock().whole(|state| {
            if !state.names.contains_key(from) {
                return Err(io::ErrorKind::NotFound.into());
            }
            if !force && state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.change(Change::Rename(from.into(), to.into()));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().whole(|state| {
            if !state.names.contains_key(path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.change(Change::Remove(path.into()));
            Ok(())
        })
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.0.lock().whole(|state| {
            state.kept_names = state.names.clone();
            state.changes.clear();
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
    at: usize,
    is_writer: bool,
}

fn id_of(number: usize) -> FileId {
    FileId { device: 0, number: number as u64 }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        self.disk.0.lock().contents[self.number].writers -= usize::from(self.is_writer);
    }
}

impl DiskFile for SimulatedFile {
    fn sync(&self) -> io::Result<()> {
        self.disk.0.lock().sync(self.number)
    }

    fn length(&self) -> io::Result<u64> {
        let number = self.number;
        self.disk.0.lock().whole(|state| Ok(state.contents[number].cached.len() as u64))
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(id_of(self.number))
    }
}

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.disk.0.lock().write(self.number, self.at, bytes)?;
        self.at += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for SimulatedFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.disk.0.lock().read(self.number, self.at, bytes)?;
        self.at += read;
        Ok(read)
    }
}

impl Seek for SimulatedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.at = usize::try_from(at).map_err(io::Error::other)?;
        Ok(at)
    }
}
