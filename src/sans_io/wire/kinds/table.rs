//! Which method has which schema.

use super::{Kind, Reader, read, webcast};

/// What is known of a method.
pub(super) struct Row {
    pub(super) method: &'static str,
    read: Reader,
    type_name: fn() -> &'static str,
}

const fn row<K: Kind>(method: &'static str) -> Row {
    Row { method, read: read::<K>, type_name: std::any::type_name::<K> }
}

/// Every method with a schema, in alphabetical order.
pub(super) const READERS: &[Row] = &[
    row::<webcast::LinkMicMethod>("LinkMicMethod"),
    row::<webcast::System>("RoomMessage"),
    row::<webcast::AccessControl>("WebcastAccessControlMessage"),
    row::<webcast::AccessRecall>("WebcastAccessRecallMessage"),
    row::<webcast::AnchorToolModification>("WebcastAnchorToolModificationMessage"),
    row::<webcast::BaLeadGen>("WebcastBALeadGenMessage"),
    row::<webcast::Barrage>("WebcastBarrageMessage"),
    row::<webcast::BoostCard>("WebcastBoostCardMessage"),
    row::<webcast::Bottom>("WebcastBottomMessage"),
    row::<webcast::Capsule>("WebcastCapsuleMessage"),
    row::<webcast::Caption>("WebcastCaptionMessage"),
    row::<webcast::Chat>("WebcastChatMessage"),
    row::<webcast::CommentTray>("WebcastCommentTrayMessage"),
    row::<webcast::Control>("WebcastControlMessage"),
    row::<webcast::DonationStickerModify>("WebcastDonationStickerModifyMethod"),
    row::<webcast::EmoteChat>("WebcastEmoteChatMessage"),
    row::<webcast::Envelope>("WebcastEnvelopeMessage"),
    row::<webcast::EnvelopePortal>("WebcastEnvelopePortalMessage"),
    row::<webcast::GameRankNotify>("WebcastGameRankNotifyMessage"),
    row::<webcast::GiftBroadcast>("WebcastGiftBroadcastMessage"),
    row::<webcast::GiftCollectionUpdate>("WebcastGiftCollectionUpdateMessage"),
    row::<webcast::GiftDynamicRestriction>("WebcastGiftDynamicRestrictionMessage"),
    row::<webcast::Gift>("WebcastGiftMessage"),
    row::<webcast::GiftPanelUpdate>("WebcastGiftPanelUpdateMessage"),
    row::<webcast::GiftPrompt>("WebcastGiftPromptMessage"),
    row::<webcast::GoalUpdate>("WebcastGoalUpdateMessage"),
    row::<webcast::GoodyBag>("WebcastGoodyBagMessage"),
    row::<webcast::Guide>("WebcastGuideMessage"),
    row::<webcast::Hashtag>("WebcastHashtagMessage"),
    row::<webcast::HourlyRank>("WebcastHourlyRankMessage"),
    row::<webcast::HourlyRankReward>("WebcastHourlyRankRewardMessage"),
    row::<webcast::ImDelete>("WebcastImDeleteMessage"),
    row::<webcast::InRoomBanner>("WebcastInRoomBannerMessage"),
    row::<webcast::InRoomBannerRefresh>("WebcastInRoomBannerRefreshMessage"),
    row::<webcast::Like>("WebcastLikeMessage"),
    row::<webcast::LinkLayer>("WebcastLinkLayerMessage"),
    row::<webcast::Link>("WebcastLinkMessage"),
    row::<webcast::LinkMicAnchorGuide>("WebcastLinkMicAnchorGuideMessage"),
    row::<webcast::LinkMicArmies>("WebcastLinkMicArmies"),
    row::<webcast::LinkMicBattle>("WebcastLinkMicBattle"),
    row::<webcast::LinkMicBattleItemCard>("WebcastLinkMicBattleItemCard"),
    row::<webcast::LinkMicBattlePunishFinish>("WebcastLinkMicBattlePunishFinish"),
    row::<webcast::LinkMicFanTicket>("WebcastLinkMicFanTicketMethod"),
    row::<webcast::LinkMicMethod>("WebcastLinkMicMethod"),
    row::<webcast::LinkScreenChange>("WebcastLinkScreenChangeMessage"),
    row::<webcast::LinkState>("WebcastLinkStateMessage"),
    row::<webcast::LinkMicBattleNotice>("WebcastLinkmicBattleNoticeMessage"),
    row::<webcast::LinkMicBattleTask>("WebcastLinkmicBattleTaskMessage"),
    row::<webcast::LiveGameIntro>("WebcastLiveGameIntroMessage"),
    row::<webcast::LiveIntro>("WebcastLiveIntroMessage"),
    row::<webcast::MarqueeAnnouncement>("WebcastMarqueeAnnouncementMessage"),
    row::<webcast::Member>("WebcastMemberMessage"),
    row::<webcast::MsgDetect>("WebcastMsgDetectMessage"),
    row::<webcast::Notice>("WebcastNoticeMessage"),
    row::<webcast::OecLiveShopping>("WebcastOecLiveShoppingMessage"),
    row::<webcast::PaidContentLiveShopping>("WebcastPaidContentLiveShoppingMessage"),
    row::<webcast::PartnershipCardChange>("WebcastPartnershipCardChangeMessage"),
    row::<webcast::PartnershipDownloadCount>("WebcastPartnershipDownloadCountMessage"),
    row::<webcast::PartnershipDropsUpdate>("WebcastPartnershipDropsUpdateMessage"),
    row::<webcast::PartnershipGameOffline>("WebcastPartnershipGameOfflineMessage"),
    row::<webcast::PartnershipPunish>("WebcastPartnershipPunishMessage"),
    row::<webcast::Perception>("WebcastPerceptionMessage"),
    row::<webcast::PictionaryEnd>("WebcastPictionaryEndMessage"),
    row::<webcast::PictionaryExit>("WebcastPictionaryExitMessage"),
    row::<webcast::PictionaryStart>("WebcastPictionaryStartMessage"),
    row::<webcast::PictionaryUpdate>("WebcastPictionaryUpdateMessage"),
    row::<webcast::Poll>("WebcastPollMessage"),
    row::<webcast::QuestionDelete>("WebcastQuestionDeleteMessage"),
    row::<webcast::QuestionNew>("WebcastQuestionNewMessage"),
    row::<webcast::QuestionSelected>("WebcastQuestionSelectedMessage"),
    row::<webcast::QuestionSlideDown>("WebcastQuestionSlideDownMessage"),
    row::<webcast::QuestionSwitch>("WebcastQuestionSwitchMessage"),
    row::<webcast::RankText>("WebcastRankTextMessage"),
    row::<webcast::RankUpdate>("WebcastRankUpdateMessage"),
    row::<webcast::Room>("WebcastRoomMessage"),
    row::<webcast::RoomNotify>("WebcastRoomNotifyMessage"),
    row::<webcast::RoomPin>("WebcastRoomPinMessage"),
    row::<webcast::RoomSticker>("WebcastRoomStickerMessage"),
    row::<webcast::RoomUserSeq>("WebcastRoomUserSeqMessage"),
    row::<webcast::RoomVerify>("WebcastRoomVerifyMessage"),
    row::<webcast::Social>("WebcastSocialMessage"),
    row::<webcast::Speaker>("WebcastSpeakerMessage"),
    row::<webcast::SubNotify>("WebcastSubNotifyMessage"),
    row::<webcast::SubPinEvent>("WebcastSubPinEventMessage"),
    row::<webcast::SubTimerSticker>("WebcastSubTimerStickerMessage"),
    row::<webcast::SubWave>("WebcastSubWaveMessage"),
    row::<webcast::SubscriptionGuide>("WebcastSubscriptionGuideMessage"),
    row::<webcast::System>("WebcastSystemMessage"),
    row::<webcast::Toast>("WebcastToastMessage"),
    row::<webcast::UnauthorizedMember>("WebcastUnauthorizedMemberMessage"),
    row::<webcast::WeeklyRankReward>("WebcastWeeklyRankRewardMessage"),
];

/// The reader of a method's payloads, if it has a schema.
pub(super) fn reader(method: &str) -> Option<Reader> {
    find(method).map(|row| row.read)
}

/// The name of the message that a method's payloads are, if it has a schema.
pub(super) fn schema_name(method: &str) -> Option<&'static str> {
    find(method).and_then(|row| (row.type_name)().rsplit("::").next())
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
