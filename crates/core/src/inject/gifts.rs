//! Gifts known by name.

use crate::{
    error::{Code, Problem},
    nearest::choices,
    wire::compose,
};

/// Gifts known by name: id, name and diamonds. Requests can give the price of others.
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
    // The id of an unknown gift is derived from its name, in a range above TikTok's.
    let made_up = || 1_000_000_000 + i64::from(crc32fast::hash(name.as_bytes()));
    compose::Gift {
        gift_id: known.map_or_else(made_up, |known| known.0),
        name: known.map_or(name, |known| known.1).to_owned(),
        diamond_count: diamonds.or(known.map(|known| known.2)).unwrap_or(1),
        picture_url: picture_url.to_owned(),
        ..compose::Gift::default()
    }
}

/// Rejects a gift that is not known by name, unless the request gives its price.
///
/// # Errors
/// `bad_request` with the nearest name.
pub(super) fn check_gift(name: &str, diamonds: Option<i32>) -> Result<(), Problem> {
    if diamonds.is_some() || GIFTS.iter().any(|(_, known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let hint =
        format!("{}; or set `diamonds` for any other gift", choices(name, &GIFTS.map(|(_, name, _)| name)));
    Err(Problem::new(Code::BadRequest, format!("unknown gift `{name}`")).hint(hint))
}
