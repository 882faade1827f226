//! Composes the messages of a request.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    GIFTS, InjectGiver, InjectOption, InjectRequest, InjectTopViewer, InjectUser, LIKES_A_MESSAGE,
    MESSAGES_MAX, STREAKABLE, user::RESERVED_USERS,
};
use crate::{
    event::{
        Id, Millis, Person, PollState, User,
        compose::{self, Author as _, Battle, Side, Stamp, edit, relabel},
    },
    recording::{Flags, Frame, Item, Opcode, What},
    wire::{
        Batch, BatchInfo, Message, Push,
        webcast::{self, Common},
        write_batch, write_push,
    },
};

/// First reserved message id. TikTok's ids contain the time of their creation, and reach this one in November
/// 2037.
pub const RESERVED_IDS: i64 = 9_200_000_000_000_000_000;
/// Size of one stream's block of ids, as a power of two.
const IDS_BITS: u32 = 20;
/// Length of a battle, in seconds.
const BATTLE_SECS: i64 = 300;

/// Creates frames from requests. Its ids never repeat.
#[derive(Clone, Debug, Default)]
pub struct Injector {
    /// Number of the ownership of a channel that several processes share; 0 in others.
    term: u64,
    made: i64,
    likes: i64,
}

/// Target of an injected frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InjectTarget {
    /// Number of the connection; 0 if there is none.
    pub conn: u32,
    /// Id of the room; 0 if unknown.
    pub room_id: i64,
    /// Time of injection, as an offset.
    pub offset: Duration,
    /// Time of injection, in Unix milliseconds.
    pub now_ms: i64,
}

impl Injector {
    /// Starts an ownership of a stream that several processes share: its ids differ from those of all others,
    /// also if these were lost.
    pub fn begin_term(&mut self, term: u64) {
        self.term = term;
    }

    /// Creates the frame for a request, flagged as injected. Also returns the ids of its messages.
    pub fn make(&mut self, request: &InjectRequest, stream: &str, target: InjectTarget) -> (Item, Vec<Id>) {
        let mut name = crc32fast::Hasher::new();
        name.update(stream.as_bytes());
        if self.term > 0 {
            name.update(&self.term.to_le_bytes());
        }
        let block = RESERVED_IDS + (i64::from(name.finalize()) << IDS_BITS);
        let mut stamps = Stamps { injector: self, block, target };
        let messages = stamps.messages(request);
        let ids = messages.iter().map(|message| Id(message.msg_id)).collect();
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: frame(messages, target.now_ms) });
        (Item { offset: target.offset, conn: target.conn, flags: Flags(Flags::INJECTED), what }, ids)
    }
}

/// Assigns the ids of messages.
pub(super) struct Stamps<'a> {
    pub(super) injector: &'a mut Injector,
    pub(super) block: i64,
    pub(super) target: InjectTarget,
}

impl Stamps<'_> {
    pub(super) fn next(&mut self) -> Stamp {
        self.injector.made += 1;
        // The ids start over after a million messages.
        let msg_id = self.block + (self.injector.made & ((1 << IDS_BITS) - 1));
        Stamp { msg_id, room_id: self.target.room_id, create_time: self.target.now_ms }
    }

    fn messages(&mut self, request: &InjectRequest) -> Vec<Message> {
        let user = request.who().map(InjectUser::user).unwrap_or_default();
        match request {
            InjectRequest::Gift { gift, count, combo, diamonds, picture_url, gift_id, .. } => {
                let gift = known_gift(gift, *gift_id, *diamonds, picture_url);
                self.streak(&user, &gift, request, *count, *combo)
            }
            InjectRequest::Like { count, total, display_type, label, .. } => {
                let likes = self.burst(&user, *count, *total);
                let shown =
                    |like| edit(like, |like: &mut webcast::Like| show(&mut like.common, display_type, label));
                likes.into_iter().map(shown).collect()
            }
            InjectRequest::Battle { .. } => self.fight(&user, request),
            InjectRequest::Raw { method, payload } => {
                let payload = STANDARD.decode(payload).unwrap_or_default().into();
                let msg_id = self.next().msg_id;
                vec![Message { method: method.as_str().into(), payload, msg_id, is_history: false }]
            }
            other => vec![message(self.next(), &user, other)],
        }
    }

    /// Creates a streak: an increasing running total, then the final that repeats it.
    fn streak(
        &mut self,
        user: &User,
        gift: &compose::Gift,
        request: &InjectRequest,
        count: i32,
        combo: bool,
    ) -> Vec<Message> {
        let InjectRequest::Gift {
            gift_type,
            repeat_end,
            group_id,
            receiver,
            describe,
            combo_count,
            group_count,
            is_first,
            multiplier,
            multiplier_type,
            display_type,
            label,
            ..
        } = request
        else {
            return vec![];
        };
        let gift_type = gift_type.unwrap_or(STREAKABLE);
        let is_streak = gift_type == STREAKABLE;
        let ends = repeat_end.unwrap_or(is_streak);
        let mut group = group_id.map(|id| id.0);
        let mut message = |repeat_count: i32, repeat_end: bool| {
            let stamp = self.next();
            let group_id = *group.get_or_insert(if is_streak { stamp.msg_id } else { 0 });
            let gift = compose::Gift { repeat_count, repeat_end, group_id, gift_type, ..gift.clone() };
            edit(compose::gift(stamp, user, &gift), |gift: &mut webcast::Gift| {
                gift.receiver = receiver.as_ref().map(|receiver| receiver.person().user());
                if let (Some(describe), Some(kind)) = (describe, &mut gift.gift) {
                    kind.describe = describe.clone();
                }
                (gift.combo_count, gift.group_count, gift.is_first) = (*combo_count, *group_count, *is_first);
                let (multiplier_type, multiplier) = (*multiplier_type, *multiplier);
                gift.r#match = (multiplier != 0 || multiplier_type != 0)
                    .then_some(webcast::gift::Match { multiplier_type, multiplier });
                show(&mut gift.common, display_type, label);
            })
        };
        let steps = if combo { count.min(MESSAGES_MAX - 1) } else { 0 };
        let rising = |step: i32| i64::from(count) * i64::from(step) / i64::from(steps);
        let mut messages: Vec<Message> =
            (1..=steps).map(|step| message(i32::try_from(rising(step)).unwrap_or(count), false)).collect();
        if ends || !combo {
            messages.push(message(count, ends));
        }
        messages
    }

    /// Splits likes into messages as TikTok's clients do. The last message has the remainder.
    fn burst(&mut self, user: &User, count: i32, total: Option<i64>) -> Vec<Message> {
        self.injector.likes += i64::from(count);
        let total = total.unwrap_or(self.injector.likes);
        let (mut left, mut messages) = (count, Vec::new());
        while left > 0 {
            let taps = left.min(LIKES_A_MESSAGE);
            left -= taps;
            messages.push(compose::like(
                self.next(),
                user,
                taps,
                total.saturating_sub(i64::from(left)).max(0),
            ));
        }
        messages
    }

    /// Returns the start or end of a battle, and its points if there are any.
    fn fight(&mut self, user: &User, request: &InjectRequest) -> Vec<Message> {
        let InjectRequest::Battle {
            user: host,
            opponent,
            points,
            opponent_points,
            over,
            battle_id,
            started_at,
            duration_seconds,
            givers,
            opponent_givers,
        } = request
        else {
            return vec![];
        };
        let stamp = self.next();
        let giver = |giver: &InjectGiver| (giver.user.person(), giver.points);
        let side = |host: &InjectUser, points, givers: &[InjectGiver]| Side {
            host: host.person(),
            points,
            givers: givers.iter().map(giver).collect(),
        };
        let sides = vec![side(host, *points, givers), side(opponent, *opponent_points, opponent_givers)];
        // The id is derived from the hosts, so that the end of a battle matches its start.
        let hosts: String = sides.iter().flat_map(|side| [side.host.unique_id.as_str(), "/"]).collect();
        let derived = RESERVED_USERS + i64::from(crc32fast::hash(hosts.as_bytes()));
        let has_points = sides.iter().any(|side| side.points > 0);
        let battle = Battle {
            battle_id: battle_id.map_or(derived, |id| id.0),
            started_ms: started_at.map_or(stamp.create_time, |time| time.0),
            duration_s: duration_seconds.unwrap_or(BATTLE_SECS),
            sides,
        };
        let mut messages = vec![compose::battle(stamp, &battle, *over)];
        if has_points {
            let from = Person { user_id: user.user_id, ..Person::default() };
            messages.push(compose::armies(self.next(), &battle, &from, *over));
        }
        messages
    }
}

/// Sets the text with which TikTok's clients display a message.
fn show(common: &mut Option<Common>, display_type: &Option<String>, label: &Option<String>) {
    relabel(common, display_type.as_deref(), label.as_deref());
}

/// Returns the message of a request that needs only one.
fn message(stamp: Stamp, user: &User, request: &InjectRequest) -> Message {
    match request {
        InjectRequest::Chat { comment, emotes, language, is_history, mentioned, mentioned_users, .. } => {
            let chat = compose::chat_in(language, stamp, user, comment);
            let chat = edit(chat, |chat: &mut webcast::Chat| {
                let emote = |at: &super::InjectEmoteAt| webcast::chat::EmoteAt {
                    index: at.index,
                    emote: Some(compose::picture(&at.emote_id, &at.image_url)),
                };
                chat.emotes = emotes.iter().map(emote).collect();
                chat.mentioned_user = mentioned.as_ref().map(|user| user.person().user());
                chat.mentioned_users = mentioned_users.iter().map(|user| user.person().user()).collect();
            });
            Message { is_history: *is_history, ..chat }
        }
        InjectRequest::Member {
            member_count,
            action_id,
            operator,
            enter_source,
            display_type,
            label,
            ..
        } => edit(compose::member(stamp, user, *member_count), |member: &mut webcast::Member| {
            member.action = *action_id;
            member.operator = operator.as_ref().map(|user| user.person().user());
            member.enter_source = enter_source.clone();
            show(&mut member.common, display_type, label);
        }),
        InjectRequest::Follow { follow_count, target_user_id, display_type, label, .. } => {
            social(compose::follow(stamp, user, *follow_count), *target_user_id, display_type, label)
        }
        InjectRequest::Share { share_count, target_user_id, display_type, label, .. } => {
            social(compose::share(stamp, user, *share_count), *target_user_id, display_type, label)
        }
        InjectRequest::Repost { target_user_id, display_type, label, .. } => {
            social(compose::repost(stamp, user), *target_user_id, display_type, label)
        }
        InjectRequest::Subscribe {
            months,
            subscribe_type,
            old_subscribe_status,
            subscribing_status,
            exhibition_type,
            message_type,
            ..
        } => edit(compose::subscribe(stamp, user, *months), |sub: &mut webcast::SubNotify| {
            sub.subscribe_type = *subscribe_type;
            sub.old_subscribe_status = *old_subscribe_status;
            sub.subscribing_status = *subscribing_status;
            sub.exhibition_type = *exhibition_type;
            sub.message_type = *message_type;
        }),
        InjectRequest::Question { question, question_id, asked_at, .. } => {
            edit(compose::question(stamp, user, question), |new: &mut webcast::QuestionNew| {
                let question = new.question.get_or_insert_default();
                question.question_id = question_id.map_or(question.question_id, |id| id.0);
                question.create_time = asked_at.map_or(question.create_time, seconds);
            })
        }
        InjectRequest::Emote { emote_id, picture_url, emotes, .. } => {
            edit(compose::emote(stamp, user, emote_id, picture_url), |chat: &mut webcast::EmoteChat| {
                let more = emotes.iter().map(|emote| compose::picture(&emote.emote_id, &emote.image_url));
                chat.emotes.extend(more);
            })
        }
        InjectRequest::Envelope {
            diamonds,
            people,
            envelope_id,
            business_type,
            sender_name,
            sender_id,
            display,
            opens_at,
            super_fan_count,
            ..
        } => edit(compose::envelope(stamp, user, *diamonds, *people), |envelope: &mut webcast::Envelope| {
            envelope.display = display.unwrap_or(envelope.display);
            let info = envelope.info.get_or_insert_default();
            info.business_type = business_type.unwrap_or(info.business_type);
            info.opens_at = opens_at.map_or(info.opens_at, seconds);
            info.super_fan_count = *super_fan_count;
            envelope_id.iter().for_each(|id| info.envelope_id = id.to_string());
            sender_name.iter().for_each(|name| info.sender_name = name.clone());
            sender_id.iter().for_each(|id| info.sender_id = id.to_string());
        }),
        InjectRequest::Poll { question, options, .. } => poll(stamp, user, question, options, request),
        InjectRequest::RoomUser {
            viewer_count,
            total_user_count,
            anonymous_count,
            top_viewers,
            popularity,
        } => {
            let total = total_user_count.unwrap_or(*viewer_count);
            let plain = compose::room_user(stamp, *viewer_count, total, &[]);
            edit(plain, |room: &mut webcast::RoomUserSeq| {
                room.anonymous_count = *anonymous_count;
                room.popularity = *popularity;
                room.viewers = (1..).zip(top_viewers).map(|(place, viewer)| viewer.at(place)).collect();
            })
        }
        // The others have more than one message.
        _ => compose::control(stamp, compose::ENDED),
    }
}

impl InjectTopViewer {
    fn at(&self, place: i64) -> webcast::room_user_seq::Viewer {
        let unique_id = InjectUser::Name(self.unique_id.clone());
        let Person { user_id, .. } = unique_id.person();
        let person = Person {
            user_id: self.user_id.unwrap_or(user_id),
            nickname: self.nickname.clone().unwrap_or_else(|| self.unique_id.clone()),
            unique_id: self.unique_id.clone(),
            avatar: self.avatar.clone(),
        };
        let rank = self.rank.unwrap_or(place);
        let user = Some(Box::new(person.user()));
        webcast::room_user_seq::Viewer { coin_count: self.coin_count.0, user, rank, delta: self.delta }
    }
}

fn social(
    message: Message,
    target: Option<Id>,
    display_type: &Option<String>,
    label: &Option<String>,
) -> Message {
    edit(message, |social: &mut webcast::Social| {
        social.target_user_id = target.unwrap_or_default().0;
        show(&mut social.common, display_type, label);
    })
}

/// Returns a stage of a poll.
fn poll(
    stamp: Stamp,
    user: &User,
    question: &str,
    options: &[InjectOption],
    request: &InjectRequest,
) -> Message {
    let InjectRequest::Poll { poll_id, poll_kind, state, started_at, ends_at, end_type, .. } = request else {
        return compose::poll(stamp, user, question, &[]);
    };
    let option = |(place, option): (i32, &InjectOption)| match option {
        InjectOption::Text(text) => webcast::poll::Option { votes: 0, text: text.clone(), index: place },
        InjectOption::Votes(given) => webcast::poll::Option {
            votes: given.votes,
            text: given.text.clone(),
            index: given.index.unwrap_or(place),
        },
    };
    let options: Vec<_> = (0..).zip(options).map(option).collect();
    edit(compose::poll(stamp, user, question, &[]), |poll: &mut webcast::Poll| {
        poll.poll_id = poll_id.map_or(poll.poll_id, |id| id.0);
        poll.poll_kind = *poll_kind;
        match state {
            None | Some(PollState::Started) => {
                let start = poll.start.get_or_insert_default();
                start.options = options;
                start.start_time = started_at.map_or(start.start_time, |time| time.0);
                start.end_time = ends_at.map_or(start.end_time, |time| time.0);
            }
            Some(PollState::Updated) => {
                poll.start = None;
                poll.message_type = compose::VOTES;
                poll.update = Some(webcast::poll::Update { options });
            }
            Some(PollState::Ended) => {
                poll.start = None;
                poll.end = Some(webcast::poll::End { end_type: end_type.unwrap_or_default(), options });
            }
        }
    })
}

fn seconds(time: Millis) -> i64 {
    time.0.div_euclid(1000)
}

pub(super) fn known_gift(
    name: &str,
    gift_id: Option<i64>,
    diamonds: Option<i32>,
    picture_url: &str,
) -> compose::Gift {
    let known = GIFTS.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name));
    // The id of an unknown gift is derived from its name, in a range above TikTok's.
    let made_up = || 1_000_000_000 + i64::from(crc32fast::hash(name.as_bytes()));
    compose::Gift {
        gift_id: gift_id.unwrap_or_else(|| known.map_or_else(made_up, |known| known.0)),
        name: known.map_or(name, |known| known.1).to_owned(),
        diamond_count: diamonds.or(known.map(|known| known.2)).unwrap_or(1),
        picture_url: picture_url.to_owned(),
        ..compose::Gift::default()
    }
}

/// Not compressed: setting up a compressor takes longer than everything else.
pub(super) fn frame(messages: Vec<Message>, now_ms: i64) -> Bytes {
    let info = BatchInfo { now_ms, ..BatchInfo::default() };
    write_push(&Push {
        payload_type: "msg".into(),
        payload_encoding: "pb".into(),
        compress_type: "none".into(),
        payload: write_batch(&Batch { messages, info }),
        ..Push::default()
    })
}
