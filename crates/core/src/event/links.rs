//! Guests and co-hosts.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Person};

/// `link`: who is on the screen with the host.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The channel that joins them.
    pub channel_id: Id,
    /// TikTok's number for what happens.
    pub message_type: i32,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Who is on the screen; empty if the message does not tell.
    pub users: Vec<Person>,
    /// Who waits for it.
    pub waiting: Vec<Person>,
    /// Who left; 0 if nobody did.
    pub left_user_id: Id,
}

/// `link_layer`: the same from the newer of two systems, with user ids only.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkLayer {
    /// The channel that joins them.
    pub channel_id: Id,
    /// 1 created, 2 invited, 3 applied, 6 kicked out, 9 left, 10 finished, 11 the list changed, …
    pub message_type: i32,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Whose channel it is; 0 if the message does not tell.
    pub owner_user_id: Id,
    /// Who is on the screen; empty if the message does not tell.
    pub linked_user_ids: Vec<Id>,
    /// Who applied for it.
    pub applied_user_ids: Vec<Id>,
    /// Who was invited.
    pub invited_user_ids: Vec<Id>,
    /// Who left or was thrown out; 0 if nobody was.
    pub left_user_id: Id,
    /// TikTok's number for why; 0 if the message does not tell.
    pub reason: i64,
}

/// `link_mic_method`: the same from the oldest system; also what guests were given.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicMethod {
    /// TikTok's number for what happens; 8 a guest was given something.
    pub link_type: i32,
    /// The channel that joins them; 0 if the message does not tell.
    pub channel_id: Id,
    /// Who was given something; 0 if nobody was.
    pub user_id: Id,
    /// What the user was given so far.
    pub coins: i64,
    /// What all were given so far.
    pub total_coins: i64,
    /// Who was invited; 0 if nobody was.
    pub invited_user_id: Id,
    /// To whom it is addressed; 0 if to nobody in particular.
    pub to_user_id: Id,
    /// The other host; 0 if the message does not tell.
    pub rival_user_id: Id,
}

/// `link_mic_fan_ticket_method`: what guests were given.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicFanTicket {
    /// Who was given what.
    pub users: Vec<FanTickets>,
    /// What all were given so far.
    pub total_coins: i64,
    /// The match that it belongs to; 0 if to none.
    pub match_id: Id,
}

/// What a guest was given.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FanTickets {
    /// The guest.
    pub user_id: Id,
    /// What the guest was given so far.
    pub coins: i64,
    /// The guest's score in a match.
    pub match_score: i64,
    /// The guest's place in a match; 0 outside one.
    pub match_rank: i32,
}

/// `link_screen_change`: a guest is shown large.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkScreenChange {
    /// 1 cancelled, 2 a new state, 3 a new position.
    pub message_type: i32,
    /// Whether the guest is shown large.
    pub is_enlarged: bool,
    /// The guest, named as in the list of guests; TikTok has it as a text.
    pub link_mic_id: SmolStr,
}

/// `link_mic_anchor_guide`: a hint for the host; `user` is whom it is about.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicAnchorGuide {
    /// TikTok's number for what it is.
    pub guide_type: i32,
    /// What it says; may be empty.
    pub content: SmolStr,
    /// What the button says; may be empty.
    pub button_text: SmolStr,
}

/// `link_state`: who is on the screen, from a system newer still.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkState {
    /// The channel that joins them.
    pub channel_id: Id,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Counts the states.
    pub version: i64,
    /// Who is on the screen.
    pub user_ids: Vec<Id>,
}
