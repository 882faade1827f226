//! A page in the place of a command. A process of its own shows it in a browser and prints its texts and its console, so
//! that it is started, judged and ended like every other command.

mod browser;
mod files;
mod findings;
mod visit;

use std::{env, ffi::OsString};

use livetape_core::error::{Code, Problem};
use reqwest::Url;

use crate::cli::args;
use files::Files;
pub(super) use findings::Findings;
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
pub(super) fn plan(page: &str, texts: &[String]) -> Result<(Page, Vec<OsString>), Problem> {
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
        let path = text.strip_prefix("file://").unwrap_or(text);
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
        let end = path.find(['?', '#']).unwrap_or(path.len());
        let (name, rest) = match Files::open(path) {
            Ok(_) => (path, ""),
            Err(_) => path.split_at(end),
        };
        match Files::open(name) {
            Ok(files) => Ok(Self::File(files, rest.to_owned())),
            Err(error) => {
                bad(format!("cannot open the page `{name}`: {error}"), "check the path after --page")
            }
        }
    }
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
        args::Conditions { text, expect, .. } if !text.is_empty() && expect.is_empty() => {
            ("nothing is expected of the text", "add --expect '{diamonds}'")
        }
        _ => return Ok(()),
    };
    Err(Problem::new(Code::BadRequest, message).hint(hint))
}
