//! `/recordings`: lists, reads, renames, deletes and cuts recordings, and shows messages of one as trees of fields. Takes names
//! rather than paths, because the client may be a web page.

#[cfg(feature = "import")]
mod capture;
mod shelf;
mod transfer;

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use livetape_core::{
    error::{Code, Problem},
    offset,
    recording::{NAME_BYTES_MAX, Reader, is_plain_name, why_not_on_windows},
};
use livetape_engine::recorder::FOLDER;
use livetape_io::files::{self, Disk as _, Draft};
use livetape_tools::{
    dissect::Selection,
    edit,
    info::Info,
    scrub::{self, KEY_BYTES, Key, Scrubber},
    timeline::BUCKETS_MAX,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{App, Offset, parse_body, path_params, read_offset};
use crate::state::{ErrorResponse, Json};

use shelf::{Held, Whole, refuse_written, unreadable};
use transfer::unwritable;

pub(crate) use shelf::{ListedRecording, Shelf};
pub(crate) use transfer::{download, upload};

/// Where recordings are stored, and limits of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Directory with the recordings: files that end in `.bin`.
    pub directory: PathBuf,
    pub upload_bytes_max: u64,
}

/// Default maximum length of an upload, in bytes: about a day of a busy room.
const UPLOAD_BYTES_MAX: u64 = 2 << 30;
/// Default number of buckets in a timeline.
const BUCKETS: usize = 120;

impl Default for Recordings {
    fn default() -> Self {
        Self { directory: FOLDER.into(), upload_bytes_max: UPLOAD_BYTES_MAX }
    }
}

/// Response of `GET /recordings`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordingList {
    /// By name; the built-in recording comes first.
    recordings: Vec<ListedRecording>,
    /// Number of files that are not listed: too many, or their names are not allowed.
    unlisted: usize,
}

/// Response of `GET /recordings/{name}`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordingDetails {
    name: String,
    /// Size of the file, in bytes.
    bytes: u64,
    /// Whether it is read-only: part of the program, or the show of the case that is played.
    built_in: bool,
    /// Whether it is being replayed.
    replaying: bool,
    #[serde(flatten)]
    info: Info,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InfoQuery {
    /// Maximum number of buckets in the timeline.
    buckets: Option<usize>,
}

/// The recording's name in the path, as the router extracts it.
type Name = Result<Path<String>, PathRejection>;

pub(crate) async fn list(State(app): State<App>) -> Result<Json<RecordingList>, ErrorResponse> {
    let shelf = app.shelf;
    let (recordings, unlisted) = on_thread(move || shelf.list()).await??;
    Ok(Json(RecordingList { recordings, unlisted }))
}

pub(crate) async fn info(
    State(app): State<App>,
    name: Name,
    query: Result<Query<InfoQuery>, QueryRejection>,
) -> Result<Json<RecordingDetails>, ErrorResponse> {
    let name = read_name(name)?;
    let InfoQuery { buckets } = read_query(query)?;
    let buckets = buckets.unwrap_or(BUCKETS);
    if !(1..=BUCKETS_MAX).contains(&buckets) {
        let message = format!("`buckets` must be a number from 1 to {BUCKETS_MAX}");
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let whole = app.shelf.whole(&name).await?;
    let Whole { bytes, built_in, info, chart } = &*whole;
    Ok(Json(RecordingDetails {
        replaying: app.replays(&name),
        bytes: *bytes,
        built_in: *built_in,
        info: Info { timeline: chart.timeline(buckets), ..info.clone() },
        name,
    }))
}

impl App {
    fn replays(&self, name: &str) -> bool {
        self.shared.control.replay().is_some_and(|replay| {
            let staged = self.played_case(&replay);
            replay.recording == name || staged.is_some_and(|staged| staged.tape.is_show(name))
        })
    }
}

/// Runs blocking work on another thread, so that file access and chart computation delay no socket.
pub(super) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let broken = |_| Problem::new(Code::Io, "reading or writing a file failed");
    tokio::task::spawn_blocking(work).await.map_err(broken)
}

fn read_name(name: Name) -> Result<String, Problem> {
    plain(path_params(name)?).map_err(|message| Problem::new(Code::BadRequest, message))
}

fn read_query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::new(Code::BadRequest, rejection.body_text()))?;
    Ok(query)
}

/// Names that [`plain`] accepts, apart from their length, from invisible characters, and from devices of Windows.
pub(crate) const NAME_PATTERN: &str = r#"^[^\s./\\:"%<>|?*]([^/\\:"%<>|?*]*[^\s./\\:"%<>|?*])?$"#;

/// Accepts plain names only, so that REST opens no file outside the directory.
pub(crate) fn plain(name: String) -> Result<String, String> {
    if is_plain_name(&name) {
        return Ok(name);
    }
    let why = why_not_on_windows(&name).map(|why| format!(": {why}")).unwrap_or_default();
    Err(format!("`{}` is not the name of a recording{why}", name.escape_debug()))
}

/// Body of `PATCH /recordings/{name}`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rename {
    /// New name of the recording.
    #[schemars(extend("pattern" = NAME_PATTERN), length(max = NAME_BYTES_MAX))]
    name: String,
}

/// Response of `DELETE /recordings/{name}`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deleted {
    /// Name of the deleted recording.
    deleted: String,
}

pub(crate) async fn rename(
    State(app): State<App>,
    name: Name,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ListedRecording>, ErrorResponse> {
    let name = read_name(name)?;
    let Rename { name: new } = parse_body(body)?;
    let new = plain(new).map_err(|message| Problem::new(Code::BadRequest, message))?;
    let from = app.hold(&name)?;
    let to = (new != name).then(|| app.hold(&new)).transpose()?;
    let shelf = app.shelf;
    let entry = on_thread(move || {
        let result = move_file(&shelf, &name, &new);
        drop((from, to));
        result
    });
    Ok(Json(entry.await??))
}

fn move_file(shelf: &Arc<Shelf>, name: &str, new: &str) -> Result<ListedRecording, Problem> {
    let (from, to) = (shelf.path(name), shelf.path(new));
    refuse_written(name, &from)?;
    shelf.version(name)?;
    if new != name {
        files::System.rename(&from, &to, false).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                exists(new, "choose another name, or delete that recording first")
            }
            _ => shelf.explain(name, &error),
        })?;
        files::System.sync_folder(&to).map_err(|error| shelf.explain(new, &error))?;
    }
    shelf.entry(new)
}

pub(crate) async fn delete(State(app): State<App>, name: Name) -> Result<Json<Deleted>, ErrorResponse> {
    let deleted = read_name(name)?;
    let changing = app.hold(&deleted)?;
    let shelf = app.shelf;
    let name = deleted.clone();
    let done = on_thread(move || {
        let path = shelf.path(&name);
        let result = refuse_written(&name, &path)
            .and_then(|()| shelf.version(&name))
            .and_then(|_| fs::remove_file(&path).map_err(|error| shelf.explain(&name, &error)));
        drop(changing);
        result
    });
    done.await??;
    Ok(Json(Deleted { deleted }))
}

impl App {
    /// Locks a name while its file changes. Fails for the recording that is being replayed, because a seek
    /// reads its file again.
    fn hold(&self, name: &str) -> Result<Held, Problem> {
        let changing = self.shelf.change(name)?;
        if self.replays(name) {
            return Err(Problem::new(Code::RecordingBusy, format!("`{name}` is being replayed")));
        }
        Ok(changing)
    }
}

fn exists(name: &str, hint: &str) -> Problem {
    Problem::new(Code::OutputExists, format!("recording `{name}` already exists")).hint(hint)
}

/// Body of `POST /recordings/{name}/cut`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cut {
    /// Name of the new recording.
    #[schemars(extend("pattern" = NAME_PATTERN), length(max = NAME_BYTES_MAX))]
    name: String,
    /// Start of the range; the start of the recording by default.
    #[schemars(with = "Option<Offset>")]
    from: Option<Value>,
    /// End of the range (exclusive); the end of the recording by default.
    #[schemars(with = "Option<Offset>")]
    to: Option<Value>,
    /// Whether to replace names, ids and texts of people.
    #[serde(default = "yes")]
    scrub: bool,
}

fn yes() -> bool {
    true
}

struct Range {
    start: Duration,
    end: Option<Duration>,
    scrub: bool,
}

pub(crate) async fn cut(
    State(app): State<App>,
    name: Name,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ListedRecording>), ErrorResponse> {
    let name = read_name(name)?;
    let Cut { name: new, from, to, scrub } = parse_body(body)?;
    let new = plain(new).map_err(|message| Problem::new(Code::BadRequest, message))?;
    let read = |value: Option<Value>| {
        let bad = |message| Problem::new(Code::BadRequest, message);
        value.map(|value| read_offset(&value).map_err(bad)).transpose()
    };
    let (start, end) = (read(from)?.unwrap_or_default(), read(to)?);
    let changing = app.hold(&new)?;
    let shelf = app.shelf;
    let made = on_thread(move || make(&shelf, &changing, &name, &new, &Range { start, end, scrub }));
    Ok((StatusCode::CREATED, Json(made.await??)))
}

fn make(
    shelf: &Arc<Shelf>,
    _changing: &Held,
    name: &str,
    new: &str,
    range: &Range,
) -> Result<ListedRecording, Problem> {
    shelf.version(name)?;
    fs::create_dir_all(&shelf.options.directory).map_err(|error| shelf.explain(new, &error))?;
    let path = shelf.path(new);
    if path.symlink_metadata().is_ok() {
        return Err(exists(new, "choose another name, or delete that recording first"));
    }
    let mut draft = Draft::new(&path, false).map_err(|error| unwritable(shelf, new, error))?;
    if range.scrub {
        // Scrubbing reads the range twice.
        let named = Draft::new(&path.with_extension("named"), true);
        let mut named = named.map_err(|error| unwritable(shelf, new, error))?;
        write_range(shelf, name, new, range, &mut named)?;
        let open =
            || File::open(named.part()).map(BufReader::new).map_err(|error| shelf.explain(new, &error));
        let mut out = BufWriter::new(&mut draft);
        let report = scrub::scrub(open()?, open()?, &mut out, Scrubber::new(random_key()))
            .map_err(|error| Problem::new(Code::BadRecording, format!("cannot scrub {name}: {error}")))?;
        if report.lost() {
            let message = format!("a scrubbed copy of {name} would lack malformed messages");
            let hint = "send `\"scrub\":false`, or run `livetape scrub`, which says what it drops";
            return Err(Problem::new(Code::BadRecording, message).hint(hint));
        }
        out.flush().map_err(|error| shelf.explain(new, &error))?;
    } else {
        write_range(shelf, name, new, range, &mut draft)?;
    }
    draft.keep().map_err(|error| unwritable(shelf, new, error))?;
    shelf.entry(new)
}

fn write_range(
    shelf: &Arc<Shelf>,
    name: &str,
    new: &str,
    range: &Range,
    draft: &mut Draft,
) -> Result<(), Problem> {
    let mut out = BufWriter::new(draft);
    edit::cut(shelf.bytes(name)?, &mut out, range.start, range.end).map_err(|error| match error {
        edit::Error::Recording(error) => Problem::new(error.code(), format!("cannot cut {name}: {error}")),
        error => Problem::new(Code::BadRequest, format!("cannot cut {name}: {error}")),
    })?;
    out.flush().map_err(|error: io::Error| shelf.explain(new, &error))
}

/// Makes a key that is used once and never stored, so that nobody can link the replaced names.
fn random_key() -> Key {
    let mut bytes = [0; KEY_BYTES];
    for half in bytes.chunks_mut(KEY_BYTES / 2) {
        half.copy_from_slice(Uuid::new_v4().as_bytes());
    }
    Key::new(&bytes)
}

/// Result of importing a capture.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImportReport {
    /// Format of the capture.
    pub(super) format: &'static str,
    /// Name and version of the program that wrote it, if known.
    producer: String,
    /// Number of frames in the recording.
    pub(super) frames: u64,
    /// Number of messages in the frames.
    pub(super) messages: u64,
    /// Number of lines left out.
    bad_lines: u64,
    /// Whether all of the capture is in the recording, and readable.
    complete: bool,
    /// The same report in words.
    pub(super) summary: String,
}

/// How far the offset of a frame may be from the one asked for: times of events are in whole milliseconds.
const NEAR: Duration = Duration::from_millis(1);
/// Maximum number of messages in a response.
const MESSAGES_MAX: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldsQuery {
    /// Without it, the whole recording is searched.
    at: Option<String>,
    id: Option<String>,
}

/// Response of `GET /recordings/{name}/fields`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DissectedMessages {
    /// The messages in order, as `livetape cat --fields --json` prints them.
    #[schemars(with = "Vec<Map<String, Value>>")]
    messages: Vec<Value>,
}

pub(crate) async fn fields(
    State(app): State<App>,
    name: Name,
    query: Result<Query<FieldsQuery>, QueryRejection>,
) -> Result<Json<DissectedMessages>, ErrorResponse> {
    let name = read_name(name)?;
    let FieldsQuery { at, id } = read_query(query)?;
    let bad = |message| Problem::new(Code::BadRequest, message);
    if at.is_none() && id.is_none() {
        return Err(bad("neither `at` nor `id` is given".to_owned()).into());
    }
    let at = at.map(|at| offset::parse(&at)).transpose().map_err(bad)?;
    let number = |id: String| {
        // Events of later generations append `~` and their number.
        let number = id.split('~').next().and_then(|number| number.parse().ok());
        number.ok_or_else(|| bad(format!("`{}` is not the id of a message", id.escape_debug())))
    };
    let selection = Selection { msg_id: id.map(number).transpose()?, ..Selection::default() };
    let messages = app.shelf.read(move |shelf| {
        let mut reader = Reader::open(shelf.bytes(&name)?).map_err(|error| unreadable(&name, &error))?;
        let mut messages = Vec::new();
        while let Some(record) = reader.next().map_err(|error| unreadable(&name, &error))? {
            if at.is_some_and(|at| record.item.offset > at + NEAR) || messages.len() >= MESSAGES_MAX {
                break;
            }
            if at.is_none_or(|at| record.item.offset + NEAR >= at) {
                messages.extend(selection.json(&record));
            }
        }
        messages.truncate(MESSAGES_MAX);
        Ok(messages)
    });
    Ok(Json(DissectedMessages { messages: messages.await? }))
}
