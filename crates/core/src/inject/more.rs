//! Messages of rarely injected kinds.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{InjectRequest, Stamps, who::RESERVED_USERS};
use crate::{
    event::{Id, Person},
    wire::{
        Message,
        compose::{self, Battle, Side},
    },
};

/// Length of a battle, in seconds.
const BATTLE_SECS: i64 = 300;

/// Returns the messages of a request; none for the kinds that [`Stamps::messages`] handles.
pub(super) fn messages(stamps: &mut Stamps<'_>, person: &Person, request: &InjectRequest) -> Vec<Message> {
    match request {
        InjectRequest::Emote { emote_id, picture_url, .. } => {
            vec![compose::emote(stamps.next(), person, emote_id, picture_url)]
        }
        InjectRequest::Envelope { diamonds, people, .. } => {
            vec![compose::envelope(stamps.next(), person, *diamonds, *people)]
        }
        InjectRequest::Poll { question, options, .. } => {
            vec![compose::poll(stamps.next(), person, question, options)]
        }
        InjectRequest::End {} => vec![compose::control(stamps.next(), compose::ENDED)],
        InjectRequest::Raw { method, payload } => {
            let payload = STANDARD.decode(payload).unwrap_or_default().into();
            let msg_id = stamps.next().msg_id;
            vec![Message { method: method.as_str().into(), payload, msg_id, is_history: false }]
        }
        InjectRequest::Battle { opponent, points, opponent_points, over, .. } => {
            let side = |host: &Person, points| Side { host: host.clone(), points, givers: Vec::new() };
            let sides = vec![side(person, *points), side(&opponent.person(), *opponent_points)];
            fight(stamps, person, sides, *over)
        }
        _ => Vec::new(),
    }
}

/// Returns the start or end of a battle, and its points if there are any.
fn fight(stamps: &mut Stamps<'_>, person: &Person, sides: Vec<Side>, over: bool) -> Vec<Message> {
    let stamp = stamps.next();
    // The id is derived from the hosts, so that the end of a battle matches its start.
    let hosts: String = sides.iter().flat_map(|side| [side.host.unique_id.as_str(), "/"]).collect();
    let Id(battle_id) = Id(RESERVED_USERS + i64::from(crc32fast::hash(hosts.as_bytes())));
    let has_points = sides.iter().any(|side| side.points > 0);
    let battle = Battle { battle_id, started_ms: stamp.create_time, duration_s: BATTLE_SECS, sides };
    let mut messages = vec![compose::battle(stamp, &battle, over)];
    if has_points {
        messages.push(compose::armies(stamps.next(), &battle, person, over));
    }
    messages
}
