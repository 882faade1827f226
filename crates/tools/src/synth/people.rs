//! Fictional people.

use livetape_core::event::{Id, Person};
use smol_str::{SmolStr, format_smolstr};

use super::{USER, random::Random};
use crate::scrub::{
    square,
    stock::{DECORATION, FIRST, LAST, NICKNAMES},
};

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
    let mut random = Random(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (first, last) = (*random.pick(&FIRST), *random.pick(&LAST));
    let unique_id = match random.below(4) {
        0 => format_smolstr!("{first}{last}{number}"),
        1 => format_smolstr!("{first}.{last}{number}"),
        2 => format_smolstr!("{first}_{last}_{number}"),
        _ => format_smolstr!("{last}{number}.{first}"),
    };
    let nickname = format_smolstr!("{}{}", random.pick(&NICKNAMES), random.pick(&DECORATION));
    person(FIRST_ID + i64::try_from(number).unwrap_or(0), unique_id, nickname)
}

/// Returns the URL of a picture, the same for the same number.
pub(super) fn picture(number: u64) -> SmolStr {
    square(Random(number).next()).into()
}

fn person(user_id: i64, unique_id: SmolStr, nickname: SmolStr) -> Person {
    let avatar = picture(user_id.unsigned_abs());
    Person { user_id: Id(user_id), unique_id, nickname, avatar }
}
