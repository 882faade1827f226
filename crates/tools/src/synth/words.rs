//! Texts and gifts of viewers.

use super::random::Random;
use crate::scrub::stock::PHRASES;

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
