//! Generates text of the same shape as the original: the same total length, script and punctuation, and
//! numbers of the same length. In a sentence, the lengths of the words are changed, because they could reveal
//! it.

use super::key::Choices;

/// Consonants of generated words, which alternate with [`VOWELS`].
pub(super) const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
pub(super) const VOWELS: &[u8] = b"aeiou";

/// Letters of generated text in other scripts; only a few, so that it can be recognised.
const WRITINGS: [(char, char, &str); 9] = [
    ('\u{370}', '\u{3ff}', "αειοκλμνπρστ"),
    ('\u{400}', '\u{52f}', "аеиоклмнпрст"),
    ('\u{590}', '\u{5ff}', "אבגדהולמנרשת"),
    ('\u{600}', '\u{6ff}', "ابتدرسلمنهوي"),
    ('\u{900}', '\u{97f}', "कगतदनपबमरलसह"),
    ('\u{e00}', '\u{e7f}', "กคงตนบปมรลสห"),
    ('\u{3040}', '\u{30ff}', "あいうえおかきくけこ"),
    ('\u{3400}', '\u{9fff}', "山川田木林森水火土石"),
    ('\u{ac00}', '\u{d7a3}', "가나다라마바사아자하"),
];
/// Replacements for emoji.
const EMOJI: &str = "🌸🌼🌻🌷🌿🍀🍁🍂🍄🌵🌊🌙⭐🌈🔔🎈🎁🎀🎨🎵🍎🍋🍉🍇🥝🍪🧁🍩🐝🦋🐢🐙";
/// Replacement for every symbol that is not an emoji.
pub(super) const SIGN: char = '·';

/// Kind of character.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A Latin letter, or a letter of a script that is not in [`WRITINGS`].
    Latin,
    /// A letter of a script in [`WRITINGS`].
    Other(usize),
    Space,
    Digit,
    /// ASCII punctuation, which is kept.
    Punctuation,
    Emoji,
    Sign,
}

fn kind(c: char) -> Kind {
    if let Some(at) = WRITINGS.iter().position(|(first, last, _)| (*first..=*last).contains(&c)) {
        return Kind::Other(at);
    }
    match c {
        _ if c.is_ascii_digit() => Kind::Digit,
        _ if c.is_whitespace() => Kind::Space,
        '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => Kind::Punctuation,
        '\u{203c}'..='\u{3299}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..='\u{1fbff}' | '\u{200d}' => {
            Kind::Emoji
        }
        _ if c.is_alphanumeric() => Kind::Latin,
        _ => Kind::Sign,
    }
}

/// Appends text with the shape of `text`.
pub(super) fn write(text: &str, choices: &mut Choices, out: &mut String) {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let kind = kind(chars[at]);
        let end = match kind {
            Kind::Latin | Kind::Other(_) => words_end(&chars, at, kind),
            _ => at + 1,
        };
        match kind {
            Kind::Latin | Kind::Other(_) => words(&chars[at..end], kind, choices, out),
            Kind::Space if chars[at].is_ascii_whitespace() => out.push(chars[at]),
            Kind::Space => out.push(' '),
            // In a message, the preceding length byte may be a plus sign. Phone numbers never start with 0.
            Kind::Digit if out.is_empty() => out.push('0'),
            Kind::Digit => out.push(char::from(choices.one(b"0123456789"))),
            // Generated text must not look like a phone number or a host name.
            Kind::Punctuation if chars[at] == '+' => out.push(SIGN),
            Kind::Punctuation if chars[at] == '.' && chars.get(at + 1).is_some_and(|c| c.is_alphabetic()) => {
                out.push(SIGN);
            }
            Kind::Punctuation => out.push(chars[at]),
            Kind::Emoji => out.push(EMOJI.chars().nth(choices.below(EMOJI.chars().count())).unwrap_or(SIGN)),
            Kind::Sign => out.push(SIGN),
        }
        at = end;
    }
}

/// Returns the end of a run of words in this script that are only separated by spaces.
fn words_end(chars: &[char], start: usize, of: Kind) -> usize {
    let mut end = start;
    for (at, c) in chars.iter().enumerate().skip(start) {
        match kind(*c) {
            kind if kind == of => end = at + 1,
            Kind::Space if *c == ' ' => {}
            _ => break,
        }
    }
    end
}

/// Appends words that are as long as `chars` in total.
fn words(chars: &[char], kind: Kind, choices: &mut Choices, out: &mut String) {
    let has_spaces = chars.contains(&' ');
    let all_upper = chars.len() > 1 && chars.iter().all(|c| !c.is_lowercase());
    let mut left = chars.len();
    let mut capital = chars[0].is_uppercase();
    while left > 0 {
        let mut length = if has_spaces { 2 + choices.below(6) } else { left };
        // Avoids a trailing space and a single final letter.
        if length + 2 >= left {
            length = left;
        }
        for at in 0..length {
            let letter = letter(kind, at, choices);
            let is_upper = kind == Kind::Latin && (all_upper || (capital && at == 0));
            out.push(if is_upper { letter.to_ascii_uppercase() } else { letter });
        }
        capital = false;
        left -= length;
        if left > 0 {
            out.push(' ');
            left -= 1;
        }
    }
}

fn letter(kind: Kind, at: usize, choices: &mut Choices) -> char {
    match kind {
        Kind::Other(writing) => {
            let letters = WRITINGS[writing].2;
            letters.chars().nth(choices.below(letters.chars().count())).unwrap_or(SIGN)
        }
        _ => char::from(choices.one(if at.is_multiple_of(2) { CONSONANTS } else { VOWELS })),
    }
}

/// Whether `text` may come from [`write()`]: its words alternate between the letters of generated text.
pub(super) fn is_made_up(text: &str) -> bool {
    let mut at = 0;
    for c in text.chars() {
        let fits = match kind(c) {
            Kind::Latin => {
                let letters = [CONSONANTS, VOWELS][at % 2];
                u8::try_from(c).is_ok_and(|byte| letters.contains(&byte.to_ascii_lowercase()))
            }
            Kind::Other(writing) => WRITINGS[writing].2.contains(c),
            Kind::Emoji => EMOJI.contains(c),
            Kind::Sign => c == SIGN,
            Kind::Space | Kind::Digit | Kind::Punctuation => true,
        };
        if !fits {
            return false;
        }
        at = if kind(c) == Kind::Latin { at + 1 } else { 0 };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::key::Key;

    fn made(text: &str) -> String {
        let mut out = String::new();
        write(text, &mut Key::new(&[1; 32]).choices("text", text.as_bytes()), &mut out);
        out
    }

    #[test]
    fn the_shape_stays() {
        for text in [
            "Hello everyone, how are you?",
            "lol 😂😂 1-2",
            "привет как дела",
            "大家好！",
            "مرحبا",
            "HELLO",
            "𝓐𝓷𝓷 ♡ ꧁x꧂",
            " a ",
            "",
            "é\n\tb\u{a0}c",
        ] {
            let new = made(text);
            assert_eq!(new.chars().count(), text.chars().count(), "{text} {new}");
            assert!(is_made_up(&new), "{text} {new}");
            assert_eq!(new.trim().len() == new.len(), text.trim().len() == text.len(), "{text:?} {new:?}");
        }
        assert!(made("HELLO WORLD").chars().all(|c| !c.is_lowercase()));
        assert!(made("Hello world").starts_with(char::is_uppercase));
    }

    #[test]
    fn real_text_is_not_mistaken_for_generated_text() {
        for text in ["Hello", "привет", "大家好", "ann_marie", "😂", "✨"] {
            assert!(!is_made_up(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn generated_text_is_recognised(text in ".{0,60}") {
            proptest::prop_assert!(is_made_up(&made(&text)), "{}", made(&text));
        }
    }
}
