//! `--ready-file` and `--exit-with-stdin`, for programs that start a server.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process, thread,
};

use livetape_core::error::{Code, Problem};
use livetape_feed::control::Control;
use livetape_io::files::{Draft, check_replaceable};
use livetape_server::API_VERSION;
use serde::Serialize;

use super::proxied::Fronts;
use crate::cli::{args::Lifecycle, options::serving::Addresses, process::output::file_problem};

/// Advice for a ready file that cannot be written.
const HINT: &str = "use another path for --ready-file";

/// Content of the ready file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready<'a> {
    ws: &'a str,
    http: &'a str,
    /// Address of the feed in TikFinity's format.
    #[serde(skip_serializing_if = "Option::is_none")]
    tikfinity: Option<&'a str>,
    /// Address of the mock that `run --mock` starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    mock: Option<String>,
    /// Address of the mock's proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    /// Address and port of the mock's TLS server.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    /// Path of the CA certificate that clients of both must trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    pid: u32,
    version: &'static str,
    api_version: u32,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(Addresses { feed, rest, tikfinity }: &'a Addresses) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let tikfinity = tikfinity.as_deref();
        Self {
            ws: feed,
            http: rest,
            tikfinity,
            mock: None,
            proxy: None,
            tls: None,
            ca: None,
            pid: process::id(),
            version,
            api_version: API_VERSION,
        }
    }

    pub(crate) fn with_mock(self, mock: Option<String>) -> Self {
        Self { mock, ..self }
    }

    pub(crate) fn with_fronts(self, fronts: Option<&Fronts>) -> Self {
        let Some(fronts) = fronts else { return self };
        let ca = Some(fronts.certificate.display().to_string());
        Self { proxy: fronts.proxy_url(), tls: fronts.tls.map(|address| address.to_string()), ca, ..self }
    }
}

impl Lifecycle {
    /// Removes the ready file of an earlier process, so that readers do not mistake it for a new one.
    pub(crate) fn prepare(&self) -> Result<(), Problem> {
        let Some(path) = &self.ready_file else { return Ok(()) };
        check_replaceable(path).map_err(|error| file_problem(&error).hint(HINT))?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, &error)),
            _ => Ok(()),
        }
    }

    /// Writes the ready file, and shuts the server down at the end of standard input, if the flags say so.
    pub(super) fn begin(&self, ready: &Ready<'_>, control: &Control) -> Result<(), Problem> {
        self.write(ready)?;
        let control = control.clone();
        self.at_end_of_input(move || control.shut_down());
        Ok(())
    }

    /// Writes the ready file. Readers see the complete file or none.
    pub(crate) fn write(&self, ready: &Ready<'_>) -> Result<(), Problem> {
        let Some(path) = &self.ready_file else { return Ok(()) };
        let mut json = serde_json::to_vec(ready).expect("texts and numbers are valid JSON");
        json.push(b'\n');
        let mut draft = Draft::new(path, true).map_err(|error| file_problem(&error))?;
        draft.write_all(&json).map_err(|error| unwritable(path, &error))?;
        draft.keep_unsynced().map_err(|error| file_problem(&error))
    }

    /// Calls `end` at the end of standard input.
    pub(crate) fn at_end_of_input(&self, end: impl FnOnce() + Send + 'static) {
        if !self.exit_with_stdin {
            return;
        }
        // On its own thread, because a read cannot be interrupted when the runtime shuts down.
        let read = move || {
            // An input that cannot be read counts as ended.
            drop(io::copy(&mut io::stdin(), &mut io::sink()));
            end();
        };
        thread::spawn(read);
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Code::Io, format!("cannot write the ready file {}: {error}", path.display())).hint(HINT)
}
