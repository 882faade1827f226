// Made by `cargo xtask client` from the server's /schema/events.json: not to be changed by hand.

/** An event of the feed: `type` tells which. */
export type LivetapeEvent =
  | ChatEvent
  | GiftEvent
  | LikeEvent
  | MemberEvent
  | SocialEvent
  | RoomUserEvent
  | ControlEvent
  | EmoteEvent
  | EnvelopeEvent
  | QuestionEvent
  | BattleEvent
  | BattleScoreEvent
  | LiveIntroEvent
  | SubscribeEvent
  | CaptionEvent
  | PollEvent
  | PinEvent
  | GoalEvent
  | RankEvent
  | BarrageEvent
  | BannerEvent
  | DeleteEvent
  | CommentTrayEvent
  | QuestionSelectedEvent
  | QuestionSlideDownEvent
  | QuestionDeleteEvent
  | QuestionSwitchEvent
  | UnauthorizedMemberEvent
  | GiftBroadcastEvent
  | GiftCollectionUpdateEvent
  | GiftDynamicRestrictionEvent
  | GiftPanelUpdateEvent
  | GiftPromptEvent
  | EnvelopePortalEvent
  | GoodyBagEvent
  | SubWaveEvent
  | SubPinEventEvent
  | SubTimerStickerEvent
  | SubscriptionGuideEvent
  | RoomEvent
  | SystemEvent
  | RoomNotifyEvent
  | MarqueeAnnouncementEvent
  | RoomVerifyEvent
  | HashtagEvent
  | RoomStickerEvent
  | DonationStickerModifyMethodEvent
  | InRoomBannerRefreshEvent
  | CapsuleEvent
  | GuideEvent
  | SpeakerEvent
  | ToastEvent
  | LiveGameIntroEvent
  | MsgDetectEvent
  | AnchorToolModificationEvent
  | BottomEvent
  | PerceptionEvent
  | AccessRecallEvent
  | AccessControlEvent
  | NoticeEvent
  | HourlyRankEvent
  | HourlyRankRewardEvent
  | WeeklyRankRewardEvent
  | RankTextEvent
  | GameRankNotifyEvent
  | LinkMicBattleItemCardEvent
  | LinkMicBattlePunishFinishEvent
  | LinkMicBattleTaskEvent
  | LinkMicBattleNoticeEvent
  | LinkEvent
  | LinkLayerEvent
  | LinkStateEvent
  | LinkMicMethodEvent
  | LinkMicFanTicketMethodEvent
  | LinkScreenChangeEvent
  | LinkMicAnchorGuideEvent
  | PictionaryStartEvent
  | PictionaryUpdateEvent
  | PictionaryEndEvent
  | PictionaryExitEvent
  | PartnershipDownloadCountEvent
  | PartnershipDropsUpdateEvent
  | PartnershipCardChangeEvent
  | PartnershipGameOfflineEvent
  | PartnershipPunishEvent
  | BoostCardEvent
  | OecLiveShoppingEvent
  | PaidContentLiveShoppingEvent
  | BaLeadGenEvent
  | UnknownEvent
  | ConnectionCreatedEvent
  | ConnectionClosedEvent
  | DisconnectedEvent
  | ErrorEvent

/** What every event has. */
export interface EventBase {
  /** Opaque id of the message; absent for events without a message. */
  id?: string | null
  /** `true` if the event was created by `/inject`, now or while recording; otherwise absent. */
  injected?: boolean
  /** Whether the event comes from a recording. */
  replay: boolean
  /** Sequence number, from 1. Gaps belong to events that were filtered out. */
  seq: number
  /** Id of the channel that `seq` counts in; new with each start of the server. */
  stream: string
  /** Time of receipt. */
  ts: Time
  /** Username of the host; empty if unknown. */
  username: string
}

/** A viewer wrote a comment. */
export interface ChatEvent extends EventBase {
  data: ChatData
  type: 'chat'
}

/** A viewer sent a gift. */
export interface GiftEvent extends EventBase {
  data: GiftData
  type: 'gift'
}

/** A viewer tapped the screen. */
export interface LikeEvent extends EventBase {
  data: LikeData
  type: 'like'
}

/** A viewer joined, or a moderator acted on them. */
export interface MemberEvent extends EventBase {
  data: MemberData
  type: 'member'
}

/** A viewer followed the host or shared the LIVE. */
export interface SocialEvent extends EventBase {
  data: SocialData
  type: 'social'
}

/** The number of viewers and the top gifters changed. */
export interface RoomUserEvent extends EventBase {
  data: RoomUserData
  type: 'room_user'
}

/** The room was paused, resumed or ended. */
export interface ControlEvent extends EventBase {
  data: ControlData
  type: 'control'
}

/** A viewer sent the host's own emotes. */
export interface EmoteEvent extends EventBase {
  data: EmoteChatData
  type: 'emote'
}

/** A treasure box appeared or disappeared. */
export interface EnvelopeEvent extends EventBase {
  data: EnvelopeData
  type: 'envelope'
}

/** A viewer asked the host a question. */
export interface QuestionEvent extends EventBase {
  data: QuestionData
  type: 'question'
}

/** A battle between hosts reached its next stage. */
export interface BattleEvent extends EventBase {
  data: BattleData
  type: 'battle'
}

/** The score of a battle changed. */
export interface BattleScoreEvent extends EventBase {
  data: BattleScoreData
  type: 'battle_score'
}

/** The host's description of the LIVE. */
export interface LiveIntroEvent extends EventBase {
  data: LiveIntroData
  type: 'live_intro'
}

/** A viewer subscribed. */
export interface SubscribeEvent extends EventBase {
  data: SubscribeData
  type: 'subscribe'
}

/** A caption of the host's speech. */
export interface CaptionEvent extends EventBase {
  data: CaptionData
  type: 'caption'
}

/** A poll started, changed or ended. */
export interface PollEvent extends EventBase {
  data: PollData
  type: 'poll'
}

/** A message was pinned or unpinned. */
export interface PinEvent extends EventBase {
  data: PinData
  type: 'pin'
}

/** A goal of the host made progress. */
export interface GoalEvent extends EventBase {
  data: GoalData
  type: 'goal'
}

/** The host's positions in rankings. */
export interface RankEvent extends EventBase {
  data: RankData
  type: 'rank'
}

/** A text scrolls across the video. */
export interface BarrageEvent extends EventBase {
  data: BarrageData
  type: 'barrage'
}

/** The banner of a campaign. */
export interface BannerEvent extends EventBase {
  data: BannerData
  type: 'banner'
}

/** Messages were deleted. */
export interface DeleteEvent extends EventBase {
  data: DeleteData
  type: 'delete'
}

/** A comment is displayed in a tray. */
export interface CommentTrayEvent extends EventBase {
  data: CommentTrayData
  type: 'comment_tray'
}

/** The host displays a question. */
export interface QuestionSelectedEvent extends EventBase {
  data: QuestionData
  type: 'question_selected'
}

/** The host hides a question. */
export interface QuestionSlideDownEvent extends EventBase {
  data: QuestionSlideDownData
  type: 'question_slide_down'
}

/** A question was deleted. */
export interface QuestionDeleteEvent extends EventBase {
  data: QuestionDeleteData
  type: 'question_delete'
}

/** Questions were enabled or disabled. */
export interface QuestionSwitchEvent extends EventBase {
  data: QuestionSwitchData
  type: 'question_switch'
}

/** A viewer without an account joined. */
export interface UnauthorizedMemberEvent extends EventBase {
  data: UnauthorizedMemberData
  type: 'unauthorized_member'
}

/** An expensive gift was sent, in this or another room. */
export interface GiftBroadcastEvent extends EventBase {
  data: GiftBroadcastData
  type: 'gift_broadcast'
}

/** Viewers complete a collection together. */
export interface GiftCollectionUpdateEvent extends EventBase {
  data: GiftCollectionUpdateData
  type: 'gift_collection_update'
}

/** Some gifts cannot be sent at present. */
export interface GiftDynamicRestrictionEvent extends EventBase {
  data: GiftDynamicRestrictionData
  type: 'gift_dynamic_restriction'
}

/** The list of gifts changed. */
export interface GiftPanelUpdateEvent extends EventBase {
  data: GiftPanelUpdateData
  type: 'gift_panel_update'
}

/** TikTok asks a viewer about their spending. */
export interface GiftPromptEvent extends EventBase {
  data: GiftPromptData
  type: 'gift_prompt'
}

/** A treasure box takes viewers to another room. */
export interface EnvelopePortalEvent extends EventBase {
  data: EnvelopePortalData
  type: 'envelope_portal'
}

/** A lottery for viewers. */
export interface GoodyBagEvent extends EventBase {
  data: GoodyBagData
  type: 'goody_bag'
}

/** Several subscriptions follow each other quickly. */
export interface SubWaveEvent extends EventBase {
  data: SubWaveData
  type: 'sub_wave'
}

/** The subscription goal is pinned to the screen. */
export interface SubPinEventEvent extends EventBase {
  data: SubPinEventData
  type: 'sub_pin_event'
}

/** Subscriptions add time to a timer. */
export interface SubTimerStickerEvent extends EventBase {
  data: SubTimerStickerData
  type: 'sub_timer_sticker'
}

/** A hint to subscribe. */
export interface SubscriptionGuideEvent extends EventBase {
  data: SubscriptionGuideData
  type: 'subscription_guide'
}

/** The client displays a text in the chat. */
export interface RoomEvent extends EventBase {
  data: RoomTextData
  type: 'room'
}

/** TikTok's welcome message. */
export interface SystemEvent extends EventBase {
  data: SystemData
  type: 'system'
}

/** A text is displayed over the video. */
export interface RoomNotifyEvent extends EventBase {
  data: RoomNotifyData
  type: 'room_notify'
}

/** Texts are displayed over the video in all rooms. */
export interface MarqueeAnnouncementEvent extends EventBase {
  data: MarqueeAnnouncementData
  type: 'marquee_announcement'
}

/** The host has to verify their identity. */
export interface RoomVerifyEvent extends EventBase {
  data: RoomVerifyData
  type: 'room_verify'
}

/** The topic of the room. */
export interface HashtagEvent extends EventBase {
  data: HashtagData
  type: 'hashtag'
}

/** Pictures are displayed on the video. */
export interface RoomStickerEvent extends EventBase {
  data: RoomStickerData
  type: 'room_sticker'
}

/** The host raises money for an organization. */
export interface DonationStickerModifyMethodEvent extends EventBase {
  data: DonationStickerData
  type: 'donation_sticker_modify_method'
}

/** The banner of a campaign changed. */
export interface InRoomBannerRefreshEvent extends EventBase {
  data: InRoomBannerRefreshData
  type: 'in_room_banner_refresh'
}

/** A hint with a button. */
export interface CapsuleEvent extends EventBase {
  data: CapsuleData
  type: 'capsule'
}

/** A hint. */
export interface GuideEvent extends EventBase {
  data: GuideData
  type: 'guide'
}

/** A text of unknown purpose. */
export interface SpeakerEvent extends EventBase {
  data: SpeakerData
  type: 'speaker'
}

/** A short notice. */
export interface ToastEvent extends EventBase {
  data: ToastData
  type: 'toast'
}

/** An introduction of the game being played. */
export interface LiveGameIntroEvent extends EventBase {
  data: LiveGameIntroData
  type: 'live_game_intro'
}

/** TikTok measures latency. */
export interface MsgDetectEvent extends EventBase {
  data: MsgDetectData
  type: 'msg_detect'
}

/** The host changed the camera effects. */
export interface AnchorToolModificationEvent extends EventBase {
  data: AnchorToolModificationData
  type: 'anchor_tool_modification'
}

/** A warning is displayed below the video. */
export interface BottomEvent extends EventBase {
  data: BottomData
  type: 'bottom'
}

/** TikTok's moderation notifies a user. */
export interface PerceptionEvent extends EventBase {
  data: PerceptionData
  type: 'perception'
}

/** A permission was withdrawn or restored. */
export interface AccessRecallEvent extends EventBase {
  data: AccessRecallData
  type: 'access_recall'
}

/** TikTok demands a captcha. */
export interface AccessControlEvent extends EventBase {
  data: AccessControlData
  type: 'access_control'
}

/** TikTok notifies the host. */
export interface NoticeEvent extends EventBase {
  data: NoticeData
  type: 'notice'
}

/** A ranking is displayed. */
export interface HourlyRankEvent extends EventBase {
  data: HourlyRankData
  type: 'hourly_rank'
}

/** The winners of an hourly ranking. */
export interface HourlyRankRewardEvent extends EventBase {
  data: HourlyRankRewardData
  type: 'hourly_rank_reward'
}

/** The winner of a weekly or daily ranking. */
export interface WeeklyRankRewardEvent extends EventBase {
  data: WeeklyRankRewardData
  type: 'weekly_rank_reward'
}

/** A viewer rose in the ranking of top gifters. */
export interface RankTextEvent extends EventBase {
  data: RankTextData
  type: 'rank_text'
}

/** A ranking of games changed. */
export interface GameRankNotifyEvent extends EventBase {
  data: GameRankNotifyData
  type: 'game_rank_notify'
}

/** A card was used in a battle. */
export interface LinkMicBattleItemCardEvent extends EventBase {
  data: BattleItemCardData
  type: 'link_mic_battle_item_card'
}

/** The loser's forfeit after a battle is over. */
export interface LinkMicBattlePunishFinishEvent extends EventBase {
  data: BattlePunishFinishData
  type: 'link_mic_battle_punish_finish'
}

/** A task within a battle changed. */
export interface LinkMicBattleTaskEvent extends EventBase {
  data: BattleTaskData
  type: 'link_mic_battle_task'
}

/** A notice about a battle. */
export interface LinkMicBattleNoticeEvent extends EventBase {
  data: BattleNoticeData
  type: 'link_mic_battle_notice'
}

/** The guests or co-hosts changed. */
export interface LinkEvent extends EventBase {
  data: LinkData
  type: 'link'
}

/** The guests or co-hosts changed (newer system). */
export interface LinkLayerEvent extends EventBase {
  data: LinkLayerData
  type: 'link_layer'
}

/** The guests or co-hosts changed (newest system). */
export interface LinkStateEvent extends EventBase {
  data: LinkStateData
  type: 'link_state'
}

/** The guests or co-hosts changed (oldest system). */
export interface LinkMicMethodEvent extends EventBase {
  data: LinkMicMethodData
  type: 'link_mic_method'
}

/** The gifts that guests received. */
export interface LinkMicFanTicketMethodEvent extends EventBase {
  data: LinkMicFanTicketData
  type: 'link_mic_fan_ticket_method'
}

/** A guest is enlarged on the screen, or no longer. */
export interface LinkScreenChangeEvent extends EventBase {
  data: LinkScreenChangeData
  type: 'link_screen_change'
}

/** A hint for the host about guests. */
export interface LinkMicAnchorGuideEvent extends EventBase {
  data: LinkMicAnchorGuideData
  type: 'link_mic_anchor_guide'
}

/** A round of a drawing game started. */
export interface PictionaryStartEvent extends EventBase {
  data: PictionaryStartData
  type: 'pictionary_start'
}

/** A viewer guessed the word. */
export interface PictionaryUpdateEvent extends EventBase {
  data: PictionaryUpdateData
  type: 'pictionary_update'
}

/** A round of a drawing game ended. */
export interface PictionaryEndEvent extends EventBase {
  data: PictionaryEndData
  type: 'pictionary_end'
}

/** A drawing game ended. */
export interface PictionaryExitEvent extends EventBase {
  data: PictionaryExitData
  type: 'pictionary_exit'
}

/** A viewer downloaded the advertised game. */
export interface PartnershipDownloadCountEvent extends EventBase {
  data: PartnershipDownloadCountData
  type: 'partnership_download_count'
}

/** In-game rewards for viewers changed. */
export interface PartnershipDropsUpdateEvent extends EventBase {
  data: PartnershipDropsUpdateData
  type: 'partnership_drops_update'
}

/** The card of an advertised game changed. */
export interface PartnershipCardChangeEvent extends EventBase {
  data: PartnershipCardChangeData
  type: 'partnership_card_change'
}

/** A game is no longer advertised. */
export interface PartnershipGameOfflineEvent extends EventBase {
  data: PartnershipGameOfflineData
  type: 'partnership_game_offline'
}

/** TikTok took action against an advertisement. */
export interface PartnershipPunishEvent extends EventBase {
  data: PartnershipPunishData
  type: 'partnership_punish'
}

/** The host's promotion cards. */
export interface BoostCardEvent extends EventBase {
  data: BoostCardData
  type: 'boost_card'
}

/** A product is displayed. */
export interface OecLiveShoppingEvent extends EventBase {
  data: LiveShoppingData
  type: 'oec_live_shopping'
}

/** A paid video series is displayed. */
export interface PaidContentLiveShoppingEvent extends EventBase {
  data: PaidContentLiveShoppingData
  type: 'paid_content_live_shopping'
}

/** A business displays a link. */
export interface BaLeadGenEvent extends EventBase {
  data: BaLeadGenData
  type: 'ba_lead_gen'
}

/** A message has no schema, or could not be decoded. */
export interface UnknownEvent extends EventBase {
  data: UnknownData
  type: 'unknown'
}

/** The upstream is connected, or a replay started. */
export interface ConnectionCreatedEvent extends EventBase {
  data: ConnectionCreatedData
  type: 'connection_created'
}

/** The upstream connection closed. */
export interface ConnectionClosedEvent extends EventBase {
  data: ConnectionClosedData
  type: 'connection_closed'
}

/** The source ended or was replaced. */
export interface DisconnectedEvent extends EventBase {
  data: DisconnectedData
  type: 'disconnected'
}

/** An upstream failure. */
export interface ErrorEvent extends EventBase {
  data: FailureData
  type: 'error'
}

/** What stands in the place of events that are gone: see `on_gap=skip`. */
export interface GapMessage {
  /** The first event that is gone. */
  from: number
  /** The last event that is gone. */
  to: number
  type: 'gap'
}

/** Data of an `access_control` event: TikTok demands a captcha. */
export interface AccessControlData {
  /** Id of the captcha. */
  recordId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Time limit, in seconds. */
  verifySeconds: number
}

/** Data of an `access_recall` event: a permission was withdrawn or restored. */
export interface AccessRecallData {
  /** Text displayed below the title; `null` if there is none. */
  content: Text | null
  /** End of the sanction; `null` if unknown. */
  endsAt: Time | null
  /** Displayed title; `null` if there is none. */
  notice: Text | null
  /** The sanction; `null` if there is none. */
  punishment: Punishment | null
  /** The permission, e.g. `GIFT`. */
  scene: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** TikTok's code for the change. */
  status: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `anchor_tool_modification` event: the host changed the camera effects. */
export interface AnchorToolModificationData {
  /** Time that it was on, in seconds. */
  durationSeconds: number
  /** Id of the effect. */
  effectId: Id
  /** Time at which it was switched off; `null` if unknown. */
  endedAt: Time | null
  /** TikTok's code for the change. */
  modificationType: number
  /** TikTok's code for the start or end of the effect. */
  msgType: number
  /** Name of the effect. */
  name: string
  /** Id of the effect's files. */
  resourceId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Time at which it was switched on; `null` if unknown. */
  startedAt: Time | null
  /** Tab in which it was selected, e.g. `trending`. */
  tab: string
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Id of the user whose effect changed: the host or a guest. */
  userId: Id
}

/** Data of a `ba_lead_gen` event: a business displays a link. */
export interface BaLeadGenData {
  /** Text key of the button. */
  buttonText: string
  /** Target of the link, in TikTok's app. */
  link: string
  /** Time of the action; `null` if unknown. */
  operatedAt: Time | null
  /** TikTok's code for the action. */
  operation: number
  /** Id of the page. */
  pageId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Title of the page; may be empty. */
  title: string
  /** The acting user. */
  user?: User | null
}

/** Data of a `banner` event. */
export interface BannerData {
  /** JSON in a string, as sent. Its structure depends on the campaign. */
  data: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `barrage` event: a text scrolls across the video. */
export interface BarrageData {
  /** Display time, in milliseconds. */
  durationMs: number
  /** URL of its picture; may be empty. */
  iconUrl: string
  /** Level that the text is about; `null` if there is none. */
  level: number | null
  /** 4 subscribed, 8 level up, 9 a high-level gifter joined, 10 and 11 the same for team members, 100 other. */
  msgType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Text next to the name; `null` if there is none. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `battle` event. */
export interface BattleData {
  /** 1 invited, 2 rejected, 3 cancelled, 4 opened, 5 finished, 6 cut short, 7 accepted. */
  action: number
  /** Id of the battle. */
  battleId: Id
  /** Duration, in seconds. */
  durationSeconds: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Start time; `null` if unknown. */
  startedAt: Time | null
  /** TikTok's code for the stage. */
  status: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** The hosts. */
  users: Array<BattleUser>
}

/** Data of a `link_mic_battle_item_card` event: a card was used or received, by `user`. */
export interface BattleItemCardData {
  /** Id of the battle. */
  battleId: Id
  /** URL of the card's picture; may be empty. */
  cardImageUrl: string
  /** Text key of the card's name; may be empty. */
  cardName: string
  /** Duration of the effect, in seconds. */
  effectSeconds: number
  /** User id of the host who benefits; 0 if unknown. */
  hostUserId: Id
  /** 2 boosting glove, 3 mist, 4 got a card, 5 extra time, 6 special effect, 7 potion, 8 wave, … */
  msgType: number
  /** The user of the card; `null` if unknown. */
  sender: Person | null
  /** Time of use; `null` if unknown. */
  sentAt: Time | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `link_mic_battle_notice` event. */
export interface BattleNoticeData {
  /** TikTok's code for the kind of notice. */
  noticeType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `link_mic_battle_punish_finish` event: the loser's forfeit is over. */
export interface BattlePunishFinishData {
  /** Id of the battle. */
  battleId: Id
  /** Id of the channel that links the hosts. */
  channelId: Id
  /** Duration, in seconds. */
  durationSeconds: number
  /** Id of the user who ended it. */
  operatorUserId: Id
  /** TikTok's code for the reason. */
  reason: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Start time of the battle; `null` if unknown. */
  startedAt: Time | null
  /** TikTok's code for the stage of the battle. */
  status: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `battle_score` event. */
export interface BattleScoreData {
  /** Id of the battle. */
  battleId: Id
  /** Duration, in seconds. */
  durationSeconds: number
  /** Id of the user who changed the score; 0 if unknown. */
  fromUserId: Id
  /** Id of the gift that changed the score; 0 if none did. */
  giftId: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Start time of the battle; `null` if unknown. */
  startedAt: Time | null
  /** The sides, in the order sent. */
  teams: Array<BattleTeam>
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Reason for the event: 1 the score changed, 2 the battle ended, … */
  triggerReason: number
  /** The acting user. */
  user?: User | null
}

/** Data of a `link_mic_battle_task` event: a task within a battle. */
export interface BattleTaskData {
  /** Id of the battle; 0 if unknown. */
  battleId: Id
  /** Id of the user who made progress; 0 if unknown. */
  fromUserId: Id
  /** 0 start, 1 progress, 2 result, 3 reward. */
  messageType: number
  /** Progress; `null` if unknown. */
  progress: number | null
  /** 0 succeeded, 1 failed, 2 both succeeded; `null` while the task is active. */
  result: number | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `boost_card` event. */
export interface BoostCardData {
  /** The promotion cards. */
  cards: Array<BoostCardEntry>
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `bottom` event: a warning below the video. */
export interface BottomData {
  /** Topic: 3 this room, 4 a co-host's room, 6 moderation, … */
  bizType: number
  /** Displayed text; may be empty. */
  content: string
  /** URL of further information; may be empty. */
  detailUrl: string
  /** Display time, in seconds. */
  durationSeconds: number
  /** The sanction; `null` if there is none. */
  punishment: Punishment | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Id of the warned user. */
  userId: Id
}

/** Data of a `capsule` event: a hint with a button. The text mentions `user`. */
export interface CapsuleData {
  /** Text of the button. */
  buttonText: Text | null
  /** TikTok's code for the kind of hint. */
  capsuleType: number
  /** Target of the button, in TikTok's app. */
  link: string
  /** Topic, e.g. `notice_viewer_new_goal`. */
  scene: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `caption` event. */
export interface CaptionData {
  /** Whether the sentence is final. */
  definite: boolean
  /** Duration of the speech, in milliseconds. */
  durationMs: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Id of the sentence. A newer caption of the same sentence replaces the older one. */
  sentenceId: Id
  /** Version of the sentence. */
  sequenceId: Id
  /** Start time of the speech; `null` if unknown. */
  startedAt: Time | null
  /** The sentence in each language. */
  texts: Array<CaptionText>
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `chat` event. */
export interface ChatData {
  /** Text of the comment. */
  comment: string
  /** Emotes within the comment. */
  emotes: Array<EmoteAt>
  /** Whether the comment was sent before this connection opened. */
  isHistory: boolean
  /** Language as detected by TikTok. */
  language: string
  /** The mentioned user; `null` if there is none. */
  mentioned: Person | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `comment_tray` event. */
export interface CommentTrayData {
  /** Displayed text. */
  content: string
  /** TikTok's code for the type of content. */
  contentType: number
  /** Number of comments that the tray represents. */
  count: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Id of the tray. */
  trayId: Id
  /** The acting user. */
  user?: User | null
  /** Time of writing; `null` if unknown. */
  writtenAt: Time | null
}

/** Data of a `connection_closed` event. */
export interface ConnectionClosedData {
  /** WebSocket close code; 1006 if there was no close frame. */
  code: number
  /** Close reason, from the side that closed the connection. */
  reason: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Whether another attempt follows. */
  willRetry: boolean
}

/** Data of a `connection_created` event. */
export interface ConnectionCreatedData {
  /** Id of the room. */
  roomId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** `live` or `replay`. */
  source: string
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `control` event. */
export interface ControlData {
  /** TikTok's code for the action; 3 and 4 end the live connection. */
  action: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Meaning of the code; `null` if unknown. */
  state: RoomState | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Text displayed to viewers; may be empty. */
  tips: string
  /** The acting user. */
  user?: User | null
}

/** Data of a `delete` event. */
export interface DeleteData {
  /** Ids of the deleted messages. */
  messageIds: Array<Id>
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Ids of the users whose messages are all deleted. */
  userIds: Array<Id>
}

/** Data of a `disconnected` event. */
export interface DisconnectedData {
  /** `recording_ended`, `stream_ended`, `deleted`, `replaced`, … */
  reason: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `donation_sticker_modify_method` event. */
export interface DonationStickerData {
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Organizations that the host raises money for; empty if they were removed. */
  stickers: Array<Donation>
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `emote` event. */
export interface EmoteChatData {
  /** The sent emotes. */
  emotes: Array<Emote>
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `envelope` event. */
export interface EnvelopeData {
  /** Kind of box: 1 a user's diamonds, 19 a super-fan box, … */
  businessType: number
  /** Number of diamonds in the box; 0 if the event only hides it. */
  diamondCount: number
  /** 1 the box appears, 2 it disappears. */
  display: number
  /** Id of the box. */
  envelopeId: Id
  /** Time at which it can be opened; `null` if unknown. */
  opensAt: Time | null
  /** Maximum number of people who get a share. */
  peopleCount: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Numeric id of the sender; 0 if unknown. */
  senderId: Id
  /** Nickname or unique id of the sender, as sent. */
  senderName: string
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `envelope_portal` event: a treasure box that takes viewers to the room of `user`. */
export interface EnvelopePortalData {
  /** TikTok's code for its display. */
  display: number
  /** Number of diamonds in the box. */
  envelopeDiamonds: number
  /** Price of the portal, in diamonds. */
  portalDiamonds: number
  /** Id of the portal. */
  portalId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** User id of the sender. */
  senderId: Id
  /** Unique id of the sender; may be empty. */
  senderName: string
  /** Time at which it opens; `null` if unknown. */
  sendsAt: Time | null
  /** Number of viewers who followed it. */
  takenCount: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** TikTok's code for its audience. */
  view: number
}

/** Data of an `error` event. */
export interface FailureData {
  /** Number of the failed attempt, from 1. */
  attempt: number
  /** Stable code. */
  code: string
  /** Advice on what to do. */
  hint: string
  /** Description of the failure. */
  message: string
  /** Delay before the next attempt, in milliseconds. */
  retryAfterMs: number | null
  /** Whether another attempt follows. */
  retrying: boolean
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Short title. */
  title: string
  /** The acting user. */
  user?: User | null
}

/** Data of a `game_rank_notify` event. */
export interface GameRankNotifyData {
  /** 0 entered or left the ranking, 1 changed position, 2 encouragement. */
  msgType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `gift_broadcast` event: an expensive gift is announced in other rooms. */
export interface GiftBroadcastData {
  /** User id of the sender. */
  fromUserId: Id
  /** Displayed notice; `null` if there is none. */
  notice: RoomNotify | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `gift_collection_update` event: viewers complete a collection together. */
export interface GiftCollectionUpdateData {
  /** Number of pieces collected so far. */
  collectedCount: number
  /** Price of a single gift, in diamonds. */
  diamondCount: number
  /** Id of the gift. */
  giftId: number
  /** Name of the gift. */
  giftName: string
  /** URL of the gift's picture. */
  giftPictureUrl: string
  /** TikTok's code for the change. */
  messageType: number
  /** Number of the round. */
  round: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Number of pieces in the collection. */
  targetCount: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `gift` event. */
export interface GiftData {
  /** Price of a single gift, in diamonds. */
  diamondCount: number
  /** Value of this event in diamonds: `diamondCount` × `repeatDelta`. */
  diamonds: number
  /** Id of the gift. */
  giftId: number
  /** English name of the gift. */
  giftName: string
  /** URL of the gift's picture. */
  giftPictureUrl: string
  /** 1 if the gift can be sent in streaks. */
  giftType: number
  /** Id of the streak among those of the sender; 0 for gifts outside a streak. */
  groupId: Id
  /** Whether livetape inferred this final because TikTok did not send one in time. */
  inferred?: boolean
  /** Whether this event ends the streak. */
  isFinal: boolean
  /** The recipient: the host, or a guest in the host's room; `null` if unknown. */
  receiver: Person | null
  /** Running total of the streak. */
  repeatCount: number
  /** Number of gifts since the streak's previous event. */
  repeatDelta: number
  /** Whether TikTok marks this message as the last of the streak. */
  repeatEnd: boolean
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Opaque id of the streak; empty outside a streak. */
  streakId: string
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `gift_dynamic_restriction` event. */
export interface GiftDynamicRestrictionData {
  /** Ids of the gifts that cannot be sent in battles. */
  battleGiftIds: Array<number>
  /** Ids of the gifts that cannot be sent while there are co-hosts. */
  cohostGiftIds: Array<number>
  /** Ids of the gifts that cannot be sent at present. */
  giftIds: Array<number>
  /** Ids of the gifts that cannot be sent while there are guests. */
  guestGiftIds: Array<number>
  /** Further restrictions for single recipients. */
  receivers: Array<RestrictedReceiver>
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `gift_panel_update` event: the list of gifts changed. */
export interface GiftPanelUpdateData {
  /** Id of the room. */
  roomId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Time of the change; `null` if unknown. */
  updatedAt: Time | null
  /** The acting user. */
  user?: User | null
}

/** Data of a `gift_prompt` event: TikTok asks a viewer about their spending. */
export interface GiftPromptData {
  /** Number of days for which gifts are blocked. */
  blockDays: number
  /** Text of the prompt. */
  body: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Title of the prompt. */
  title: string
  /** The acting user. */
  user?: User | null
}

/** Data of a `goal` event. */
export interface GoalData {
  /** Number of gifts or subscriptions contributed. */
  contributeCount: number
  /** Value contributed. */
  contributeScore: number
  /** The contributor of this event; `null` if there is none. */
  contributor: Person | null
  /** Number of contributors. */
  contributorCount: number
  /** The top contributors. */
  contributors: Array<GoalContributor>
  /** Description written by the host. */
  description: string
  /** End time; `null` if unknown. */
  expiresAt: Time | null
  /** Id of the goal. */
  goalId: Id
  /** 1 gifts, 2 subscriptions. */
  goalType: number
  /** Text key of the display, e.g. `live_goal_indicator_sub_goal`. */
  indicator: string
  /** Running total of the gift's streak. */
  repeatCount: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Start time; `null` if unknown. */
  startedAt: Time | null
  /** TikTok's code for the stage. */
  status: number
  /** Parts of the goal. */
  subGoals: Array<SubGoal>
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `goody_bag` event: a lottery for viewers. */
export interface GoodyBagData {
  /** Time to participate, in minutes. */
  countdownMinutes: number
  /** Id of the lottery. */
  goodyBagId: Id
  /** Number of participants. */
  joinedCount: number
  /** 1 ended, 2 a viewer joined, 3 the winners. */
  messageType: number
  /** Time of the draw; `null` if unknown. */
  opensAt: Time | null
  /** TikTok's code for the way to participate. */
  participateMethod: number
  /** Comment that a viewer has to write to participate. */
  participateText: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Total prize, in coins. */
  totalCoins: number
  /** The acting user. */
  user?: User | null
  /** Number of winners. */
  winnerCount: number
  /** The winners. */
  winners: Array<GoodyBagWinner>
}

/** Data of a `guide` event: a hint. */
export interface GuideData {
  /** Displayed text. */
  description: string
  /** Display time, in an unknown unit. */
  duration: number
  /** Id of the gift that the hint is about; 0 if there is none. */
  giftId: number
  /** TikTok's code for the kind of hint. */
  guideType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `hashtag` event: the topic of the room. */
export interface HashtagData {
  /** Id of the hashtag. */
  hashtagId: Id
  /** URL of its picture. */
  imageUrl: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Text of the hashtag; may be empty. */
  title: string
  /** The acting user. */
  user?: User | null
}

/** Data of an `hourly_rank` event. */
export interface HourlyRankData {
  /** Displayed English text. */
  label: string
  /** Text key of the ranking, e.g. `pm_mt_Live_WR`. */
  rankType: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `hourly_rank_reward` event. */
export interface HourlyRankRewardData {
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** The winners. */
  winners: Array<RankWinner>
}

/** Data of an `in_room_banner_refresh` event. */
export interface InRoomBannerRefreshData {
  /** Delay before the client fetches the banner again, in seconds. */
  delaySeconds: number
  /** Whether only the host's client fetches it. */
  onlyHost: boolean
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `like` event. */
export interface LikeData {
  /** Number of likes in this message; TikTok combines up to 15. */
  likeCount: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Total likes of the room, as sent. It can decrease. */
  totalLikeCount: number
  /** The acting user. */
  user?: User | null
}

/** Data of a `link` event: the guests or co-hosts. */
export interface LinkData {
  /** Id of the channel that links them. */
  channelId: Id
  /** Id of the user who left; 0 if none did. */
  leftUserId: Id
  /** TikTok's code for the change. */
  messageType: number
  /** 2 co-hosts, 4 guests. */
  scene: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Users on the screen; empty if unknown. */
  users: Array<Person>
  /** Users waiting to join. */
  waiting: Array<Person>
}

/** Data of a `link_layer` event: the guests or co-hosts from the newer system, with user ids only. */
export interface LinkLayerData {
  /** Ids of the users who asked to join. */
  appliedUserIds: Array<Id>
  /** Id of the channel that links them. */
  channelId: Id
  /** Ids of the invited users. */
  invitedUserIds: Array<Id>
  /** Id of the user who left or was removed; 0 if none did. */
  leftUserId: Id
  /** Ids of the users on the screen; empty if unknown. */
  linkedUserIds: Array<Id>
  /** 1 created, 2 invited, 3 applied, 6 kicked out, 9 left, 10 finished, 11 the list changed, … */
  messageType: number
  /** User id of the channel's owner; 0 if unknown. */
  ownerUserId: Id
  /** TikTok's code for the reason; 0 if unknown. */
  reason: number
  /** 2 co-hosts, 4 guests. */
  scene: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `link_mic_anchor_guide` event: a hint for the host about `user`. */
export interface LinkMicAnchorGuideData {
  /** Text of the button; may be empty. */
  buttonText: string
  /** Displayed text; may be empty. */
  content: string
  /** TikTok's code for the kind of hint. */
  guideType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `link_mic_fan_ticket_method` event: the gifts that guests received. */
export interface LinkMicFanTicketData {
  /** Id of the match; 0 outside a match. */
  matchId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Total received by all guests, in coins. */
  totalCoins: number
  /** The acting user. */
  user?: User | null
  /** Totals for each guest. */
  users: Array<FanTickets>
}

/** Data of a `link_mic_method` event: the guests or co-hosts from the oldest system, or the gifts that guests received. */
export interface LinkMicMethodData {
  /** Id of the channel that links them; 0 if unknown. */
  channelId: Id
  /** Total received by this guest, in coins. */
  coins: number
  /** Id of the invited user; 0 if none was. */
  invitedUserId: Id
  /** TikTok's code for the change; 8 means that a guest received a gift. */
  linkType: number
  /** User id of the other host; 0 if unknown. */
  rivalUserId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Id of the addressed user; 0 if there is none. */
  toUserId: Id
  /** Total received by all guests, in coins. */
  totalCoins: number
  /** The acting user. */
  user?: User | null
  /** Id of the guest who received a gift; 0 if none did. */
  userId: Id
}

/** Data of a `link_screen_change` event: a guest is enlarged on the screen, or no longer. */
export interface LinkScreenChangeData {
  /** Whether the guest is enlarged. */
  isEnlarged: boolean
  /** Id of the guest as in the list of guests, which TikTok sends as a string. */
  linkMicId: string
  /** 1 cancelled, 2 a new state, 3 a new position. */
  messageType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `link_state` event: the guests or co-hosts from the newest system. */
export interface LinkStateData {
  /** Id of the channel that links them. */
  channelId: Id
  /** 2 co-hosts, 4 guests. */
  scene: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Ids of the users on the screen. */
  userIds: Array<Id>
  /** Version number of the state. */
  version: number
}

/** Data of a `live_game_intro` event. */
export interface LiveGameIntroData {
  /** Whether the game has a ranking. */
  hasRankInfo: boolean
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `live_intro` event. */
export interface LiveIntroData {
  /** TikTok's code for the result of moderation. */
  auditStatus: number
  /** The host's description of the LIVE. */
  description: string
  /** Id of the intro. */
  introId: Id
  /** Language as detected by TikTok. */
  language: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `oec_live_shopping` event: a product is displayed. */
export interface LiveShoppingData {
  /** URL of the product's picture. */
  imageUrl: string
  /** URL of the product page. */
  link: string
  /** Displayed price. */
  price: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Name of the shop. */
  shopName: string
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Name of the product; may be empty. */
  title: string
  /** The acting user. */
  user?: User | null
}

/** Data of a `marquee_announcement` event. */
export interface MarqueeAnnouncementData {
  /** Displayed texts. */
  notices: Array<RoomNotify>
  /** Topic, e.g. `start_room_event`. */
  scene: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `member` event. */
export interface MemberData {
  /** 1 joined; other codes are actions of moderators. */
  actionId: number
  /** How the viewer found the room, in TikTok's terms, e.g. `homepage_hot-live_cell`. */
  enterSource: string
  /** Number of viewers in the room; 0 if unknown. */
  memberCount: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `msg_detect` event: TikTok measures latency. */
export interface MsgDetectData {
  /** Time of receipt at TikTok; `null` if unknown. */
  apiReceivedAt: Time | null
  /** Time at which TikTok forwarded it; `null` if unknown. */
  apiSentAt: Time | null
  /** Start time on the client; `null` if unknown. */
  clientStartedAt: Time | null
  /** TikTok's code for the measurement. */
  detectType: number
  /** Country of the measured viewer. */
  fromRegion: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** TikTok's code for the trigger. */
  triggerBy: number
  /** The acting user. */
  user?: User | null
}

/** Data of a `notice` event: TikTok notifies the host. */
export interface NoticeData {
  /** Displayed text. */
  content: string
  /** TikTok's code for the kind of notice. */
  noticeType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Title; `null` if there is none. */
  title: Text | null
  /** The acting user. */
  user?: User | null
  /** Reason; `null` if there is none. */
  violationReason: Text | null
}

/** Data of a `paid_content_live_shopping` event: a paid video series is displayed. */
export interface PaidContentLiveShoppingData {
  /** TikTok's code for the action. */
  actionType: number
  /** Id of the series; 0 if unknown. */
  collectionId: Id
  /** Time of the action; `null` if unknown. */
  operatedAt: Time | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Number of series. */
  seriesNumber: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `partnership_card_change` event. */
export interface PartnershipCardChangeData {
  /** TikTok's code for the change. */
  changeMode: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Number of the change. */
  sequenceId: number
  /** Id of the task. */
  taskId: Id
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `partnership_download_count` event. */
export interface PartnershipDownloadCountData {
  /** Number of downloads. */
  downloadedCount: number
  /** Id of the advertised game. */
  gameId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `partnership_drops_update` event: in-game rewards for viewers. */
export interface PartnershipDropsUpdateData {
  /** 0 shown, 1 updated, 2 closed. */
  changeMode: number
  /** Id of the rewards. */
  dropsId: Id
  /** Id of the event; 0 if there is none. */
  eventId: Id
  /** User id of the host; 0 if unknown. */
  hostUserId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Id of the task; 0 if there is none. */
  taskId: Id
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `partnership_game_offline` event. */
export interface PartnershipGameOfflineData {
  /** Games that are no longer advertised. */
  games: Array<OfflineGame>
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `partnership_punish` event. */
export interface PartnershipPunishData {
  /** The sanction; `null` if unknown. */
  punishment: Punishment | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `perception` event: moderation notifies a user. */
export interface PerceptionData {
  /** End of the sanction; `null` if unknown. */
  endsAt: Time | null
  /** The sanction; `null` if there is none. */
  punishment: Punishment | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text; `null` if there is none. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `pictionary_end` event. */
export interface PictionaryEndData {
  /** TikTok's code for how the round ended. */
  endType: number
  /** Id of the round. */
  roundId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** The word. */
  word: string
}

/** Data of a `pictionary_exit` event. */
export interface PictionaryExitData {
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Id of the ended game. */
  sessionId: Id
  /** Whether the result is displayed. */
  showStats: boolean
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `pictionary_start` event: viewers guess what the host draws. */
export interface PictionaryStartData {
  /** End time of the round; `null` if unknown. */
  endsAt: Time | null
  /** Id of the round. */
  roundId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Id of the game. */
  sessionId: Id
  /** Start time of the round; `null` if unknown. */
  startedAt: Time | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** The word; empty except for the host. */
  word: string
}

/** Data of a `pictionary_update` event. */
export interface PictionaryUpdateData {
  /** Number of viewers who guessed the word. */
  correctCount: number
  /** Id of the round. */
  roundId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `pin` event. `user` pinned the message. */
export interface PinData {
  /** 1 pinned, 2 removed. */
  action: number
  /** Display time in seconds; 0 for unlimited. */
  displaySeconds: number
  /** Method of the pinned message. */
  method: string
  /** Id of the pin. */
  pinId: Id
  /** The pinned message; `null` if it is not included. */
  pinned: Pinned | null
  /** Time of pinning; `null` if unknown. */
  pinnedAt: Time | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `poll` event. `user` started the poll. */
export interface PollData {
  /** Cause of the end: 0 time, 1 the host, 2 others, 3 TikTok; `null` if it has not ended. */
  endType: number | null
  /** End time; `null` if unknown. */
  endsAt: Time | null
  /** The answers. */
  options: Array<PollOption>
  /** Id of the poll. */
  pollId: Id
  /** 0 plain, 1 by gifts, 2 the host's own, 3 the host's own by gifts, 4 quick by gifts, 5 by emotes. */
  pollKind: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Start time; `null` if unknown. */
  startedAt: Time | null
  /** Kind of change; `null` if unknown. */
  state: PollState | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The question. Only sent at the start, and not always. */
  title: string
  /** The acting user. */
  user?: User | null
}

/** Data of a `question` or `question_selected` event. */
export interface QuestionData {
  /** Time of asking; `null` if unknown. */
  askedAt: Time | null
  /** Id of the question. */
  questionId: Id
  /** Text of the question. */
  questionText: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `question_delete` event. */
export interface QuestionDeleteData {
  /** Id of the deleted question. */
  questionId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Id of the user who asked the question or of the one who deleted it; it is not known which. */
  userId: Id
}

/** Data of a `question_slide_down` event. */
export interface QuestionSlideDownData {
  /** Id of the hidden question. */
  questionId: Id
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `question_switch` event. */
export interface QuestionSwitchData {
  /** Whether viewers can ask questions. */
  on: boolean
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `rank` event: the host's positions in rankings. */
export interface RankData {
  /** TikTok's code for the group of rankings. */
  groupType: number
  /** The positions. */
  ranks: Array<RankEntry>
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `rank_text` event: `user` rose in the ranking of top gifters. */
export interface RankTextData {
  /** New position. */
  after: number
  /** Previous position; 0 if there was none. */
  before: number
  /** TikTok's code for the place of the display. */
  scene: number
  /** Text displayed to the viewer who rose. */
  selfText: Text | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Text displayed to the other viewers. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** Id of the viewer who rose. */
  userId: Id
}

/** Data of a `room_notify` event: a text over the video. */
export interface RoomNotifyData {
  /** Additional text; usually empty. */
  content: string
  /** Display time, in seconds. */
  durationSeconds: number
  /** Id of the user who caused it; 0 if unknown. */
  fromUserId: Id
  /** Target of the link, in TikTok's app; may be empty. */
  link: string
  /** TikTok's code for the kind of text. */
  notifyType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Topic, e.g. `weekly_rank`; may be empty. */
  source: string
  /** Displayed text; `null` if `content` holds it. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `room_sticker` event. */
export interface RoomStickerData {
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Pictures on the video; empty if they were removed. */
  stickers: Array<Sticker>
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `room` event: the client displays a text in the chat. The text mentions `user`. */
export interface RoomTextData {
  /** Additional text; usually empty. */
  content: string
  /** Whether the text is a welcome message. */
  isWelcome: boolean
  /** Topic, e.g. `user_join_fans`; may be empty. */
  scene: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** TikTok's code for the source. */
  source: number
  /** Displayed text; `null` if `content` holds it. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `room_user` event. */
export interface RoomUserData {
  /** Number of anonymous viewers. */
  anonymousCount: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Top gifters, in order of rank. */
  topViewers: Array<TopViewer>
  /** Total number of viewers since the start of the LIVE. */
  totalUserCount: number
  /** The acting user. */
  user?: User | null
  /** Current number of viewers. */
  viewerCount: number
}

/** Data of a `room_verify` event: the host has to verify their identity. */
export interface RoomVerifyData {
  /** TikTok's code for the demanded action. */
  action: number
  /** Whether the room is closed. */
  closeRoom: boolean
  /** Displayed text; may be empty. */
  content: string
  /** TikTok's code for the display. */
  noticeType: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `social` event. */
export interface SocialData {
  /** The action. */
  action: SocialAction
  /** Text key of the display. */
  displayType: string
  /** Number of the host's followers after a follow; otherwise 0. */
  followCount: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Number of shares of the room after a share; otherwise 0. */
  shareCount: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `speaker` event. */
export interface SpeakerData {
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text; `null` if there is none. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `sub_pin_event` event: the subscription goal is pinned to the screen. */
export interface SubPinEventData {
  /** 1 pinned, 2 removed. */
  action: number
  /** Id of the card. */
  cardId: Id
  /** Description written by the host. */
  description: string
  /** Id of the goal. */
  goalId: Id
  /** Id of the user who pinned it. */
  operatorUserId: Id
  /** Current number of subscriptions. */
  progress: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Target number of subscriptions. */
  target: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `sub_timer_sticker` event: subscriptions add time to a timer. */
export interface SubTimerStickerData {
  /** TikTok's code for the kind of change. */
  changeType: number
  /** TikTok's code for the operation on the timer. */
  operation: number
  /** Remaining time, in an unknown unit. */
  remainingTime: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** TikTok's code for the state of the timer. */
  status: number
  /** Id of the timer. */
  timerId: Id
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Displayed title. */
  title: string
  /** Total time, in an unknown unit. */
  totalTime: number
  /** The acting user. */
  user?: User | null
}

/** Data of a `sub_wave` event: several subscriptions follow each other quickly. */
export interface SubWaveData {
  /** End time; `null` if unknown. */
  endsAt: Time | null
  /** TikTok's code for the change. */
  messageType: number
  /** The new subscriber; `null` if there is none. */
  newcomer: Person | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Start time; `null` if unknown. */
  startedAt: Time | null
  /** TikTok's code for the stage. */
  status: number
  /** Target number of subscriptions in the wave. */
  targetCount: number
  /** The participants. */
  thanked: Array<Person>
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Total number of the host's subscribers. */
  totalCount: number
  /** The acting user. */
  user?: User | null
  /** Number of subscriptions in the wave. */
  waveCount: number
}

/** Data of a `subscribe` event. */
export interface SubscribeData {
  /** TikTok's code for the display. */
  exhibitionType: number
  /** Kind of message: 0 a subscription; others are notices. */
  messageType: number
  /** Previous status: 0 not subscribed, 1 resubscribed, … */
  oldSubscribeStatus: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Number of months subscribed. */
  subMonth: number
  /** 0 one-time, 1 renewed automatically. */
  subscribeType: number
  /** TikTok's code for the current status. */
  subscribingStatus: number
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `subscription_guide` event: a hint with a button. The text mentions `user`. */
export interface SubscriptionGuideData {
  /** Text of the button. */
  buttonText: Text | null
  /** Target of the button, in TikTok's app. */
  link: string
  /** Topic, e.g. `notice_viewer_new_goal`. */
  scene: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of a `system` event: TikTok's welcome message. */
export interface SystemData {
  /** Displayed text. */
  message: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** A point in time in UTC, ISO 8601 with milliseconds. */
export type Time = string

/** Data of a `toast` event. */
export interface ToastData {
  /** Delay before it appears, in an unknown unit. */
  delayDuration: number
  /** Display time, in an unknown unit. */
  displayDuration: number
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text; `null` if there is none. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `unauthorized_member` event: a viewer without an account joined. */
export interface UnauthorizedMemberData {
  /** 1 joined. */
  action: number
  /** Displayed name, e.g. `Viewer158848`. */
  nickname: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Displayed text. */
  text: Text | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
}

/** Data of an `unknown` event. */
export interface UnknownData {
  /** Kind of fault, if the method has a schema but the message could not be decoded. */
  fault?: string | null
  /** The method; empty if it could not be decoded. */
  method: string
  /** The raw bytes, in base64. */
  payload: string
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** Whether `payload` holds only the beginning. */
  truncated?: boolean
  /** The acting user. */
  user?: User | null
}

/** Data of a `weekly_rank_reward` event. */
export interface WeeklyRankRewardData {
  /** URL of the reward's picture. */
  iconUrl: string
  /** Displayed notice; `null` if there is none. */
  notice: RoomNotify | null
  /** `uniqueId` of the acting user. */
  sender?: string | null
  /** The ranking, e.g. `daily_rank`. */
  source: string
  /** Creation time on TikTok, or `ts`. */
  timestamp: Time
  /** The acting user. */
  user?: User | null
  /** User id of the winner. */
  userId: Id
}

/** One side of a battle. */
export interface BattleTeam {
  /** User id of the side's host. */
  hostUserId: Id
  /** Score of the side. */
  points: number
  /** The viewers who contributed to the score. */
  users: Array<BattleGiver>
}

/** A host in a battle. */
export interface BattleUser {
  /** URL of the profile picture; empty if unknown. */
  avatar: string
  /** The viewers who contributed to the score. */
  givers: Array<BattleGiver>
  /** Displayed name; empty if unknown. */
  nickname: string
  /** Score; `null` if unknown. */
  points: number | null
  /** TikTok's code for the outcome; `null` if unknown. */
  result: number | null
  /** Name in the profile's URL; empty if unknown. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
}

/** A promotion card. */
export interface BoostCardEntry {
  /** Id of the card. */
  cardId: Id
  /** Id of the task that earned the card. */
  taskId: Id
  /** TikTok's code for the source of the task. */
  taskSource: number
}

/** A caption in one language. */
export interface CaptionText {
  /** Language code. */
  language: string
  /** Spoken text. */
  text: string
}

/** An organization that the host raises money for. */
export interface Donation {
  /** Description of the organization. */
  description: string
  /** URL of further information. */
  detailUrl: string
  /** URL for donations. */
  donateUrl: string
  /** URL of its picture. */
  iconUrl: string
  /** Name of the organization. */
  name: string
  /** Id of the organization, which TikTok sends as a string. */
  organizationId: string
  /** Id of the sticker. */
  stickerId: Id
}

/** A picture within a text. */
export interface Emote {
  /** Id of the emote, which TikTok sends as a string. */
  emoteId: string
  /** URL of the picture. */
  imageUrl: string
}

/** An emote and its position in a comment. */
export interface EmoteAt {
  /** Id of the emote, which TikTok sends as a string. */
  emoteId: string
  /** URL of the picture. */
  imageUrl: string
  /** Position in the comment: the index of the following character. */
  index: number
}

/** Gifts that a guest received. */
export interface FanTickets {
  /** Total received by the guest, in coins. */
  coins: number
  /** Rank of the guest in a match; 0 outside a match. */
  matchRank: number
  /** Score of the guest in a match. */
  matchScore: number
  /** User id of the guest. */
  userId: Id
}

/** A contributor to a goal. */
export interface GoalContributor {
  /** URL of the profile picture; empty if unknown. */
  avatar: string
  /** Displayed name; empty if unknown. */
  nickname: string
  /** Value contributed. For subscriptions, TikTok sends an apparent time in milliseconds instead. */
  score: number
  /** Name in the profile's URL; empty if unknown. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
}

/** A winner of a lottery. */
export interface GoodyBagWinner {
  /** URL of the profile picture; empty if unknown. */
  avatar: string
  /** The prize, in coins. */
  coins: number
  /** Displayed name; empty if unknown. */
  nickname: string
  /** Name in the profile's URL; empty if unknown. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
}

/** A 64-bit number, in decimal; 0 where there is none. */
export type Id = string

/** A game that is no longer advertised. */
export interface OfflineGame {
  /** TikTok's code for the reason. */
  offlineType: number
  /** Id of the task. */
  taskId: Id
  /** Displayed text. */
  text: string
}

/** A user of whom the message contains little more than the name. */
export interface Person {
  /** URL of the profile picture; empty if unknown. */
  avatar: string
  /** Displayed name; empty if unknown. */
  nickname: string
  /** Name in the profile's URL; empty if unknown. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
}

/** A pinned message. */
export interface Pinned {
  /** `data` of the message as an event. */
  data: Record<string, unknown>
  /** `type` of the message as an event. */
  type: string
  /** Author of the message. */
  user: User | null
}

/** An answer in a poll. */
export interface PollOption {
  /** Position, from 0. */
  index: number
  /** Text of the answer. */
  text: string
  /** Number of votes. */
  votes: number
}

/** Kind of change to a poll. */
export type PollState = 'started' | 'updated' | 'ended'

/** A sanction by TikTok's moderation. */
export interface Punishment {
  /** Id of the sanction. */
  punishId: Id
  /** TikTok's name for the reason; usually empty. */
  punishReason: string
  /** TikTok's name for the sanction, e.g. `muting_cancel`. */
  punishType: string
  /** Id of the sanctioned user; 0 if unknown. */
  userId: Id
}

/** A position in a ranking. */
export interface RankEntry {
  /** Remaining time of the ranking, in seconds. */
  countdownSeconds: number
  /** Position of the host; 0 outside the ranking. */
  ownRank: number
  /** TikTok's code for the ranking: 1 weekly, 8 daily. */
  rankType: number
  /** Displayed text. */
  text: Text | null
}

/** A winner of a ranking. */
export interface RankWinner {
  /** Id of the reward. */
  assetId: number
  /** Displayed notice; `null` if there is none. */
  notice: RoomNotify | null
  /** User id of the winner. */
  userId: Id
}

/** A user who cannot receive some of the gifts. */
export interface RestrictedReceiver {
  /** Ids of the restricted gifts. */
  giftIds: Array<number>
  /** Id of the user. */
  userId: Id
}

/** Data of a `room_notify` event: a text over the video. */
export interface RoomNotify {
  /** Additional text; usually empty. */
  content: string
  /** Display time, in seconds. */
  durationSeconds: number
  /** Id of the user who caused it; 0 if unknown. */
  fromUserId: Id
  /** Target of the link, in TikTok's app; may be empty. */
  link: string
  /** TikTok's code for the kind of text. */
  notifyType: number
  /** Topic, e.g. `weekly_rank`; may be empty. */
  source: string
  /** Displayed text; `null` if `content` holds it. */
  text: Text | null
}

/** Change to the state of the room. */
export type RoomState = 'paused' | 'resumed' | 'ended' | 'suspended'

/** Action in a `social` event. */
export type SocialAction = 'follow' | 'share' | 'other'

/** A picture on the video. */
export interface Sticker {
  /** URL of the picture. */
  imageUrl: string
  /** Name of the picture. */
  name: string
  /** TikTok's code for the result of moderation. */
  reviewStatus: number
}

/** A part of a goal. */
export interface SubGoal {
  /** Price of a single gift, in diamonds. */
  diamondCount: number
  /** Id of the gift; 0 if the goal is not about gifts. */
  giftId: number
  /** Name of the gift; may be empty. */
  giftName: string
  /** 1 gifts, 2 subscriptions. */
  goalType: number
  /** Current amount. */
  progress: number
  /** Target amount. */
  target: number
}

/** A text that TikTok's clients assemble in the viewer's language. */
export interface Text {
  /** Key of the text, e.g. `pm_mt_guidance_share`; the same in all languages. */
  key: string
  /** The text in the message's own language, usually English, with names and numbers filled in. At most 4 KB. */
  text: string
}

/** A position in the list of top gifters. */
export interface TopViewer {
  /** URL of the profile picture. */
  avatar: string
  /** Value of the gifts, in coins. */
  coinCount: Id
  /** Displayed name. */
  nickname: string
  /** Position in the list, from 1. */
  rank: number
  /** Name in the profile's URL; empty for most viewers without gifts. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
}

/** A user, as described in a message. Messages differ in detail: unknown fields are empty, 0, `false` or `null`. */
export interface User {
  /** URL of the profile picture; empty if unknown. */
  avatar: string
  /** Badges next to the name. */
  badges: Array<Badge>
  /** Biography, written by the user. */
  bio: string
  /** 0 none, 1 follows the host, 2 both follow each other, 3 occurs but its meaning is unknown; `null` if unknown. */
  followStatus: number | null
  /** Number of followers; `null` if unknown. */
  followerCount: number | null
  /** Number of followed users; `null` if unknown. */
  followingCount: number | null
  /** Level of the gifter badge; `null` if there is none. */
  gifterLevel: number | null
  /** Whether the user is the host. Few messages contain this, so `false` proves nothing. */
  isHost: boolean
  /** Whether the user is a moderator of this room. */
  isModerator: boolean
  /** Whether the user subscribes to the host. */
  isSubscriber: boolean
  /** Displayed name. */
  nickname: string
  /** Id of the profile in TikTok's own URLs. */
  secUid: string
  /** Level in the host's fan club; `null` for nonmembers. */
  teamLevel: number | null
  /** Name of the fan club; empty for nonmembers. */
  teamName: string
  /** Name in the profile's URL, without `@`. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
  /** Whether TikTok has verified the user. */
  verified: boolean
}

/** A badge next to a user's name. */
export interface Badge {
  /** URL of its picture; empty if there is none. */
  imageUrl: string
  /** Level, for badges that have one; may also be 0 for others. */
  level: number | null
  /** Kind of badge: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club level, … */
  sceneType: number
  /** Text on the badge: a word, a number or a Roman numeral; may be empty. */
  text: string
}

/** A viewer who gave gifts to one side of a battle. */
export interface BattleGiver {
  /** URL of the profile picture; empty if unknown. */
  avatar: string
  /** Displayed name; empty if unknown. */
  nickname: string
  /** Points contributed by the viewer. */
  points: number
  /** Name in the profile's URL; empty if unknown. */
  uniqueId: string
  /** Numeric id. */
  userId: Id
}
