//! Which method has which schema.

use super::{Reader, read, webcast};

/// Every method with a schema, in alphabetical order.
pub(super) const READERS: &[(&str, Reader)] = &[
    ("WebcastChatMessage", read::<webcast::Chat>),
    ("WebcastControlMessage", read::<webcast::Control>),
    ("WebcastEmoteChatMessage", read::<webcast::EmoteChat>),
    ("WebcastEnvelopeMessage", read::<webcast::Envelope>),
    ("WebcastGiftMessage", read::<webcast::Gift>),
    ("WebcastHourlyRankMessage", read::<webcast::HourlyRank>),
    ("WebcastInRoomBannerMessage", read::<webcast::InRoomBanner>),
    ("WebcastLikeMessage", read::<webcast::Like>),
    ("WebcastLinkMicArmies", read::<webcast::LinkMicArmies>),
    ("WebcastLinkMicBattle", read::<webcast::LinkMicBattle>),
    ("WebcastLiveIntroMessage", read::<webcast::LiveIntro>),
    ("WebcastMemberMessage", read::<webcast::Member>),
    ("WebcastQuestionNewMessage", read::<webcast::QuestionNew>),
    ("WebcastRoomUserSeqMessage", read::<webcast::RoomUserSeq>),
    ("WebcastSocialMessage", read::<webcast::Social>),
    ("WebcastSubNotifyMessage", read::<webcast::SubNotify>),
];

/// The reader of a method's payloads, if it has a schema.
pub(super) fn reader(method: &str) -> Option<Reader> {
    let at = READERS.binary_search_by_key(&method, |(method, _)| method).ok()?;
    Some(READERS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(READERS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
