//! HAR: JSON of any length, read as a stream. Nothing of it is kept but what is being read.
//!
//! Fields come in any order: Chrome writes what was said on a connection before its address.

mod entry;
mod json;
mod message;
mod reins;

use std::{
    cell::RefCell,
    io::{BufRead, Read as _},
};

use serde::de::{DeserializeSeed as _, IgnoredAny, MapAccess, SeqAccess};

use super::{
    Error,
    captured::{About, Capture, Entry, Stop, Visit},
    source::Unpacked,
};
use entry::EntryFields;
use json::{AsList, AsObject, List, Object, Scalar};
use reins::{Reined, Reins};

/// A HAR.
pub(super) struct Har<'a>(pub(super) Unpacked<'a>);

impl Capture for Har<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        let reins = Reins::default();
        let context =
            Context { reins: &reins, visit: RefCell::new(visit), har: &self.0, failed: RefCell::default() };
        let input = Reined::new(self.0.open()?, &reins);
        let mut json = serde_json::Deserializer::from_reader(input);
        let result = AsObject(&mut Root(&context), &reins).deserialize(&mut json).and_then(|()| json.end());
        match (result, context.failed.take()) {
            (Ok(()), _) | (Err(_), Some(Failed::Stopped)) => Ok(()),
            (Err(_), Some(Failed::Error(error))) => Err(error),
            (Err(error), None) => Err(reins.explain(&error)),
        }
    }
}

/// Playwright's frames alone, without the HAR that names them.
pub(super) struct Messages<'a>(pub(super) Unpacked<'a>);

impl Capture for Messages<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("Playwright".into(), String::new()));
        if !visit.wants(0) {
            return Ok(());
        }
        if visit.entry(0, Entry { is_socket: true, ..Entry::default() }).is_err() {
            return Ok(());
        }
        lines(self.0.open()?, 0, visit).map(|_| ())
    }
}

/// Hands the messages out that stand one a line; `Stop` if nobody wants more.
fn lines(mut input: impl BufRead, id: u64, visit: &mut dyn Visit) -> Result<Result<(), Stop>, Error> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = reins::STRING_BYTES_MAX + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut line).map_err(Error::Read)? == 0 {
            return Ok(Ok(()));
        }
        if line.len() as u64 == limit {
            return Err(Error::TooLong { bytes: reins::STRING_BYTES_MAX });
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if visit.message(id, message::parse(&line)).is_err() {
            return Ok(Err(Stop));
        }
    }
}

/// What all that reads a HAR shares.
struct Context<'a, 'v> {
    reins: &'a Reins,
    visit: RefCell<&'v mut dyn Visit>,
    har: &'a Unpacked<'a>,
    failed: RefCell<Option<Failed>>,
}

/// Why reading was given up that is no fault of the JSON.
enum Failed {
    Stopped,
    Error(Error),
}

impl Context<'_, '_> {
    /// An error that makes serde stop.
    fn fail<E: serde::de::Error>(&self, failed: Failed) -> E {
        *self.failed.borrow_mut() = Some(failed);
        E::custom("given up")
    }

    fn go_on<E: serde::de::Error>(&self, result: Result<(), Stop>) -> Result<(), E> {
        result.map_err(|Stop| self.fail(Failed::Stopped))
    }
}

struct Root<'a, 'v>(&'a Context<'a, 'v>);

impl Object for Root<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name != "log" {
            return Ok(false);
        }
        map.next_value_seed(AsObject(&mut Log { context: self.0, entries: 0 }, self.0.reins))?;
        Ok(true)
    }
}

struct Log<'a, 'v> {
    context: &'a Context<'a, 'v>,
    entries: u64,
}

impl Object for Log<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let reins = self.context.reins;
        match name {
            "creator" => {
                let mut creator = Texts::new(["name", "version"]);
                map.next_value_seed(AsObject(&mut creator, reins))?;
                let [name, version] = creator.values;
                self.context.visit.borrow_mut().about(About::Producer(name, version));
            }
            "pages" => map.next_value_seed(AsList(&mut Pages(self.context), reins))?,
            "entries" => map.next_value_seed(AsList(self, reins))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl List for Log<'_, '_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let (id, context) = (self.entries, self.context);
        self.entries += 1;
        let wanted = context.visit.borrow_mut().wants(id);
        if !wanted {
            context.reins.loosen();
            return Ok(list.next_element::<IgnoredAny>()?.is_some());
        }
        let mut fields = EntryFields::new(id, context);
        if list.next_element_seed(AsObject(&mut fields, context.reins))?.is_none() {
            return Ok(false);
        }
        fields.finish()?;
        Ok(true)
    }
}

struct Pages<'a, 'v>(&'a Context<'a, 'v>);

impl List for Pages<'_, '_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut page = Texts::new(["title"]);
        if list.next_element_seed(AsObject(&mut page, self.0.reins))?.is_none() {
            return Ok(false);
        }
        let [title] = page.values;
        self.0.visit.borrow_mut().about(About::Page(title));
        Ok(true)
    }
}

/// Some fields of an object, as texts.
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
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let Some(at) = self.names.iter().position(|known| *known == name) else { return Ok(false) };
        self.values[at] = map.next_value::<Scalar>()?.into_text();
        Ok(true)
    }
}
