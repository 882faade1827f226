//! The types of events and their `data`.

use serde::Serialize;

use super::{
    Banner, Battle, BattleScore, Chat, ConnectionClosed, ConnectionCreated, Control, Disconnected, EmoteChat,
    Envelope, Failure, Gift, HourlyRank, Like, LiveIntro, Member, Question, RoomUser, Social, Subscribe,
    Unknown,
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal => $kind:ident,)*) => {
        /// The `data` of an event beside `sender`, `user` and `timestamp`.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Data {
            $($(#[$doc])* $kind($kind),)*
        }

        /// Every value of `type`.
        pub const KINDS: &[&str] = &[$($name),*];

        impl Data {
            /// The value of `type`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Somebody wrote something.
    "chat" => Chat,
    /// Somebody sent a gift.
    "gift" => Gift,
    /// Somebody tapped the screen.
    "like" => Like,
    /// Somebody entered, or was acted on by a moderator.
    "member" => Member,
    /// Somebody followed or shared.
    "social" => Social,
    /// How many watch, and who gave most.
    "room_user" => RoomUser,
    /// The room was paused, resumed or ended.
    "control" => Control,
    /// Somebody sent pictures of the host's own.
    "emote" => EmoteChat,
    /// A box of diamonds appeared or went.
    "envelope" => Envelope,
    /// Somebody asked the host.
    "question" => Question,
    /// A battle between hosts goes on to its next stage.
    "battle" => Battle,
    /// The score of a battle.
    "battle_score" => BattleScore,
    /// What the host says the room is about.
    "live_intro" => LiveIntro,
    /// Somebody subscribed.
    "subscribe" => Subscribe,
    /// A campaign's banner.
    "banner" => Banner,
    /// A ranking is shown.
    "hourly_rank" => HourlyRank,
    /// A method without a schema, or a message that could not be read.
    "unknown" => Unknown,
    /// The upstream is connected, or the replay has started.
    "connection_created" => ConnectionCreated,
    /// The upstream closed.
    "connection_closed" => ConnectionClosed,
    /// The source ended, or was replaced.
    "disconnected" => Disconnected,
    /// Something failed upstream.
    "error" => Failure,
}
