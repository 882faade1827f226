//! Generates the actions of viewers over time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use Special::{
    Asks, BoxAppears, BoxGoes, Emote, GoalAdvances, GuestsChange, PollEnds, PollOpens, QuestionHidden,
    QuestionShown, Reposts, Subscribes, SuperFan, SuperFanBox, SuperFanJoins, Votes,
};
use livetape_core::{
    event::{
        EmoteAt, Id, Person, User,
        compose::{self, Goal, PollStage, Side, Stamp},
    },
    retry::SplitMix,
    wire::Message,
};

use super::{Profile, ROOM_ID, Rates, USER, unix_ms};
use crate::scrub::{DECORATION, FIRST, LAST, NICKNAMES, PHRASES, square};

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
        gift: Gift,
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
    pub(super) random: Random,
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
        if self.profile.is_rich() {
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
        let (viewer, gift) = (self.viewer(), gift(&mut self.random));
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
                let (language, text) = phrase(&mut self.random, host().unique_id.as_str());
                let chat = if self.profile.is_rich() {
                    compose::chat_with_emotes(
                        language,
                        stamp,
                        &self.author(number),
                        &text,
                        &emotes(number, &text),
                    )
                } else {
                    compose::chat_in(language, stamp, &viewer(number), &text)
                };
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
                compose::like(stamp, &self.author(number), i32::try_from(count).unwrap_or(1), self.likes)
            }
            Act::Join { viewer: number } => {
                self.watched += 1;
                let present = i32::try_from(self.present(at_ms)).unwrap_or(i32::MAX);
                compose::member(stamp, &self.author(number), present)
            }
            Act::Follow { viewer: number } => {
                self.follows += 1;
                compose::follow(stamp, &self.author(number), self.follows)
            }
            Act::Share { viewer: number } => {
                self.shares = self.shares.saturating_add(1);
                compose::share(stamp, &self.author(number), self.shares)
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
                let number = self.viewer();
                let (person, user) = (viewer(number), self.author(number));
                return self.specials.perform(special, stamp, (person, user), &mut self.random);
            }
        })
    }

    fn send_gift(
        &mut self,
        at_ms: u64,
        stamp: Stamp,
        (number, gift, group, count, left): (u64, Gift, i64, u64, u64),
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
            guest: self.guest_of(group),
            ..compose::Gift::default()
        };
        Some(compose::gift(stamp, &self.author(number), &gift))
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

    /// Returns a viewer as messages describe them.
    fn author(&self, number: u64) -> User {
        let user = User::from(viewer(number));
        if self.profile.is_rich() { marked(number, user) } else { user }
    }

    /// Returns the guest who receives a streak: of every third streak.
    fn guest_of(&self, group: i64) -> Option<Person> {
        (self.profile.is_rich() && group != 0 && group % 3 == 0)
            .then(|| guest(group.unsigned_abs() / 3 % GUESTS))
    }

    fn stamp(&mut self, at_ms: u64) -> Stamp {
        self.messages += 1;
        Stamp { msg_id: ROOM_ID + self.messages, room_id: ROOM_ID, create_time: unix_ms(at_ms) }
    }
}

/// Id of the first viewer.
const FIRST_ID: i64 = 6_800_000_000_000_000_000;
/// Id of the first host.
const HOST_ID: i64 = 6_700_000_000_000_000_000;

pub(super) fn host() -> Person {
    person(HOST_ID, USER.into(), "Synthetic Host 🎬".into())
}

/// Returns the host of another show.
pub(super) fn rival() -> Person {
    person(HOST_ID + 1, "synthetic_rival".into(), "Synthetic Rival 🥊".into())
}

/// Returns the viewer with this number, who is always the same.
pub(super) fn viewer(number: u64) -> Person {
    let mut random = Random(SplitMix(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let (first, last) = (*random.pick(&FIRST), *random.pick(&LAST));
    let unique_id = match random.below(4) {
        0 => format!("{first}{last}{number}"),
        1 => format!("{first}.{last}{number}"),
        2 => format!("{first}_{last}_{number}"),
        _ => format!("{last}{number}.{first}"),
    };
    let nickname = format!("{}{}", random.pick(&NICKNAMES), random.pick(&DECORATION));
    person(FIRST_ID + i64::try_from(number).unwrap_or(0), unique_id, nickname)
}

/// Number of guests.
const GUESTS: u64 = 3;
/// Id of the first guest.
const GUEST_ID: i64 = 6_750_000_000_000_000_000;

/// Returns a guest of the host, with what messages about gifts say of one.
fn guest(number: u64) -> Person {
    let nickname = NICKNAMES[usize::try_from(number).unwrap_or(0) % NICKNAMES.len()].into();
    Person { user_id: Id(GUEST_ID + i64::try_from(number).unwrap_or(0)), nickname, ..Person::default() }
}

/// Number of different users, each with another field that most users do not have.
const MARKS: u64 = 16;

/// Adds what a viewer is in this room. Viewers with small numbers act most.
fn marked(number: u64, mut user: User) -> User {
    let level = i64::try_from(number % 50 + 1).unwrap_or(1);
    let club = || NICKNAMES[usize::try_from(number).unwrap_or(0) % NICKNAMES.len()].into();
    match number % MARKS {
        0 => user.is_moderator = true,
        1 => (user.is_subscriber, user.team_level, user.team_name) = (true, Some(level), club()),
        2 => user.is_new_gifter = true,
        3 if number < 3 * MARKS => user.top_gifter_rank = i64::try_from(number / MARKS + 1).ok(),
        4 => (user.is_guardian, user.team_level, user.team_name) = (true, Some(level), club()),
        5 => user.verified = true,
        6 => user.is_masked = true,
        7 => (user.is_follower, user.follow_status) = (true, Some(1)),
        8 => (user.is_follower, user.follow_status) = (true, Some(2)),
        9 => (user.is_gift_giver, user.gifter_level) = (true, Some(level)),
        10 => user.avatar = String::new(),
        11 => {
            (user.follower_count, user.following_count, user.follow_status) =
                (Some(level * 1_000), Some(level), Some(0));
        }
        12 => (user.avatar_medium, user.avatar_large) = (picture(number + 1), picture(number + 2)),
        13 => (user.is_moderator, user.is_subscriber, user.gifter_level) = (true, true, Some(level)),
        14 => (user.team_level, user.team_name) = (Some(level), club()),
        _ => {}
    }
    user.with_badges()
}

/// Returns the emotes of a comment: every third viewer writes some, one of them before the text.
fn emotes(number: u64, text: &str) -> Vec<EmoteAt> {
    let at = |index: usize, number: u64| EmoteAt {
        index: i32::try_from(index).unwrap_or(0),
        emote: livetape_core::event::Emote { emote_id: format!("{number}"), image_url: picture(number) },
    };
    match number % 3 {
        0 => vec![at(0, EMOTE_ID), at(text.encode_utf16().count(), EMOTE_ID + number % 2)],
        _ => vec![],
    }
}

/// Returns the URL of a picture, the same for the same number.
pub(super) fn picture(number: u64) -> String {
    square(SplitMix(number).next_bits())
}

fn person(user_id: i64, unique_id: String, nickname: String) -> Person {
    let avatar = picture(user_id.unsigned_abs());
    Person { user_id: Id(user_id), unique_id, nickname, avatar }
}

/// Numbers that never change with a library: the committed recordings were made with them.
pub(super) struct Random(pub(super) SplitMix);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0.next_bits()
    }

    /// Returns a number below `end`. The bias is negligible.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len() as u64);
        &all[usize::try_from(at).expect("less than the length")]
    }
}

/// Id, name, price and type of a gift, as in `fixtures/webcast/gift-list.json`. Type 1 can be sent in
/// streaks.
pub(super) type Gift = (i64, &'static str, i32, i32);

/// Common gifts; cheap ones are listed several times.
const GIFTS: [Gift; 16] = [
    (5655, "Rose", 1, 1),
    (5655, "Rose", 1, 1),
    (5655, "Rose", 1, 1),
    (5655, "Rose", 1, 1),
    (5269, "TikTok", 1, 1),
    (5269, "TikTok", 1, 1),
    (5479, "Coffee", 1, 1),
    (5827, "Ice Cream Cone", 1, 1),
    (7934, "Heart Me", 1, 4),
    (5487, "Finger Heart", 5, 1),
    (5487, "Finger Heart", 5, 1),
    (8913, "Rosa", 10, 1),
    (5658, "Perfume", 20, 1),
    (5879, "Doughnut", 30, 1),
    (5659, "Paper Crane", 99, 2),
    (5585, "Confetti", 100, 2),
];
const COSTLY_PERCENT: u64 = 3;
const COSTLY: [Gift; 4] =
    [(6267, "Corgi", 299, 2), (7168, "Money Gun", 500, 2), (5897, "Swan", 699, 2), (5978, "Train", 899, 2)];

/// Returns a random chat and its language.
pub(super) fn phrase(random: &mut Random, name: &str) -> (&'static str, String) {
    let (language, text) = *random.pick(&PHRASES);
    (language, text.replace("{}", name))
}

pub(super) fn gift(random: &mut Random) -> Gift {
    if random.below(100) < COSTLY_PERCENT { *random.pick(&COSTLY) } else { *random.pick(&GIFTS) }
}

const GIVERS_LISTED: usize = 3;
/// First number of the other host's viewers, who are not viewers of the show.
const RIVAL_VIEWERS_FROM: u64 = 1_000_000;

pub(super) struct Battle {
    battle_id: i64,
    started_ms: i64,
    duration_s: i64,
    /// Points by viewer, for the host and the rival.
    given: [BTreeMap<u64, i64>; 2],
    /// The viewer who contributed last.
    pub(super) last: u64,
}

impl Battle {
    pub(super) fn new(battle_id: i64, started_ms: i64, duration_s: i64) -> Self {
        Self { battle_id, started_ms, duration_s, given: Default::default(), last: 0 }
    }

    /// Adds a contribution from a viewer of the show.
    pub(super) fn give(&mut self, viewer: u64, points: i64) {
        *self.given[0].entry(viewer).or_default() += points;
        self.last = viewer;
    }

    /// Adds random contributions from the other host's viewers.
    pub(super) fn rival_gives(&mut self, random: &mut Random) {
        for _ in 0..random.below(3) {
            let viewer = RIVAL_VIEWERS_FROM + random.below(200) * random.below(200) / 200;
            let points = *random.pick(&[1, 1, 1, 2, 5, 10, 30, 99]);
            *self.given[1].entry(viewer).or_default() += points;
        }
    }

    /// Returns the current scores.
    pub(super) fn state(&self) -> compose::Battle {
        let hosts = [host(), rival()];
        let sides = hosts.into_iter().zip(&self.given).map(|(host, given)| Side {
            host,
            points: given.values().sum(),
            givers: most(given, GIVERS_LISTED).map(|(number, points)| (viewer(number), points)).collect(),
        });
        compose::Battle {
            battle_id: self.battle_id,
            started_ms: self.started_ms,
            duration_s: self.duration_s,
            sides: sides.collect(),
        }
    }
}

/// Returns the top contributors, in descending order.
pub(super) fn most(given: &BTreeMap<u64, i64>, count: usize) -> impl Iterator<Item = (u64, i64)> {
    let mut all = Vec::from_iter(given.iter().map(|(&viewer, &points)| (viewer, points)));
    all.sort_by_key(|&(viewer, points)| (Reverse(points), viewer));
    all.into_iter().take(count)
}

/// A rare event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Special {
    GoalAdvances,
    Subscribes,
    SuperFan,
    SuperFanJoins,
    SuperFanBox,
    Emote,
    Asks,
    QuestionShown,
    QuestionHidden,
    PollOpens,
    Votes,
    PollEnds,
    Reposts,
    BoxAppears,
    BoxGoes,
    GuestsChange,
}

/// The events of an act, each at this permille of it.
pub(super) const PROGRAM: [(u64, Special); 34] = [
    (20, GuestsChange),
    (30, GoalAdvances),
    (45, Reposts),
    (60, Subscribes),
    (65, GoalAdvances),
    (90, Asks),
    (110, SuperFanJoins),
    (140, PollOpens),
    (165, Votes),
    (190, Votes),
    (205, Asks),
    (225, Votes),
    (240, PollEnds),
    (300, Subscribes),
    (305, GoalAdvances),
    (320, BoxAppears),
    (340, Emote),
    (360, BoxGoes),
    (365, Reposts),
    (380, SuperFan),
    (420, SuperFanBox),
    (500, Subscribes),
    (505, GoalAdvances),
    (620, BoxAppears),
    (640, Asks),
    (660, QuestionShown),
    (720, QuestionHidden),
    (750, Emote),
    (770, GuestsChange),
    (800, SuperFanJoins),
    (850, Subscribes),
    (855, GoalAdvances),
    (900, SuperFan),
    (920, BoxGoes),
];

const SUBSCRIPTIONS_TARGET: i64 = 4;
/// Number of the emote, which also decides its picture.
const EMOTE_ID: u64 = 7_000_000_000_000_000_001;

#[derive(Default)]
pub(super) struct Specials {
    subscriptions: i64,
    subscriber: Option<Person>,
    goal: Option<(i64, String)>,
    poll_id: i64,
    options: Vec<(String, i64)>,
    /// The last question, and who asked it.
    question: Option<(Stamp, User, String)>,
    /// Id of the last treasure box.
    box_id: i64,
    /// Number of guests.
    guests: i64,
}

impl Specials {
    /// Returns the message of an event, which `viewer` causes unless the host does.
    pub(super) fn perform(
        &mut self,
        special: Special,
        stamp: Stamp,
        (viewer, user): (Person, User),
        random: &mut Random,
    ) -> Option<Message> {
        let host = host();
        let mut text = || phrase(random, &host.unique_id).1;
        Some(match special {
            GoalAdvances => {
                let (id, description) = self.goal.get_or_insert_with(|| (stamp.msg_id, text()));
                let (progress, target) = (self.subscriptions, SUBSCRIPTIONS_TARGET);
                let goal = Goal { id: *id, description, progress, target };
                compose::subscription_goal(stamp, &goal, self.subscriber.take().as_ref())
            }
            Subscribes => {
                self.subscriptions += 1;
                let months = self.subscriptions;
                let message = compose::subscribe(stamp, &user, months);
                self.subscriber = Some(viewer);
                message
            }
            SuperFan => compose::super_fan(stamp, &user, false),
            SuperFanJoins => compose::super_fan(stamp, &user, true),
            SuperFanBox => compose::super_fan_box(stamp, &user, 100, 10),
            Emote => compose::emote(stamp, &user, &EMOTE_ID.to_string(), &picture(EMOTE_ID)),
            Asks => {
                let text = text();
                let message = compose::question(stamp, &user, &text);
                self.question = Some((stamp, user, text));
                message
            }
            QuestionShown => {
                let (asked, asker, text) = self.question.as_ref()?;
                compose::question_selected(stamp, *asked, asker, text)
            }
            QuestionHidden => compose::question_hidden(stamp, self.question.take()?.0.msg_id),
            PollOpens => {
                self.poll_id = stamp.msg_id;
                self.options = vec![(text(), 0), (text(), 0)];
                let options: Vec<_> = self.options.iter().map(|(text, _)| text.clone()).collect();
                compose::poll(stamp, &host, &text(), &options)
            }
            Votes => {
                for (_, votes) in &mut self.options {
                    *votes += 1 + i64::try_from(random.below(9)).unwrap_or(0);
                }
                compose::poll_stage(stamp, self.poll_id, PollStage::Votes, &self.options)
            }
            Reposts => compose::repost(stamp, &user),
            BoxAppears => {
                self.box_id = stamp.msg_id;
                compose::envelope(stamp, &user, 50, 5)
            }
            BoxGoes => compose::envelope_gone(stamp, self.box_id),
            GuestsChange => {
                self.guests = (self.guests + 2).min(i64::try_from(GUESTS).unwrap_or(1));
                compose::guests(stamp, &Vec::from_iter(1..=self.guests))
            }
            PollEnds => compose::poll_stage(stamp, self.poll_id, PollStage::End, &self.options),
        })
    }
}
