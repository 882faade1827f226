//! Which method has which schema.

use super::{Reader, read, webcast};

/// Every method with a schema, in alphabetical order.
pub(super) const READERS: &[(&str, Reader)] = &[
    ("LinkMicMethod", read::<webcast::LinkMicMethod>),
    ("RoomMessage", read::<webcast::System>),
    ("WebcastAccessControlMessage", read::<webcast::AccessControl>),
    ("WebcastAccessRecallMessage", read::<webcast::AccessRecall>),
    ("WebcastAnchorToolModificationMessage", read::<webcast::AnchorToolModification>),
    ("WebcastBALeadGenMessage", read::<webcast::BaLeadGen>),
    ("WebcastBarrageMessage", read::<webcast::Barrage>),
    ("WebcastBoostCardMessage", read::<webcast::BoostCard>),
    ("WebcastBottomMessage", read::<webcast::Bottom>),
    ("WebcastCapsuleMessage", read::<webcast::Capsule>),
    ("WebcastCaptionMessage", read::<webcast::Caption>),
    ("WebcastChatMessage", read::<webcast::Chat>),
    ("WebcastCommentTrayMessage", read::<webcast::CommentTray>),
    ("WebcastControlMessage", read::<webcast::Control>),
    ("WebcastDonationStickerModifyMethod", read::<webcast::DonationStickerModify>),
    ("WebcastEmoteChatMessage", read::<webcast::EmoteChat>),
    ("WebcastEnvelopeMessage", read::<webcast::Envelope>),
    ("WebcastEnvelopePortalMessage", read::<webcast::EnvelopePortal>),
    ("WebcastGameRankNotifyMessage", read::<webcast::GameRankNotify>),
    ("WebcastGiftBroadcastMessage", read::<webcast::GiftBroadcast>),
    ("WebcastGiftCollectionUpdateMessage", read::<webcast::GiftCollectionUpdate>),
    ("WebcastGiftDynamicRestrictionMessage", read::<webcast::GiftDynamicRestriction>),
    ("WebcastGiftMessage", read::<webcast::Gift>),
    ("WebcastGiftPanelUpdateMessage", read::<webcast::GiftPanelUpdate>),
    ("WebcastGiftPromptMessage", read::<webcast::GiftPrompt>),
    ("WebcastGoalUpdateMessage", read::<webcast::GoalUpdate>),
    ("WebcastGoodyBagMessage", read::<webcast::GoodyBag>),
    ("WebcastGuideMessage", read::<webcast::Guide>),
    ("WebcastHashtagMessage", read::<webcast::Hashtag>),
    ("WebcastHourlyRankMessage", read::<webcast::HourlyRank>),
    ("WebcastHourlyRankRewardMessage", read::<webcast::HourlyRankReward>),
    ("WebcastImDeleteMessage", read::<webcast::ImDelete>),
    ("WebcastInRoomBannerMessage", read::<webcast::InRoomBanner>),
    ("WebcastInRoomBannerRefreshMessage", read::<webcast::InRoomBannerRefresh>),
    ("WebcastLikeMessage", read::<webcast::Like>),
    ("WebcastLinkLayerMessage", read::<webcast::LinkLayer>),
    ("WebcastLinkMessage", read::<webcast::Link>),
    ("WebcastLinkMicAnchorGuideMessage", read::<webcast::LinkMicAnchorGuide>),
    ("WebcastLinkMicArmies", read::<webcast::LinkMicArmies>),
    ("WebcastLinkMicBattle", read::<webcast::LinkMicBattle>),
    ("WebcastLinkMicBattleItemCard", read::<webcast::LinkMicBattleItemCard>),
    ("WebcastLinkMicBattlePunishFinish", read::<webcast::LinkMicBattlePunishFinish>),
    ("WebcastLinkMicFanTicketMethod", read::<webcast::LinkMicFanTicket>),
    ("WebcastLinkMicMethod", read::<webcast::LinkMicMethod>),
    ("WebcastLinkScreenChangeMessage", read::<webcast::LinkScreenChange>),
    ("WebcastLinkStateMessage", read::<webcast::LinkState>),
    ("WebcastLinkmicBattleNoticeMessage", read::<webcast::LinkMicBattleNotice>),
    ("WebcastLinkmicBattleTaskMessage", read::<webcast::LinkMicBattleTask>),
    ("WebcastLiveGameIntroMessage", read::<webcast::LiveGameIntro>),
    ("WebcastLiveIntroMessage", read::<webcast::LiveIntro>),
    ("WebcastMarqueeAnnouncementMessage", read::<webcast::MarqueeAnnouncement>),
    ("WebcastMemberMessage", read::<webcast::Member>),
    ("WebcastMsgDetectMessage", read::<webcast::MsgDetect>),
    ("WebcastNoticeMessage", read::<webcast::Notice>),
    ("WebcastOecLiveShoppingMessage", read::<webcast::OecLiveShopping>),
    ("WebcastPaidContentLiveShoppingMessage", read::<webcast::PaidContentLiveShopping>),
    ("WebcastPartnershipCardChangeMessage", read::<webcast::PartnershipCardChange>),
    ("WebcastPartnershipDownloadCountMessage", read::<webcast::PartnershipDownloadCount>),
    ("WebcastPartnershipDropsUpdateMessage", read::<webcast::PartnershipDropsUpdate>),
    ("WebcastPartnershipGameOfflineMessage", read::<webcast::PartnershipGameOffline>),
    ("WebcastPartnershipPunishMessage", read::<webcast::PartnershipPunish>),
    ("WebcastPerceptionMessage", read::<webcast::Perception>),
    ("WebcastPictionaryEndMessage", read::<webcast::PictionaryEnd>),
    ("WebcastPictionaryExitMessage", read::<webcast::PictionaryExit>),
    ("WebcastPictionaryStartMessage", read::<webcast::PictionaryStart>),
    ("WebcastPictionaryUpdateMessage", read::<webcast::PictionaryUpdate>),
    ("WebcastPollMessage", read::<webcast::Poll>),
    ("WebcastQuestionDeleteMessage", read::<webcast::QuestionDelete>),
    ("WebcastQuestionNewMessage", read::<webcast::QuestionNew>),
    ("WebcastQuestionSelectedMessage", read::<webcast::QuestionSelected>),
    ("WebcastQuestionSlideDownMessage", read::<webcast::QuestionSlideDown>),
    ("WebcastQuestionSwitchMessage", read::<webcast::QuestionSwitch>),
    ("WebcastRankTextMessage", read::<webcast::RankText>),
    ("WebcastRankUpdateMessage", read::<webcast::RankUpdate>),
    ("WebcastRoomMessage", read::<webcast::Room>),
    ("WebcastRoomNotifyMessage", read::<webcast::RoomNotify>),
    ("WebcastRoomPinMessage", read::<webcast::RoomPin>),
    ("WebcastRoomStickerMessage", read::<webcast::RoomSticker>),
    ("WebcastRoomUserSeqMessage", read::<webcast::RoomUserSeq>),
    ("WebcastRoomVerifyMessage", read::<webcast::RoomVerify>),
    ("WebcastSocialMessage", read::<webcast::Social>),
    ("WebcastSpeakerMessage", read::<webcast::Speaker>),
    ("WebcastSubNotifyMessage", read::<webcast::SubNotify>),
    ("WebcastSubPinEventMessage", read::<webcast::SubPinEvent>),
    ("WebcastSubTimerStickerMessage", read::<webcast::SubTimerSticker>),
    ("WebcastSubWaveMessage", read::<webcast::SubWave>),
    ("WebcastSubscriptionGuideMessage", read::<webcast::SubscriptionGuide>),
    ("WebcastSystemMessage", read::<webcast::System>),
    ("WebcastToastMessage", read::<webcast::Toast>),
    ("WebcastUnauthorizedMemberMessage", read::<webcast::UnauthorizedMember>),
    ("WebcastWeeklyRankRewardMessage", read::<webcast::WeeklyRankReward>),
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
