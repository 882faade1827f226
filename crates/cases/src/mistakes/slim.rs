//! Events without what nobody counts by.

use livetape_core::{
    event::{Data, Event, Gift, Person},
    truth::Added,
};

/// What clients count by in an event. To explain a number takes all events of a show in memory, where an [`Event`] takes
/// four times as much.
#[derive(Clone, Debug)]
pub struct SlimEvent {
    pub(super) added: Added,
    /// Value of `type`.
    pub(super) kind: &'static str,
    /// Time of receipt, in Unix milliseconds.
    pub(super) ts_ms: i64,
    /// Id of the message.
    pub(super) id: Option<i64>,
    pub(super) user: Option<Person>,
    /// Whether a user causes such events, and this one names none.
    pub(super) is_anonymous: bool,
    pub(super) details: Details,
}

/// What only some types of events have.
#[derive(Clone, Debug)]
pub(super) enum Details {
    /// Without texts and pictures.
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
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let id = event.id.as_deref().and_then(|id| id.split('~').next()).and_then(|id| id.parse().ok());
        let user = event.user.as_ref().map(|user| Person {
            user_id: user.user_id,
            unique_id: user.unique_id.clone(),
            nickname: user.nickname.clone(),
            ..Person::default()
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
                gift_name: gift.gift_name.clone(),
                gift_type: gift.gift_type,
                diamond_count: gift.diamond_count,
                repeat_count: gift.repeat_count,
                repeat_end: gift.repeat_end,
                streak_id: gift.streak_id.clone(),
                repeat_delta: gift.repeat_delta,
                is_final: gift.is_final,
                diamonds: gift.diamonds,
                ..Gift::default()
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
