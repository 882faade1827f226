//! Recordings over the network, in both directions, a piece at a time.

use std::{
    fs::{self, File},
    io::{BufReader, Write as _},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{io::AsyncReadExt as _, sync::mpsc, time::timeout};

use super::{
    App, Name, Shelf,
    change::exists,
    on_thread, read_name, read_query,
    shelf::{Changing, ListedRecording, refuse_written},
};
use crate::{
    demo::{DEMO, DEMO_BYTES},
    files::{self, Draft},
    sans_io::error::{Code, Problem},
    server::state::refusal::Refusal,
    tools::glance::glance,
};

/// How long an upload may send nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Pieces of an upload that wait for the disk.
const PIECES_WAITING_MAX: usize = 4;
/// What is read from a file at once, in bytes.
const PIECE_BYTES: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// `1` to replace what has that name.
    force: Option<String>,
}

/// A piece of an upload. The end is told: without it the upload broke off.
enum Piece {
    Bytes(Bytes),
    End,
}

/// `PUT /recordings/{name}`: 201, or 200 if it replaced another.
pub(crate) async fn upload(
    State(app): State<App>,
    name: Name,
    query: Result<Query<UploadQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ListedRecording>), Refusal> {
    let name = read_name(name)?;
    let force = match read_query(query)?.force.as_deref() {
        None | Some("0" | "false") => false,
        Some("1" | "true" | "") => true,
        Some(_) => return Err(Problem::new(Code::BadRequest, "`force` is 1 or 0").into()),
    };
    let max = app.shelf.options.upload_bytes_max;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > max) {
        return Err(too_long(max).into());
    }
    let changing = app.hold(&name)?;
    let (pieces, received) = mpsc::channel(PIECES_WAITING_MAX);
    let shelf = app.shelf;
    let writing = tokio::spawn(on_thread(move || store(&shelf, &changing, &name, force, received)));
    let sent = pass_on(body, max, &pieces).await;
    drop(pieces);
    let broken = |_| Problem::new(Code::Io, "storing the recording broke off");
    let stored = writing.await.map_err(broken)??;
    // Why it was not sent to its end is the better answer.
    sent?;
    let (entry, replaced) = stored?;
    Ok((if replaced { StatusCode::OK } else { StatusCode::CREATED }, Json(entry)))
}

/// Passes the body on. It ends early if the writer has given up.
async fn pass_on(body: Body, max: u64, pieces: &mpsc::Sender<Piece>) -> Result<(), Problem> {
    let mut stream = body.into_data_stream();
    let mut length = 0_u64;
    loop {
        let silent = |_| Problem::new(Code::BadRequest, "nothing came of the body for 30 seconds");
        let piece = match timeout(SILENCE_MAX, stream.next()).await.map_err(silent)? {
            None => Piece::End,
            Some(Ok(bytes)) => Piece::Bytes(bytes),
            Some(Err(_)) => {
                return Err(Problem::new(Code::BadRequest, "the body could not be read to its end"));
            }
        };
        if let Piece::Bytes(bytes) = &piece {
            length += bytes.len() as u64;
            if length > max {
                return Err(too_long(max));
            }
        }
        let is_end = matches!(piece, Piece::End);
        if pieces.send(piece).await.is_err() || is_end {
            return Ok(());
        }
    }
}

/// Writes an upload beside its target, and gives it its name once it is known to be a recording.
fn store(
    shelf: &Arc<Shelf>,
    _changing: &Changing,
    name: &str,
    force: bool,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<(ListedRecording, bool), Problem> {
    fs::create_dir_all(&shelf.options.directory).map_err(|error| shelf.explain(name, &error))?;
    let path = shelf.path(name);
    let replaces = path.symlink_metadata().is_ok();
    refuse_written(name, &path)?;
    let problem = |error: files::Error| match error {
        files::Error::Exists { .. } => exists(name, "choose another name, or replace it with `?force=1`"),
        files::Error::Other { source, .. } => shelf.explain(name, &source),
        _ => Problem::new(Code::Io, format!("cannot write {name}: no permission, or no file can be there")),
    };
    let mut draft = Draft::new(&path, force).map_err(problem)?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                draft.write_all(&bytes).map_err(|error| shelf.explain(name, &error))?;
            }
            Some(Piece::End) => break,
            None => return Err(Problem::new(Code::BadRequest, "the upload broke off")),
        }
    }
    check(&draft, name).map_err(|error| error.unwrap_or_else(|error| shelf.explain(name, &error)))?;
    draft.keep().map_err(problem)?;
    Ok((shelf.entry(name)?, replaces))
}

/// Whether it is a recording at all. Damage is none of our business: it is read as far as it goes.
fn check(draft: &Draft, name: &str) -> Result<(), Result<Problem, std::io::Error>> {
    let file = File::open(draft.part()).map_err(Err)?;
    let bytes = file.metadata().map_err(Err)?.len();
    let unreadable = |error: crate::sans_io::recording::Error| {
        Ok(Problem::new(error.code(), format!("{name} was not stored: {error}")))
    };
    glance(BufReader::new(file), bytes).map(drop).map_err(unreadable)
}

/// `GET /recordings/{name}/file`.
pub(crate) async fn download(State(app): State<App>, name: Name) -> Result<Response, Refusal> {
    let name = read_name(name)?;
    let (length, body) = if name == DEMO {
        (DEMO_BYTES.len() as u64, Body::from(DEMO_BYTES))
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

/// The first `length` bytes of a file: one that is written meanwhile is not followed.
fn stream_file(file: File, length: u64) -> Body {
    let file = tokio::fs::File::from_std(file).take(length);
    Body::from_stream(stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    }))
}

/// A name for the file on the other side, also where it is not ASCII (RFC 6266).
fn disposition(name: &str) -> HeaderValue {
    use std::fmt::Write as _;
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).collect();
    let mut text = format!("attachment; filename=\"{plain}.bin\"; filename*=UTF-8''");
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text.push(byte.into()),
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text.push_str(".bin");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

fn too_long(max: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("a recording to upload has at most {max} bytes"))
        .hint("copy the file into the directory of recordings instead")
}
