//! Uploads and downloads of recordings, streamed in chunks.

use std::{
    fs::{self, File},
    io::{BufReader, Read as _, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use livetape_core::error::{Code, Problem};
use livetape_io::files::{self, Draft};
use livetape_tools::info::glance;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{io::AsyncReadExt as _, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    App, ImportReport, Name, Shelf, exists, on_thread, read_name, read_query,
    shelf::{ListedRecording, is_recorded, refuse_written},
};
use crate::{
    routes::percent_encode,
    state::{ErrorResponse, Json},
};

/// Maximum time between two chunks of an upload.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Maximum number of upload chunks that wait for the disk.
const CHUNKS_WAITING_MAX: usize = 4;
/// Size of a chunk read from a file, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// `1` to replace an existing recording of that name.
    force: Option<String>,
    /// `1` if the body is a capture to import.
    import: Option<String>,
}

/// A chunk of an upload; `None` at its end. Without it, the upload was interrupted.
type Chunk = Option<Bytes>;

/// `PUT /recordings/{name}`: responds with 201, or 200 if it replaced a recording.
pub(crate) async fn upload(
    State(app): State<App>,
    name: Name,
    query: Result<Query<UploadQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ListedRecording>), ErrorResponse> {
    let name = read_name(name)?;
    let UploadQuery { force, import } = read_query(query)?;
    let (force, import) = (flag("force", force.as_deref())?, flag("import", import.as_deref())?);
    let max = app.shelf.options.upload_bytes_max;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > max) {
        return Err(too_long(max).into());
    }
    let changing = app.hold(&name)?;
    let (chunks, received) = mpsc::channel(CHUNKS_WAITING_MAX);
    let shelf = Arc::clone(&app.shelf);
    let stop = CancellationToken::new();
    // An import ends when the client leaves or the server stops.
    let _guard = stop.clone().drop_guard();
    let writing = app.shelf.writing.spawn(on_thread(move || {
        let _changing = changing;
        store(&shelf, &name, force, import, received, &stop)
    }));
    let sent = forward(body, max, &chunks).await;
    drop(chunks);
    let broken = |_| Problem::new(Code::Io, "storing the recording failed");
    let stored = writing.await.map_err(broken)??;
    // An error of the request body explains more than the writer's error that follows from it.
    sent?;
    let (uploaded, replaced) = stored?;
    Ok((if replaced { StatusCode::OK } else { StatusCode::CREATED }, Json(uploaded)))
}

fn flag(name: &str, value: Option<&str>) -> Result<bool, Problem> {
    match value {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true" | "") => Ok(true),
        Some(_) => Err(Problem::new(Code::BadRequest, format!("`{name}` must be 1 or 0"))),
    }
}

/// Forwards the body to the writer. Stops early if the writer has failed.
async fn forward(body: Body, max: u64, chunks: &mpsc::Sender<Chunk>) -> Result<(), Problem> {
    let mut stream = body.into_data_stream();
    let mut length = 0_u64;
    loop {
        let silent = |_| Problem::new(Code::BadRequest, "no data was received for 30 seconds");
        let chunk = timeout(SILENCE_MAX, stream.next()).await.map_err(silent)?.transpose();
        let chunk = chunk.map_err(|_| Problem::new(Code::BadRequest, "the body ended early"))?;
        length += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if length > max {
            return Err(too_long(max));
        }
        let is_end = chunk.is_none();
        if chunks.send(chunk).await.is_err() || is_end {
            return Ok(());
        }
    }
}

/// Writes an upload to a temporary file and renames it once it proves to be a recording, or is converted to
/// one.
fn store(
    shelf: &Arc<Shelf>,
    name: &str,
    force: bool,
    import: bool,
    mut chunks: mpsc::Receiver<Chunk>,
    stop: &CancellationToken,
) -> Result<(ListedRecording, bool), Problem> {
    fs::create_dir_all(&shelf.options.directory).map_err(|error| shelf.explain(name, &error))?;
    let path = shelf.path(name);
    let replaces = path.symlink_metadata().is_ok();
    refuse_written(name, &path)?;
    let problem = |error| unwritable(shelf, name, error);
    let mut draft = Draft::new(&path, force).map_err(problem)?;
    // A capture gets a draft of its own, next to that of the recording.
    let mut capture =
        import.then(|| Draft::new(&path.with_extension("capture"), true)).transpose().map_err(problem)?;
    let interrupted = || Problem::new(Code::BadRequest, "the upload was interrupted");
    while let Some(bytes) = chunks.blocking_recv().ok_or_else(interrupted)? {
        let out = capture.as_mut().unwrap_or(&mut draft);
        out.write_all(&bytes).map_err(|error| shelf.explain(name, &error))?;
    }
    let report = capture.map(|capture| convert(&capture, &mut draft, &path, name, stop)).transpose()?;
    check(shelf, &draft, name)?;
    draft.keep().map_err(problem)?;
    let mut entry = shelf.entry(name)?;
    entry.import = report;
    Ok((entry, replaces))
}

#[cfg(feature = "import")]
fn convert(
    capture: &Draft,
    draft: &mut Draft,
    path: &Path,
    name: &str,
    stop: &CancellationToken,
) -> Result<ImportReport, Problem> {
    super::capture::convert(capture, draft, &path.with_extension("scratch"), name, stop)
}

#[cfg(not(feature = "import"))]
fn convert(
    _: &Draft,
    _: &mut Draft,
    _: &Path,
    name: &str,
    _: &CancellationToken,
) -> Result<ImportReport, Problem> {
    Err(Problem::new(Code::BadCapture, format!("{name} was not stored: this server has no importers")))
}

/// Converts an error in creating a file into a problem that reveals no path.
pub(super) fn unwritable(shelf: &Shelf, name: &str, error: files::Error) -> Problem {
    match error {
        files::Error::Exists { .. } => exists(name, "choose another name, or replace it with `?force=1`"),
        files::Error::Busy { .. } => is_recorded(name),
        files::Error::Other { source, .. } => shelf.explain(name, &source),
        _ => Problem::new(Code::Io, format!("cannot write {name}: no permission, or not a file")),
    }
}

/// Checks that the file is a recording. Damage is allowed, because replay reads as far as possible.
fn check(shelf: &Shelf, draft: &Draft, name: &str) -> Result<(), Problem> {
    let explain = |error| shelf.explain(name, &error);
    let file = File::open(draft.part()).map_err(explain)?;
    let bytes = file.metadata().map_err(explain)?.len();
    match glance(BufReader::new(file), bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::new(error.code(), format!("{name} was not stored: {error}"))),
    }
}

/// `GET /recordings/{name}/file`: downloads the file.
pub(crate) async fn download(State(app): State<App>, name: Name) -> Result<Response, ErrorResponse> {
    let name = read_name(name)?;
    let (length, body) = if app.shelf.is_read_only(&name) {
        let wanted = name.clone();
        let read = move |shelf: &Shelf| {
            let mut bytes = Vec::new();
            shelf.bytes(&wanted)?.read_to_end(&mut bytes).map_err(|error| shelf.explain(&wanted, &error))?;
            Ok(bytes)
        };
        // A case holds its recording in memory, too.
        let bytes = app.shelf.read(read).await?;
        (bytes.len() as u64, Body::from(bytes))
    } else {
        let (shelf, wanted) = (app.shelf, name.clone());
        let (file, length) = on_thread(move || {
            let file = shelf.open(&wanted)?;
            let metadata = file.metadata().map_err(|error| shelf.explain(&wanted, &error))?;
            Ok::<_, Problem>((file, metadata.len()))
        })
        .await??;
        (length, stream_file(file, length))
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, length.into()),
        (header::CONTENT_DISPOSITION, disposition(&name)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, body).into_response())
}

/// Streams the first `length` bytes of a file, even if it is still growing.
fn stream_file(file: File, length: u64) -> Body {
    let file = tokio::fs::File::from_std(file).take(length);
    Body::from_stream(stream::try_unfold(file, |mut file| async move {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = file.read_buf(&mut chunk).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), file)))
    }))
}

/// Builds a `Content-Disposition` header with the file name, including non-ASCII names (RFC 6266).
fn disposition(name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).collect();
    let encoded = percent_encode(name);
    let text = format!("attachment; filename=\"{plain}.bin\"; filename*=UTF-8''{encoded}.bin");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

fn too_long(max: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("the recording is larger than {max} bytes"))
        .hint("copy the file to the directory of recordings instead")
}
