//! Several rows of the table at once, such as `names+cut@412`: the place of a break is in thousandths of the show.

use std::{collections::BTreeMap, fmt};

use livetape_core::{
    error::{Code, Problem},
    retry::SplitMix,
};
use parking_lot::Mutex;

use crate::{
    report::{PLAIN, quoted},
    room::{Course, Room},
    script::{Break, Place, SHARES, Script},
    table::{CASES, Case, Group, Suite},
};

/// Maximum number of parts.
const PARTS_MAX: usize = 8;
/// Maximum number of different combinations in a process, which keeps each for its whole life.
const COMBINATIONS_MAX: usize = 50_000;
const SEPARATOR: char = '+';
const AT: char = '@';
/// Numbers of changes and of breaks of a random show: the first is as likely as any other.
const CHANGES: [usize; 6] = [0, 1, 1, 2, 2, 3];
const BREAKS: [usize; 6] = [0, 1, 1, 2, 2, 3];
/// Of how many random shows one has a row that takes long: many events, a late start, or a wait after the end.
const SLOW_ONE_OF: u64 = 12;

/// A row of the table, with the place of its break if it is not the row's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    row: &'static Case,
    place: Option<u16>,
}

/// Rows that happen in one show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combination {
    suite: Suite,
    parts: Vec<Part>,
}

impl Suite {
    /// Like [`Suite::find`], but also finds combinations of rows.
    ///
    /// # Errors
    /// `bad_request` if a row is unknown, or cannot be combined with the others.
    pub fn find_combined(self, name: &str) -> Result<&'static Case, Problem> {
        match name.contains([SEPARATOR, AT]) {
            true => Combination::parse(self, name)?.case(),
            false => self.find(name),
        }
    }
}

impl Combination {
    /// # Errors
    /// `bad_request`: see [`Suite::find_combined`].
    pub fn parse(suite: Suite, name: &str) -> Result<Self, Problem> {
        let parts = name.split(SEPARATOR).map(|part| Part::parse(suite, part));
        let this = Self { suite, parts: parts.collect::<Result<_, _>>()? };
        match this.contradiction() {
            Some(why) => {
                let message = format!("the case {} cannot be played: {why}", quoted(name));
                Err(Problem::new(Code::BadRequest, message).hint("leave a part out"))
            }
            None => Ok(this),
        }
    }

    /// Returns a show with this number of a seed: always the same in one version of the table.
    #[must_use]
    pub fn random(suite: Suite, seed: u32, number: u32) -> Self {
        let mut random = Random(SplitMix(u64::from(seed) << 32 | u64::from(number)));
        loop {
            let this = Self { suite, parts: random.parts(suite) };
            // One row alone is a case of its own.
            if this.parts.len() > 1 && this.contradiction().is_none() {
                return this;
            }
        }
    }

    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Returns what is left without a part; `None` if nothing is.
    #[must_use]
    pub fn without(&self, part: usize) -> Option<Self> {
        let mut this = self.clone();
        (this.parts.len() > 1).then(|| _ = this.parts.remove(part)).map(|()| this)
    }

    /// Returns the case with the changes, answers and breaks of all parts.
    ///
    /// # Errors
    /// `bad_request` after too many combinations.
    pub fn case(&self) -> Result<&'static Case, Problem> {
        static KNOWN: Mutex<BTreeMap<(&str, String), &'static Case>> = Mutex::new(BTreeMap::new());
        if let [Part { row, place: None }] = self.parts[..] {
            return Ok(row);
        }
        let mut known = KNOWN.lock();
        let key = (self.suite.name(), self.to_string());
        if let Some(case) = known.get(&key) {
            return Ok(case);
        }
        if known.len() >= COMBINATIONS_MAX {
            let message = format!("more than {COMBINATIONS_MAX} different combinations of cases");
            return Err(Problem::new(Code::BadRequest, message).hint("start livetape again"));
        }
        let case: &'static Case = Box::leak(Box::new(self.combined()));
        known.insert(key, case);
        Ok(case)
    }

    fn combined(&self) -> Case {
        let rows = || self.parts.iter().map(|part| part.row);
        let text = |of: fn(&Case) -> &'static str| -> &'static str {
            Vec::from_iter(rows().map(of)).join("; ").leak()
        };
        let breaks = self.parts.iter().flat_map(Part::breaks);
        let script = Script {
            late: rows().map(|row| row.script.late).max().unwrap_or_default(),
            refused: Vec::from_iter(rows().flat_map(|row| row.script.refused).copied()).leak(),
            always: None,
            breaks: Vec::from_iter(breaks).leak(),
            ends: rows().any(|row| row.script.ends),
        };
        Case {
            name: self.to_string().leak(),
            suite: self.suite,
            group: if rows().any(|row| row.group == Group::Connection) {
                Group::Connection
            } else {
                Group::Show
            },
            what: text(|row| row.what),
            right: text(|row| row.right),
            since: rows().map(|row| row.since).max().unwrap_or_default(),
            changes: Vec::from_iter(rows().flat_map(|row| row.changes).copied()).leak(),
            is_long: rows().any(|row| row.is_long),
            script,
            room: rows().map(|row| row.room).find(|room| *room != Room::PLAIN).unwrap_or(Room::PLAIN),
        }
    }

    /// Returns why the parts cannot happen in one show.
    fn contradiction(&self) -> Option<String> {
        let rows = || self.parts.iter().map(|part| part.row);
        if self.parts.len() > PARTS_MAX {
            return Some(format!("it has more than {PARTS_MAX} parts"));
        }
        if let Some(row) = rows().find(|row| !is_combinable(row)) {
            return Some(format!("{} only stands alone", row.name));
        }
        let is_repeated = |(at, part): (usize, &Part)| self.parts[..at].contains(part);
        if let Some((_, part)) = self.parts.iter().enumerate().find(|part| is_repeated(*part)) {
            return Some(format!("it has {part} twice"));
        }
        let rooms = rows().filter(|row| row.room != Room::PLAIN).count();
        (rooms > 1).then(|| "a room follows one script".to_owned())
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().enumerate().try_for_each(|(at, part)| {
            let separator = if at == 0 { "" } else { "+" };
            write!(f, "{separator}{part}")
        })
    }
}

impl Part {
    fn parse(suite: Suite, text: &str) -> Result<Self, Problem> {
        let (name, place) = match text.split_once(AT) {
            Some((name, place)) => (name, Some(place)),
            None => (text, None),
        };
        let row = suite.find(name)?;
        let share = |text: &str| text.parse().ok().filter(|share| usize::from(*share) <= SHARES);
        match place.map(share) {
            Some(None) => {
                let message = format!("wrong place in {}", quoted(text));
                Err(Problem::new(Code::BadRequest, message).hint("write a number from 0 to 1000 after @"))
            }
            Some(Some(_)) if row.script.breaks.is_empty() => {
                let message = format!("{} has no place: it breaks no connection", quoted(text));
                Err(Problem::new(Code::BadRequest, message).hint("leave @ and the number out"))
            }
            place => Ok(Self { row, place: place.flatten() }),
        }
    }

    /// Returns the breaks of the row, or its first one at another place.
    fn breaks(&self) -> Vec<Break> {
        let moved = |first: &Break, place| {
            let at = match first.at {
                Place::Share(_) => Place::Share(place),
                Place::InStreak(_) => Place::InStreak(place),
            };
            Break { at, ..*first }
        };
        match (self.place, self.row.script.breaks) {
            (Some(place), [first, ..]) => vec![moved(first, place)],
            (_, breaks) => breaks.to_vec(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row.name)?;
        self.place.map_or(Ok(()), |place| write!(f, "{AT}{place}"))
    }
}

/// Whether a show with this row can have others.
fn is_combinable(row: &Case) -> bool {
    let is_closed = row.script.always.is_some() || row.room.course == Course::Never;
    row.name != PLAIN && row.group.is_default() && !is_closed
}

/// Whether a row takes longer than others: a client waits or reads for seconds.
fn is_slow(row: &Case) -> bool {
    let Script { late, refused, ends, .. } = row.script;
    row.is_long || ends || !late.is_zero() || refused.len() > 1 || row.room.course == Course::Ends
}

struct Random(SplitMix);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        (self.0.next_bits() % end.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn parts(&mut self, suite: Suite) -> Vec<Part> {
        let all = Vec::from_iter(suite.cases().filter(|row| is_combinable(row) && !row.waits_alone()));
        let (slow, quick): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| is_slow(row));
        let breaks = |row: &&'static Case| !row.script.breaks.is_empty() || row.room.scenario.is_some();
        let (breaking, changing): (Vec<_>, Vec<_>) = quick.into_iter().partition(breaks);
        let mut parts = Vec::new();
        for _ in 0..self.one_of(&CHANGES) {
            parts.push(Part { row: self.one_of(&changing), place: None });
        }
        // In the order of the table, so that a show has one name.
        parts.sort_by_key(|part| CASES.iter().position(|row| row == part.row));
        if self.0.next_bits().is_multiple_of(SLOW_ONE_OF) {
            parts.push(Part { row: self.one_of(&slow), place: None });
        }
        for _ in 0..self.one_of(&BREAKS) {
            let row = self.one_of(&breaking);
            let place = (!row.script.breaks.is_empty()).then(|| self.below(SHARES) as u16);
            parts.push(Part { row, place });
        }
        parts
    }
}

/// A seed with the version of the table: with another one, the same seed gives other shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u32);

impl Seed {
    /// Returns the seed of a text such as `42` or `42-9f3a`, and whether its shows are those of this version.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<(Self, bool), &'static str> {
        let (number, version) = text.split_once('-').unwrap_or((text, ""));
        let seed = number.parse().map_err(|_| "use a number such as 42, or a seed that was printed")?;
        Ok((Self(seed), version.is_empty() || version == Self::version()))
    }

    fn version() -> String {
        let mut hasher = crc32fast::Hasher::new();
        CASES.iter().for_each(|row| hasher.update(row.name.as_bytes()));
        format!("{:04x}", hasher.finalize() & 0xffff)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, Self::version())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_is_read_back_and_has_everything_of_its_parts() {
        let name = "names+late+cut@412+cut-in-streak@0+cut@7";
        let case = Suite::Feed.find_combined(name).unwrap();
        assert_eq!((case.name, case.changes.len(), case.script.breaks.len()), (name, 1, 3));
        assert_eq!(case.script.breaks[0].at, Place::Share(412));
        assert_eq!(case.script.breaks[1].at, Place::InStreak(0));
        assert!(!case.script.late.is_zero() && std::ptr::eq(case, Suite::Feed.find_combined(name).unwrap()));
        assert_eq!(Suite::Feed.find_combined("cut").unwrap().name, "cut");
    }

    #[test]
    fn parts_that_cannot_be_together_are_refused() {
        for (name, why) in [
            ("names+cutt@3", "unknown case \"cutt\""),
            ("cut@1001", "wrong place"),
            ("cut@", "wrong place"),
            ("names@3", "has no place"),
            ("offline+cut", "offline only stands alone"),
            ("plain+cut", "plain only stands alone"),
            ("cut+laps", "laps only stands alone"),
            ("cut@5+cut@5", "it has cut@5 twice"),
            ("cut@1+cut@2+cut@3+cut@4+cut@5+cut@6+cut@7+cut@8+cut@9", "more than 8 parts"),
            ("+", "unknown case \"\""),
        ] {
            let problem = Suite::Feed.find_combined(name).unwrap_err();
            assert!(problem.message.contains(why) && !problem.hint.is_empty(), "{name}: {problem}");
        }
        let problem = Suite::Room.find_combined("drop+reset").unwrap_err();
        assert!(problem.message.contains("one script"), "{problem}");
    }

    #[test]
    fn random_shows_are_many_and_always_the_same() {
        for suite in [Suite::Feed, Suite::Room] {
            let names = || (0..200).map(|number| Combination::random(suite, 1, number).to_string());
            let all = BTreeSet::from_iter(names());
            assert!(names().eq(names()) && all.len() > 150, "{}", all.len());
            let rows = BTreeSet::from_iter(all.iter().flat_map(|name| name.split([SEPARATOR, AT])));
            let missing = suite.cases().filter(|row| is_combinable(row) && !row.waits_alone());
            let missing = Vec::from_iter(missing.filter(|row| !rows.contains(row.name)));
            assert!(missing.is_empty(), "{missing:?}");
            for name in all {
                assert_eq!(Combination::parse(suite, &name).unwrap().to_string(), name);
            }
        }
        assert_ne!(
            Combination::random(Suite::Feed, 2, 0).to_string(),
            Combination::random(Suite::Feed, 1, 0).to_string()
        );
    }

    #[test]
    fn a_seed_of_another_version_is_recognised() {
        let (seed, is_same) = Seed::parse("42").unwrap();
        assert!(is_same && seed == Seed(42));
        assert_eq!(Seed::parse(&seed.to_string()), Ok((seed, true)));
        assert_eq!(Seed::parse("42-zzzz"), Ok((seed, false)));
        assert!(Seed::parse("-1").is_err() && Seed::parse("").is_err());
    }
}
