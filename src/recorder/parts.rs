//! A recording in parts, each of which can be read by itself.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Sync, name};
use crate::sans_io::{
    error::Problem,
    offset,
    recording::{Item, PART_OF_TAG, PART_TAG, Standing, USER_TAG, What, records::Header},
};

/// The smallest part: a header must not be most of it.
const PART_BYTES_MIN: u64 = 64 << 10;
/// The shortest part.
const PART_TIME_MIN: Duration = Duration::from_secs(1);

/// When a recording goes on in the next file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// After so many bytes.
    Bytes(u64),
    /// After so long.
    Every(Duration),
}

impl FromStr for Rotate {
    type Err = String;

    /// `100MB` or `30m`: what ends in a unit of bytes is a size.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let factor = match unit.to_ascii_uppercase().as_str() {
            "KB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => return Self::every(text),
        };
        let number = text[..text.len() - unit.len()].parse::<u64>().ok();
        let bytes =
            number.and_then(|number| number.checked_mul(factor)).filter(|bytes| *bytes >= PART_BYTES_MIN);
        bytes.map(Self::Bytes).ok_or_else(|| "a part has 64KB at least".to_owned())
    }
}

impl Rotate {
    fn every(text: &str) -> Result<Self, String> {
        let every = offset::parse(text)
            .map_err(|_| format!("`{text}` is neither a size, e.g. 100MB, nor a time, e.g. 30m"))?;
        if every < PART_TIME_MIN {
            Err("a part takes 1s at least".to_owned())
        } else {
            Ok(Self::Every(every))
        }
    }
}

impl fmt::Display for Rotate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) if bytes % (1 << 30) == 0 => write!(f, "{}GB", bytes >> 30),
            Self::Bytes(bytes) if bytes % (1 << 20) == 0 => write!(f, "{}MB", bytes >> 20),
            Self::Bytes(bytes) => write!(f, "{}KB", bytes >> 10),
            Self::Every(every) => write!(f, "{}ms", every.as_millis()),
        }
    }
}

/// `show.bin` → `show.007.bin`
pub(super) fn part_path(path: &Path, part: u32) -> PathBuf {
    let ending = path.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
    path.with_extension(format!("{part:03}{ending}"))
}

/// The files of a recording, in their order.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Vec<PathBuf>>>);

impl Files {
    /// Those that were made so far.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add(&self, path: PathBuf) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }
}

/// Where the recording goes on, and what the next part has to begin with.
pub(super) struct Parts {
    pub(super) rotate: Rotate,
    sync: Sync,
    path: PathBuf,
    files: Files,
    part: u32,
    standing: Standing,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("rotate", &self.rotate)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// The header of part 0.
pub(super) fn first_header(mut header: Header) -> Header {
    let user = header.tags.get(USER_TAG).cloned().unwrap_or_default();
    let part_of = format!("{user}-{}", header.wall_anchor_ns.unwrap_or_default());
    header.tags.insert(PART_OF_TAG.into(), part_of);
    header.tags.insert(PART_TAG.into(), "0".into());
    header
}

impl Parts {
    /// `path` is what the user named; `header` that of part 0.
    pub(super) fn new((rotate, sync): (Rotate, Sync), path: PathBuf, files: Files, header: &Header) -> Self {
        let mut standing = Standing::default();
        let what = What::Header(header.clone());
        standing.take(&Item { offset: Duration::ZERO, conn: 0, flags: Default::default(), what });
        Self { rotate, sync, path, files, part: 0, standing }
    }

    /// Takes note of what is written.
    pub(super) fn note(&mut self, item: &Item) {
        self.standing.take(item);
    }

    /// Makes the next file: its header, and what it opens with.
    pub(super) fn next(&mut self, start: Duration) -> Result<(File, Header, Vec<Item>), Problem> {
        self.part += 1;
        let path = part_path(&self.path, self.part);
        let file = name::create_file(&path, self.sync)?;
        self.files.add(path);
        let mut header = self.standing.header_from(start);
        header.tags.insert(PART_TAG.into(), self.part.to_string());
        Ok((file, header, self.standing.openings(Duration::ZERO).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_told_apart() {
        let parse = |text: &str| text.parse::<Rotate>().ok();
        assert_eq!(parse("100MB"), Some(Rotate::Bytes(100 << 20)));
        assert_eq!(parse("64kb"), Some(Rotate::Bytes(64 << 10)));
        assert_eq!(parse("30m"), Some(Rotate::Every(Duration::from_secs(1800))));
        assert_eq!(parse("1h"), Some(Rotate::Every(Duration::from_secs(3600))));
        for wrong in ["", "0", "10KB", "100", "x", "-1m", "999ms", "99999999999GB"] {
            assert_eq!(
                parse(wrong).filter(|rotate| *rotate != Rotate::Every(Duration::from_secs(100))),
                None,
                "{wrong}"
            );
        }
        for text in ["100MB", "64KB", "2GB"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(&parse("30m").unwrap().to_string()), parse("30m"));
    }

    #[test]
    fn parts_are_numbered() {
        assert_eq!(part_path(Path::new("a/show.bin"), 7), Path::new("a/show.007.bin"));
        assert_eq!(part_path(Path::new("show"), 1234), Path::new("show.1234"));
    }
}
