//! Texts that clients assemble from a pattern and pieces.

use super::webcast;
use crate::event;

/// Maximum length of an assembled text, in bytes. A small message could otherwise repeat a long piece a
/// thousand times.
const TEXT_BYTES_MAX: usize = 4096;

/// Assembles a text; returns `None` if there is none.
pub(super) fn text(text: Option<webcast::Text>) -> Option<event::Text> {
    let text = text.filter(|text| !(text.key.is_empty() && text.default_pattern.is_empty()))?;
    Some(event::Text { text: fill(&text.default_pattern, &text.pieces), key: text.key.into() })
}

/// Assembles the display text of a message.
pub(super) fn display_text(common: Option<webcast::Common>) -> Option<event::Text> {
    text(common?.display_text)
}

/// Returns the first user mentioned in a text.
pub(super) fn named_user(text: Option<&webcast::Text>) -> Option<webcast::User> {
    text?.pieces.iter().find_map(|piece| piece.user_value.as_ref()?.user.clone())
}

/// Inserts the pieces into a pattern: `{0:user} sent {1:gift}`. Other braces stay unchanged.
fn fill(pattern: &str, pieces: &[webcast::TextPiece]) -> String {
    let (mut filled, mut rest) = (String::new(), pattern);
    while filled.len() <= TEXT_BYTES_MAX {
        let Some((before, place, after)) = next_place(rest) else {
            filled.push_str(rest);
            break;
        };
        filled.push_str(before);
        filled.push_str(pieces.get(place).map_or("", piece));
        rest = after;
    }
    filled.truncate(filled.floor_char_boundary(TEXT_BYTES_MAX));
    filled
}

/// Splits at the first placeholder, `{number:type}`.
fn next_place(pattern: &str) -> Option<(&str, usize, &str)> {
    let mut from = 0;
    loop {
        let open = from + pattern[from..].find('{')?;
        let close = open + pattern[open..].find('}')?;
        let place = pattern[open + 1..close].split_once(':').and_then(|(number, _)| number.parse().ok());
        match place {
            Some(place) => return Some((&pattern[..open], place, &pattern[close + 1..])),
            None => from = open + 1,
        }
    }
}

/// Returns the text of a piece; empty for pictures.
fn piece(piece: &webcast::TextPiece) -> &str {
    let user = piece.user_value.as_ref().and_then(|value| value.user.as_ref());
    let gift = piece.gift_value.as_ref().and_then(|value| value.name.as_ref());
    let pattern = piece.pattern_value.as_ref().or(gift);
    match (user, pattern) {
        (Some(user), _) => &user.nickname,
        (None, Some(pattern)) => &pattern.default_pattern,
        (None, None) => &piece.string_value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> webcast::TextPiece {
        webcast::TextPiece { string_value: text.into(), ..Default::default() }
    }

    fn ann() -> webcast::TextPiece {
        let user = webcast::User { nickname: "Ann".into(), ..Default::default() };
        let user_value = Some(Box::new(webcast::text_piece::UserValue { user: Some(user) }));
        webcast::TextPiece { user_value, ..Default::default() }
    }

    #[test]
    fn pieces_replace_their_placeholders() {
        assert_eq!(fill("{0:user} is No. {1:string}!", &[ann(), string("2")]), "Ann is No. 2!");
        assert_eq!(fill("{1:string}{0:user}{7:string}", &[ann(), string("2")]), "2Ann");
        assert_eq!(fill("no place", &[]), "no place");
        assert_eq!(fill("{}, {x:y}, { {0:s}", &[string("a")]), "{}, {x:y}, { a");
        assert_eq!(fill("{0:string", &[string("a")]), "{0:string");
    }

    #[test]
    fn the_length_of_a_text_is_bounded() {
        let long = fill(&"{0:string}".repeat(10_000), &[string(&"\u{e9}".repeat(10_000))]);
        assert!(long.len() <= TEXT_BYTES_MAX && long.len() > TEXT_BYTES_MAX - 2);
    }

    #[test]
    fn an_empty_text_is_none() {
        assert_eq!(text(None), None);
        assert_eq!(text(Some(webcast::Text::default())), None);
    }
}
