//! Points between the events of a recording. Offsets cannot name them, because a frame has several events.

use std::{collections::VecDeque, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::Problem,
    event::{Event, Millis},
};
use livetape_feed::control::Unit;
use serde::Deserialize;

use super::{Fed, Tape, in_time};
use crate::pipeline::is_ordinary;

/// Length of the part before a point that is searched first, so that it has the originals of most repeated messages;
/// each further one is four times as long.
const SEARCHED_FIRST: Duration = Duration::from_secs(600);

/// A point that a pass which begins at `offset` reaches after some steps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    pub(crate) offset: Duration,
    pub(crate) steps: u32,
}

/// The part of an event that identifies it in a recording.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    r#type: String,
    id: Option<String>,
    pub(crate) ts: Millis,
}

impl Told {
    fn new(event: &Event) -> Self {
        Self { r#type: event.kind().into(), id: event.id.as_deref().map(Into::into), ts: event.ts }
    }

    fn is(&self, event: &Event) -> bool {
        // Later generations append `~` and their number.
        let id = self.id.as_ref().and_then(|id| id.split('~').next());
        event.ts == self.ts && event.kind() == self.r#type && event.id.as_deref() == id
    }
}

impl Tape {
    /// Finds the point that `count` frames or events are after, of those up to the `items`th item at an offset.
    /// Returns the start of the recording if there are fewer.
    pub(crate) async fn point_back(
        &self,
        place: (Duration, usize),
        unit: Unit,
        count: usize,
    ) -> Result<Point, Problem> {
        let tape = self.clone();
        in_time(&self.name, move || {
            let mut searched = SEARCHED_FIRST;
            loop {
                let from = place.0.saturating_sub(searched);
                match tape.last_before(from, place, unit, count)? {
                    Some((offset, told)) => return tape.point(&told, offset, unit, true),
                    None if from.is_zero() => return Ok(Point::default()),
                    None => searched *= 4,
                }
            }
        })
        .await
    }

    /// Finds the point before an event at `offset`, which is in whole milliseconds. Returns the offset for an event
    /// that is not in the recording: an injected one, or one that describes the start of a generation.
    pub(crate) async fn point_before(&self, told: Told, offset: Duration) -> Result<Point, Problem> {
        let tape = self.clone();
        in_time(&self.name, move || tape.point(&told, offset, Unit::Events, false)).await
    }

    /// Finds the last event before which `count` frames or events are, and its offset.
    fn last_before(
        &self,
        from: Duration,
        (end, items): (Duration, usize),
        unit: Unit,
        count: usize,
    ) -> Result<Option<(Duration, Told)>, Problem> {
        let (mut last, mut items_at_end) = (VecDeque::new(), 0);
        for (offset, events) in self.frames(from)? {
            items_at_end += usize::from(offset == end);
            if offset > end || items_at_end > items {
                break;
            }
            let ordinary = events.iter().filter(|event| is_ordinary(event));
            let mut told = ordinary.map(|event| (offset, Told::new(event)));
            match unit {
                Unit::Frames => last.extend(told.next_back()),
                Unit::Events => last.extend(told),
            }
            last.drain(..last.len().saturating_sub(count + 1));
        }
        Ok(if last.len() > count { last.pop_front() } else { None })
    }

    /// Finds the point before or after an event.
    fn point(&self, told: &Told, offset: Duration, unit: Unit, after: bool) -> Result<Point, Problem> {
        let mut point = Point::default();
        for (at, events) in self.frames(offset)? {
            if at.as_millis() > offset.as_millis() {
                break;
            }
            if point.offset != at {
                point = Point { offset: at, steps: 0 };
            }
            let found = events.iter().position(|event| told.is(event));
            let sent = found.map_or(events.len(), |index| index + usize::from(after));
            let ordinary = events[..sent].iter().filter(|event| is_ordinary(event)).count() as u32;
            point.steps += if unit == Unit::Frames { ordinary.min(1) } else { ordinary };
            if found.is_some() {
                return Ok(point);
            }
        }
        Ok(Point { offset, steps: 0 })
    }

    /// Decodes the items from an offset, as a pass that begins there does.
    fn frames(&self, from: Duration) -> Result<impl Iterator<Item = (Duration, Vec<Event>)>, Problem> {
        let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        Ok(self.read(from)?.filter_map(move |fed| match fed {
            Fed::Item(item) => {
                decoder.handle(&item);
                Some((item.offset, decoder.take_events().collect()))
            }
            Fed::Before(item) => {
                decoder.restore(&item);
                None
            }
            Fed::Missing(_) | Fed::Failed(_) => None,
        }))
    }
}
