//! What people write, and what they give.

use super::random::Random;

/// Language and text; `{}` is somebody's name.
const PHRASES: [(&str, &str); 48] = [
    ("en", "hello from the other side of the world"),
    ("en", "what song is this?"),
    ("en", "{} you are on fire today 🔥"),
    ("en", "first time here, love it"),
    ("en", "can you play that one again please"),
    ("en", "LETS GOOO"),
    ("en", "good night everyone 🌙"),
    ("en", "the sound is a bit low"),
    ("en", "who else is at work right now 😅"),
    ("en", "W stream"),
    ("es", "hola a todos, saludos desde Chile 🇨🇱"),
    ("es", "qué bonito!! 😍"),
    ("es", "otra vez por favor"),
    ("es", "jajaja no puede ser"),
    ("pt", "boa noite pessoal"),
    ("pt", "manda um salve pra {} 🙌"),
    ("pt", "kkkkkk muito bom"),
    ("de", "moin zusammen, wie geht's?"),
    ("de", "Grüße aus dem Büro 😄"),
    ("fr", "bonsoir à tous ✨"),
    ("fr", "c'est trop bien"),
    ("it", "ciao, che bella musica 🎶"),
    ("id", "halo kak, salam dari Bandung 👋"),
    ("id", "semangat terus kak {}"),
    ("vi", "xin chào mọi người ❤️"),
    ("vi", "hay quá"),
    ("th", "สวัสดีครับ!"),
    ("th", "น่ารักมาก 555"),
    ("ja", "こんばんは〜"),
    ("ja", "かわいい🌸🌸"),
    ("ja", "初見です"),
    ("ko", "안녕하세요 여러분"),
    ("ko", "대박 ㅋㅋㅋ"),
    ("zh", "大家好"),
    ("zh", "太厉害了 👏👏👏"),
    ("ar", "السلام عليكم 🌹"),
    ("ar", "ما شاء الله"),
    ("tr", "selam herkese, İzmir'den sevgiler"),
    ("ru", "привет всем!"),
    ("ru", "как красиво 😻"),
    ("pl", "cześć, pozdrawiam z pracy"),
    ("hi", "नमस्ते 🙏"),
    ("he", "שלום לכולם"),
    ("el", "γεια σας παιδιά"),
    ("en", "👩‍👩‍👧‍👦 family watching together"),
    ("en", "❤️❤️❤️❤️❤️"),
    ("en", "😂😂😂"),
    ("en", "🎉🎉 congrats 🎉🎉"),
];

/// Id, name, price and type of a gift, as in `fixtures/webcast/gift-list.json`; type 1 can be sent in streaks.
pub(super) type Gift = (i64, &'static str, i32, i32);

/// Cheap ones more often than others.
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
/// So many in a hundred gifts are one of these.
const COSTLY_PERCENT: u64 = 3;
const COSTLY: [Gift; 4] =
    [(6267, "Corgi", 299, 2), (7168, "Money Gun", 500, 2), (5897, "Swan", 699, 2), (5978, "Train", 899, 2)];

/// The language and text of a chat.
pub(super) fn phrase(random: &mut Random, name: &str) -> (&'static str, String) {
    let (language, text) = *random.pick(&PHRASES);
    (language, text.replace("{}", name))
}

pub(super) fn gift(random: &mut Random) -> Gift {
    if random.below(100) < COSTLY_PERCENT { *random.pick(&COSTLY) } else { *random.pick(&GIFTS) }
}
