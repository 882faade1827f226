//! Layer of `tracing` that turns events into log lines.

use std::fmt;

use serde_json::Value;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

use super::{line::Line, writer::Writer};
use crate::settings::LogFormat;

/// Writes each event as one line.
pub(super) struct Lines {
    format: LogFormat,
    writer: Writer,
}

impl Lines {
    pub(super) fn new(format: LogFormat, writer: Writer) -> Self {
        Self { format, writer }
    }
}

/// The fields of a span.
struct Fields(Vec<(&'static str, Value)>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut read = Reader::default();
        attributes.record(&mut read);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(read.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut read = Reader::default();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(Fields(fields)) = span.extensions().get() {
                    read.fields.extend(fields.iter().cloned());
                }
            }
        }
        event.record(&mut read);
        let Reader { message, fields } = read;
        let line = Line { message, fields, ..Line::now(event.metadata().level().as_str()) };
        self.writer.write(line.format(self.format));
    }
}

#[derive(Default)]
struct Reader {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Reader {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Reader {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}
