//! Rotated log file: FILE, and older ones as FILE.1, FILE.2, …

use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use livetape_core::recording::MAGIC;
use livetape_io::files::{append, open_regular};

/// A file that is rotated when it is full.
pub(super) struct Rotating {
    path: PathBuf,
    file: File,
    length: u64,
    bytes_max: u64,
    /// Number of older files to keep, at least one.
    kept: usize,
}

impl Rotating {
    pub(super) fn open(path: &Path, bytes_max: u64, kept: usize) -> io::Result<Self> {
        refuse_recording(path)?;
        let file = append(path)?;
        let length = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, length, bytes_max, kept })
    }

    fn older(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.kept).rev() {
            if self.older(number).exists() {
                fs::rename(self.older(number), self.older(number + 1))?;
            }
        }
        fs::rename(&self.path, self.older(1))?;
        self.file = append(&self.path)?;
        self.length = 0;
        Ok(())
    }
}

/// Rejects a recording, which a log would damage. Devices and pipes are not read.
fn refuse_recording(path: &Path) -> io::Result<()> {
    let Ok(file) = open_regular(path) else { return Ok(()) };
    let mut start = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    if start == MAGIC { Err(io::Error::other("the file is a recording")) } else { Ok(()) }
}

impl Write for Rotating {
    /// Writes a whole line, to this file or the next.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.length > 0 && self.length + line.len() as u64 > self.bytes_max {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.length += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_not_used_as_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("show.bin");
        for recording in [&MAGIC[..], livetape_engine::demo::DEMO_BYTES] {
            fs::write(&path, recording).unwrap();
            let error = Rotating::open(&path, 10, 2).err().unwrap();
            assert_eq!(error.to_string(), "the file is a recording");
            assert!(fs::read(&path).unwrap() == recording);
        }
        // Neither of these is a recording.
        for other in [&b""[..], &MAGIC[..7], b"a log\n"] {
            fs::write(&path, other).unwrap();
            Rotating::open(&path, 10, 2).unwrap();
        }
    }

    #[test]
    fn full_files_are_rotated_and_the_oldest_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut log = Rotating::open(&path, 10, 2).unwrap();
        for line in ["first\n", "second\n", "third\n", "4\n", "fifth\n", "a line longer than a file\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("x.log").as_deref(), Some("a line longer than a file\n"));
        assert_eq!(read("x.log.1").as_deref(), Some("fifth\n"));
        assert_eq!(read("x.log.2").as_deref(), Some("third\n4\n"));
        assert_eq!(read("x.log.3"), None);
        let mut again = Rotating::open(&path, 1_000, 2).unwrap();
        again.write_all(b"appended\n").unwrap();
        assert_eq!(read("x.log").as_deref(), Some("a line longer than a file\nappended\n"));
    }
}
