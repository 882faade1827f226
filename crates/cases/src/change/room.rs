//! Changes of the room, its connections and its totals.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use livetape_core::{
    dedup::StreakKey,
    error::{Code, close},
    event::{
        self,
        compose::{self, ENDED, Gift},
    },
    recording::{
        Flags, Item, What,
        records::{ConnClose, ConnOpen, Status, conn_close::Who},
    },
    wire::Message,
};

use super::{
    batches::{Batches, frames, known, streak_of},
    node::edit,
    people::{EMOTE_ID, EMOTE_URL},
    stage::{LIKES, Spot, Stage, VIEWERS, add_to_total, person, restart_totals},
};

/// Number of people who cause a burst: a prime, so that everybody does everything.
const BURST_PEOPLE: i64 = 251;
/// Number of failures before the room connects.
const FAILURES: u32 = 3;
/// Wait that each of them states, in milliseconds.
const FAILURE_WAIT_MS: u64 = 2_000;
/// What is added to the id of a room for that of the host's next LIVE.
const NEXT_ROOM: i64 = 1 << 40;

/// Of so many messages with likes, one arrives in a thinned room.
const LIKES_A_MESSAGE: usize = 10;
const LIKE: &str = "WebcastLikeMessage";

fn item(offset: Duration, conn: u32, what: What) -> Item {
    Item { offset, conn, flags: Flags(Flags::EDITED), what }
}

/// Adds failures before the first connection.
pub(crate) fn retrying(mut items: Vec<Item>) -> Vec<Item> {
    let Some(at) = items.iter().position(|item| item.conn != 0) else { return items };
    let offset = items[at].offset;
    let failures = (1..=FAILURES).map(|attempt| {
        let status = Status {
            code: Code::ConnectionLost.name().into(),
            attempt,
            retrying: true,
            retry_after_ms: Some(FAILURE_WAIT_MS),
            detail: "the connection was lost".into(),
            hint: String::new(),
        };
        item(offset, 0, What::Status(status))
    });
    items.splice(at..at, failures);
    items
}

/// Removes most messages with likes. Their total has all.
pub(crate) fn thinned(mut items: Vec<Item>) -> Vec<Item> {
    let (mut batches, mut number) = (Batches::default(), 0_usize);
    for item in &mut items {
        batches.extract(item, |message| {
            number += usize::from(message.method == LIKE);
            message.method == LIKE && number % LIKES_A_MESSAGE != 1
        });
    }
    items
}

/// Adds many events at the same time: of ten, four chats, three likes, two joins and a gift.
pub(crate) fn burst<const EVENTS: i64>(mut items: Vec<Item>) -> Vec<Item> {
    let Some(mut stage) = Stage::find(&items) else { return items };
    let middle = stage.middle();
    let (mut likes, viewers) = (0, i32::try_from(middle.totals[VIEWERS]).unwrap_or(i32::MAX));
    let gift = Gift { gift_id: 7934, name: "Heart Me".into(), gift_type: 4, ..Gift::default() };
    let mut messages = Vec::new();
    for number in 0..EVENTS {
        let (stamp, person) = (stage.stamp(0), person(number % BURST_PEOPLE));
        messages.push(match number % 10 {
            0..4 => compose::chat(stamp, &person, &format!("hello {number}")),
            4..7 => {
                likes += 1;
                compose::like(stamp, &person, 1, middle.totals[LIKES].saturating_add(likes))
            }
            7..9 => compose::member(stamp, &person, viewers),
            _ => compose::gift(stamp, &person, &gift),
        });
    }
    stage.send(0, &messages);
    Batches::default().edit_each(&mut items[middle.at + 1..], |message| {
        edit(message, |node| add_to_total(node, LIKES, likes))
    });
    stage.into_items(items)
}

/// Adds what is rare: two treasure boxes, an emote, and a super fan who joins.
pub(crate) fn rare(items: Vec<Item>) -> Vec<Item> {
    let Some(mut stage) = Stage::find(&items) else { return items };
    for number in 0..2 {
        let boxes = compose::envelope(stage.stamp(number), &person(1), 100, 10);
        stage.send(number, &[boxes]);
    }
    let emote = compose::emote(stage.stamp(2), &person(2), EMOTE_ID, EMOTE_URL);
    let fan = compose::super_fan(stage.stamp(2), &person(3), true);
    stage.send(2, &[emote, fan]);
    stage.into_items(items)
}

/// Ends the room in the middle, and continues the show in another one.
pub(crate) fn new_room(mut items: Vec<Item>) -> Vec<Item> {
    let Some(stage) = Stage::find(&items) else { return items };
    let mut second = items.split_off(stage.middle().at + 1);
    let mut restart = Restart::after(stage, &items, &second);
    second.iter_mut().for_each(|item| restart.change(item));
    items.extend(restart.between());
    items.extend(second);
    items
}

/// The end of one LIVE and the beginning of the next.
struct Restart {
    batches: Batches,
    stage: Stage,
    /// Messages and streaks of the first LIVE.
    ids: HashSet<i64>,
    streaks: HashSet<StreakKey>,
    /// Connections that are open at the end of the first LIVE.
    open: BTreeMap<u32, ConnOpen>,
    /// The rest of the open streaks, which belongs to the first LIVE.
    rest: Vec<Message>,
    /// What is added to the numbers of connections.
    shift: u32,
}

impl Restart {
    fn after(stage: Stage, first: &[Item], second: &[Item]) -> Self {
        let mut this = Self {
            batches: Batches::default(),
            open: [(stage.middle().conn, ConnOpen::default())].into(),
            stage,
            ids: HashSet::new(),
            streaks: HashSet::new(),
            rest: Vec::new(),
            shift: first.iter().chain(second).map(|item| item.conn).max().unwrap_or(0),
        };
        for item in first {
            match &item.what {
                What::ConnOpen(open) => _ = this.open.insert(item.conn, open.clone()),
                What::ConnClose(_) => _ = this.open.remove(&item.conn),
                _ => {}
            }
            for message in this.batches.messages(item).unwrap_or_default() {
                this.ids.insert(message.msg_id);
                this.streaks.extend(streak_of(&message).map(|(streak, _)| streak));
            }
        }
        this
    }

    /// Moves an item to the second LIVE, without messages that were already received: they would count again.
    fn change(&mut self, item: &mut Item) {
        let middle = self.stage.middle();
        if let What::ConnOpen(open) = &mut item.what {
            open.room_id = next_room(open.room_id);
            item.flags.0 |= Flags::EDITED;
        }
        self.batches.extract(item, |message| {
            message.msg_id != 0 && self.ids.contains(&message.msg_id) || is_old(message, middle.time_ms)
        });
        let is_rest =
            |message: &Message| streak_of(message).is_some_and(|(streak, _)| self.streaks.contains(&streak));
        self.rest.extend(self.batches.extract(item, is_rest));
        self.batches.edit_each(std::slice::from_mut(item), |message| restart(message, &middle));
        if item.conn != 0 {
            item.conn = item.conn.saturating_add(self.shift);
        }
    }

    /// Returns the end of the first LIVE and the beginning of the second.
    fn between(mut self) -> Vec<Item> {
        let Spot { conn, offset, time_ms, .. } = self.stage.middle();
        self.rest.push(compose::control(self.stage.stamp(0), ENDED));
        let mut items = frames(conn, offset, time_ms, &self.rest);
        for &conn in self.open.keys() {
            let reason = "the LIVE has ended".into();
            let who = Who::Upstream.into();
            let close = ConnClose { code: close::NORMAL.into(), reason, who, will_retry: false };
            items.push(item(offset, conn, What::ConnClose(close)));
        }
        for (conn, open) in self.open {
            let open = ConnOpen { room_id: next_room(open.room_id), ..open };
            items.push(item(offset, conn.saturating_add(self.shift), What::ConnOpen(open)));
        }
        items
    }
}

fn next_room(room_id: i64) -> i64 {
    room_id.wrapping_add(NEXT_ROOM)
}

/// Whether a message is history from before this time.
fn is_old(message: &Message, time_ms: i64) -> bool {
    let created = || known(message).and_then(|known| event::millis(known.create_time()));
    message.is_history && created().is_none_or(|created| created <= time_ms)
}

/// Changes the room of a message, and lets its totals start over.
fn restart(message: &mut Message, middle: &Spot) -> bool {
    edit(message, |node| {
        restart_totals(node, middle);
        if node.schema.name == "Common" && node.number("room_id") == middle.room_id {
            node.set_number("room_id", next_room(middle.room_id));
        }
    })
}
