//! Lists of people and texts. Synthetic recordings are built from them, and they replaced the people and texts
//! in the recordings shipped with livetape. An audit recognises them.
/// First words of user names.
pub const FIRST: [&str; 24] = [
    "amber", "bluebell", "clover", "daisy", "ember", "fern", "ginger", "hazel", "iris", "juniper", "kiwi",
    "lilac", "maple", "nutmeg", "olive", "pepper", "quince", "rosemary", "sage", "thyme", "umbra", "violet",
    "willow", "zinnia",
];
/// Second words of user names.
pub const LAST: [&str; 20] = [
    "badger", "comet", "dolphin", "echo", "falcon", "glacier", "harbor", "island", "jaguar", "kettle",
    "lantern", "meadow", "nebula", "otter", "pebble", "quill", "river", "saddle", "tunnel", "walnut",
];
/// Nicknames in many scripts, none of which identifies anyone.
pub const NICKNAMES: [&str; 20] = [
    "Cloud",
    "しずく",
    "구름",
    "Nube",
    "Ветерок",
    "نجمة",
    "ดาวเหนือ",
    "Mây",
    "小石",
    "Tähti",
    "Étoile",
    "Yıldız",
    "बादल",
    "Lumière",
    "Wölkchen",
    "Σύννεφο",
    "Bulan",
    "Ostern",
    "כוכב",
    "Estrelinha",
];
/// Suffixes of nicknames.
pub const DECORATION: [&str; 8] = ["", "", "", " ✨", "🌊", " 🎧", "🦊", " 🇺🇳"];

/// Language and text of phrases; `{}` stands for a name.
pub const PHRASES: [(&str, &str); 48] = [
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
/// Messages of the app to everyone in a room.
const NOTICES: [&str; 2] = [
    "Welcome! Be kind to each other, have fun, and say hello to the host.",
    "Please follow the rules of the room, and report what does not belong here.",
];

/// Returns the phrases without a name, with their languages.
pub fn phrases() -> impl Iterator<Item = (&'static str, &'static str)> {
    PHRASES.into_iter().filter(|(_, text)| !text.contains("{}"))
}

/// Appends a number to a name, and a check digit that marks the name as generated.
pub(super) fn numbered(name: &str, number: usize) -> String {
    let digit = check_digit(name, number);
    format!("{name}{:04}", number * 10 + digit)
}

pub(super) fn check_digit(name: &str, number: usize) -> usize {
    (name.bytes().map(usize::from).sum::<usize>() + number) % 10
}

/// Whether the part of a user name before its number may come from these lists: `amber_badger`.
pub(super) fn is_pair(name: &str) -> bool {
    name.split_once('_').is_some_and(|(first, last)| FIRST.contains(&first) && LAST.contains(&last))
}

/// Whether a displayed name may come from these lists: `Nube 🎧`, `Amber Badger`.
pub(super) fn is_nickname(text: &str) -> bool {
    DECORATION.iter().filter_map(|decoration| text.strip_suffix(decoration)).any(|name| {
        let is_pair = || name == name.split(' ').map(capital).collect::<Vec<_>>().join(" ");
        NICKNAMES.contains(&name) || is_pair() && self::is_pair(&name.to_lowercase().replace(' ', "_"))
    })
}

/// Whether a text is on a list.
pub(super) fn is_text(text: &str) -> bool {
    NOTICES.contains(&text) || phrases().any(|(_, phrase)| phrase == text)
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
