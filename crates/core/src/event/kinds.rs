//! The event types and the types of their `data`, in one table.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

// The table names nearly every type of the neighbouring modules.
use super::{
    json::{DataJson, UserDataJson, of_kind},
    *,
};

macro_rules! kinds {
    ($(#[doc = $doc:literal] $name:literal => $kind:ident($data:ident) $(by $user:ident)?,)*) => {
        /// The `data` of an event, apart from `sender`, `user` and `timestamp`.
        #[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
        #[serde(untagged)]
        pub enum Data {
            $(#[doc = $doc] $kind($data),)*
        }

        /// All values of `type`.
        pub const KINDS: &[&str] = &[$($name),*];

        /// The schema of the JSON of each type, by its `type`.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
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

// `by User`: a user always causes the event.
kinds! {
    /// A viewer wrote a comment.
    "chat" => Chat(Chat) by User,
    /// A viewer sent a gift.
    "gift" => Gift(Gift) by User,
    /// A viewer tapped the screen.
    "like" => Like(Like) by User,
    /// A viewer joined, or a moderator acted on them.
    "member" => Member(Member) by User,
    /// A viewer followed the host or shared the LIVE.
    "social" => Social(Social) by User,
    /// The number of viewers and the top gifters changed.
    "room_user" => RoomUser(RoomUser),
    /// The room was paused, resumed or ended.
    "control" => Control(Control),
    /// A viewer sent the host's own emotes.
    "emote" => EmoteChat(EmoteChat) by User,
    /// A treasure box appeared or disappeared.
    "envelope" => Envelope(Envelope),
    /// A viewer asked the host a question.
    "question" => Question(Question) by User,
    /// A battle between hosts reached its next stage.
    "battle" => Battle(Battle),
    /// The score of a battle changed.
    "battle_score" => BattleScore(BattleScore),
    /// The host's description of the LIVE.
    "live_intro" => LiveIntro(LiveIntro),
    /// A viewer subscribed.
    "subscribe" => Subscribe(Subscribe) by User,
    /// A text about a super fan scrolls across the video. Derived from a `barrage`, which precedes it.
    "super_fan" => SuperFan(SuperFan),
    /// A super fan joined. Derived from a `barrage`, which precedes it.
    "super_fan_join" => SuperFanJoin(SuperFan),
    /// A caption of the host's speech.
    "caption" => Caption(Caption),
    /// A poll started, changed or ended.
    "poll" => Poll(Poll),
    /// A message was pinned or unpinned.
    "pin" => Pin(Pin),
    /// A goal of the host made progress.
    "goal" => Goal(Goal),
    /// The host's positions in rankings.
    "rank" => Rank(Rank),
    /// Text scrolls across the video.
    "barrage" => Barrage(Barrage),
    /// The banner of a campaign.
    "banner" => Banner(Banner),
    /// Messages were deleted.
    "delete" => Delete(Delete),
    /// A comment is displayed in a tray.
    "comment_tray" => CommentTray(CommentTray),
    /// A paid comment is displayed.
    "star_comment" => StarCommentPush(StarCommentPush),
    /// A paid comment was deleted, or is polled.
    "star_comment_notification" => StarCommentNotification(StarCommentNotification),
    /// The host displays a question.
    "question_selected" => QuestionSelected(Question) by User,
    /// The host hides a question.
    "question_slide_down" => QuestionSlideDown(QuestionSlideDown),
    /// A question was deleted.
    "question_delete" => QuestionDelete(QuestionDelete),
    /// Questions were enabled or disabled.
    "question_switch" => QuestionSwitch(QuestionSwitch),
    /// A viewer without an account joined.
    "unauthorized_member" => UnauthorizedMember(UnauthorizedMember),
    /// An expensive gift was sent, in this or another room.
    "gift_broadcast" => GiftBroadcast(GiftBroadcast),
    /// A viewer sponsors a gift in the host's gallery.
    "gift_gallery" => GiftGallery(GiftGallery),
    /// Viewers make progress in a challenge.
    "gift_progress" => GiftProgress(GiftProgress),
    /// Viewers complete a collection together.
    "gift_collection_update" => GiftCollectionUpdate(GiftCollectionUpdate),
    /// Some gifts cannot be sent at present.
    "gift_dynamic_restriction" => GiftDynamicRestriction(GiftDynamicRestriction),
    /// The list of gifts changed.
    "gift_panel_update" => GiftPanelUpdate(GiftPanelUpdate),
    /// TikTok asks a viewer about their spending.
    "gift_prompt" => GiftPrompt(GiftPrompt),
    /// A treasure box takes viewers to another room.
    "envelope_portal" => EnvelopePortal(EnvelopePortal),
    /// A lottery for viewers.
    "goody_bag" => GoodyBag(GoodyBag),
    /// News of the host's fan club.
    "fans_event" => FansEvent(FansEvent),
    /// Several subscriptions follow each other quickly.
    "sub_wave" => SubWave(SubWave),
    /// The subscription goal was pinned or unpinned.
    "sub_pin_event" => SubPinEvent(SubPinEvent),
    /// Subscriptions add time to a timer.
    "sub_timer_sticker" => SubTimerSticker(SubTimerSticker),
    /// A hint to subscribe.
    "subscription_guide" => SubscriptionGuide(SubscriptionGuide),
    /// TikTok's app displays text in the chat.
    "room" => Room(RoomText),
    /// TikTok's welcome message.
    "system" => System(System),
    /// Text is displayed over the video.
    "room_notify" => RoomNotify(RoomNotify),
    /// Text is displayed over the video in all rooms.
    "marquee_announcement" => MarqueeAnnouncement(MarqueeAnnouncement),
    /// The host has to verify their identity.
    "room_verify" => RoomVerify(RoomVerify),
    /// The topic of the room.
    "hashtag" => Hashtag(Hashtag),
    /// Pictures are displayed on the video.
    "room_sticker" => RoomSticker(RoomSticker),
    /// The host raises money for an organisation.
    "donation_sticker_modify_method" => DonationSticker(DonationSticker),
    /// The banner of a campaign changed.
    "in_room_banner_refresh" => InRoomBannerRefresh(InRoomBannerRefresh),
    /// A hint with a button.
    "capsule" => Capsule(Capsule),
    /// A hint.
    "guide" => Guide(Guide),
    /// Text of unknown purpose.
    "speaker" => Speaker(Speaker),
    /// A short notice.
    "toast" => Toast(Toast),
    /// An introduction to the game being played.
    "live_game_intro" => LiveGameIntro(LiveGameIntro),
    /// TikTok measures latency.
    "msg_detect" => MsgDetect(MsgDetect),
    /// The host changed the camera effects.
    "anchor_tool_modification" => AnchorToolModification(AnchorToolModification),
    /// The viewers' picks changed.
    "viewer_picks_update" => ViewerPicksUpdate(ViewerPicksUpdate),
    /// A warning is displayed below the video.
    "bottom" => Bottom(Bottom),
    /// TikTok's moderation notifies a user.
    "perception" => Perception(Perception),
    /// A permission was withdrawn or restored.
    "access_recall" => AccessRecall(AccessRecall),
    /// TikTok requires a captcha.
    "access_control" => AccessControl(AccessControl),
    /// TikTok notifies the host.
    "notice" => Notice(Notice),
    /// A ranking is displayed.
    "hourly_rank" => HourlyRank(HourlyRank),
    /// The winners of an hourly ranking.
    "hourly_rank_reward" => HourlyRankReward(HourlyRankReward),
    /// The winner of a weekly or daily ranking.
    "weekly_rank_reward" => WeeklyRankReward(WeeklyRankReward),
    /// A viewer rose in the ranking of top gifters.
    "rank_text" => RankText(RankText),
    /// A ranking of games changed.
    "game_rank_notify" => GameRankNotify(GameRankNotify),
    /// A card was used in a battle.
    "link_mic_battle_item_card" => BattleItemCard(BattleItemCard),
    /// The loser's forfeit, which follows a battle, ended.
    "link_mic_battle_punish_finish" => BattlePunishFinish(BattlePunishFinish),
    /// A task within a battle changed.
    "link_mic_battle_task" => BattleTask(BattleTask),
    /// A notice about a battle.
    "link_mic_battle_notice" => BattleNotice(BattleNotice),
    /// The guests or co-hosts changed.
    "link" => Link(Link),
    /// The guests or co-hosts changed (newer system).
    "link_layer" => LinkLayer(LinkLayer),
    /// The guests or co-hosts changed (newest system).
    "link_state" => LinkState(LinkState),
    /// The guests or co-hosts changed, or a guest received gifts (oldest system).
    "link_mic_method" => LinkMicMethod(LinkMicMethod),
    /// The gifts that guests received.
    "link_mic_fan_ticket_method" => LinkMicFanTicket(LinkMicFanTicket),
    /// A guest is enlarged on the screen, or returns to normal size.
    "link_screen_change" => LinkScreenChange(LinkScreenChange),
    /// The arrangement of guests on the screen.
    "link_mic_layout_state" => LinkMicLayoutState(LinkMicLayoutState),
    /// A hint for the host about guests.
    "link_mic_anchor_guide" => LinkMicAnchorGuide(LinkMicAnchorGuide),
    /// A round of a drawing game started.
    "pictionary_start" => PictionaryStart(PictionaryStart),
    /// A viewer guessed the word.
    "pictionary_update" => PictionaryUpdate(PictionaryUpdate),
    /// A round of a drawing game ended.
    "pictionary_end" => PictionaryEnd(PictionaryEnd),
    /// A drawing game ended.
    "pictionary_exit" => PictionaryExit(PictionaryExit),
    /// A viewer downloaded the advertised game.
    "partnership_download_count" => PartnershipDownloadCount(PartnershipDownloadCount),
    /// In-game rewards for viewers changed.
    "partnership_drops_update" => PartnershipDropsUpdate(PartnershipDropsUpdate),
    /// The card of an advertised game changed.
    "partnership_card_change" => PartnershipCardChange(PartnershipCardChange),
    /// A game is no longer advertised.
    "partnership_game_offline" => PartnershipGameOffline(PartnershipGameOffline),
    /// TikTok took action against an advertisement.
    "partnership_punish" => PartnershipPunish(PartnershipPunish),
    /// The host's promotion cards.
    "boost_card" => BoostCard(BoostCard),
    /// A product is displayed.
    "oec_live_shopping" => LiveShopping(LiveShopping),
    /// A paid video series is displayed.
    "paid_content_live_shopping" => PaidContentLiveShopping(PaidContentLiveShopping),
    /// A business displays a link.
    "ba_lead_gen" => BaLeadGen(BaLeadGen),
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
