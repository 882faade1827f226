//! The folder with the CA, which several processes can share.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use livetape_io::files::{self, Draft};

use super::{Ca, VALID, node_guard::node_guard, trust_store};

/// The CA with its key. The others are made from it, or the same for all.
const KEY: &str = "ca.key";
const CERTIFICATE: &str = "ca.pem";
const TRUST_STORE: &str = "ca.jks";
const NODE_GUARD: &str = "node.cjs";
/// Locked while the files are written.
const LOCK: &str = "ca.lock";
/// Maximum number of attempts to lock, so that another process may hold the lock for 10 s. It writes four
/// small files.
const LOCK_ATTEMPTS: usize = 500;
/// Time between two attempts to lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Mode bits of the group and of everyone else.
#[cfg(unix)]
const OTHERS: u32 = 0o077;
/// Mode of the files without secrets.
#[cfg(unix)]
const READABLE: u32 = 0o644;

/// A CA with its files.
#[derive(Debug)]
pub struct Opened {
    /// The CA.
    pub ca: Ca,
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// A trust store for Java.
    pub trust_store: PathBuf,
    /// A module for Node.js that ends a program which would connect to TikTok itself.
    pub node_guard: PathBuf,
    /// Whether a CA that had expired, or was made with a wrong clock, was replaced, so that clients have to
    /// trust the new one.
    pub is_renewed: bool,
}

impl Opened {
    /// Password of the trust store.
    pub const PASSWORD: &str = trust_store::PASSWORD;
}

impl Ca {
    /// Opens the CA in `folder`, at `now`, the time since the Unix epoch. Creates it if it is missing, and
    /// replaces it if it is not valid now.
    ///
    /// # Errors
    /// If a file cannot be read or written, is damaged, or if other users can read the key.
    pub fn open(folder: &Path, now: Duration) -> Result<Opened, Problem> {
        let path = |name| folder.join(name);
        let opened = |ca, is_renewed| Opened {
            ca,
            certificate: path(CERTIFICATE),
            trust_store: path(TRUST_STORE),
            node_guard: path(NODE_GUARD),
            is_renewed,
        };
        // Usually nothing has to be written, so the folder can be read-only.
        if let Some(ca) = load(&path(KEY))?.filter(|ca| ca.is_valid(now) && ca.has_copies(folder)) {
            return Ok(opened(ca, false));
        }
        let failed = |error: io::Error| {
            let message = format!("cannot create the CA in {}: {error}", folder.display());
            Problem::new(Code::Io, message).hint("choose another folder with --ca-dir DIR")
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(path(LOCK)).map_err(failed)?;
        lock_within(&lock, LOCK_ATTEMPTS).map_err(failed)?;
        // Another process may have created it in between.
        let found = load(&path(KEY))?;
        let is_renewed = found.as_ref().is_some_and(|ca| !ca.is_valid(now));
        let ca = match found.filter(|ca| ca.is_valid(now)) {
            Some(ca) => ca,
            None => {
                let ca = Ca::generate(now).map_err(|error| failed(io::Error::other(error)))?;
                write(&path(KEY), ca.to_text().as_bytes(), false)?;
                ca
            }
        };
        for (name, content) in ca.copies() {
            write(&path(name), &content, true)?;
        }
        Ok(opened(ca, is_renewed))
    }

    /// Returns the files that clients read.
    fn copies(&self) -> [(&'static str, Vec<u8>); 3] {
        let created = self.expires.saturating_sub(VALID);
        [
            (CERTIFICATE, self.pem.clone().into_bytes()),
            (TRUST_STORE, trust_store::trust_store(&self.der, created)),
            (NODE_GUARD, node_guard().into_bytes()),
        ]
    }

    fn has_copies(&self, folder: &Path) -> bool {
        let is_same =
            |(name, content)| files::read_small(&folder.join(name)).is_ok_and(|found| found == content);
        self.copies().into_iter().all(is_same)
    }
}

/// Locks a file, for which another process may have to finish first.
#[expect(
    clippy::disallowed_methods,
    reason = "no lock can be waited for with a limit, and this is before the server starts"
)]
fn lock_within(lock: &File, attempts: usize) -> io::Result<()> {
    for _ in 0..attempts {
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
            locked => return locked.map_err(io::Error::from),
        }
    }
    Err(io::Error::other(format!("another process holds {LOCK}")))
}

/// Reads a CA; returns `None` if there is none.
fn load(path: &Path) -> Result<Option<Ca>, Problem> {
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::new(Code::Io, format!("cannot read {}: {error}", path.display()))),
    };
    if others_may_read(path) {
        let message = format!("other users can read the key of the CA, {}", path.display());
        return Err(Problem::new(Code::BadConfig, message)
            .hint("delete the file, so that a new CA is created; remove the old one where you trusted it"));
    }
    match Ca::from_text(&text) {
        Some(ca) => Ok(Some(ca)),
        None => Err(Problem::new(Code::BadConfig, format!("{} is damaged", path.display()))
            .hint("delete the file, so that a new CA is created; remove the old one where you trusted it")),
    }
}

fn others_may_read(path: &Path) -> bool {
    #[cfg(unix)]
    return path.metadata().is_ok_and(|metadata| {
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & OTHERS != 0
    });
    #[cfg(not(unix))]
    return {
        let _ = path;
        false
    };
}

/// Writes a file at once, so that no process sees a part of it.
fn write(path: &Path, content: &[u8], is_public: bool) -> Result<(), Problem> {
    let failed = |error: &dyn ToString| {
        Problem::new(Code::Io, format!("cannot write {}: {}", path.display(), error.to_string()))
    };
    let mut draft = Draft::new(path, true).map_err(|error| failed(&error))?;
    draft.write_all(content).map_err(|error| failed(&error))?;
    #[cfg(unix)]
    if is_public {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(READABLE);
        fs::set_permissions(draft.part(), mode).map_err(|error| failed(&error))?;
    }
    #[cfg(not(unix))]
    let _ = is_public;
    draft.keep().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::create(folder.path().join(LOCK)).unwrap();
        let (held, waiting) = (open(), open());
        lock_within(&held, 1).unwrap();
        let error = lock_within(&waiting, 2).unwrap_err();
        assert_eq!(error.to_string(), "another process holds ca.lock");
        drop(held);
        lock_within(&waiting, 1).unwrap();
    }
}
