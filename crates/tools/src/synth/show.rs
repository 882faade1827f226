//! Generates the actions of viewers over time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use livetape_core::wire::{
    Message,
    compose::{self, Stamp},
};

use super::{
    ROOM_ID,
    battle::{Battle, most},
    people::{self, viewer},
    profile::{Profile, Rates},
    random::Random,
    specials::{PROGRAM, Special, Specials},
    unix_ms,
    words::{self, phrase},
};

/// Interval of updates to the number of viewers, in milliseconds.
const VIEWERS_EVERY_MS: u64 = 10_000;
/// Interval of updates to a battle's scores, in milliseconds.
const ARMIES_EVERY_MS: u64 = 2_000;
/// Number of chats sent again after a reconnect.
const HISTORY: usize = 6;
/// One in this many streaks lacks its final.
const FINAL_LOST_OF: u64 = 25;
/// Maximum number of scheduled actions. Further ones are dropped.
const SCHEDULED_MAX: usize = 10_000;
const MINUTE_MS: u64 = 60_000;
/// Action of the control message at the end of a room.
const CONTROL_END: i32 = 3;

/// A scheduled action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Chat {
        viewer: u64,
    },
    /// A burst of likes, with the number of messages left.
    Like {
        viewer: u64,
        left: u64,
    },
    Join {
        viewer: u64,
    },
    Follow {
        viewer: u64,
    },
    Share {
        viewer: u64,
    },
    /// A message of a streak, whose last message is the final.
    Gift {
        viewer: u64,
        gift: words::Gift,
        group: i64,
        count: u64,
        left: u64,
    },
    Viewers,
    BattleOpens,
    Armies,
    BattleEnds,
    Special(Special),
}

pub(super) struct Show {
    random: Random,
    profile: Profile,
    act_ms: u64,
    /// Scheduled actions by time. The number keeps the order at equal times.
    scheduled: BinaryHeap<Reverse<(u64, u64, Act)>>,
    scheduled_no: u64,
    messages: i64,
    likes: i64,
    follows: i64,
    shares: i32,
    watched: i64,
    coins: BTreeMap<u64, i64>,
    battle: Option<Battle>,
    specials: Specials,
    chats: VecDeque<Message>,
}

impl Show {
    pub(super) fn new(random: Random, profile: Profile, act_ms: u64) -> Self {
        let mut show = Self {
            random,
            profile,
            act_ms,
            scheduled: BinaryHeap::new(),
            scheduled_no: 0,
            messages: 0,
            likes: 1_000,
            follows: 5_000,
            shares: 100,
            watched: 0,
            coins: BTreeMap::new(),
            battle: None,
            specials: Specials::default(),
            chats: VecDeque::new(),
        };
        show.schedule(1_000, Act::Viewers);
        show.schedule_act(0);
        show
    }

    /// Returns the messages from `from_ms` to `to_ms` (exclusive).
    pub(super) fn tick(&mut self, from_ms: u64, to_ms: u64) -> Vec<Message> {
        let at = from_ms % self.act_ms * 1000 / self.act_ms;
        let factor = self.profile.intensity(at);
        let Rates { chats, like_bursts, gifts, joins, follows, shares } = self.profile.rates();
        let viewer = |show: &mut Self| show.viewer();
        self.begin(chats * factor, from_ms, to_ms, |show| Act::Chat { viewer: viewer(show) });
        self.begin(joins * factor, from_ms, to_ms, |show| Act::Join { viewer: viewer(show) });
        self.begin(like_bursts * factor, from_ms, to_ms, |show| Act::Like {
            viewer: viewer(show),
            left: 1 + show.random.below(8),
        });
        self.begin(gifts * factor, from_ms, to_ms, Self::gift);
        self.begin(follows * factor, from_ms, to_ms, |show| Act::Follow { viewer: viewer(show) });
        self.begin(shares * factor, from_ms, to_ms, |show| Act::Share { viewer: viewer(show) });
        if to_ms / self.act_ms > from_ms / self.act_ms {
            self.schedule_act(to_ms);
        }
        let mut messages = Vec::new();
        while let Some(&Reverse((at_ms, _, act))) = self.scheduled.peek() {
            if at_ms >= to_ms {
                break;
            }
            self.scheduled.pop();
            messages.extend(self.perform(at_ms, act));
        }
        messages
    }

    /// Returns the message that ends the stream.
    pub(super) fn end(&mut self, at_ms: u64) -> Message {
        compose::control(self.stamp(at_ms), CONTROL_END)
    }

    /// Returns the last chats, as sent to a new connection.
    pub(super) fn history(&self) -> impl Iterator<Item = Message> {
        self.chats.iter().map(|chat| Message { is_history: true, ..chat.clone() })
    }

    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Schedules actions in this period at the given rate, in thousandths per minute.
    fn begin(&mut self, rate: u64, from_ms: u64, to_ms: u64, act: impl Fn(&mut Self) -> Act) {
        const SCALE: u64 = 1000 * MINUTE_MS;
        let expected = rate * (to_ms - from_ms);
        let more = u64::from(self.random.below(SCALE) < expected % SCALE);
        for _ in 0..expected / SCALE + more {
            let act = act(self);
            let at_ms = from_ms + self.random.below(to_ms - from_ms);
            self.schedule(at_ms, act);
        }
    }

    fn schedule(&mut self, at_ms: u64, act: Act) {
        self.scheduled_no += 1;
        if self.scheduled.len() < SCHEDULED_MAX {
            self.scheduled.push(Reverse((at_ms, self.scheduled_no, act)));
        }
    }

    /// Schedules the battle and the special events of the act that contains `within_ms`.
    fn schedule_act(&mut self, within_ms: u64) {
        let act_from_ms = within_ms / self.act_ms * self.act_ms;
        let at_ms = |show: &Self, permille: u64| act_from_ms + show.act_ms * permille / 1000;
        if let Some((from, _)) = self.profile.battle() {
            self.schedule(at_ms(self, from), Act::BattleOpens);
        }
        if self.profile.has_specials() {
            for (permille, special) in PROGRAM {
                self.schedule(at_ms(self, permille), Act::Special(special));
            }
        }
    }

    /// Returns a random viewer; a few viewers act much more often than the others.
    fn viewer(&mut self) -> u64 {
        let people = self.profile.people();
        self.random.below(people) * self.random.below(people) / people
    }

    fn gift(&mut self) -> Act {
        let (viewer, gift) = (self.viewer(), words::gift(&mut self.random));
        let is_streak = gift.3 == 1;
        let left = if is_streak { 1 + self.random.below(7) * self.random.below(7) / 4 } else { 0 };
        self.messages += 1;
        let group = if is_streak { ROOM_ID - self.messages } else { 0 };
        Act::Gift { viewer, gift, group, count: 1, left }
    }

    fn perform(&mut self, at_ms: u64, act: Act) -> Option<Message> {
        let stamp = self.stamp(at_ms);
        Some(match act {
            Act::Chat { viewer: number } => {
                let (language, text) = phrase(&mut self.random, people::host().unique_id.as_str());
                let chat = compose::chat_in(language, stamp, &viewer(number), &text);
                self.chats.push_back(chat.clone());
                if self.chats.len() > HISTORY {
                    self.chats.pop_front();
                }
                chat
            }
            Act::Like { viewer: number, left } => {
                let count = 1 + self.random.below(15);
                self.likes += i64::try_from(count).unwrap_or(0);
                if left > 1 {
                    let next_ms = at_ms + 800 + self.random.below(1_200);
                    self.schedule(next_ms, Act::Like { viewer: number, left: left - 1 });
                }
                compose::like(stamp, &viewer(number), i32::try_from(count).unwrap_or(1), self.likes)
            }
            Act::Join { viewer: number } => {
                self.watched += 1;
                let present = i32::try_from(self.present(at_ms)).unwrap_or(i32::MAX);
                compose::member(stamp, &viewer(number), present)
            }
            Act::Follow { viewer: number } => {
                self.follows += 1;
                compose::follow(stamp, &viewer(number), self.follows)
            }
            Act::Share { viewer: number } => {
                self.shares = self.shares.saturating_add(1);
                compose::share(stamp, &viewer(number), self.shares)
            }
            Act::Gift { viewer, gift, group, count, left } => {
                return self.send_gift(at_ms, stamp, (viewer, gift, group, count, left));
            }
            Act::Viewers => {
                self.schedule(at_ms + VIEWERS_EVERY_MS, Act::Viewers);
                let top = Vec::from_iter(most(&self.coins, 3).map(|(number, coins)| (viewer(number), coins)));
                let present = i64::try_from(self.present(at_ms)).unwrap_or(i64::MAX);
                compose::room_user(stamp, present, self.watched + present, &top)
            }
            Act::BattleOpens | Act::Armies | Act::BattleEnds => return self.battle(at_ms, stamp, act),
            Act::Special(special) => {
                let person = viewer(self.viewer());
                return self.specials.perform(special, stamp, person, &mut self.random);
            }
        })
    }

    fn send_gift(
        &mut self,
        at_ms: u64,
        stamp: Stamp,
        (number, gift, group, count, left): (u64, words::Gift, i64, u64, u64),
    ) -> Option<Message> {
        let (gift_id, name, diamond_count, gift_type) = gift;
        let is_final = group != 0 && left == 0;
        if is_final && self.random.below(FINAL_LOST_OF) == 0 {
            return None;
        }
        if left > 0 {
            let count = if left == 1 { count } else { count + 1 + self.random.below(4) };
            let pause_ms =
                if left == 1 { 1_500 + self.random.below(2_000) } else { 150 + self.random.below(700) };
            self.schedule(at_ms + pause_ms, Act::Gift { viewer: number, gift, group, count, left: left - 1 });
        }
        if left <= 1 && !is_final {
            let diamonds = i64::from(diamond_count) * i64::try_from(count).unwrap_or(1);
            *self.coins.entry(number).or_default() += diamonds;
            if let Some(battle) = &mut self.battle {
                battle.give(number, diamonds);
            }
        }
        let gift = compose::Gift {
            gift_id,
            name: name.into(),
            gift_type,
            diamond_count,
            repeat_count: i32::try_from(count).unwrap_or(i32::MAX),
            repeat_end: is_final,
            group_id: group,
            ..compose::Gift::default()
        };
        Some(compose::gift(stamp, &viewer(number), &gift))
    }

    fn battle(&mut self, at_ms: u64, stamp: Stamp, act: Act) -> Option<Message> {
        let (from, to) = self.profile.battle()?;
        if act == Act::BattleOpens {
            let length_ms = self.act_ms * (to - from) / 1000;
            let duration_s = i64::try_from(length_ms / 1000).unwrap_or(0);
            self.battle = Some(Battle::new(stamp.msg_id, stamp.create_time, duration_s));
            self.schedule(at_ms + ARMIES_EVERY_MS, Act::Armies);
            self.schedule(at_ms + length_ms, Act::BattleEnds);
        }
        let battle = self.battle.as_mut()?;
        let message = match act {
            Act::Armies => {
                battle.rival_gives(&mut self.random);
                compose::armies(stamp, &battle.state(), &viewer(battle.last), false)
            }
            _ => compose::battle(stamp, &battle.state(), act == Act::BattleEnds),
        };
        match act {
            Act::Armies => self.schedule(at_ms + ARMIES_EVERY_MS, Act::Armies),
            Act::BattleEnds => self.battle = None,
            _ => {}
        }
        Some(message)
    }

    /// Returns the number of viewers: the curve with some randomness.
    fn present(&mut self, at_ms: u64) -> u64 {
        let ordinary = self.profile.viewers(at_ms % self.act_ms * 1000 / self.act_ms).max(1);
        ordinary * (970 + self.random.below(60)) / 1000 + 1
    }

    fn stamp(&mut self, at_ms: u64) -> Stamp {
        self.messages += 1;
        Stamp { msg_id: ROOM_ID + self.messages, room_id: ROOM_ID, create_time: unix_ms(at_ms) }
    }
}
