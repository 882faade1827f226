//! Scripts of the feed's connection: what a client's attempts to connect get, and where an open connection
//! breaks.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::Data,
    recording::Item,
};

/// Time in which a client must be back after a break.
pub const BACK_MAX: Duration = Duration::from_secs(30);
/// Time within which a client must be back after a connection on which not even pings arrive: two of those that the
/// server sends every 30 s, and [`BACK_MAX`].
pub const DEAF_MAX: Duration = Duration::from_secs(60).saturating_add(BACK_MAX);
/// Time for which attempts are counted after the end of a show.
pub const AFTER_END: Duration = Duration::from_secs(15);
pub const ATTEMPTS_AFTER_END_MAX: usize = 2;
/// Time for which attempts are counted if the feed never opens.
pub const REFUSED_FOR: Duration = Duration::from_secs(20);
/// Time at the end of [`REFUSED_FOR`] in which the rate of attempts is measured.
pub const RATE_OVER: Duration = Duration::from_secs(10);
/// Maximum number of attempts a minute, and altogether, if the feed never opens.
pub const ATTEMPTS_A_MINUTE_MAX: usize = 30;
/// Maximum number of attempts in [`RATE_OVER`] then: one more than that rate, because the first and the last can both
/// be in that time.
pub const RECENT_MAX: usize = ATTEMPTS_A_MINUTE_MAX * RATE_OVER.as_secs() as usize / 60 + 1;

/// What happens to the connections of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// For how long attempts to connect are reset, from the first one on.
    pub late: Duration,
    /// What the first attempts to connect get, in this order, before the feed opens.
    pub refused: &'static [Answer],
    /// What every attempt gets: the feed never opens.
    pub always: Option<Answer>,
    pub breaks: &'static [Break],
    /// Whether the server closes all sockets with 1000 at the end of the show, and stays.
    pub ends: bool,
}

impl Script {
    pub const NONE: Self =
        Self { late: Duration::ZERO, refused: &[], always: None, breaks: &[], ends: false };

    /// Whether it breaks or ends connections that have the feed.
    #[must_use]
    pub fn breaks_connections(&self) -> bool {
        self.ends || self.breaks.iter().any(|it| it.how.effects().breaks)
    }

    /// Whether a client mostly waits.
    #[must_use]
    pub fn waits(&self) -> bool {
        let is_silent = self.breaks.iter().any(|it| it.how.is_silent());
        let is_at_start = !self.late.is_zero() || !self.refused.is_empty() || self.always.is_some();
        is_at_start || self.ends || is_silent || self.breaks.len() > 1
    }
}

/// What an attempt to connect gets instead of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 401 and no WebSocket.
    Unauthorized,
    /// 503 with `Retry-After`, in seconds, and no WebSocket.
    Busy(u16),
    /// A WebSocket that is closed with 1011 at once.
    Closed,
    /// A WebSocket with an event `error`, closed with 1011: the host is offline.
    Offline,
    /// A WebSocket with an event `error`, closed with 1008: the request is wrong.
    Wrong,
}

/// A break during the show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    pub at: Place,
    pub how: How,
}

/// What a [`How`] does.
#[derive(Clone, Copy, Default)]
struct Effects {
    breaks: bool,
    /// Nothing happens for many seconds.
    silences: bool,
    starts_over: bool,
}

impl How {
    /// Without an arm for all others, so that the compiler asks for each new variant.
    fn effects(self) -> Effects {
        let none = Effects::default();
        match self {
            Self::Newer => none,
            Self::Close(_) | Self::Cut | Self::LosePosition => Effects { breaks: true, ..none },
            Self::Silence(_) => Effects { silences: true, ..none },
            Self::Deaf => Effects { breaks: true, silences: true, ..none },
            Self::StartOver => Effects { starts_over: true, ..none },
            Self::Restart => Effects { breaks: true, starts_over: true, ..none },
        }
    }

    pub(crate) fn is_silent(self) -> bool {
        self.effects().silences
    }

    #[must_use]
    pub fn starts_over(self) -> bool {
        self.effects().starts_over
    }
}

/// Of how many parts a [`Place`] is the share.
pub(crate) const SHARES: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After this many thousandths of the events.
    Share(u16),
    /// Between two messages of a streak, this many thousandths of these places after the first; without one, in the
    /// middle.
    InStreak(u16),
}

/// How a connection breaks, or a show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The server closes it with this code.
    Close(u16),
    /// It is cut without a close frame.
    Cut,
    /// The server sends nothing for this time.
    Silence(Duration),
    /// The server sends nothing more on it, not even pings, but answers those of the client.
    Deaf,
    /// The server closes it with 1011, and forgets all positions: a client that asks for one gets 4001.
    LosePosition,
    /// A message of an unknown type is sent, and from then on each event has an unknown key.
    Newer,
    StartOver,
    /// The server closes it with 1001 and forgets everything, as if it had been started again, and the recording
    /// starts over.
    Restart,
}

/// The message of [`How::Newer`], as JSON without braces.
pub const NEWER_MESSAGE: &str = r#""type":"hologram","username":"","data":{"layers":[1,2],"timestamp":"2026-01-01T00:00:00.000Z"},"ts":"2026-01-01T00:00:00.000Z","replay":true"#;
/// The member that each event then has.
pub const NEWER_MEMBERS: &str = r#","hologram":{"layers":[1,2],"isNew":true}"#;

/// A place in the items of a show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// Number of items before it.
    pub items: usize,
    /// Number of events before it.
    pub events: usize,
    /// Offset of the item before it.
    pub offset: Duration,
}

#[must_use]
pub fn spots(items: impl IntoIterator<Item = Item>, breaks: &[Break]) -> Vec<Spot> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let (mut here, mut spots) = (Spot::default(), Vec::new());
    // Where the last message of each streak was, and after which a streak goes on.
    let (mut last, mut in_streak) = (HashMap::new(), BTreeSet::new());
    for item in items {
        decoder.handle(&item);
        here = Spot { items: here.items + 1, offset: item.offset, ..here };
        for event in decoder.take_events() {
            here.events += 1;
            if let Data::Gift(gift) = &event.data
                && !gift.streak_id.is_empty()
            {
                let before = last.insert(gift.streak_id.clone(), spots.len());
                in_streak.extend(before.filter(|before| *before < spots.len()));
            }
        }
        spots.push(here);
    }
    let of = |share: u16, all: usize| all * usize::from(share) / SHARES;
    let spot = |place| match place {
        Place::Share(share) => {
            let due = of(share, here.events);
            spots.iter().find(|spot| spot.events >= due).copied()
        }
        Place::InStreak(share) => {
            let at = in_streak.iter().nth(of(share, in_streak.len())).copied();
            spots.get(at.unwrap_or(spots.len() / 2)).copied()
        }
    };
    breaks.iter().map(|it| spot(it.at).unwrap_or_default()).collect()
}
