//! Reads HAR files of any length as a stream. Only the current element is kept in memory.
//!
//! Fields can come in any order: Chrome writes the messages of a connection before its URL.

mod entry;
mod json;
mod message;
#[cfg(test)]
mod tests;
mod text;
mod window;

use std::{
    cell::RefCell,
    io::{BufRead, Read},
};

use super::{
    Error,
    captured::{About, Capture, CaptureEntry, Visit},
    source::Unpacked,
};
use entry::EntryFields;
use json::{Json, List, Object};
use message::MessageFields;
use window::TEXT_BYTES_MAX;

/// Why a string is not Unicode.
const LONE: &str = "half of a surrogate pair";

pub(super) struct Har<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Har<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        let context = Context { visit: RefCell::new(visit), har: self.0 };
        let mut json = Json::new(self.0.open()?);
        json.object(&mut Root(&context))?;
        json.end()
    }
}

/// Playwright's `.jsonl` of frames, without its HAR.
pub(super) struct Messages<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Messages<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("Playwright".into(), String::new()));
        visit.entry(0, CaptureEntry { is_socket: true, ..CaptureEntry::default() })?;
        lines(self.0.open()?, 0, visit)
    }
}

/// Reads messages, one per line.
fn lines(mut input: impl BufRead, id: u64, visit: &mut dyn Visit) -> Result<(), Error> {
    let (mut line, mut fields) = (Vec::new(), MessageFields::default());
    loop {
        line.clear();
        let limit = TEXT_BYTES_MAX + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut line).map_err(Error::Read)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == limit {
            return Err(Error::TooLong { bytes: TEXT_BYTES_MAX });
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wants_data = visit.wants_data(id);
        visit.message(id, message::parse(&mut line, &mut fields, wants_data))?;
    }
}

/// Shared by all parts of the reader.
struct Context<'a, 'v> {
    visit: RefCell<&'v mut dyn Visit>,
    har: &'a Unpacked<'a>,
}

struct Root<'a, 'v>(&'a Context<'a, 'v>);

impl Object for Root<'_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        if name != "log" {
            return Ok(false);
        }
        json.object(&mut Log { context: self.0, entries: 0 })?;
        Ok(true)
    }
}

struct Log<'a, 'v> {
    context: &'a Context<'a, 'v>,
    entries: u64,
}

impl Object for Log<'_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "creator" => {
                let mut creator = Texts::new(["name", "version"]);
                json.object(&mut creator)?;
                let [name, version] = creator.values;
                self.context.visit.borrow_mut().about(About::Producer(name, version));
            }
            "pages" => json.list(&mut Pages(self.context))?,
            "entries" => json.list(self)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl List for Log<'_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error> {
        let (id, context) = (self.entries, self.context);
        self.entries += 1;
        if !json.is_object()? {
            context.visit.borrow_mut().about(About::Skipped(id, "not an object".into()));
            return json.skip();
        }
        let mut fields = EntryFields::new(id, context);
        json.take_lone();
        json.object(&mut fields)?;
        if json.take_lone() && !fields.is_socket() {
            let why = format!("not Unicode ({LONE})");
            context.visit.borrow_mut().about(About::Skipped(id, why));
            return Ok(());
        }
        fields.finish()
    }
}

struct Pages<'a, 'v>(&'a Context<'a, 'v>);

impl List for Pages<'_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error> {
        let mut page = Texts::new(["title"]);
        json.object(&mut page)?;
        let [title] = page.values;
        self.0.visit.borrow_mut().about(About::Page(title));
        Ok(())
    }
}

/// Selected fields of an object, as strings.
struct Texts<const N: usize> {
    names: [&'static str; N],
    values: [String; N],
}

impl<const N: usize> Texts<N> {
    fn new(names: [&'static str; N]) -> Self {
        Self { names, values: std::array::from_fn(|_| String::new()) }
    }
}

impl<const N: usize> Object for Texts<N> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        let Some(at) = self.names.iter().position(|known| *known == name) else { return Ok(false) };
        json.string_into(&mut self.values[at])?;
        Ok(true)
    }
}
