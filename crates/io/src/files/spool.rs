//! A spool for input that can be read only once, such as standard input, and for what may be too large for memory: more
//! than a little is kept in a file without a name.

#[cfg(unix)]
use std::fs;
use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    mem,
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::for_owner_only;

/// `FILE_FLAG_DELETE_ON_CLOSE` of Windows.
#[cfg(windows)]
const DELETE_ON_CLOSE: u32 = 0x0400_0000;

const MEMORY_BYTES_MAX: usize = 2 << 20;

/// A copy of an input, or a result, that can be read several times, also at once. It needs no removal: its file has no
/// name, or loses it with the process.
#[derive(Clone, Debug)]
pub struct Spool {
    stored: Stored,
    bytes: u64,
}

#[derive(Clone, Debug)]
enum Stored {
    Memory(Arc<[u8]>),
    File(Arc<File>),
}

#[derive(Debug, Default)]
pub struct SpoolWriter {
    memory: Vec<u8>,
    /// Has everything as soon as it is too large for memory.
    file: Option<BufWriter<File>>,
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() > MEMORY_BYTES_MAX {
            let mut file = BufWriter::new(unnamed()?);
            file.write_all(&mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => self.memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Spool {
    /// Copies the input to its end.
    ///
    /// # Errors
    /// Any error in reading the input, or in writing to the folder for temporary files.
    pub fn of(mut input: impl Read) -> io::Result<Self> {
        Self::written(|file| io::copy(&mut input, file).map(drop))
    }

    /// Keeps what `write` writes.
    ///
    /// # Errors
    /// Any error in writing to the folder for temporary files, or of `write`.
    pub fn written(write: impl FnOnce(&mut SpoolWriter) -> io::Result<()>) -> io::Result<Self> {
        let mut writer = SpoolWriter::default();
        write(&mut writer)?;
        let SpoolWriter { memory, file } = writer;
        let Some(file) = file else {
            return Ok(Self { bytes: memory.len() as u64, stored: Stored::Memory(memory.into()) });
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { bytes: file.metadata()?.len(), stored: Stored::File(Arc::new(file)) })
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    #[must_use]
    pub fn open(&self) -> SpoolReader {
        SpoolReader { spool: self.clone(), at: 0 }
    }
}

/// Creates a file without a name in the folder for temporary files.
fn unnamed() -> io::Result<File> {
    static CREATED: AtomicU64 = AtomicU64::new(0);
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let path: PathBuf = env::temp_dir().join(format!(".livetape.{}.{number}.spool", process::id()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    for_owner_only(&mut options);
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, DELETE_ON_CLOSE);
    let file = options.open(&path)?;
    #[cfg(unix)]
    fs::remove_file(&path)?;
    Ok(file)
}

/// Reads a [`Spool`] from its own position.
#[derive(Debug)]
pub struct SpoolReader {
    spool: Spool,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.spool.stored {
            Stored::Memory(bytes) => {
                let at = usize::try_from(self.at).map_or(bytes.len(), |at| at.min(bytes.len()));
                (&bytes[at..]).read(buffer)?
            }
            #[cfg(unix)]
            Stored::File(file) => std::os::unix::fs::FileExt::read_at(&**file, buffer, self.at)?,
            #[cfg(windows)]
            Stored::File(file) => std::os::windows::fs::FileExt::seek_read(&**file, buffer, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.spool.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
