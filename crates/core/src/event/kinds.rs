//! The event types, the types of their `data`, and what they are read from, in one table. Decodes one message by it: method
//! and protobuf to user, time and data.

use std::{error::Error, slice, sync::LazyLock};

use prost::{DecodeError, Message as _};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

// The table names nearly every type of the neighbouring modules.
use super::{
    json::{DataJson, UserDataJson, of_kind},
    *,
};
use crate::wire::{
    EntriesLeft, Fault, FaultKind, MESSAGE_BYTES_MAX, Message, Schema, merge, used as webcast,
};

macro_rules! kinds {
    ($(
        #[doc = $doc:literal]
        $name:literal => $kind:ident($data:ident) $(by $user:ident)? $(of $payload:ident $($method:literal)+)?,
    )*) => {
        /// The `data` of an event, apart from `sender`, `user` and `timestamp`.
        #[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
        #[serde(untagged)]
        pub enum Data {
            $(#[doc = $doc] $kind($data),)*
        }

        /// All values of `type`.
        pub const KINDS: &[&str] = &[$($name),*];

        /// The schema of the JSON of each type, by its `type`.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, schemars::Schema)> {
            vec![$({
                let data = generator.subschema_for::<json!($data $($user)?)>();
                ($name, of_kind(generator, data, $name, $doc))
            }),*]
        }

        impl Data {
            /// Returns the value of `type`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }

            /// Whether events of this type always have a user.
            pub(super) fn has_user(&self) -> bool {
                match self {
                    $(Self::$kind(_) => is_by!($($user)?),)*
                }
            }
        }
    };
}

/// The JSON of `data`.
macro_rules! json {
    ($data:ident) => { DataJson<'static, $data> };
    ($data:ident User) => { UserDataJson<'static, $data> };
}

macro_rules! is_by {
    () => {
        false
    };
    (User) => {
        true
    };
}

/// Passes all event types to the macro with this name. `by User`: a user always causes the event. `of`: the message of
/// `proto/webcast.proto` that it is read from, and the methods with this message.
#[doc(hidden)]
#[macro_export]
macro_rules! event_types {
    ($rows:ident) => {
        $rows! {
            /// A viewer wrote a comment.
            "chat" => Chat(Chat) by User of Chat "WebcastChatMessage",
            /// A viewer sent a gift.
            "gift" => Gift(Gift) by User of Gift "WebcastGiftMessage",
            /// A viewer tapped the screen.
            "like" => Like(Like) by User of Like "WebcastLikeMessage",
            /// A viewer joined, or a moderator acted on them.
            "member" => Member(Member) by User of Member "WebcastMemberMessage",
            /// A viewer followed the host, or shared or reposted the LIVE.
            "social" => Social(Social) by User of Social "WebcastSocialMessage",
            /// The number of viewers and the top gifters changed.
            "room_user" => RoomUser(RoomUser) of RoomUserSeq "WebcastRoomUserSeqMessage",
            /// The room was paused, resumed or ended.
            "control" => Control(Control) of Control "WebcastControlMessage",
            /// A viewer sent the host's own emotes.
            "emote" => EmoteChat(EmoteChat) by User of EmoteChat "WebcastEmoteChatMessage",
            /// A treasure box appeared or disappeared.
            "envelope" => Envelope(Envelope) of Envelope "WebcastEnvelopeMessage",
            /// A viewer asked the host a question.
            "question" => Question(Question) by User of QuestionNew "WebcastQuestionNewMessage",
            /// A battle between hosts reached its next stage.
            "battle" => Battle(Battle) of LinkMicBattle "WebcastLinkMicBattle",
            /// The score of a battle changed.
            "battle_score" => BattleScore(BattleScore) of LinkMicArmies "WebcastLinkMicArmies",
            /// The host's description of the LIVE.
            "live_intro" => LiveIntro(LiveIntro) of LiveIntro "WebcastLiveIntroMessage",
            /// A viewer subscribed.
            "subscribe" => Subscribe(Subscribe) by User of SubNotify "WebcastSubNotifyMessage",
            /// A text about a super fan scrolls across the video. Derived from a `barrage`, which precedes it.
            "super_fan" => SuperFan(SuperFan),
            /// A super fan joined. Derived from a `barrage`, which precedes it.
            "super_fan_join" => SuperFanJoin(SuperFan),
            /// A caption of the host's speech.
            "caption" => Caption(Caption) of Caption "WebcastCaptionMessage",
            /// A poll started, changed or ended.
            "poll" => Poll(Poll) of Poll "WebcastPollMessage",
            /// A message was pinned or unpinned.
            "pin" => Pin(Pin) of RoomPin "WebcastRoomPinMessage",
            /// A goal of the host made progress.
            "goal" => Goal(Goal) of GoalUpdate "WebcastGoalUpdateMessage",
            /// The host's positions in rankings.
            "rank" => Rank(Rank) of RankUpdate "WebcastRankUpdateMessage",
            /// Text scrolls across the video.
            "barrage" => Barrage(Barrage) of Barrage "WebcastBarrageMessage",
            /// The banner of a campaign.
            "banner" => Banner(Banner) of InRoomBanner "WebcastInRoomBannerMessage",
            /// Messages were deleted.
            "delete" => Delete(Delete) of ImDelete "WebcastImDeleteMessage",
            /// A comment is displayed in a tray.
            "comment_tray" => CommentTray(CommentTray) of CommentTray "WebcastCommentTrayMessage",
            /// A paid comment is displayed.
            "star_comment" => StarCommentPush(StarCommentPush) of StarCommentPush "WebcastStarCommentPushMessage",
            /// A paid comment was deleted, or is polled.
            "star_comment_notification" => StarCommentNotification(StarCommentNotification) of StarCommentNotification "WebcastStarCommentNotificationMessage",
            /// The host displays a question.
            "question_selected" => QuestionSelected(Question) by User of QuestionSelected "WebcastQuestionSelectedMessage",
            /// The host hides a question.
            "question_slide_down" => QuestionSlideDown(QuestionSlideDown) of QuestionSlideDown "WebcastQuestionSlideDownMessage",
            /// A question was deleted.
            "question_delete" => QuestionDelete(QuestionDelete) of QuestionDelete "WebcastQuestionDeleteMessage",
            /// Questions were enabled or disabled.
            "question_switch" => QuestionSwitch(QuestionSwitch) of QuestionSwitch "WebcastQuestionSwitchMessage",
            /// A viewer without an account joined.
            "unauthorized_member" => UnauthorizedMember(UnauthorizedMember) of UnauthorizedMember "WebcastUnauthorizedMemberMessage",
            /// An expensive gift was sent, in this or another room.
            "gift_broadcast" => GiftBroadcast(GiftBroadcast) of GiftBroadcast "WebcastGiftBroadcastMessage",
            /// A viewer sponsors a gift in the host's gallery.
            "gift_gallery" => GiftGallery(GiftGallery) of GiftGallery "WebcastGiftGalleryMessage",
            /// Viewers make progress in a challenge.
            "gift_progress" => GiftProgress(GiftProgress) of GiftProgress "WebcastGiftProgressMessage",
            /// Viewers complete a collection together.
            "gift_collection_update" => GiftCollectionUpdate(GiftCollectionUpdate) of GiftCollectionUpdate "WebcastGiftCollectionUpdateMessage",
            /// Some gifts cannot be sent at present.
            "gift_dynamic_restriction" => GiftDynamicRestriction(GiftDynamicRestriction) of GiftDynamicRestriction "WebcastGiftDynamicRestrictionMessage",
            /// The list of gifts changed.
            "gift_panel_update" => GiftPanelUpdate(GiftPanelUpdate) of GiftPanelUpdate "WebcastGiftPanelUpdateMessage",
            /// TikTok asks a viewer about their spending.
            "gift_prompt" => GiftPrompt(GiftPrompt) of GiftPrompt "WebcastGiftPromptMessage",
            /// A treasure box takes viewers to another room.
            "envelope_portal" => EnvelopePortal(EnvelopePortal) of EnvelopePortal "WebcastEnvelopePortalMessage",
            /// A lottery for viewers.
            "goody_bag" => GoodyBag(GoodyBag) of GoodyBag "WebcastGoodyBagMessage",
            /// News of the host's fan club.
            "fans_event" => FansEvent(FansEvent) of FansEvent "WebcastFansEventMessage",
            /// Several subscriptions follow each other quickly.
            "sub_wave" => SubWave(SubWave) of SubWave "WebcastSubWaveMessage",
            /// The subscription goal was pinned or unpinned.
            "sub_pin_event" => SubPinEvent(SubPinEvent) of SubPinEvent "WebcastSubPinEventMessage",
            /// Subscriptions add time to a timer.
            "sub_timer_sticker" => SubTimerSticker(SubTimerSticker) of SubTimerSticker "WebcastSubTimerStickerMessage",
            /// A hint to subscribe.
            "subscription_guide" => SubscriptionGuide(SubscriptionGuide) of SubscriptionGuide "WebcastSubscriptionGuideMessage",
            /// TikTok's app displays text in the chat.
            "room" => Room(RoomText) of Room "WebcastRoomMessage",
            /// TikTok's welcome message.
            "system" => System(System) of System "RoomMessage" "WebcastSystemMessage",
            /// Text is displayed over the video.
            "room_notify" => RoomNotify(RoomNotify) of RoomNotify "WebcastRoomNotifyMessage",
            /// Text is displayed over the video in all rooms.
            "marquee_announcement" => MarqueeAnnouncement(MarqueeAnnouncement) of MarqueeAnnouncement "WebcastMarqueeAnnouncementMessage",
            /// The host has to verify their identity.
            "room_verify" => RoomVerify(RoomVerify) of RoomVerify "WebcastRoomVerifyMessage",
            /// The topic of the room.
            "hashtag" => Hashtag(Hashtag) of Hashtag "WebcastHashtagMessage",
            /// Pictures are displayed on the video.
            "room_sticker" => RoomSticker(RoomSticker) of RoomSticker "WebcastRoomStickerMessage",
            /// The host raises money for an organisation.
            "donation_sticker_modify_method" => DonationSticker(DonationSticker) of DonationStickerModify "WebcastDonationStickerModifyMethod",
            /// The banner of a campaign changed.
            "in_room_banner_refresh" => InRoomBannerRefresh(InRoomBannerRefresh) of InRoomBannerRefresh "WebcastInRoomBannerRefreshMessage",
            /// A hint with a button.
            "capsule" => Capsule(Capsule) of Capsule "WebcastCapsuleMessage",
            /// A hint.
            "guide" => Guide(Guide) of Guide "WebcastGuideMessage",
            /// Text of unknown purpose.
            "speaker" => Speaker(Speaker) of Speaker "WebcastSpeakerMessage",
            /// A short notice.
            "toast" => Toast(Toast) of Toast "WebcastToastMessage",
            /// An introduction to the game being played.
            "live_game_intro" => LiveGameIntro(LiveGameIntro) of LiveGameIntro "WebcastLiveGameIntroMessage",
            /// TikTok measures latency.
            "msg_detect" => MsgDetect(MsgDetect) of MsgDetect "WebcastMsgDetectMessage",
            /// The host changed the camera effects.
            "anchor_tool_modification" => AnchorToolModification(AnchorToolModification) of AnchorToolModification "WebcastAnchorToolModificationMessage",
            /// The viewers' picks changed.
            "viewer_picks_update" => ViewerPicksUpdate(ViewerPicksUpdate) of ViewerPicksUpdate "WebcastViewerPicksUpdateMessage",
            /// A warning is displayed below the video.
            "bottom" => Bottom(Bottom) of Bottom "WebcastBottomMessage",
            /// TikTok's moderation notifies a user.
            "perception" => Perception(Perception) of Perception "WebcastPerceptionMessage",
            /// A permission was withdrawn or restored.
            "access_recall" => AccessRecall(AccessRecall) of AccessRecall "WebcastAccessRecallMessage",
            /// TikTok requires a captcha.
            "access_control" => AccessControl(AccessControl) of AccessControl "WebcastAccessControlMessage",
            /// TikTok notifies the host.
            "notice" => Notice(Notice) of Notice "WebcastNoticeMessage",
            /// A ranking is displayed.
            "hourly_rank" => HourlyRank(HourlyRank) of HourlyRank "WebcastHourlyRankMessage",
            /// The winners of an hourly ranking.
            "hourly_rank_reward" => HourlyRankReward(HourlyRankReward) of HourlyRankReward "WebcastHourlyRankRewardMessage",
            /// The winner of a weekly or daily ranking.
            "weekly_rank_reward" => WeeklyRankReward(WeeklyRankReward) of WeeklyRankReward "WebcastWeeklyRankRewardMessage",
            /// A viewer rose in the ranking of top gifters.
            "rank_text" => RankText(RankText) of RankText "WebcastRankTextMessage",
            /// A ranking of games changed.
            "game_rank_notify" => GameRankNotify(GameRankNotify) of GameRankNotify "WebcastGameRankNotifyMessage",
            /// A card was used in a battle.
            "link_mic_battle_item_card" => BattleItemCard(BattleItemCard) of LinkMicBattleItemCard "WebcastLinkMicBattleItemCard",
            /// The loser's forfeit, which follows a battle, ended.
            "link_mic_battle_punish_finish" => BattlePunishFinish(BattlePunishFinish) of LinkMicBattlePunishFinish "WebcastLinkMicBattlePunishFinish",
            /// A task within a battle changed.
            "link_mic_battle_task" => BattleTask(BattleTask) of LinkMicBattleTask "WebcastLinkmicBattleTaskMessage",
            /// A notice about a battle.
            "link_mic_battle_notice" => BattleNotice(BattleNotice) of LinkMicBattleNotice "WebcastLinkmicBattleNoticeMessage",
            /// The guests or co-hosts changed.
            "link" => Link(Link) of Link "WebcastLinkMessage",
            /// The guests or co-hosts changed (newer system).
            "link_layer" => LinkLayer(LinkLayer) of LinkLayer "WebcastLinkLayerMessage",
            /// The guests or co-hosts changed (newest system).
            "link_state" => LinkState(LinkState) of LinkState "WebcastLinkStateMessage",
            /// The guests or co-hosts changed, or a guest received gifts (oldest system).
            "link_mic_method" => LinkMicMethod(LinkMicMethod) of LinkMicMethod "LinkMicMethod" "WebcastLinkMicMethod",
            /// The gifts that guests received.
            "link_mic_fan_ticket_method" => LinkMicFanTicket(LinkMicFanTicket) of LinkMicFanTicket "WebcastLinkMicFanTicketMethod",
            /// A guest is enlarged on the screen, or returns to normal size.
            "link_screen_change" => LinkScreenChange(LinkScreenChange) of LinkScreenChange "WebcastLinkScreenChangeMessage",
            /// The arrangement of guests on the screen.
            "link_mic_layout_state" => LinkMicLayoutState(LinkMicLayoutState) of LinkMicLayoutState "WebcastLinkMicLayoutStateMessage",
            /// A hint for the host about guests.
            "link_mic_anchor_guide" => LinkMicAnchorGuide(LinkMicAnchorGuide) of LinkMicAnchorGuide "WebcastLinkMicAnchorGuideMessage",
            /// A round of a drawing game started.
            "pictionary_start" => PictionaryStart(PictionaryStart) of PictionaryStart "WebcastPictionaryStartMessage",
            /// A viewer guessed the word.
            "pictionary_update" => PictionaryUpdate(PictionaryUpdate) of PictionaryUpdate "WebcastPictionaryUpdateMessage",
            /// A round of a drawing game ended.
            "pictionary_end" => PictionaryEnd(PictionaryEnd) of PictionaryEnd "WebcastPictionaryEndMessage",
            /// A drawing game ended.
            "pictionary_exit" => PictionaryExit(PictionaryExit) of PictionaryExit "WebcastPictionaryExitMessage",
            /// A viewer downloaded the advertised game.
            "partnership_download_count" => PartnershipDownloadCount(PartnershipDownloadCount) of PartnershipDownloadCount "WebcastPartnershipDownloadCountMessage",
            /// In-game rewards for viewers changed.
            "partnership_drops_update" => PartnershipDropsUpdate(PartnershipDropsUpdate) of PartnershipDropsUpdate "WebcastPartnershipDropsUpdateMessage",
            /// The card of an advertised game changed.
            "partnership_card_change" => PartnershipCardChange(PartnershipCardChange) of PartnershipCardChange "WebcastPartnershipCardChangeMessage",
            /// A game is no longer advertised.
            "partnership_game_offline" => PartnershipGameOffline(PartnershipGameOffline) of PartnershipGameOffline "WebcastPartnershipGameOfflineMessage",
            /// TikTok took action against an advertisement.
            "partnership_punish" => PartnershipPunish(PartnershipPunish) of PartnershipPunish "WebcastPartnershipPunishMessage",
            /// The host's promotion cards.
            "boost_card" => BoostCard(BoostCard) of BoostCard "WebcastBoostCardMessage",
            /// A product is displayed or removed.
            "oec_live_shopping" => LiveShopping(LiveShopping) of OecLiveShopping "WebcastOecLiveShoppingMessage",
            /// A paid video series is displayed.
            "paid_content_live_shopping" => PaidContentLiveShopping(PaidContentLiveShopping) of PaidContentLiveShopping "WebcastPaidContentLiveShoppingMessage",
            /// A business displays a link.
            "ba_lead_gen" => BaLeadGen(BaLeadGen) of BaLeadGen "WebcastBALeadGenMessage",
            /// A message has no schema, or could not be decoded.
            "unknown" => Unknown(Unknown),
            /// The upstream is connected, or a replay started.
            "connection_created" => ConnectionCreated(ConnectionCreated),
            /// The upstream connection closed.
            "connection_closed" => ConnectionClosed(ConnectionClosed),
            /// The source ended or was replaced.
            "disconnected" => Disconnected(Disconnected),
            /// An upstream failure.
            "error" => Failure(Failure),
        }
    };
}
event_types!(kinds);

/// Result of decoding a message.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all messages are known, and none is kept")]
pub enum Reading {
    /// The message was decoded.
    Known(Known),
    /// The method has no schema.
    Unknown,
    /// The method has a schema, but the payload does not match it. A fault has the details.
    Broken(FaultKind),
}

/// A decoded message.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) common: Option<webcast::Stamp>,
    /// The acting user, if there is one.
    pub user: Option<User>,
    /// The type-specific data.
    pub data: Data,
}

impl Known {
    /// Returns the room id; 0 if unknown.
    #[must_use]
    pub fn room_id(&self) -> i64 {
        self.common.map_or(0, |common| common.room_id)
    }

    /// Returns the creation time as sent; see [`millis`].
    #[must_use]
    pub fn create_time(&self) -> i64 {
        self.common.map_or(0, |common| common.create_time)
    }
}

/// A payload with a schema.
pub(super) trait Kind {
    /// Converts the payload of `message`.
    fn parts(self, message: &Message) -> Known;
}

/// Decodes a message on its own. Never fails: other results are [`Reading::Unknown`] and [`Reading::Broken`].
pub fn read_message(message: &Message, faults: &mut Vec<Fault>) -> Reading {
    read_in_batch(message, &mut EntriesLeft::of(slice::from_ref(message)), faults)
}

/// Decodes one of the messages of a batch, which together have a limit; see [`read_message`].
pub fn read_in_batch(message: &Message, left: &mut EntriesLeft, faults: &mut Vec<Fault>) -> Reading {
    match find(&message.method) {
        None => Reading::Unknown,
        Some(_) if message.payload.len() > MESSAGE_BYTES_MAX => {
            let detail = format!("{} bytes, more than {MESSAGE_BYTES_MAX}", message.payload.len());
            let method = Some(message.method.clone());
            faults.push(Fault { method, ..Fault::new(FaultKind::TooLarge, detail) });
            Reading::Broken(FaultKind::TooLarge)
        }
        Some(row) => match row.read(&message.payload, message, left) {
            Ok(known) => Reading::Known(known),
            Err(_) => mend(row, message, left, faults),
        },
    }
}

/// Whether messages of this method have a schema.
#[must_use]
pub fn is_known(method: &str) -> bool {
    find(method).is_some()
}

/// Returns the schema of a method's payload.
#[must_use]
pub fn schema(method: &str) -> Option<&'static Schema> {
    Schema::named(find(method)?.schema)
}

/// Returns the methods with a schema, in alphabetical order.
pub fn known_methods() -> impl ExactSizeIterator<Item = &'static str> {
    ROWS.iter().map(|row| row.method)
}

/// Decodes a malformed payload as far as possible. Faults contain the method.
#[cold]
fn mend(row: &Row, message: &Message, left: &mut EntriesLeft, faults: &mut Vec<Fault>) -> Reading {
    let before = faults.len();
    let (known, _) = merge(&message.payload, &[], FaultKind::BadMessage, faults, |payload| {
        let read = row.read(payload, message, left);
        read.map_or_else(|error| (None, Err(error)), |known| (Some(known), Ok(())))
    });
    for fault in &mut faults[before..] {
        fault.method = Some(message.method.clone());
    }
    known.map_or(Reading::Broken(FaultKind::BadMessage), Reading::Known)
}

/// Numbers below are seconds, above milliseconds. As seconds it is the year 5138, as milliseconds March 1973.
const SECONDS_END: i64 = 100_000_000_000;

/// Converts a time to Unix milliseconds: some messages contain seconds, some 0. Returns `None` if there is
/// none.
#[must_use]
pub fn millis(create_time: i64) -> Option<i64> {
    match create_time {
        ..=0 => None,
        1..SECONDS_END => Some(create_time * 1000),
        SECONDS_END.. => Some(create_time),
    }
}

/// The table entry of a method.
struct Row {
    method: &'static str,
    /// Decodes the payload.
    convert: fn(&[u8], &Message) -> Result<Known, DecodeError>,
    /// Name of the payload in `proto/webcast.proto`.
    schema: &'static str,
}

impl Row {
    fn read(
        &self,
        payload: &[u8],
        message: &Message,
        left: &mut EntriesLeft,
    ) -> Result<Known, Box<dyn Error>> {
        left.take(payload, self.schema)?;
        Ok((self.convert)(payload, message)?)
    }
}

macro_rules! rows {
    ($(
        #[doc = $doc:literal]
        $name:literal => $kind:ident($data:ident) $(by $user:ident)? $(of $payload:ident $($method:literal)+)?,
    )*) => {
        vec![$($($(Row {
            method: $method,
            convert: |bytes, message| Ok(webcast::$payload::decode(bytes)?.parts(message)),
            schema: stringify!($payload),
        },)+)?)*]
    };
}

/// All methods with a schema, in alphabetical order.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows = event_types!(rows);
    rows.sort_unstable_by_key(|row| row.method);
    rows
});

fn find(method: &str) -> Option<&'static Row> {
    ROWS.binary_search_by_key(&method, |row| row.method).ok().map(|at| &ROWS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{BATCH_ENTRIES_MAX, webcast};

    #[test]
    fn no_method_has_two_types() {
        assert!(ROWS.is_sorted_by(|a, b| a.method < b.method));
    }

    #[test]
    fn every_method_has_a_schema() {
        for method in known_methods() {
            assert!(schema(method).is_some(), "{method}");
        }
        let chat = schema("WebcastChatMessage").unwrap();
        let user = chat.field(2).unwrap().kind.schema().unwrap();
        assert_eq!((chat.name, user.name), ("Chat", "User"));
        assert_eq!(user.field(38).unwrap().name, "unique_id");
    }

    #[test]
    fn times_are_seconds_milliseconds_or_nothing() {
        assert_eq!(millis(0), None);
        assert_eq!(millis(-1), None);
        assert_eq!(millis(i64::MIN), None);
        assert_eq!(millis(1), Some(1000));
        assert_eq!(millis(1_696_447_179), Some(1_696_447_179_000));
        assert_eq!(millis(99_999_999_999), Some(99_999_999_999_000));
        assert_eq!(millis(100_000_000_000), Some(100_000_000_000));
        assert_eq!(millis(1_696_447_179_123), Some(1_696_447_179_123));
        assert_eq!(millis(i64::MAX), Some(i64::MAX));
    }

    #[test]
    fn groups_are_skipped_and_their_nesting_is_bounded() {
        let read = |payload: &[u8]| {
            let payload = payload.to_vec().into();
            let message = Message { method: "WebcastLikeMessage".into(), payload, ..Default::default() };
            match read_message(&message, &mut vec![]) {
                Reading::Known(Known { data: Data::Like(like), .. }) => Some(like.like_count),
                _ => None,
            }
        };
        assert_eq!(read(&[0x33, 0x1b, 0x08, 0x01, 0x1c, 0x34, 0x10, 0x05]), Some(5));
        assert_eq!(read(&[0x33, 0x1b, 0x34, 0x1c]), None, "the inner group is closed last");
        assert_eq!(read(&[0x34]), None);
        let nested = |depth| read(&[vec![0x33; depth], vec![0x34; depth]].concat());
        assert_eq!((nested(90), nested(10_000)), (Some(0), None));
        assert_eq!(read(&vec![0x33; 10_000]), None);
    }

    #[test]
    fn invalid_utf8_in_an_unused_text_is_not_a_fault() {
        let common = webcast::Common { method: "#".into(), create_time: 7, ..Default::default() };
        let payload = webcast::Like { common: Some(common), count: 3, ..Default::default() };
        let mut payload = payload.encode_to_vec();
        let at = payload.iter().position(|byte| *byte == b'#').unwrap();
        payload[at] = 0xff;
        let method = "WebcastLikeMessage".into();
        let (message, mut faults) =
            (Message { method, payload: payload.into(), ..Default::default() }, vec![]);
        let Reading::Known(known) = read_message(&message, &mut faults) else { panic!("{faults:?}") };
        let created = known.create_time();
        let Data::Like(like) = known.data else { panic!("{:?}", known.data) };
        assert_eq!((created, like.like_count), (7, 3));
        assert_eq!(faults, []);
    }

    fn message_of(method: &str, payload: &[&[u8]]) -> Message {
        Message { method: method.into(), payload: payload.concat().into(), ..Default::default() }
    }

    /// Field 2 of a `RoomUserSeq`, empty.
    const VIEWER: [u8; 2] = [0x12, 0];

    fn viewers(count: usize) -> Vec<u8> {
        VIEWER.repeat(count)
    }

    #[test]
    fn repairing_a_text_does_not_lift_the_limit() {
        // A viewer with a user with a nickname of one invalid byte.
        let viewer = [0x12, 5, 0x12, 3, 0x1a, 1, 0xff];
        let read = |count| {
            let message = message_of("WebcastRoomUserSeqMessage", &[&viewer, &viewers(count)]);
            let mut faults: Vec<Fault> = vec![];
            let is_known = matches!(read_message(&message, &mut faults), Reading::Known(_));
            (is_known, faults.iter().map(|fault| fault.kind).collect::<Vec<_>>())
        };
        assert_eq!(read(BATCH_ENTRIES_MAX / 3), (true, vec![FaultKind::BadUtf8]));
        assert_eq!(read(BATCH_ENTRIES_MAX + 1), (false, vec![FaultKind::BadMessage]));
    }
}
