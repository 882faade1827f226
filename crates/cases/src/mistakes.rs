//! Explains wrong numbers: which well-known mistake gives them.

mod counting;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use livetape_core::{
    event::{Data, Event},
    truth::{Added, Tally, Truth, What},
};
use smol_str::SmolStr;

use crate::{
    expect::{Name, TOP_GIFTER, TOP_GIFTER_NAME},
    report::{Candidate, PLAIN, REPEATED, listed, moment},
};

use self::{
    counting::{Counted, Memory},
    table::{Mistake, OF_BREAKS, TABLE},
};

/// A mistake that explains a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Code of the mistake, such as `only_repeat_end`.
    pub name: &'static str,
    /// What the mistake counts wrong; in a second line, the first event where the numbers part.
    pub message: String,
}

/// Returns the codes of all mistakes, each with what its variants do.
#[must_use]
pub fn codes() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = TABLE.iter().map(|mistake| (mistake.name, mistake.doing.trim_end_matches(',')));
    let mut codes = Vec::<(_, Vec<_>)>::new();
    for (code, doing) in rows.chain([(REPEATED, REPEATING)]) {
        match codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, all)) if all.contains(&doing) => {}
            Some((_, all)) => all.push(doing),
            None => codes.push((code, vec![doing])),
        }
    }
    codes
}

/// What a client received.
struct Show<'a> {
    events: &'a [SlimEvent],
    /// Numbers of events before the breaks of the connection.
    breaks: &'a [usize],
    /// Numbers of events before the show started over.
    starts: &'a [usize],
    /// Index of the last room's first event.
    last_room: usize,
    /// Index after the first event that ends a room.
    first_end: usize,
}

impl<'a> Show<'a> {
    fn new(events: &'a [SlimEvent], breaks: &'a [usize], starts: &'a [usize]) -> Self {
        let begins = |event: &SlimEvent| matches!(event.details, Details::RoomBegins);
        let ends = |event: &SlimEvent| matches!(event.details, Details::RoomEnds);
        let last_room = events.iter().rposition(begins).unwrap_or(0);
        let first_end = events.iter().position(ends).map_or(events.len(), |at| at + 1);
        Self { events, breaks, starts, last_room, first_end }
    }

    /// Returns whether a mistake keeps these numbers right, if it is one that changes all numbers at a break.
    fn keeping(&self, right: &[&str]) -> impl Fn(&Mistake) -> bool {
        let truth = self.truth();
        move |mistake| {
            let keeps = |other: &&str| {
                let Ok(name) = Name::parse(other) else { return true };
                !mistake.is_about(other)
                    || name.read(&self.value(mistake, &name)) == name.read(&name.value(&truth))
            };
            let changes_all = OF_BREAKS.contains(&mistake.name) && mistake.name != FORGOTTEN_FILTER;
            !changes_all || right.iter().all(keeps)
        }
    }

    /// Returns each event as a client with this mistake counts it, and how many times.
    fn counted(&self, mistake: &'a Mistake) -> impl Iterator<Item = (Counted<'a>, usize)> {
        let mut memory = Memory::default();
        self.events.iter().enumerate().map(move |(index, event)| {
            let mut counted = Counted { event, added: event.added.clone() };
            let times = (mistake.count)(&mut memory, self, index, &mut counted);
            (counted, times)
        })
    }

    /// Returns the value that a client with this mistake prints.
    fn value(&self, mistake: &Mistake, name: &Name) -> String {
        let printed = mistake.prints.map(Name::of_total);
        let name = printed.as_ref().unwrap_or(name);
        let mut tally = Tally::default();
        for (Counted { added, .. }, times) in self.counted(mistake) {
            (0..times).for_each(|_| tally.add(&added));
        }
        name.value(&tally.truth())
    }

    fn truth(&self) -> Truth {
        let mut tally = Tally::default();
        self.events.iter().for_each(|event| tally.add(&event.added));
        tally.truth()
    }
}

/// What explains a wrong number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// All mistakes that give it, by their codes.
    pub candidates: BTreeMap<&'static str, Candidate>,
    /// The mistake, if exactly one gives it. Mistakes that the plain show reveals as well only count if no other
    /// does.
    pub found: Option<Diagnosis>,
    /// What they do, if there are several; otherwise empty.
    pub several: String,
    /// Whether it is not known what reached the client, so that no mistake can be computed.
    pub is_unclear: bool,
}

/// Explains `got` for the number `what`. `events` are those of one
/// generation as they were broadcast; `breaks` and `starts` are the numbers of events before each break of the
/// connection, and before the show started over, in ascending order; `right` are the numbers that are right, so no mistake
/// that changes all numbers at a break may change them. Nothing explains the right number, and neither 0,
/// which a client without any events prints as well, nor one of several users with the most diamonds.
#[must_use]
pub fn explain(
    events: &[SlimEvent],
    breaks: &[usize],
    starts: &[usize],
    right: &[&str],
    what: &str,
    got: &str,
) -> Explanation {
    // With inferred finals, a client has no reason to remember streaks; without them, finals are those of `repeatEnd`.
    let has_inferred = events.iter().any(SlimEvent::is_inferred);
    let impossible = if has_inferred { WITHOUT_INFERRED } else { WITH_INFERRED };
    let show = Show::new(events, breaks, starts);
    let keeps = show.keeping(right);
    explain_by(&show, what, got, |mistake| mistake.name != impossible && keeps(mistake))
}

/// Returns the mistakes that change the number `what` of these events, in each of their variants: a client with one does not
/// print the right number.
#[must_use]
pub fn shown(events: &[SlimEvent], what: &str) -> BTreeSet<&'static str> {
    let Ok(name) = Name::parse(what) else { return BTreeSet::new() };
    let show = Show::new(events, &[], &[]);
    let right = name.value(&show.truth());
    let about = || TABLE.iter().filter(|mistake| mistake.is_about(what));
    let mut shown = BTreeSet::from_iter(about().map(|mistake| mistake.name));
    for mistake in about().filter(|mistake| show.value(mistake, &name) == right) {
        shown.remove(mistake.name);
    }
    shown
}

/// Leaves out the finals that livetape infers: a client gets them only if it asks for finals, or in TikFinity's format.
/// Returns also their indices.
#[must_use]
pub fn without_inferred(events: Vec<SlimEvent>) -> (Vec<SlimEvent>, Vec<usize>) {
    let is_inferred = |(index, event): (usize, &SlimEvent)| event.is_inferred().then_some(index);
    let inferred = events.iter().enumerate().filter_map(is_inferred).collect();
    (events.into_iter().filter(|event| !event.is_inferred()).collect(), inferred)
}

/// Returns the number of the first `count` events that are left without the inferred ones.
#[must_use]
pub fn without(inferred: &[usize], count: usize) -> usize {
    count - inferred.partition_point(|index| *index < count)
}

fn explain_by(show: &Show<'_>, what: &str, got: &str, is_possible: impl Fn(&Mistake) -> bool) -> Explanation {
    let Ok(name) = Name::parse(what) else { return Explanation::default() };
    let truth = show.truth();
    let is_tie = what == TOP_GIFTER && truth.top_gifters().skip(1).any(|other| *other != truth.top_gifter);
    let got = &*name.read(got);
    let right = name.read(&name.value(&truth));
    if got == "0" || got.is_empty() && !name.is_text() || is_tie || right == got {
        return Explanation::default();
    }
    let gives = |mistake: &&Mistake| {
        mistake.is_about(what) && name.read(&show.value(mistake, &name)) == got && is_possible(mistake)
    };
    let all = Vec::from_iter(TABLE.iter().filter(gives));
    let mut candidates = BTreeMap::new();
    for Mistake { name, doing, shown_by, .. } in all.iter().copied() {
        let shown_by = if BY_CHANCE.contains(&what) { "" } else { shown_by };
        let needs_break = OF_BREAKS.contains(name);
        candidates.entry(*name).or_insert(Candidate { doing, shown_by, needs_break });
    }
    let (obvious, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|mistake| mistake.is_obvious());
    let likely = if others.is_empty() { obvious } else { others };
    let is_one = likely.iter().all(|other| other.name == likely[0].name);
    let found = likely.first().filter(|_| is_one).map(|mistake| {
        let message = format!("{got} is what {} gives{}", mistake.doing, parting(show, mistake, &name));
        Diagnosis { name: mistake.name, message }
    });
    let several = if is_one {
        String::new()
    } else {
        let mut several = candidates.clone();
        several.retain(|name, _| likely.iter().any(|mistake| mistake.name == *name));
        format!("{got} is what one of {} mistakes gives: {}", several.len(), listed(&several))
    };
    Explanation { candidates, found, several, is_unclear: false }
}

/// Totals that can be right by chance, because few events determine them.
const BY_CHANCE: [&str; 5] = ["viewers", TOP_GIFTER, TOP_GIFTER_NAME, "likes_total", "last_chat"];
/// Mistakes about fields that only the feed has, and no client library.
const OF_FEED: [&str; 2] = ["every_final", "only_last_increment"];
/// A mistake of clients that remember each streak, as those without the feed's `repeatDelta` have to.
const WITHOUT_INFERRED: &str = "forgotten_streak";
const WITH_INFERRED: &str = "every_final";
/// The mistake at a break that changes only numbers of some types.
const FORGOTTEN_FILTER: &str = "forgotten_filter";
/// The mistake of a client whose totals do not start over with the show.
const KEEPING: &str = "never_starts_over";
/// The mistake at a break that counts everything after it twice.
const TWICE: &str = "two_connections";
const REPEATING: &str = "counting messages again that were sent again with the same id";
/// What some repeats do to a number.
const SOME: &str = "can come from";
const REPEATS: Candidate = Candidate { doing: REPEATING, shown_by: "", needs_break: false };

/// What clients of a room received.
#[derive(Clone, Copy, Debug)]
pub struct InRoom<'a> {
    /// What counts, and the numbers of these events before breaks of the connection.
    pub once: &'a [SlimEvent],
    pub breaks: &'a [usize],
    /// What counts for handlers that are added at each connection, and remember what they received themselves: history is new
    /// for them.
    pub by_handler: &'a [SlimEvent],
    /// Everything, also what was sent again.
    pub all: &'a [SlimEvent],
    /// Whether some of it may not have reached the client, so that only too large a number says anything.
    pub is_partial: bool,
}

/// Like [`explain`], for a client that got some messages more than once.
#[must_use]
pub fn explain_in_room(sent: InRoom<'_>, right: &[&str], what: &str, got: &str) -> Explanation {
    let InRoom { once, breaks, by_handler, all, is_partial } = sent;
    let Ok(name) = Name::parse(what) else { return Explanation::default() };
    let shows = [Show::new(once, breaks, &[]), Show::new(all, &[], &[])];
    let keeps = shows[0].keeping(right);
    let [right, repeated] = shows.each_ref().map(|show| name.value(&show.truth()));
    let by_library =
        |show| explain_by(show, what, got, |mistake| !OF_FEED.contains(&mistake.name) && keeps(mistake));
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    let mut explained = match is_partial {
        true => Explanation { is_unclear: true, ..Explanation::default() },
        false => by_library(&shows[0]),
    };
    let are_repeats = if is_partial {
        number(&right) < number(got) && number(got) <= number(&repeated)
    } else {
        got != right && got == repeated
    };
    let by_repeats = |before: &str, after: &str| Explanation {
        candidates: BTreeMap::from([(REPEATED, REPEATS)]),
        found: Some(Diagnosis { name: REPEATED, message: format!("{got} {before} {REPEATING}{after}") }),
        ..Explanation::default()
    };
    if are_repeats {
        let mut found = if is_partial { by_repeats(SOME, "") } else { by_repeats("is what", " gives") };
        found.candidates.append(&mut explained.candidates);
        return found;
    }
    let is_more = number(got) > number(&right);
    // What was lost at a break cannot make a number too large.
    if is_partial && is_more {
        let twice = explain_by(&shows[0], what, got, |mistake| mistake.name == TWICE && keeps(mistake));
        if twice.found.is_some() {
            return twice;
        }
        explained.is_unclear = false;
    }
    if explained.candidates.is_empty()
        && is_more
        && got == name.value(&Show::new(by_handler, &[], &[]).truth())
    {
        let twice = TABLE.iter().find(|mistake| mistake.name == TWICE);
        let doing = twice.map_or("", |mistake| mistake.doing);
        let message = format!("{got} is what {doing} gives, with the history that is sent again");
        let candidate = Candidate { doing, shown_by: "", needs_break: true };
        return Explanation {
            candidates: BTreeMap::from([(TWICE, candidate)]),
            found: Some(Diagnosis { name: TWICE, message }),
            ..Explanation::default()
        };
    }
    // Only too large a number can contain them. Then there are two mistakes; another case shows the other one alone, unless
    // it is obvious.
    if !explained.candidates.is_empty() || !is_more || is_partial {
        return explained;
    }
    let mut both = by_library(&shows[1]);
    if let Some(found) = &mut both.found
        && let Some(other) = both.candidates.get(found.name).copied()
    {
        found.message = format!("{got} is what {REPEATING} gives, together with {}", other.doing);
        if other.shown_by != PLAIN {
            found.name = REPEATED;
            both.candidates = BTreeMap::from([(REPEATED, REPEATS)]);
        }
    }
    // It may know the others.
    if both.candidates.is_empty() && number(got) < number(&repeated) {
        return by_repeats(SOME, "");
    }
    both
}

/// What a streak, or an event outside of streaks, adds to a number.
#[derive(Default)]
struct Sum<'a> {
    right: i64,
    got: i64,
    /// The event with which it becomes wrong, and its index: the first with which it is too much, or else the last that adds
    /// something else.
    differs: Option<(usize, &'a SlimEvent)>,
    exceeds: bool,
}

/// Adds up what each streak, and each event outside of streaks, adds to a number. Returns those that add something
/// else with a mistake.
fn differing<'a>(show: &'a Show<'_>, mistake: &'a Mistake, name: &Name) -> Vec<Sum<'a>> {
    let (mut sums, mut streaks): (Vec<Sum<'_>>, BTreeMap<&str, usize>) = Default::default();
    for (index, (Counted { event, added }, times)) in show.counted(mistake).enumerate() {
        let right = amount(&event.added, name);
        let got = amount(&added, name).saturating_mul(i64::try_from(times).unwrap_or(i64::MAX));
        let next = sums.len();
        let at = streak_id(event).map_or(next, |id| *streaks.entry(id).or_insert(next));
        if at == next {
            sums.push(Sum::default());
        }
        let sum = &mut sums[at];
        (sum.right, sum.got) = (sum.right.saturating_add(right), sum.got.saturating_add(got));
        if right != got && !sum.exceeds {
            sum.differs = Some((index, event));
            sum.exceeds = sum.got > sum.right;
        }
    }
    sums.retain(|sum| sum.right != sum.got);
    sums
}

/// Returns what an event adds to a number.
fn amount(added: &Added, name: &Name) -> i64 {
    let mut tally = Tally::default();
    tally.add(added);
    name.value(&tally.truth()).parse().unwrap_or_default()
}

fn streak_id(event: &SlimEvent) -> Option<&str> {
    match &event.details {
        Details::Gift(gift) if !gift.streak_id.is_empty() => Some(&gift.streak_id),
        _ => None,
    }
}

/// Whether a mistake changes numbers only if a connection breaks.
pub(crate) fn is_of_break(code: &str) -> bool {
    OF_BREAKS.contains(&code)
}

/// Whether a number is the sum of what each event adds.
fn is_sum(name: &Name) -> bool {
    !BY_CHANCE.contains(&name.as_str()) && !matches!(name.as_str(), "gifters" | "texts")
}

/// Returns a number before the first event and after each, if it is a sum or the last value of an event.
pub(crate) fn course(events: &[SlimEvent], name: &Name) -> Option<Vec<i64>> {
    let is_last = name.as_str() == "viewers";
    let next = |now: &i64, event: &SlimEvent| match (&event.added.what, is_last) {
        (What::Viewers(viewers), true) => *viewers,
        (_, true) => *now,
        (_, false) => now.saturating_add(amount(&event.added, name)),
    };
    (is_last || is_sum(name)).then(|| running(events.iter(), next))
}

fn running<T>(events: impl Iterator<Item = T>, next: impl Fn(&i64, T) -> i64) -> Vec<i64> {
    let mut all = vec![0];
    for event in events {
        all.push(next(&all[all.len() - 1], event));
    }
    all
}

/// Returns what a client with the mistake `code` counts before the first event and after each, if the mistake gives `got`
/// at the end; and the index of the first event that it counts wrong.
pub(crate) fn mistaken_course(
    (events, breaks, starts): (&[SlimEvent], &[usize], &[usize]),
    code: &str,
    name: &Name,
    got: &str,
) -> Option<(Vec<i64>, usize)> {
    let show = Show::new(events, breaks, starts);
    let gives = |mistake: &&Mistake| mistake.name == code && name.read(&show.value(mistake, name)) == got;
    let mistake = TABLE.iter().find(gives).filter(|_| is_sum(name))?;
    let printed = mistake.prints.map(Name::of_total);
    let printed = printed.as_ref().unwrap_or(name);
    let next = |now: &i64, (Counted { added, .. }, times): (Counted<'_>, usize)| {
        now.saturating_add(amount(&added, printed).saturating_mul(i64::try_from(times).unwrap_or(i64::MAX)))
    };
    let course = running(show.counted(mistake), next);
    let first = match mistake.prints {
        None => differing(&show, mistake, name).iter().find_map(|sum| sum.differs)?.0,
        Some(_) => {
            let right = self::course(events, name)?;
            right.iter().zip(&course).position(|(right, got)| right != got)?.checked_sub(1)?
        }
    };
    Some((course, first))
}

/// Describes where the numbers part: how many streaks or events differ, by how much, and the first of them. Empty
/// for numbers that are not sums.
fn parting(show: &Show<'_>, mistake: &Mistake, name: &Name) -> String {
    if !is_sum(name) {
        return String::new();
    }
    let differing = differing(show, mistake, name);
    let Some((index, _)) = differing.iter().find_map(|sum| sum.differs) else { return String::new() };
    let by = differing.iter().fold(0_i64, |by, sum| by.saturating_add(sum.got).saturating_sub(sum.right));
    let too = if by < 0 { "too few" } else { "too many" };
    let is_streak = differing.iter().any(|sum| sum.differs.and_then(|(_, event)| streak_id(event)).is_some());
    let which = counted(differing.len() as u64, if is_streak { "streaks" } else { "events" });
    format!(
        ": {which} {}, {} {too}\n{}",
        mistake.which,
        counted(by.unsigned_abs(), &name.unit().replace('_', " ")),
        first(show, mistake, index, by > 0)
    )
}

/// Formats a number of things; `things` is the plural.
fn counted(number: u64, things: &str) -> String {
    format!("{number} {}", if number == 1 { things.trim_end_matches('s') } else { things })
}

/// Describes the first event that a mistake counts wrong: `first at 0:12.4: Rose x3 of alice`. Of a mistake at a break, it says
/// which: an event before it was right until then, and `is_more` if it counts again.
fn first(show: &Show<'_>, mistake: &Mistake, index: usize, is_more: bool) -> String {
    let event = &show.events[index];
    let at = |event: &SlimEvent| moment(Duration::from_millis(event.since(show.events.first())));
    let first = format!("first at {}: {}", at(event), event.described());
    let (counts, what) = match mistake.name {
        KEEPING => (show.starts, "the show started over"),
        code if is_of_break(code) => (show.breaks, "the break"),
        _ => (&[][..], ""),
    };
    let count = counts.first().copied().unwrap_or_default();
    let Some(last) = count.checked_sub(1).and_then(|last| show.events.get(last)) else { return first };
    let since = format!("since {what} at {}", at(last));
    match (index < count, is_more) {
        (true, true) => format!("{since}: {} of {} counts again", event.described(), at(event)),
        (true, false) => since,
        (false, _) => format!("{since}, {first}"),
    }
}

/// What clients count by in an event. To explain a number takes all events of a show in memory, where an [`Event`] takes
/// four times as much.
#[derive(Clone, Debug)]
pub struct SlimEvent {
    added: Added,
    /// Value of `type`.
    kind: &'static str,
    /// Time of receipt, in Unix milliseconds.
    ts_ms: i64,
    /// Id of the message.
    id: Option<i64>,
    user: Option<Sender>,
    /// Whether a user causes such events, and this one names none.
    is_anonymous: bool,
    details: Details,
}

/// The user of an event.
#[derive(Clone, Debug)]
struct Sender {
    user_id: i64,
    unique_id: SmolStr,
    nickname: SmolStr,
}

/// The gifts of an event.
#[derive(Clone, Debug)]
struct Gift {
    gift_id: i64,
    group_id: i64,
    gift_name: SmolStr,
    gift_type: i32,
    diamond_count: i32,
    repeat_count: i32,
    repeat_end: bool,
    /// `userId` of the receiver; 0 for the host.
    guest: i64,
    streak_id: SmolStr,
    repeat_delta: i32,
    is_final: bool,
    diamonds: i64,
}

/// What only some types of events have.
#[derive(Clone, Debug)]
enum Details {
    Gift(Box<Gift>),
    Likes {
        own: i32,
        total: i64,
    },
    Viewers {
        now: i64,
        total: i64,
    },
    Member,
    Social,
    /// A comment from before the connection.
    History,
    RoomBegins,
    RoomEnds,
    Nothing,
}

impl SlimEvent {
    /// Whether livetape infers this final: TikTok sent no message.
    pub(crate) fn is_inferred(&self) -> bool {
        matches!(&self.details, Details::Gift(gift) if gift.is_final && !counting::is_end(gift))
    }

    /// Returns the time since the first event, in milliseconds.
    pub(crate) fn since(&self, first: Option<&Self>) -> u64 {
        let start = first.map_or(0, |first| first.ts_ms);
        self.ts_ms.saturating_sub(start).try_into().unwrap_or_default()
    }

    /// Returns the value of `type`.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Names the event: `Rose x3 of alice`.
    pub(crate) fn described(&self) -> String {
        let what = match &self.details {
            Details::Gift(gift) => format!("{} x{}", gift.gift_name, gift.repeat_count),
            _ => format!("`{}`", self.kind),
        };
        let of = self.user.as_ref().map(|user| format!(" of {}", user.unique_id)).unwrap_or_default();
        what + &of
    }

    #[must_use]
    pub fn of(event: &Event) -> Self {
        let id = event.id.as_deref().and_then(|id| id.split('~').next()).and_then(|id| id.parse().ok());
        let user = event.user.as_ref().map(|user| Sender {
            user_id: user.user_id.0,
            unique_id: user.unique_id.as_str().into(),
            nickname: user.nickname.as_str().into(),
        });
        let is_caused = matches!(
            event.data,
            Data::Chat(_)
                | Data::Gift(_)
                | Data::Like(_)
                | Data::Member(_)
                | Data::Social(_)
                | Data::Subscribe(_)
        );
        Self {
            added: Added::by(event),
            kind: event.kind(),
            ts_ms: event.ts.0,
            id,
            is_anonymous: is_caused && user.as_ref().is_none_or(|user| user.unique_id.is_empty()),
            user,
            details: Details::of(&event.data),
        }
    }
}

impl Details {
    fn of(data: &Data) -> Self {
        match data {
            Data::Gift(gift) => Self::Gift(Box::new(Gift {
                gift_id: gift.gift_id,
                group_id: gift.group_id.0,
                gift_name: gift.gift_name.as_str().into(),
                gift_type: gift.gift_type,
                diamond_count: gift.diamond_count,
                repeat_count: gift.repeat_count,
                repeat_end: gift.repeat_end,
                guest: gift.receiver.as_ref().map_or(0, |receiver| receiver.user_id.0),
                streak_id: gift.streak_id.as_str().into(),
                repeat_delta: gift.repeat_delta,
                is_final: gift.is_final,
                diamonds: gift.diamonds,
            })),
            Data::Like(like) => Self::Likes { own: like.like_count, total: like.total_like_count },
            Data::RoomUser(room) => Self::Viewers { now: room.viewer_count, total: room.total_user_count },
            Data::Member(_) => Self::Member,
            Data::Social(_) => Self::Social,
            Data::Chat(chat) if chat.is_history => Self::History,
            Data::ConnectionCreated(_) => Self::RoomBegins,
            Data::Control(control) if matches!(control.action, 3 | 4) => Self::RoomEnds,
            _ => Self::Nothing,
        }
    }
}
