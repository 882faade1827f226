//! Arbitrary sequences of publishing, joining, reading and leaving, compared with a model that keeps
//! everything.

use livetape_core::event::Event;
use proptest::{collection::vec, option, prelude::*};

use super::*;

const EVENTS_MAX: u64 = 12;
const BYTES_MAX: u64 = 3_000;

#[derive(Clone, Debug)]
enum Step {
    /// Chats with these numbers of letters; an unknown event for 0.
    Publish(Vec<usize>),
    /// `Some((back, skip))` resumes that far behind the head.
    Join {
        since: Option<(u64, bool)>,
        raw: bool,
    },
    Read(prop::sample::Index),
    /// All subscribers read through one writer.
    Write,
    Leave(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop_oneof![Just(0), 1..40usize, 300..900usize];
    prop_oneof![
        4 => vec(sizes, 1..5).prop_map(Step::Publish),
        1 => (option::of((0..16u64, any::<bool>())), any::<bool>()).prop_map(|(since, raw)| Step::Join { since, raw }),
        4 => any::<prop::sample::Index>().prop_map(Step::Read),
        4 => Just(Step::Write),
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
    ]
}

/// Every event ever published: whether it is unknown, and its size.
#[derive(Default)]
struct Model {
    published: Vec<(bool, u64)>,
}

impl Model {
    fn head(&self) -> u64 {
        self.published.len() as u64
    }

    fn push(&mut self, event: &Event) {
        let mut json = Vec::new();
        event.begin_json("s", &mut json);
        livetape_core::event::finish_json(self.head() + 1, &mut json);
        let share = (json.len() as u64).min(BYTES_MAX / 4);
        self.published.push((event.kind() == "unknown", share));
    }

    /// Whether the events after `position` exceed this fraction of the ring.
    fn exceeds(&self, position: u64, part: u64) -> bool {
        let behind = &self.published[position as usize..];
        let bytes: u64 = behind.iter().map(|(_, share)| share).sum();
        behind.len() as u64 > EVENTS_MAX / part || bytes > BYTES_MAX / part
    }

    fn tail(&self) -> u64 {
        (0..=self.head()).find(|&position| !self.exceeds(position, 1)).unwrap()
    }

    /// Returns the numbers of the events after `from` that a subscriber sees.
    fn seen(&self, from: u64, raw: bool) -> Vec<u64> {
        (from..self.head()).filter(|&i| raw || !self.published[i as usize].0).map(|i| i + 1).collect()
    }
}

struct Reader {
    subscriber: Subscriber,
    raw: bool,
    /// Head when it joined.
    joined: u64,
    /// Last event that it has read, according to the model.
    read: u64,
    slow: bool,
}

proptest! {
    #[test]
    fn subscribers_see_the_whole_sequence_or_become_slow(steps in vec(step(), 0..60)) {
        let limits = Limits { events_max: EVENTS_MAX, bytes_max: BYTES_MAX, ..Limits::default() };
        let hub = Hub::new("s".to_owned(), limits);
        let mut model = Model::default();
        let mut readers: Vec<Reader> = Vec::new();
        for step in steps {
            match step {
                Step::Publish(sizes) => publish(&hub, &mut model, &mut readers, &sizes),
                Step::Join { since, raw } => readers.extend(join_both(&hub, &model, since, raw)?),
                Step::Read(which) if !readers.is_empty() => {
                    let reader = which.index(readers.len());
                    read_both(&model, &mut readers[reader], drain)?;
                }
                Step::Write => {
                    let mut batches = Batches::default();
                    for reader in &mut readers {
                        read_both(&model, reader, |subscriber| write(subscriber, &mut batches))?;
                    }
                }
                Step::Leave(which) if !readers.is_empty() => {
                    readers.swap_remove(which.index(readers.len()));
                }
                Step::Read(_) | Step::Leave(_) => {}
            }
            let alive = readers.iter().filter(|reader| !reader.slow).count();
            prop_assert_eq!(hub.subscriber_count(), alive);
        }
        for mut reader in readers {
            read_both(&model, &mut reader, drain)?;
        }
    }
}

fn publish(hub: &Hub, model: &mut Model, readers: &mut [Reader], sizes: &[usize]) {
    let event = |&size: &usize| if size == 0 { unknown() } else { chat(&"x".repeat(size)) };
    let events: Vec<_> = sizes.iter().map(event).collect();
    hub.publish(&events);
    events.iter().for_each(|event| model.push(event));
    for reader in readers {
        reader.slow |= model.exceeds(reader.read.max(reader.joined), 2);
    }
}

fn join_both(
    hub: &Hub,
    model: &Model,
    since: Option<(u64, bool)>,
    raw: bool,
) -> Result<Option<Reader>, TestCaseError> {
    let position = since.map(|(back, _)| model.head().saturating_sub(back));
    let on_gap = if since.is_some_and(|(_, skip)| skip) { OnGap::Skip } else { OnGap::Close };
    let filter = Filter { raw, ..Filter::default() };
    let joined = hub.join(&Join { since: position.and_then(after), on_gap, filter, ..Join::default() });
    let (tail, head) = (model.tail(), model.head());
    let gap = position.is_some_and(|position| position < tail);
    if gap && on_gap == OnGap::Close {
        prop_assert!(joined.is_err());
        return Ok(None);
    }
    let mut subscriber = joined.unwrap();
    let mut read = position.unwrap_or(head);
    if gap {
        let mut batch = Vec::new();
        prop_assert_eq!(subscriber.next(&mut batch).now_or_never(), Some(Next::Events));
        let expected = serde_json::json!({ "type": "gap", "from": read + 1, "to": tail });
        prop_assert_eq!(json(&batch[0]), expected);
        let seen: Vec<_> = batch[1..].iter().map(|line| json(line)["seq"].as_u64().unwrap()).collect();
        prop_assert_eq!(seen, model.seen(tail, raw));
        read = head;
    }
    Ok(Some(Reader { subscriber, raw, joined: head, read, slow: false }))
}

fn read_both(
    model: &Model,
    reader: &mut Reader,
    mut read: impl FnMut(&mut Subscriber) -> (Vec<Bytes>, Option<Next>),
) -> Result<(), TestCaseError> {
    let (lines, end) = read(&mut reader.subscriber);
    let seen: Vec<_> = lines.iter().map(|line| json(line)["seq"].as_u64().unwrap()).collect();
    if reader.slow {
        prop_assert_eq!((seen.len(), end), (0, Some(Next::Slow)));
    } else {
        prop_assert_eq!(seen, model.seen(reader.read, reader.raw));
        prop_assert_eq!(end, None);
        reader.read = model.head();
    }
    Ok(())
}
