//! A page in the place of a command. A process of its own shows it in a browser and prints its texts and its console, so
//! that it is started, judged and ended like every other command. What was wrong with the page besides its numbers is in a
//! file that this process writes.
//!
//! The files of a page appear on the address of the case's server, so that scripts can load modules and read the feed; where
//! there is no file, the server answers.

mod browser;
mod visit;

use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    fs,
    io::{self, Read as _},
    mem,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_cases::{expect::PRINTED_NOTHING, report::Failure};
use livetape_core::{
    error::{Code, Problem},
    terminal::printable,
};
use livetape_io::files;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::args;

pub(crate) use visit::visit;

/// Name of the command that shows a page: it is started by `livetape test` only.
pub(in crate::cli) const COMMAND: &str = "page";
pub(super) const HINT: &str = "let the page connect to `LIVETAPE_URL`, a global variable of its scripts, or to ws://127.0.0.1:3000/; \
    for a page made for TikFinity, add --tikfinity; check that nothing waits for a click";

/// What a plan knows of its page.
pub(super) struct Page {
    /// Whether only the texts of selectors are compared, not the console.
    pub(super) has_texts: bool,
    /// The site of the page, if it has one of its own.
    pub(super) origin: Option<String>,
}

/// Returns the page of a plan, and the command that shows it.
pub(super) fn plan(
    page: &str,
    conditions: &args::Conditions,
    has_pictures: bool,
) -> Result<(Page, Vec<OsString>), Problem> {
    let args::Conditions { text: texts, obs, .. } = conditions;
    let origin = match Target::parse(page)? {
        Target::File(..) => None,
        Target::Url(url) => Some(url.origin().ascii_serialization()),
    };
    let program = env::current_exe()
        .map_err(|error| Problem::new(Code::Io, format!("cannot start livetape once more: {error}")))?;
    let mut command = vec![program.into(), COMMAND.into(), "--browser".into(), browser::find()?.into()];
    for text in texts {
        command.extend(["--text".into(), text.into()]);
    }
    command.extend(obs.then(|| "--obs".into()));
    command.extend(has_pictures.then(|| "--pictures".into()));
    command.extend(["--".into(), page.into()]);
    Ok((Page { has_texts: !texts.is_empty(), origin }, command))
}

/// Where a page comes from.
enum Target {
    /// A file, and what follows its path in the address.
    File(Files, String),
    Url(Url),
}

impl Target {
    /// Parses a path with an optional query, or an address.
    ///
    /// # Errors
    /// `bad_request` if there is no such file, or if it is not an address of HTTP.
    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |message: String, hint: &str| Err(Problem::new(Code::BadRequest, message).hint(hint));
        let path = written_path(text);
        let path = &*path;
        if let Some((scheme, _)) =
            path.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '.', '?']))
        {
            return match Url::parse(text) {
                Ok(url) if matches!(scheme, "http" | "https") && url.has_host() => Ok(Self::Url(url)),
                _ => bad(
                    format!("`{text}` is not the address of a page"),
                    "use a file, or an address that begins with http:// or https://",
                ),
            };
        }
        let (name, rest) = match Files::open(path) {
            Ok(_) => (path, ""),
            Err(_) => path.split_at(path.len() - after_path(path).len()),
        };
        match Files::open(name) {
            Ok(files) => Ok(Self::File(files, rest.to_owned())),
            Err(error) => {
                bad(format!("cannot open the page `{name}`: {error}"), "check the path after --page")
            }
        }
    }
}

/// Returns the path in the address of a file. On Windows, that of `C:\x` is `file:///C:/x`.
fn written_path(text: &str) -> Cow<'_, str> {
    let Some(path) = text.strip_prefix("file://") else { return text.into() };
    let parsed = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
    parsed.map_or(path.into(), |path| (path.to_string_lossy().into_owned() + after_path(text)).into())
}

/// Returns the query and the fragment of an address.
fn after_path(address: &str) -> &str {
    address.find(['?', '#']).map_or("", |at| &address[at..])
}

/// Checks what `--page` contradicts.
pub(super) fn check(conditions: &args::Conditions) -> Result<(), Problem> {
    let has_page = conditions.page.is_some();
    let (message, hint) = match conditions {
        _ if has_page && conditions.is_of_rooms() => {
            ("a page reads the feed, and --suite room has none", "leave --suite and --mock-proxy out")
        }
        args::Conditions { text, .. } if !has_page && !text.is_empty() => {
            ("--text needs a page", "add --page FILE")
        }
        args::Conditions { obs: true, .. } if !has_page => ("--obs needs a page", "add --page FILE"),
        args::Conditions { text, expect, .. } if !text.is_empty() && expect.is_empty() => {
            ("nothing is expected of the text", "add --expect \"{diamonds}\"")
        }
        _ => return Ok(()),
    };
    Err(Problem::new(Code::BadRequest, message).hint(hint))
}

const FILE: &str = "page.json";
/// Maximum number of different errors; more have the same few causes.
const ERRORS_MAX: usize = 3;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Findings {
    /// Why the page was left, if it was: nothing else is judged then.
    ended: Option<Finding>,
    errors: Vec<Finding>,
    /// What kept it from connecting, which is wrong only if it needed that connection.
    blocked: Option<Finding>,
    /// Selectors that have matched nothing.
    unmatched: Vec<String>,
    /// How often the page has loaded itself again.
    reloads: usize,
    /// Pictures of the page: when each was taken, since the Unix epoch, and the file in the format JPEG in Base64.
    pictures: Vec<(Duration, String)>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Finding {
    message: String,
    detail: Option<String>,
}

impl Finding {
    fn failure(&self) -> Failure {
        Failure { detail: self.detail.clone(), ..Failure::new("page", &self.message) }
    }
}

impl Findings {
    /// Reads the file; without it, nothing was found.
    pub(in crate::cli) fn read(folder: &Path) -> Self {
        let text = fs::read(folder.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(FILE), serde_json::to_vec(self)?)
    }

    /// Adds an error, unless it is known. Returns whether it was added.
    fn add(&mut self, message: &str, detail: Option<&str>) -> bool {
        let is_known = self.errors.iter().any(|known| known.message == message);
        let is_new = !is_known && self.errors.len() < ERRORS_MAX;
        if is_new {
            self.errors.push(Finding { message: message.to_owned(), detail: detail.map(str::to_owned) });
        }
        is_new
    }

    fn end(&mut self, message: String, hint: &str) {
        self.ended = Some(Finding { message, detail: Some(hint.to_owned()) });
    }

    pub(in crate::cli) fn take_pictures(&mut self) -> Vec<(Duration, String)> {
        mem::take(&mut self.pictures)
    }

    pub(in crate::cli) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Adds what was found to what was judged, the causes first. A text that appears with an event may rightly be missing
    /// in cases without one.
    pub(super) fn join(self, page: &Page, judged: Vec<Failure>, is_plain: bool) -> Vec<Failure> {
        let blocked = self.blocked.iter().filter(|_| self.ended.is_some() || !judged.is_empty());
        let found = self.errors.iter().chain(blocked).chain(&self.ended);
        let mut failures = Vec::from_iter(found.map(Finding::failure));
        if self.ended.is_none() {
            let unmatched = self.unmatched.iter().filter(|_| is_plain || !judged.is_empty());
            failures.extend(unmatched.map(|selector| Failure {
                detail: Some(
                    "check the selector after --text: `document.querySelector` finds no element".to_owned(),
                ),
                ..Failure::new("page", &format!("has nothing that matches `{selector}`"))
            }));
            // It may rightly do so to connect again.
            if self.reloads > 0 && !judged.is_empty() {
                let times = if self.reloads == 1 { "time" } else { "times" };
                let message = format!("loaded itself again {} {times}", self.reloads);
                failures.push(Failure {
                    detail: Some("its numbers start at 0 each time: connect again instead".to_owned()),
                    ..Failure::new("page", &message)
                });
            }
            failures.extend(judged.into_iter().map(|failure| page.shown(failure)));
        }
        failures
    }
}

impl Page {
    /// Says of a page what was said of a command.
    fn shown(&self, failure: Failure) -> Failure {
        let message = match failure.message.strip_prefix("printed ") {
            _ if failure.message == PRINTED_NOTHING && self.has_texts => {
                "showed no text; totals must appear as they change".to_owned()
            }
            _ if failure.message == PRINTED_NOTHING => {
                "wrote nothing to the console; add --text SELECTOR to compare what the page shows".to_owned()
            }
            Some(what) => format!("showed {what}"),
            None => failure.message.replacen("did not print ", "did not show ", 1),
        };
        Failure { message, ..failure }
    }
}

/// Maximum size of a file, in bytes: as base64, it has to fit into a message to the browser.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Characters that paths do not escape.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Where OBS shows local files: there, `location.hostname` does not name a server.
const OBS: &str = "http://absolute/";

/// A page on disk, and the folder whose files it can load.
struct Files {
    root: PathBuf,
    page: PathBuf,
}

impl Files {
    /// The folder is the current one if the page is in it, and else the page's own.
    fn open(page: &str) -> io::Result<Self> {
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
    fn page(&self) -> String {
        let path = self.page.strip_prefix(&self.root).unwrap_or(&self.page);
        let parts = path.iter().map(|part| part.to_string_lossy());
        parts.map(|part| format!("/{}", utf8_percent_encode(&part, IN_PATH))).collect()
    }

    /// Returns the path of the page in its address in OBS: the whole one.
    fn page_in_obs(&self) -> String {
        let parts = self.page.components().filter_map(|part| match part {
            // Of Windows, as in `\\?\C:`.
            Component::Prefix(prefix) => {
                Some(prefix.as_os_str().to_string_lossy().trim_start_matches(r"\\?\").to_owned())
            }
            Component::Normal(name) => {
                Some(utf8_percent_encode(&name.to_string_lossy(), IN_PATH).to_string())
            }
            _ => None,
        });
        let root = if self.page.has_root() && !cfg!(windows) { "/" } else { "" };
        root.to_owned() + &Vec::from_iter(parts).join("/")
    }

    /// Returns what answers a request for a path below the folder or, in OBS, for a whole path: the parameters of
    /// `Fetch.fulfillRequest`, without the id; `None` if there is no such file.
    fn answer(&self, path: &str, is_whole: bool) -> Option<Value> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let path = match is_whole {
            true => PathBuf::from(&*path),
            false => self.root.join(path.trim_start_matches('/')),
        };
        let path = path.canonicalize().ok().filter(|_| path.is_absolute())?;
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
    fn missing(&self, path: &str) -> String {
        let path: Cow<'_, str> = percent_decode_str(path).decode_utf8_lossy();
        let root = printable(&self.root.to_string_lossy());
        format!(
            "{} is not in {root}: run livetape in the folder that has all files of the page",
            printable(&path)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(has_texts: bool) -> Page {
        Page { has_texts, origin: None }
    }

    #[test]
    fn causes_come_before_numbers() {
        let whats = |findings: Findings, is_plain| {
            let judged = vec![Failure::new("diamonds", "printed 1, right is 2")];
            let failures = findings.join(&page(true), judged, is_plain);
            Vec::from_iter(failures.into_iter().map(|failure| failure.message))
        };
        let mut findings = Findings { unmatched: vec!["#x".to_owned()], ..Findings::default() };
        let added = (0..9).filter(|number| findings.add(&format!("threw {}", number / 2), None));
        assert_eq!(added.count(), 3);
        assert_eq!(
            whats(findings, false),
            ["threw 0", "threw 1", "threw 2", "has nothing that matches `#x`", "showed 1, right is 2"]
        );
        let mut left = Findings { unmatched: vec!["#x".to_owned()], ..Findings::default() };
        left.end("went to another page".to_owned(), "");
        assert_eq!(whats(left, true), ["went to another page"]);
        let again = Findings { reloads: 2, ..Findings::default() };
        assert_eq!(whats(again, false), ["loaded itself again 2 times", "showed 1, right is 2"]);
        let right = Findings { reloads: 1, ..Findings::default() };
        assert!(right.join(&page(true), Vec::new(), true).is_empty(), "to connect again");
        let late = Findings { unmatched: vec!["#x".to_owned()], ..Findings::default() };
        assert!(late.join(&page(true), Vec::new(), false).is_empty());
    }

    #[test]
    fn who_shows_nothing_learns_what_is_compared() {
        let message = |has_texts| page(has_texts).shown(Failure::new("output", PRINTED_NOTHING)).message;
        assert!(message(true).starts_with("showed no text"));
        assert!(message(false).contains("add --text SELECTOR"));
    }

    #[test]
    fn a_page_is_named_by_its_path_or_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("über lay.html");
        fs::write(&path, "").unwrap();
        let address = Url::from_file_path(&path).unwrap();
        let plain = path.to_str().unwrap();
        for (text, rest) in [
            (plain.to_owned(), ""),
            (format!("{plain}?a=b#c"), "?a=b#c"),
            (address.to_string(), ""),
            (format!("{address}#c"), "#c"),
            (format!("file://{plain}"), ""),
        ] {
            let Ok(Target::File(files, found)) = Target::parse(&text) else { panic!("{text}") };
            assert_eq!(
                (files.page(), found),
                ("/%C3%BCber%20lay.html".to_owned(), rest.to_owned()),
                "{text}"
            );
        }
        assert!(matches!(Target::parse("http://localhost/x"), Ok(Target::Url(_))));
        for bad in ["ftp://localhost/x", "file://elsewhere/x", "http://"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[cfg(unix)]
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
        let page = files.answer(&files.page(), false).unwrap();
        assert_eq!(
            (&page["body"], &page["responseHeaders"][0]["value"]),
            (&"Mg==".into(), &"text/html".into())
        );
        for path in ["/../secret", "/%2e%2e/secret", "/link", "/", "/none", "/%ff", "//etc/passwd"] {
            assert_eq!(files.answer(path, false), None, "{path}");
        }
        // In OBS, each file has its whole path.
        let whole = files.page_in_obs();
        assert!(whole.starts_with('/') && whole.ends_with("/own/%C3%BCber%20lay.html"), "{whole}");
        assert_eq!(files.answer(&whole, true).unwrap()["body"], "Mg==");
        let secret = whole.replace("/own/%C3%BCber%20lay.html", "/secret");
        for path in [secret.as_str(), &whole[1..], "über lay.html", ""] {
            assert_eq!(files.answer(path, true), None, "{path}");
        }
    }
}
