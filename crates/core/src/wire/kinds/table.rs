//! The table of methods and their schemas.

use prost::Message as _;

use super::{Kind, Reader};
use crate::wire::used;

/// Passes all methods with a schema, in alphabetical order, to the macro with this name.
#[doc(hidden)]
#[macro_export]
macro_rules! methods {
    ($rows:ident) => {
        $rows! {
            LinkMicMethod "LinkMicMethod",
            System "RoomMessage",
            AccessControl "WebcastAccessControlMessage",
            AccessRecall "WebcastAccessRecallMessage",
            AnchorToolModification "WebcastAnchorToolModificationMessage",
            BaLeadGen "WebcastBALeadGenMessage",
            Barrage "WebcastBarrageMessage",
            BoostCard "WebcastBoostCardMessage",
            Bottom "WebcastBottomMessage",
            Capsule "WebcastCapsuleMessage",
            Caption "WebcastCaptionMessage",
            Chat "WebcastChatMessage",
            CommentTray "WebcastCommentTrayMessage",
            Control "WebcastControlMessage",
            DonationStickerModify "WebcastDonationStickerModifyMethod",
            EmoteChat "WebcastEmoteChatMessage",
            Envelope "WebcastEnvelopeMessage",
            EnvelopePortal "WebcastEnvelopePortalMessage",
            FansEvent "WebcastFansEventMessage",
            GameRankNotify "WebcastGameRankNotifyMessage",
            GiftBroadcast "WebcastGiftBroadcastMessage",
            GiftCollectionUpdate "WebcastGiftCollectionUpdateMessage",
            GiftDynamicRestriction "WebcastGiftDynamicRestrictionMessage",
            GiftGallery "WebcastGiftGalleryMessage",
            Gift "WebcastGiftMessage",
            GiftPanelUpdate "WebcastGiftPanelUpdateMessage",
            GiftProgress "WebcastGiftProgressMessage",
            GiftPrompt "WebcastGiftPromptMessage",
            GoalUpdate "WebcastGoalUpdateMessage",
            GoodyBag "WebcastGoodyBagMessage",
            Guide "WebcastGuideMessage",
            Hashtag "WebcastHashtagMessage",
            HourlyRank "WebcastHourlyRankMessage",
            HourlyRankReward "WebcastHourlyRankRewardMessage",
            ImDelete "WebcastImDeleteMessage",
            InRoomBanner "WebcastInRoomBannerMessage",
            InRoomBannerRefresh "WebcastInRoomBannerRefreshMessage",
            Like "WebcastLikeMessage",
            LinkLayer "WebcastLinkLayerMessage",
            Link "WebcastLinkMessage",
            LinkMicAnchorGuide "WebcastLinkMicAnchorGuideMessage",
            LinkMicArmies "WebcastLinkMicArmies",
            LinkMicBattle "WebcastLinkMicBattle",
            LinkMicBattleItemCard "WebcastLinkMicBattleItemCard",
            LinkMicBattlePunishFinish "WebcastLinkMicBattlePunishFinish",
            LinkMicFanTicket "WebcastLinkMicFanTicketMethod",
            LinkMicLayoutState "WebcastLinkMicLayoutStateMessage",
            LinkMicMethod "WebcastLinkMicMethod",
            LinkScreenChange "WebcastLinkScreenChangeMessage",
            LinkState "WebcastLinkStateMessage",
            LinkMicBattleNotice "WebcastLinkmicBattleNoticeMessage",
            LinkMicBattleTask "WebcastLinkmicBattleTaskMessage",
            LiveGameIntro "WebcastLiveGameIntroMessage",
            LiveIntro "WebcastLiveIntroMessage",
            MarqueeAnnouncement "WebcastMarqueeAnnouncementMessage",
            Member "WebcastMemberMessage",
            MsgDetect "WebcastMsgDetectMessage",
            Notice "WebcastNoticeMessage",
            OecLiveShopping "WebcastOecLiveShoppingMessage",
            PaidContentLiveShopping "WebcastPaidContentLiveShoppingMessage",
            PartnershipCardChange "WebcastPartnershipCardChangeMessage",
            PartnershipDownloadCount "WebcastPartnershipDownloadCountMessage",
            PartnershipDropsUpdate "WebcastPartnershipDropsUpdateMessage",
            PartnershipGameOffline "WebcastPartnershipGameOfflineMessage",
            PartnershipPunish "WebcastPartnershipPunishMessage",
            Perception "WebcastPerceptionMessage",
            PictionaryEnd "WebcastPictionaryEndMessage",
            PictionaryExit "WebcastPictionaryExitMessage",
            PictionaryStart "WebcastPictionaryStartMessage",
            PictionaryUpdate "WebcastPictionaryUpdateMessage",
            Poll "WebcastPollMessage",
            QuestionDelete "WebcastQuestionDeleteMessage",
            QuestionNew "WebcastQuestionNewMessage",
            QuestionSelected "WebcastQuestionSelectedMessage",
            QuestionSlideDown "WebcastQuestionSlideDownMessage",
            QuestionSwitch "WebcastQuestionSwitchMessage",
            RankText "WebcastRankTextMessage",
            RankUpdate "WebcastRankUpdateMessage",
            Room "WebcastRoomMessage",
            RoomNotify "WebcastRoomNotifyMessage",
            RoomPin "WebcastRoomPinMessage",
            RoomSticker "WebcastRoomStickerMessage",
            RoomUserSeq "WebcastRoomUserSeqMessage",
            RoomVerify "WebcastRoomVerifyMessage",
            Social "WebcastSocialMessage",
            Speaker "WebcastSpeakerMessage",
            StarCommentNotification "WebcastStarCommentNotificationMessage",
            StarCommentPush "WebcastStarCommentPushMessage",
            SubNotify "WebcastSubNotifyMessage",
            SubPinEvent "WebcastSubPinEventMessage",
            SubTimerSticker "WebcastSubTimerStickerMessage",
            SubWave "WebcastSubWaveMessage",
            SubscriptionGuide "WebcastSubscriptionGuideMessage",
            System "WebcastSystemMessage",
            Toast "WebcastToastMessage",
            UnauthorizedMember "WebcastUnauthorizedMemberMessage",
            ViewerPicksUpdate "WebcastViewerPicksUpdateMessage",
            WeeklyRankReward "WebcastWeeklyRankRewardMessage",
        }
    };
}

/// The table entry of a method.
pub(super) struct Row {
    pub(super) method: &'static str,
    read: Reader,
    schema: &'static str,
}

macro_rules! rows {
    ($($kind:ident $method:literal,)*) => {
        pub(super) const READERS: &[Row] = &[
            $(Row {
                method: $method,
                read: |bytes, message| Ok(used::$kind::decode(bytes)?.parts(message)),
                schema: stringify!($kind),
            },)*
        ];
    };
}
methods!(rows);

/// Returns the decoder of a method's payload, if it has a schema.
pub(super) fn reader(method: &str) -> Option<Reader> {
    find(method).map(|row| row.read)
}

/// Returns the name of a method's payload type, if it has a schema.
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
