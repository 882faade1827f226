//! The types of events and their `data`: one table.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

// The table names nearly everything that stands in the modules beside this one.
use super::{schema::of_kind, *};

macro_rules! kinds {
    ($(#[doc = $doc:literal] $name:literal => $kind:ident($data:ident),)*) => {
        /// The `data` of an event beside `sender`, `user` and `timestamp`.
        #[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
        #[serde(untagged)]
        pub enum Data {
            $(#[doc = $doc] $kind($data),)*
        }

        /// Every value of `type`.
        pub const KINDS: &[&str] = &[$($name),*];

        /// The schema of the JSON of each type, by its `type`.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
            vec![$(($name, of_kind::<$data>(generator, $name, $doc))),*]
        }

        impl Data {
            /// The value of `type`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Somebody wrote something.
    "chat" => Chat(Chat),
    /// Somebody sent a gift.
    "gift" => Gift(Gift),
    /// Somebody tapped the screen.
    "like" => Like(Like),
    /// Somebody entered, or was acted on by a moderator.
    "member" => Member(Member),
    /// Somebody followed or shared.
    "social" => Social(Social),
    /// How many watch, and who gave most.
    "room_user" => RoomUser(RoomUser),
    /// The room was paused, resumed or ended.
    "control" => Control(Control),
    /// Somebody sent pictures of the host's own.
    "emote" => EmoteChat(EmoteChat),
    /// A box of diamonds appeared or went.
    "envelope" => Envelope(Envelope),
    /// Somebody asked the host.
    "question" => Question(Question),
    /// A battle between hosts goes on to its next stage.
    "battle" => Battle(Battle),
    /// The score of a battle.
    "battle_score" => BattleScore(BattleScore),
    /// What the host says the room is about.
    "live_intro" => LiveIntro(LiveIntro),
    /// Somebody subscribed.
    "subscribe" => Subscribe(Subscribe),
    /// What is spoken.
    "caption" => Caption(Caption),
    /// A poll begins, goes on or ends.
    "poll" => Poll(Poll),
    /// A message is kept on the screen, or no longer.
    "pin" => Pin(Pin),
    /// A goal of the host's came nearer.
    "goal" => Goal(Goal),
    /// The host's places in rankings.
    "rank" => Rank(Rank),
    /// A line runs over the video.
    "barrage" => Barrage(Barrage),
    /// A campaign's banner.
    "banner" => Banner(Banner),
    /// Messages shall no longer be shown.
    "delete" => Delete(Delete),
    /// A comment is put beside the others.
    "comment_tray" => CommentTray(CommentTray),
    /// The host shows a question.
    "question_selected" => QuestionSelected(Question),
    /// The host puts a question away.
    "question_slide_down" => QuestionSlideDown(QuestionSlideDown),
    /// A question is gone.
    "question_delete" => QuestionDelete(QuestionDelete),
    /// Questions are allowed, or no longer.
    "question_switch" => QuestionSwitch(QuestionSwitch),
    /// A viewer without an account enters.
    "unauthorized_member" => UnauthorizedMember(UnauthorizedMember),
    /// A costly gift in some room.
    "gift_broadcast" => GiftBroadcast(GiftBroadcast),
    /// Viewers complete a collection together.
    "gift_collection_update" => GiftCollectionUpdate(GiftCollectionUpdate),
    /// Gifts that cannot be sent for now.
    "gift_dynamic_restriction" => GiftDynamicRestriction(GiftDynamicRestriction),
    /// The list of gifts changed.
    "gift_panel_update" => GiftPanelUpdate(GiftPanelUpdate),
    /// TikTok asks somebody about spending.
    "gift_prompt" => GiftPrompt(GiftPrompt),
    /// A box that takes viewers to another room.
    "envelope_portal" => EnvelopePortal(EnvelopePortal),
    /// A lottery for viewers.
    "goody_bag" => GoodyBag(GoodyBag),
    /// Subscriptions that follow each other quickly.
    "sub_wave" => SubWave(SubWave),
    /// The goal for subscriptions is kept on the screen.
    "sub_pin_event" => SubPinEvent(SubPinEvent),
    /// A clock to which subscriptions add time.
    "sub_timer_sticker" => SubTimerSticker(SubTimerSticker),
    /// A hint to subscribe.
    "subscription_guide" => SubscriptionGuide(SubscriptionGuide),
    /// The client shows a line in the chat.
    "room" => Room(RoomText),
    /// TikTok's welcome.
    "system" => System(System),
    /// A line over the video.
    "room_notify" => RoomNotify(RoomNotify),
    /// Lines over the video, for all rooms.
    "marquee_announcement" => MarqueeAnnouncement(MarqueeAnnouncement),
    /// The host has to prove something.
    "room_verify" => RoomVerify(RoomVerify),
    /// The topic of the room.
    "hashtag" => Hashtag(Hashtag),
    /// Pictures on the video.
    "room_sticker" => RoomSticker(RoomSticker),
    /// An organization that the host collects for.
    "donation_sticker_modify_method" => DonationSticker(DonationSticker),
    /// A campaign's banner changed.
    "in_room_banner_refresh" => InRoomBannerRefresh(InRoomBannerRefresh),
    /// A hint with a button.
    "capsule" => Capsule(Capsule),
    /// A hint.
    "guide" => Guide(Guide),
    /// A line; what it is for is not known.
    "speaker" => Speaker(Speaker),
    /// A short notice.
    "toast" => Toast(Toast),
    /// The game that is played.
    "live_game_intro" => LiveGameIntro(LiveGameIntro),
    /// TikTok measures delays.
    "msg_detect" => MsgDetect(MsgDetect),
    /// The host changes the effects of the camera.
    "anchor_tool_modification" => AnchorToolModification(AnchorToolModification),
    /// A warning below the video.
    "bottom" => Bottom(Bottom),
    /// TikTok's moderation tells somebody something.
    "perception" => Perception(Perception),
    /// A right is withdrawn, or given back.
    "access_recall" => AccessRecall(AccessRecall),
    /// TikTok wants a captcha solved.
    "access_control" => AccessControl(AccessControl),
    /// TikTok tells the host something.
    "notice" => Notice(Notice),
    /// A ranking is shown.
    "hourly_rank" => HourlyRank(HourlyRank),
    /// Who won a ranking of an hour.
    "hourly_rank_reward" => HourlyRankReward(HourlyRankReward),
    /// Who won a ranking of a week or day.
    "weekly_rank_reward" => WeeklyRankReward(WeeklyRankReward),
    /// Somebody rose among those who gave most.
    "rank_text" => RankText(RankText),
    /// A ranking of games changed.
    "game_rank_notify" => GameRankNotify(GameRankNotify),
    /// A card is used in a battle.
    "link_mic_battle_item_card" => BattleItemCard(BattleItemCard),
    /// The loser of a battle is done.
    "link_mic_battle_punish_finish" => BattlePunishFinish(BattlePunishFinish),
    /// A task within a battle.
    "link_mic_battle_task" => BattleTask(BattleTask),
    /// A notice about a battle.
    "link_mic_battle_notice" => BattleNotice(BattleNotice),
    /// Who is on the screen with the host.
    "link" => Link(Link),
    /// The same, from a newer system.
    "link_layer" => LinkLayer(LinkLayer),
    /// The same, from a system newer still.
    "link_state" => LinkState(LinkState),
    /// The same, from an older system.
    "link_mic_method" => LinkMicMethod(LinkMicMethod),
    /// What guests were given.
    "link_mic_fan_ticket_method" => LinkMicFanTicket(LinkMicFanTicket),
    /// A guest is shown large.
    "link_screen_change" => LinkScreenChange(LinkScreenChange),
    /// A hint for the host about guests.
    "link_mic_anchor_guide" => LinkMicAnchorGuide(LinkMicAnchorGuide),
    /// A round of guessing begins.
    "pictionary_start" => PictionaryStart(PictionaryStart),
    /// Somebody guessed the word.
    "pictionary_update" => PictionaryUpdate(PictionaryUpdate),
    /// A round of guessing ends.
    "pictionary_end" => PictionaryEnd(PictionaryEnd),
    /// The game of guessing is over.
    "pictionary_exit" => PictionaryExit(PictionaryExit),
    /// Somebody downloaded the advertised game.
    "partnership_download_count" => PartnershipDownloadCount(PartnershipDownloadCount),
    /// Rewards in a game for those who watch.
    "partnership_drops_update" => PartnershipDropsUpdate(PartnershipDropsUpdate),
    /// The card of an advertised game changed.
    "partnership_card_change" => PartnershipCardChange(PartnershipCardChange),
    /// A game is no longer advertised.
    "partnership_game_offline" => PartnershipGameOffline(PartnershipGameOffline),
    /// TikTok acts against an advertisement.
    "partnership_punish" => PartnershipPunish(PartnershipPunish),
    /// The host's cards for more reach.
    "boost_card" => BoostCard(BoostCard),
    /// A product is shown.
    "oec_live_shopping" => LiveShopping(LiveShopping),
    /// A paid series of videos is shown.
    "paid_content_live_shopping" => PaidContentLiveShopping(PaidContentLiveShopping),
    /// A business shows a link.
    "ba_lead_gen" => BaLeadGen(BaLeadGen),
    /// A method without a schema, or a message that could not be read.
    "unknown" => Unknown(Unknown),
    /// The upstream is connected, or the replay has started.
    "connection_created" => ConnectionCreated(ConnectionCreated),
    /// The upstream closed.
    "connection_closed" => ConnectionClosed(ConnectionClosed),
    /// The source ended, or was replaced.
    "disconnected" => Disconnected(Disconnected),
    /// Something failed upstream.
    "error" => Failure(Failure),
}
