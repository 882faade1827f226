//! Gifts that are known by name.

use crate::{
    error::{Code, Problem},
    nearest::choices,
    wire::compose,
};

/// Gifts that are known by name: number, name, diamonds. Of others the price can be told.
const GIFTS: [(i64, &str, i32); 7] = [
    (5269, "TikTok", 1),
    (5479, "Coffee", 1),
    (5487, "Finger Heart", 5),
    (5655, "Rose", 1),
    (5658, "Perfume", 20),
    (5827, "Ice Cream Cone", 1),
    (5879, "Doughnut", 30),
];

pub(super) fn known_gift(name: &str, diamonds: Option<i32>, picture_url: &str) -> compose::Gift {
    let known = GIFTS.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name));
    // An unknown one has the same number each time, above all that TikTok uses.
    let made_up = || 1_000_000_000 + i64::from(crc32fast::hash(name.as_bytes()));
    compose::Gift {
        gift_id: known.map_or_else(made_up, |known| known.0),
        name: known.map_or(name, |known| known.1).to_owned(),
        diamond_count: diamonds.or(known.map(|known| known.2)).unwrap_or(1),
        picture_url: picture_url.to_owned(),
        ..compose::Gift::default()
    }
}

/// Rejects a gift that is not known by name, unless its price is given.
///
/// # Errors
/// `bad_request` with the nearest name.
pub(super) fn check_gift(name: &str, diamonds: Option<i32>) -> Result<(), Problem> {
    if diamonds.is_some() || GIFTS.iter().any(|(_, known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let hint =
        format!("{}; or set `diamonds` to make up another", choices(name, &GIFTS.map(|(_, name, _)| name)));
    Err(Problem::new(Code::BadRequest, format!("there is no gift `{name}`")).hint(hint))
}
