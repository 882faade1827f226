//! Which method has which schema.

use super::Reader;

/// What is known of a method.
pub(super) struct Row {
    pub(super) method: &'static str,
    read: Reader,
    schema: &'static str,
}

macro_rules! row {
    ($kind:ident, $method:literal) => {
        Row { method: $method, read: reader_of!($kind), schema: stringify!($kind) }
    };
}

/// Every method with a schema, in alphabetical order.
pub(super) const READERS: &[Row] = &[
    row!(LinkMicMethod, "LinkMicMethod"),
    row!(System, "RoomMessage"),
    row!(AccessControl, "WebcastAccessControlMessage"),
    row!(AccessRecall, "WebcastAccessRecallMessage"),
    row!(AnchorToolModification, "WebcastAnchorToolModificationMessage"),
    row!(BaLeadGen, "WebcastBALeadGenMessage"),
    row!(Barrage, "WebcastBarrageMessage"),
    row!(BoostCard, "WebcastBoostCardMessage"),
    row!(Bottom, "WebcastBottomMessage"),
    row!(Capsule, "WebcastCapsuleMessage"),
    row!(Caption, "WebcastCaptionMessage"),
    row!(Chat, "WebcastChatMessage"),
    row!(CommentTray, "WebcastCommentTrayMessage"),
    row!(Control, "WebcastControlMessage"),
    row!(DonationStickerModify, "WebcastDonationStickerModifyMethod"),
    row!(EmoteChat, "WebcastEmoteChatMessage"),
    row!(Envelope, "WebcastEnvelopeMessage"),
    row!(EnvelopePortal, "WebcastEnvelopePortalMessage"),
    row!(GameRankNotify, "WebcastGameRankNotifyMessage"),
    row!(GiftBroadcast, "WebcastGiftBroadcastMessage"),
    row!(GiftCollectionUpdate, "WebcastGiftCollectionUpdateMessage"),
    row!(GiftDynamicRestriction, "WebcastGiftDynamicRestrictionMessage"),
    row!(Gift, "WebcastGiftMessage"),
    row!(GiftPanelUpdate, "WebcastGiftPanelUpdateMessage"),
    row!(GiftPrompt, "WebcastGiftPromptMessage"),
    row!(GoalUpdate, "WebcastGoalUpdateMessage"),
    row!(GoodyBag, "WebcastGoodyBagMessage"),
    row!(Guide, "WebcastGuideMessage"),
    row!(Hashtag, "WebcastHashtagMessage"),
    row!(HourlyRank, "WebcastHourlyRankMessage"),
    row!(HourlyRankReward, "WebcastHourlyRankRewardMessage"),
    row!(ImDelete, "WebcastImDeleteMessage"),
    row!(InRoomBanner, "WebcastInRoomBannerMessage"),
    row!(InRoomBannerRefresh, "WebcastInRoomBannerRefreshMessage"),
    row!(Like, "WebcastLikeMessage"),
    row!(LinkLayer, "WebcastLinkLayerMessage"),
    row!(Link, "WebcastLinkMessage"),
    row!(LinkMicAnchorGuide, "WebcastLinkMicAnchorGuideMessage"),
    row!(LinkMicArmies, "WebcastLinkMicArmies"),
    row!(LinkMicBattle, "WebcastLinkMicBattle"),
    row!(LinkMicBattleItemCard, "WebcastLinkMicBattleItemCard"),
    row!(LinkMicBattlePunishFinish, "WebcastLinkMicBattlePunishFinish"),
    row!(LinkMicFanTicket, "WebcastLinkMicFanTicketMethod"),
    row!(LinkMicMethod, "WebcastLinkMicMethod"),
    row!(LinkScreenChange, "WebcastLinkScreenChangeMessage"),
    row!(LinkState, "WebcastLinkStateMessage"),
    row!(LinkMicBattleNotice, "WebcastLinkmicBattleNoticeMessage"),
    row!(LinkMicBattleTask, "WebcastLinkmicBattleTaskMessage"),
    row!(LiveGameIntro, "WebcastLiveGameIntroMessage"),
    row!(LiveIntro, "WebcastLiveIntroMessage"),
    row!(MarqueeAnnouncement, "WebcastMarqueeAnnouncementMessage"),
    row!(Member, "WebcastMemberMessage"),
    row!(MsgDetect, "WebcastMsgDetectMessage"),
    row!(Notice, "WebcastNoticeMessage"),
    row!(OecLiveShopping, "WebcastOecLiveShoppingMessage"),
    row!(PaidContentLiveShopping, "WebcastPaidContentLiveShoppingMessage"),
    row!(PartnershipCardChange, "WebcastPartnershipCardChangeMessage"),
    row!(PartnershipDownloadCount, "WebcastPartnershipDownloadCountMessage"),
    row!(PartnershipDropsUpdate, "WebcastPartnershipDropsUpdateMessage"),
    row!(PartnershipGameOffline, "WebcastPartnershipGameOfflineMessage"),
    row!(PartnershipPunish, "WebcastPartnershipPunishMessage"),
    row!(Perception, "WebcastPerceptionMessage"),
    row!(PictionaryEnd, "WebcastPictionaryEndMessage"),
    row!(PictionaryExit, "WebcastPictionaryExitMessage"),
    row!(PictionaryStart, "WebcastPictionaryStartMessage"),
    row!(PictionaryUpdate, "WebcastPictionaryUpdateMessage"),
    row!(Poll, "WebcastPollMessage"),
    row!(QuestionDelete, "WebcastQuestionDeleteMessage"),
    row!(QuestionNew, "WebcastQuestionNewMessage"),
    row!(QuestionSelected, "WebcastQuestionSelectedMessage"),
    row!(QuestionSlideDown, "WebcastQuestionSlideDownMessage"),
    row!(QuestionSwitch, "WebcastQuestionSwitchMessage"),
    row!(RankText, "WebcastRankTextMessage"),
    row!(RankUpdate, "WebcastRankUpdateMessage"),
    row!(Room, "WebcastRoomMessage"),
    row!(RoomNotify, "WebcastRoomNotifyMessage"),
    row!(RoomPin, "WebcastRoomPinMessage"),
    row!(RoomSticker, "WebcastRoomStickerMessage"),
    row!(RoomUserSeq, "WebcastRoomUserSeqMessage"),
    row!(RoomVerify, "WebcastRoomVerifyMessage"),
    row!(Social, "WebcastSocialMessage"),
    row!(Speaker, "WebcastSpeakerMessage"),
    row!(SubNotify, "WebcastSubNotifyMessage"),
    row!(SubPinEvent, "WebcastSubPinEventMessage"),
    row!(SubTimerSticker, "WebcastSubTimerStickerMessage"),
    row!(SubWave, "WebcastSubWaveMessage"),
    row!(SubscriptionGuide, "WebcastSubscriptionGuideMessage"),
    row!(System, "WebcastSystemMessage"),
    row!(Toast, "WebcastToastMessage"),
    row!(UnauthorizedMember, "WebcastUnauthorizedMemberMessage"),
    row!(WeeklyRankReward, "WebcastWeeklyRankRewardMessage"),
];

/// The reader of a method's payloads, if it has a schema.
pub(super) fn reader(method: &str) -> Option<Reader> {
    find(method).map(|row| row.read)
}

/// The name of the message that a method's payloads are, if it has a schema.
pub(super) fn schema_name(method: &str) -> Option<&'static str> {
    find(method).map(|row| row.schema)
}

fn find(method: &str) -> Option<&'static Row> {
    READERS.binary_search_by_key(&method, |row| row.method).ok().map(|at| &READERS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(READERS.is_sorted_by(|a, b| a.method < b.method));
    }
}
