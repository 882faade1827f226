//! The files of a page. They appear on the address of the case's server, so that scripts can load modules and read the
//! feed; where there is no file, the server answers.

use std::{
    borrow::Cow,
    env, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::terminal::printable;
use livetape_io::files;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::Read as _;

/// Maximum size of a file, in bytes: as base64, it has to fit into a message to the browser.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Characters that paths do not escape.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A page on disk, and the folder whose files it can load.
pub(super) struct Files {
    root: PathBuf,
    page: PathBuf,
}

impl Files {
    /// The folder is the current one if the page is in it, and else the page's own.
    pub(super) fn open(page: &str) -> io::Result<Self> {
        let page = Path::new(page).canonicalize()?;
        if !page.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let own = || page.parent().unwrap_or(&page).to_owned();
        let root = env::current_dir()?.canonicalize()?;
        let root = if page.starts_with(&root) { root } else { own() };
        Ok(Self { root, page })
    }

    /// Returns the path of the page in its address.
    pub(super) fn page(&self) -> String {
        let path = self.page.strip_prefix(&self.root).unwrap_or(&self.page);
        let parts = path.iter().map(|part| part.to_string_lossy());
        parts.map(|part| format!("/{}", utf8_percent_encode(&part, IN_PATH))).collect()
    }

    /// Returns what answers a request for a path: the parameters of `Fetch.fulfillRequest`, without the id; `None` if there
    /// is no such file.
    pub(super) fn answer(&self, path: &str) -> Option<Value> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let path = self.root.join(path.trim_start_matches('/')).canonicalize().ok()?;
        // Links and `..` lead out of the folder.
        if !path.starts_with(&self.root) || !path.is_file() {
            return None;
        }
        let mut body = Vec::new();
        let read =
            files::open_inside(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut body));
        if read.is_err() || body.len() as u64 > FILE_BYTES_MAX {
            return Some(
                json!({ "responseCode": 500, "responsePhrase": "the file is too large, or cannot be read" }),
            );
        }
        // Browsers run scripts and modules only with the right type.
        let kind = mime_guess::from_path(&path).first_raw().unwrap_or("application/octet-stream");
        let headers = json!([{ "name": "content-type", "value": kind }, { "name": "cache-control", "value": "no-store" }]);
        Some(json!({ "responseCode": 200, "responseHeaders": headers, "body": STANDARD.encode(body) }))
    }

    /// Returns why a path is not there, for the console.
    pub(super) fn missing(&self, path: &str) -> String {
        let path: Cow<'_, str> = percent_decode_str(path).decode_utf8_lossy();
        let root = printable(&self.root.to_string_lossy());
        format!(
            "{} is not in {root}: run livetape in the folder that has all files of the page",
            printable(&path)
        )
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        fs::write(folder.path().join("secret"), "1").unwrap();
        fs::write(own.join("über lay.html"), "2").unwrap();
        std::os::unix::fs::symlink("../secret", own.join("link")).unwrap();
        let files = Files::open(own.join("über lay.html").to_str().unwrap()).unwrap();
        assert_eq!(files.page(), "/%C3%BCber%20lay.html");
        let page = files.answer(&files.page()).unwrap();
        assert_eq!(
            (&page["body"], &page["responseHeaders"][0]["value"]),
            (&"Mg==".into(), &"text/html".into())
        );
        for path in ["/../secret", "/%2e%2e/secret", "/link", "/", "/none", "/%ff", "//etc/passwd"] {
            assert_eq!(files.answer(path), None, "{path}");
        }
    }
}
