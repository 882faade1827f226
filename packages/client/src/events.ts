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
  /** The message's id, opaque; absent for events that come from no message. */
  id?: string | null
  /** `true` where `/inject` made it, then or when it was recorded; else absent. */
  injected?: boolean
  /** Whether it comes from a recording. */
  replay: boolean
  /** Its number, from 1. Numbers that are not seen belong to events that were not asked for. */
  seq: number
  /** The channel that `seq` counts in; new with every start of the server. */
  stream: string
  /** When it was received. */
  ts: Time
  /** Whose room it is; empty if nobody knows. */
  username: string
}

/** Somebody wrote something. */
export interface ChatEvent extends EventBase {
  data: ChatData
  type: 'chat'
}

/** Somebody sent a gift. */
export interface GiftEvent extends EventBase {
  data: GiftData
  type: 'gift'
}

/** Somebody tapped the screen. */
export interface LikeEvent extends EventBase {
  data: LikeData
  type: 'like'
}

/** Somebody entered, or was acted on by a moderator. */
export interface MemberEvent extends EventBase {
  data: MemberData
  type: 'member'
}

/** Somebody followed or shared. */
export interface SocialEvent extends EventBase {
  data: SocialData
  type: 'social'
}

/** How many watch, and who gave most. */
export interface RoomUserEvent extends EventBase {
  data: RoomUserData
  type: 'room_user'
}

/** The room was paused, resumed or ended. */
export interface ControlEvent extends EventBase {
  data: ControlData
  type: 'control'
}

/** Somebody sent pictures of the host's own. */
export interface EmoteEvent extends EventBase {
  data: EmoteChatData
  type: 'emote'
}

/** A box of diamonds appeared or went. */
export interface EnvelopeEvent extends EventBase {
  data: EnvelopeData
  type: 'envelope'
}

/** Somebody asked the host. */
export interface QuestionEvent extends EventBase {
  data: QuestionData
  type: 'question'
}

/** A battle between hosts goes on to its next stage. */
export interface BattleEvent extends EventBase {
  data: BattleData
  type: 'battle'
}

/** The score of a battle. */
export interface BattleScoreEvent extends EventBase {
  data: BattleScoreData
  type: 'battle_score'
}

/** What the host says the room is about. */
export interface LiveIntroEvent extends EventBase {
  data: LiveIntroData
  type: 'live_intro'
}

/** Somebody subscribed. */
export interface SubscribeEvent extends EventBase {
  data: SubscribeData
  type: 'subscribe'
}

/** What is spoken. */
export interface CaptionEvent extends EventBase {
  data: CaptionData
  type: 'caption'
}

/** A poll begins, goes on or ends. */
export interface PollEvent extends EventBase {
  data: PollData
  type: 'poll'
}

/** A message is kept on the screen, or no longer. */
export interface PinEvent extends EventBase {
  data: PinData
  type: 'pin'
}

/** A goal of the host's came nearer. */
export interface GoalEvent extends EventBase {
  data: GoalData
  type: 'goal'
}

/** The host's places in rankings. */
export interface RankEvent extends EventBase {
  data: RankData
  type: 'rank'
}

/** A line runs over the video. */
export interface BarrageEvent extends EventBase {
  data: BarrageData
  type: 'barrage'
}

/** A campaign's banner. */
export interface BannerEvent extends EventBase {
  data: BannerData
  type: 'banner'
}

/** Messages shall no longer be shown. */
export interface DeleteEvent extends EventBase {
  data: DeleteData
  type: 'delete'
}

/** A comment is put beside the others. */
export interface CommentTrayEvent extends EventBase {
  data: CommentTrayData
  type: 'comment_tray'
}

/** The host shows a question. */
export interface QuestionSelectedEvent extends EventBase {
  data: QuestionData
  type: 'question_selected'
}

/** The host puts a question away. */
export interface QuestionSlideDownEvent extends EventBase {
  data: QuestionSlideDownData
  type: 'question_slide_down'
}

/** A question is gone. */
export interface QuestionDeleteEvent extends EventBase {
  data: QuestionDeleteData
  type: 'question_delete'
}

/** Questions are allowed, or no longer. */
export interface QuestionSwitchEvent extends EventBase {
  data: QuestionSwitchData
  type: 'question_switch'
}

/** A viewer without an account enters. */
export interface UnauthorizedMemberEvent extends EventBase {
  data: UnauthorizedMemberData
  type: 'unauthorized_member'
}

/** A costly gift in some room. */
export interface GiftBroadcastEvent extends EventBase {
  data: GiftBroadcastData
  type: 'gift_broadcast'
}

/** Viewers complete a collection together. */
export interface GiftCollectionUpdateEvent extends EventBase {
  data: GiftCollectionUpdateData
  type: 'gift_collection_update'
}

/** Gifts that cannot be sent for now. */
export interface GiftDynamicRestrictionEvent extends EventBase {
  data: GiftDynamicRestrictionData
  type: 'gift_dynamic_restriction'
}

/** The list of gifts changed. */
export interface GiftPanelUpdateEvent extends EventBase {
  data: GiftPanelUpdateData
  type: 'gift_panel_update'
}

/** TikTok asks somebody about spending. */
export interface GiftPromptEvent extends EventBase {
  data: GiftPromptData
  type: 'gift_prompt'
}

/** A box that takes viewers to another room. */
export interface EnvelopePortalEvent extends EventBase {
  data: EnvelopePortalData
  type: 'envelope_portal'
}

/** A lottery for viewers. */
export interface GoodyBagEvent extends EventBase {
  data: GoodyBagData
  type: 'goody_bag'
}

/** Subscriptions that follow each other quickly. */
export interface SubWaveEvent extends EventBase {
  data: SubWaveData
  type: 'sub_wave'
}

/** The goal for subscriptions is kept on the screen. */
export interface SubPinEventEvent extends EventBase {
  data: SubPinEventData
  type: 'sub_pin_event'
}

/** A clock to which subscriptions add time. */
export interface SubTimerStickerEvent extends EventBase {
  data: SubTimerStickerData
  type: 'sub_timer_sticker'
}

/** A hint to subscribe. */
export interface SubscriptionGuideEvent extends EventBase {
  data: SubscriptionGuideData
  type: 'subscription_guide'
}

/** The client shows a line in the chat. */
export interface RoomEvent extends EventBase {
  data: RoomTextData
  type: 'room'
}

/** TikTok's welcome. */
export interface SystemEvent extends EventBase {
  data: SystemData
  type: 'system'
}

/** A line over the video. */
export interface RoomNotifyEvent extends EventBase {
  data: RoomNotifyData
  type: 'room_notify'
}

/** Lines over the video, for all rooms. */
export interface MarqueeAnnouncementEvent extends EventBase {
  data: MarqueeAnnouncementData
  type: 'marquee_announcement'
}

/** The host has to prove something. */
export interface RoomVerifyEvent extends EventBase {
  data: RoomVerifyData
  type: 'room_verify'
}

/** The topic of the room. */
export interface HashtagEvent extends EventBase {
  data: HashtagData
  type: 'hashtag'
}

/** Pictures on the video. */
export interface RoomStickerEvent extends EventBase {
  data: RoomStickerData
  type: 'room_sticker'
}

/** An organization that the host collects for. */
export interface DonationStickerModifyMethodEvent extends EventBase {
  data: DonationStickerData
  type: 'donation_sticker_modify_method'
}

/** A campaign's banner changed. */
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

/** A line; what it is for is not known. */
export interface SpeakerEvent extends EventBase {
  data: SpeakerData
  type: 'speaker'
}

/** A short notice. */
export interface ToastEvent extends EventBase {
  data: ToastData
  type: 'toast'
}

/** The game that is played. */
export interface LiveGameIntroEvent extends EventBase {
  data: LiveGameIntroData
  type: 'live_game_intro'
}

/** TikTok measures delays. */
export interface MsgDetectEvent extends EventBase {
  data: MsgDetectData
  type: 'msg_detect'
}

/** The host changes the effects of the camera. */
export interface AnchorToolModificationEvent extends EventBase {
  data: AnchorToolModificationData
  type: 'anchor_tool_modification'
}

/** A warning below the video. */
export interface BottomEvent extends EventBase {
  data: BottomData
  type: 'bottom'
}

/** TikTok's moderation tells somebody something. */
export interface PerceptionEvent extends EventBase {
  data: PerceptionData
  type: 'perception'
}

/** A right is withdrawn, or given back. */
export interface AccessRecallEvent extends EventBase {
  data: AccessRecallData
  type: 'access_recall'
}

/** TikTok wants a captcha solved. */
export interface AccessControlEvent extends EventBase {
  data: AccessControlData
  type: 'access_control'
}

/** TikTok tells the host something. */
export interface NoticeEvent extends EventBase {
  data: NoticeData
  type: 'notice'
}

/** A ranking is shown. */
export interface HourlyRankEvent extends EventBase {
  data: HourlyRankData
  type: 'hourly_rank'
}

/** Who won a ranking of an hour. */
export interface HourlyRankRewardEvent extends EventBase {
  data: HourlyRankRewardData
  type: 'hourly_rank_reward'
}

/** Who won a ranking of a week or day. */
export interface WeeklyRankRewardEvent extends EventBase {
  data: WeeklyRankRewardData
  type: 'weekly_rank_reward'
}

/** Somebody rose among those who gave most. */
export interface RankTextEvent extends EventBase {
  data: RankTextData
  type: 'rank_text'
}

/** A ranking of games changed. */
export interface GameRankNotifyEvent extends EventBase {
  data: GameRankNotifyData
  type: 'game_rank_notify'
}

/** A card is used in a battle. */
export interface LinkMicBattleItemCardEvent extends EventBase {
  data: BattleItemCardData
  type: 'link_mic_battle_item_card'
}

/** The loser of a battle is done. */
export interface LinkMicBattlePunishFinishEvent extends EventBase {
  data: BattlePunishFinishData
  type: 'link_mic_battle_punish_finish'
}

/** A task within a battle. */
export interface LinkMicBattleTaskEvent extends EventBase {
  data: BattleTaskData
  type: 'link_mic_battle_task'
}

/** A notice about a battle. */
export interface LinkMicBattleNoticeEvent extends EventBase {
  data: BattleNoticeData
  type: 'link_mic_battle_notice'
}

/** Who is on the screen with the host. */
export interface LinkEvent extends EventBase {
  data: LinkData
  type: 'link'
}

/** The same, from a newer system. */
export interface LinkLayerEvent extends EventBase {
  data: LinkLayerData
  type: 'link_layer'
}

/** The same, from a system newer still. */
export interface LinkStateEvent extends EventBase {
  data: LinkStateData
  type: 'link_state'
}

/** The same, from an older system. */
export interface LinkMicMethodEvent extends EventBase {
  data: LinkMicMethodData
  type: 'link_mic_method'
}

/** What guests were given. */
export interface LinkMicFanTicketMethodEvent extends EventBase {
  data: LinkMicFanTicketData
  type: 'link_mic_fan_ticket_method'
}

/** A guest is shown large. */
export interface LinkScreenChangeEvent extends EventBase {
  data: LinkScreenChangeData
  type: 'link_screen_change'
}

/** A hint for the host about guests. */
export interface LinkMicAnchorGuideEvent extends EventBase {
  data: LinkMicAnchorGuideData
  type: 'link_mic_anchor_guide'
}

/** A round of guessing begins. */
export interface PictionaryStartEvent extends EventBase {
  data: PictionaryStartData
  type: 'pictionary_start'
}

/** Somebody guessed the word. */
export interface PictionaryUpdateEvent extends EventBase {
  data: PictionaryUpdateData
  type: 'pictionary_update'
}

/** A round of guessing ends. */
export interface PictionaryEndEvent extends EventBase {
  data: PictionaryEndData
  type: 'pictionary_end'
}

/** The game of guessing is over. */
export interface PictionaryExitEvent extends EventBase {
  data: PictionaryExitData
  type: 'pictionary_exit'
}

/** Somebody downloaded the advertised game. */
export interface PartnershipDownloadCountEvent extends EventBase {
  data: PartnershipDownloadCountData
  type: 'partnership_download_count'
}

/** Rewards in a game for those who watch. */
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

/** TikTok acts against an advertisement. */
export interface PartnershipPunishEvent extends EventBase {
  data: PartnershipPunishData
  type: 'partnership_punish'
}

/** The host's cards for more reach. */
export interface BoostCardEvent extends EventBase {
  data: BoostCardData
  type: 'boost_card'
}

/** A product is shown. */
export interface OecLiveShoppingEvent extends EventBase {
  data: LiveShoppingData
  type: 'oec_live_shopping'
}

/** A paid series of videos is shown. */
export interface PaidContentLiveShoppingEvent extends EventBase {
  data: PaidContentLiveShoppingData
  type: 'paid_content_live_shopping'
}

/** A business shows a link. */
export interface BaLeadGenEvent extends EventBase {
  data: BaLeadGenData
  type: 'ba_lead_gen'
}

/** A method without a schema, or a message that could not be read. */
export interface UnknownEvent extends EventBase {
  data: UnknownData
  type: 'unknown'
}

/** The upstream is connected, or the replay has started. */
export interface ConnectionCreatedEvent extends EventBase {
  data: ConnectionCreatedData
  type: 'connection_created'
}

/** The upstream closed. */
export interface ConnectionClosedEvent extends EventBase {
  data: ConnectionClosedData
  type: 'connection_closed'
}

/** The source ended, or was replaced. */
export interface DisconnectedEvent extends EventBase {
  data: DisconnectedData
  type: 'disconnected'
}

/** Something failed upstream. */
export interface ErrorEvent extends EventBase {
  data: FailureData
  type: 'error'
}

/** Replaces events that are no longer available; see `on_gap=skip`. */
export interface GapMessage {
  /** Sequence number of the first missing event. */
  from: number
  /** Sequence number of the last missing event. */
  to: number
  type: 'gap'
}

/** `access_control`: TikTok wants a captcha solved. */
export interface AccessControlData {
  /** The captcha's id. */
  recordId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** How long there is time. */
  verifySeconds: number
}

/** `access_recall`: a right is withdrawn, or given back. */
export interface AccessRecallData {
  /** What is shown below; `null` if nothing is. */
  content: Text | null
  /** Until when it holds; `null` if the message does not tell. */
  endsAt: Time | null
  /** What is shown; `null` if nothing is. */
  notice: Text | null
  /** What was done; `null` if nothing was. */
  punishment: Punishment | null
  /** Which right, e.g. `GIFT`. */
  scene: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** TikTok's number for what happens to it. */
  status: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `anchor_tool_modification`: the host changes the effects of the camera. */
export interface AnchorToolModificationData {
  /** How long it was on. */
  durationSeconds: number
  /** The effect's number. */
  effectId: Id
  /** When it was switched off; `null` if the message does not tell. */
  endedAt: Time | null
  /** TikTok's number for what was changed. */
  modificationType: number
  /** TikTok's number for whether it begins or ends. */
  msgType: number
  /** Its name. */
  name: string
  /** The number of its files. */
  resourceId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When it was switched on; `null` if the message does not tell. */
  startedAt: Time | null
  /** Where it was chosen, e.g. `trending`. */
  tab: string
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Who: the host, or a guest. */
  userId: Id
}

/** `ba_lead_gen`: a business shows a link. */
export interface BaLeadGenData {
  /** The text key of the button. */
  buttonText: string
  /** Where it leads, in TikTok's app. */
  link: string
  /** When it was shown; `null` if the message does not tell. */
  operatedAt: Time | null
  /** TikTok's number for what happens. */
  operation: number
  /** The page's id. */
  pageId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Its title; may be empty. */
  title: string
  /** Who did it. */
  user?: User | null
}

/** `banner` */
export interface BannerData {
  /** JSON, as a text and as sent: its shape is the campaign's. */
  data: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `barrage`: a line runs over the video. */
export interface BarrageData {
  /** For how long it is shown. */
  durationMs: number
  /** Address of its picture; may be empty. */
  iconUrl: string
  /** The level that it is about; `null` if it is about none. */
  level: number | null
  /** 4 subscribed, 8 level up, 9 a high-level gifter enters, 10 and 11 the same for team members, 100 other. */
  msgType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it says beside the name; `null` if nothing. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `battle` */
export interface BattleData {
  /** 1 invited, 2 rejected, 3 cancelled, 4 opened, 5 finished, 6 cut short, 7 accepted. */
  action: number
  /** The battle's id. */
  battleId: Id
  /** How long it takes, in seconds. */
  durationSeconds: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When it began; `null` if the message does not tell. */
  startedAt: Time | null
  /** TikTok's number for how far it is. */
  status: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** The hosts. */
  users: Array<BattleUser>
}

/** `link_mic_battle_item_card`: somebody uses a card, or got one; `user` is who used it. */
export interface BattleItemCardData {
  /** The battle's id. */
  battleId: Id
  /** Address of the card's picture; may be empty. */
  cardImageUrl: string
  /** The text key of the card's name; may be empty. */
  cardName: string
  /** How long it works. */
  effectSeconds: number
  /** For which host; 0 if the message does not tell. */
  hostUserId: Id
  /** 2 boosting glove, 3 mist, 4 got a card, 5 extra time, 6 special effect, 7 potion, 8 wave, … */
  msgType: number
  /** Who used it; `null` if the message does not tell. */
  sender: Person | null
  /** When it was used; `null` if the message does not tell. */
  sentAt: Time | null
  /** What is shown. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `link_mic_battle_notice` */
export interface BattleNoticeData {
  /** TikTok's number for what it is about. */
  noticeType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What is shown. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `link_mic_battle_punish_finish`: the time in which the loser has to do something is over. */
export interface BattlePunishFinishData {
  /** The battle's id. */
  battleId: Id
  /** The channel that joins the hosts. */
  channelId: Id
  /** How long it takes. */
  durationSeconds: number
  /** Who ended it. */
  operatorUserId: Id
  /** TikTok's number for why. */
  reason: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When the battle began; `null` if the message does not tell. */
  startedAt: Time | null
  /** TikTok's number for how far the battle is. */
  status: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `battle_score` */
export interface BattleScoreData {
  /** The battle's id. */
  battleId: Id
  /** How long it takes, in seconds. */
  durationSeconds: number
  /** Who made the score change; 0 if the message does not tell. */
  fromUserId: Id
  /** By which gift; 0 if by none. */
  giftId: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When the battle began; `null` if the message does not tell. */
  startedAt: Time | null
  /** The sides, in the order in which they were sent. */
  teams: Array<BattleTeam>
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Why it was sent: 1 the score changed, 2 the battle ended, … */
  triggerReason: number
  /** Who did it. */
  user?: User | null
}

/** `link_mic_battle_task`: a task within a battle. */
export interface BattleTaskData {
  /** The battle's id; 0 if the message does not tell. */
  battleId: Id
  /** Who brought it forward; 0 if the message does not tell. */
  fromUserId: Id
  /** 0 start, 1 progress, 2 result, 3 reward. */
  messageType: number
  /** How far it is; `null` if the message does not tell. */
  progress: number | null
  /** 0 succeeded, 1 failed, 2 both succeeded; `null` while it goes on. */
  result: number | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `boost_card` */
export interface BoostCardData {
  /** The cards. */
  cards: Array<BoostCardEntry>
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `bottom`: a warning below the video. */
export interface BottomData {
  /** What it is about: 3 this room, 4 a co-host's room, 6 moderation, … */
  bizType: number
  /** What is shown; may be empty. */
  content: string
  /** Where to read more; may be empty. */
  detailUrl: string
  /** For how long it is shown. */
  durationSeconds: number
  /** What was done; `null` if nothing was. */
  punishment: Punishment | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Against whom. */
  userId: Id
}

/** `capsule`: a hint with a button; `user` is whom it names. */
export interface CapsuleData {
  /** What the button says. */
  buttonText: Text | null
  /** TikTok's number for what it is. */
  capsuleType: number
  /** Where the button leads, in TikTok's app. */
  link: string
  /** What it is about, e.g. `notice_viewer_new_goal`. */
  scene: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it says. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `caption` */
export interface CaptionData {
  /** Whether the sentence stays as it is. */
  definite: boolean
  /** How long it took. */
  durationMs: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The sentence; captions of one sentence replace each other. */
  sentenceId: Id
  /** Which version of the sentence. */
  sequenceId: Id
  /** When it was spoken; `null` if the message does not tell. */
  startedAt: Time | null
  /** The sentence, by language. */
  texts: Array<CaptionText>
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `chat` */
export interface ChatData {
  /** What was written. */
  comment: string
  /** The pictures in the comment. */
  emotes: Array<EmoteAt>
  /** Whether it was sent before this connection was made. */
  isHistory: boolean
  /** The language that TikTok guessed. */
  language: string
  /** Who is spoken to; `null` if nobody in particular. */
  mentioned: Person | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `comment_tray` */
export interface CommentTrayData {
  /** What it says. */
  content: string
  /** TikTok's number for what that is. */
  contentType: number
  /** How many comments stand behind it. */
  count: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** The tray's id. */
  trayId: Id
  /** Who did it. */
  user?: User | null
  /** When it was written; `null` if the message does not tell. */
  writtenAt: Time | null
}

/** `connection_closed` */
export interface ConnectionClosedData {
  /** The WebSocket close code; 1006 if there was none. */
  code: number
  /** What the closing side said. */
  reason: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Whether another attempt follows. */
  willRetry: boolean
}

/** `connection_created` */
export interface ConnectionCreatedData {
  /** The room. */
  roomId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** `live` or `replay`. */
  source: string
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `control` */
export interface ControlData {
  /** TikTok's number; 3 and 4 end the live connection. */
  action: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What the number means; `null` if nobody knows. */
  state: RoomState | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** What the client tells the viewers; may be empty. */
  tips: string
  /** Who did it. */
  user?: User | null
}

/** `delete` */
export interface DeleteData {
  /** The messages that shall no longer be shown. */
  messageIds: Array<Id>
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** The users whose messages shall no longer be shown. */
  userIds: Array<Id>
}

/** `disconnected` */
export interface DisconnectedData {
  /** `recording_ended`, `stream_ended`, `deleted`, `replaced`, … */
  reason: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `donation_sticker_modify_method` */
export interface DonationStickerData {
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The organizations that the host collects for; none if they were removed. */
  stickers: Array<Donation>
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `emote` */
export interface EmoteChatData {
  /** The pictures that were sent. */
  emotes: Array<Emote>
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `envelope` */
export interface EnvelopeData {
  /** What kind of box: 1 a user's diamonds, 19 a super-fan box, … */
  businessType: number
  /** How many diamonds are in it; 0 where the box is only hidden. */
  diamondCount: number
  /** 1 the box appears, 2 it goes. */
  display: number
  /** The box's id. */
  envelopeId: Id
  /** When it may be opened; `null` if the message does not tell. */
  opensAt: Time | null
  /** How many people may have a share. */
  peopleCount: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The sender's numeric id; 0 if the message does not tell. */
  senderId: Id
  /** The sender's nickname or unique id, as sent. */
  senderName: string
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `envelope_portal`: a box that takes viewers to another room; `user` is whom it names. */
export interface EnvelopePortalData {
  /** TikTok's number for how it is shown. */
  display: number
  /** What is in the box. */
  envelopeDiamonds: number
  /** What the portal cost. */
  portalDiamonds: number
  /** The portal's id. */
  portalId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** Who opened it. */
  senderId: Id
  /** The sender's unique id; may be empty. */
  senderName: string
  /** When it opens; `null` if the message does not tell. */
  sendsAt: Time | null
  /** How many it took along. */
  takenCount: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** TikTok's number for who sees it. */
  view: number
}

/** `error` */
export interface FailureData {
  /** Which attempt failed, from 1. */
  attempt: number
  /** The stable code. */
  code: string
  /** What to do. */
  hint: string
  /** What happened, in a sentence. */
  message: string
  /** When it follows. */
  retryAfterMs: number | null
  /** Whether another attempt follows. */
  retrying: boolean
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** A few words. */
  title: string
  /** Who did it. */
  user?: User | null
}

/** `game_rank_notify` */
export interface GameRankNotifyData {
  /** 0 in or out of the ranking, 1 another place, 2 encouragement. */
  msgType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What is shown. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `gift_broadcast`: a costly gift in some room is told to others. */
export interface GiftBroadcastData {
  /** Who sent the gift. */
  fromUserId: Id
  /** What is shown; `null` if nothing is. */
  notice: RoomNotify | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `gift_collection_update`: viewers complete a collection together. */
export interface GiftCollectionUpdateData {
  /** How many pieces there are. */
  collectedCount: number
  /** The price of one. */
  diamondCount: number
  /** The gift's number. */
  giftId: number
  /** The gift's name. */
  giftName: string
  /** The gift's picture. */
  giftPictureUrl: string
  /** TikTok's number for what happens. */
  messageType: number
  /** How many times it was begun. */
  round: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** How many are wanted. */
  targetCount: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `gift` */
export interface GiftData {
  /** The price of one, in diamonds. */
  diamondCount: number
  /** What this event adds in diamonds: `diamondCount` × `repeatDelta`. */
  diamonds: number
  /** The number of the gift. */
  giftId: number
  /** Its English name. */
  giftName: string
  /** The gift's picture. */
  giftPictureUrl: string
  /** 1: can be sent in streaks. */
  giftType: number
  /** The streak's id among the sender's; 0 for gifts outside streaks. */
  groupId: Id
  /** Whether TikTok did not send this, but livetape infers it: no final arrived within the time-out. */
  inferred?: boolean
  /** Whether the streak ends with this event. */
  isFinal: boolean
  /** Who gets it: the host, or a guest in the host's room; `null` if the message does not tell. */
  receiver: Person | null
  /** The running total of the streak. */
  repeatCount: number
  /** What this event adds to the streak. */
  repeatDelta: number
  /** Whether TikTok calls this the last message of the streak. */
  repeatEnd: boolean
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** Names the streak; opaque. Empty outside streaks. */
  streakId: string
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `gift_dynamic_restriction` */
export interface GiftDynamicRestrictionData {
  /** The gifts that nobody gets in battles. */
  battleGiftIds: Array<number>
  /** The gifts that nobody gets while there are co-hosts. */
  cohostGiftIds: Array<number>
  /** The gifts that nobody gets in the room as it is. */
  giftIds: Array<number>
  /** The gifts that nobody gets while there are guests. */
  guestGiftIds: Array<number>
  /** The gifts that some people do not get. */
  receivers: Array<RestrictedReceiver>
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `gift_panel_update`: the list of gifts changed. */
export interface GiftPanelUpdateData {
  /** In which room. */
  roomId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** When; `null` if the message does not tell. */
  updatedAt: Time | null
  /** Who did it. */
  user?: User | null
}

/** `gift_prompt`: TikTok asks somebody about spending. */
export interface GiftPromptData {
  /** For how many days gifts are blocked. */
  blockDays: number
  /** The text. */
  body: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** The title. */
  title: string
  /** Who did it. */
  user?: User | null
}

/** `goal` */
export interface GoalData {
  /** By how many gifts or subscriptions. */
  contributeCount: number
  /** By how much. */
  contributeScore: number
  /** Who brought it forward; `null` if nobody did. */
  contributor: Person | null
  /** How many have contributed. */
  contributorCount: number
  /** Who contributed most. */
  contributors: Array<GoalContributor>
  /** What the host wrote. */
  description: string
  /** When it ends; `null` if the message does not tell. */
  expiresAt: Time | null
  /** The goal's id. */
  goalId: Id
  /** 1 gifts, 2 subscriptions. */
  goalType: number
  /** What the client shows, e.g. `live_goal_indicator_sub_goal`. */
  indicator: string
  /** The running total of the gift's streak. */
  repeatCount: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When it was set; `null` if the message does not tell. */
  startedAt: Time | null
  /** TikTok's number for how far it is. */
  status: number
  /** What it consists of. */
  subGoals: Array<SubGoal>
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `goody_bag`: a lottery for viewers. */
export interface GoodyBagData {
  /** How long there is time. */
  countdownMinutes: number
  /** The lottery's id. */
  goodyBagId: Id
  /** How many take part. */
  joinedCount: number
  /** 1 ended, 2 somebody joined, 3 the winners. */
  messageType: number
  /** When it is drawn; `null` if the message does not tell. */
  opensAt: Time | null
  /** TikTok's number for how to take part. */
  participateMethod: number
  /** What to write in order to take part. */
  participateText: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** What is in it. */
  totalCoins: number
  /** Who did it. */
  user?: User | null
  /** How many win. */
  winnerCount: number
  /** Who won. */
  winners: Array<GoodyBagWinner>
}

/** `guide`: a hint. */
export interface GuideData {
  /** What it says. */
  description: string
  /** For how long it is shown; the unit is not known. */
  duration: number
  /** The gift that it is about; 0 if it is about none. */
  giftId: number
  /** TikTok's number for what it is. */
  guideType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `hashtag`: the topic of the room. */
export interface HashtagData {
  /** Its number. */
  hashtagId: Id
  /** Address of its picture. */
  imageUrl: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** What it says; may be empty. */
  title: string
  /** Who did it. */
  user?: User | null
}

/** `hourly_rank` */
export interface HourlyRankData {
  /** What the client shows, in English. */
  label: string
  /** The text key of the ranking, e.g. `pm_mt_Live_WR`. */
  rankType: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `hourly_rank_reward` */
export interface HourlyRankRewardData {
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** The winners. */
  winners: Array<RankWinner>
}

/** `in_room_banner_refresh` */
export interface InRoomBannerRefreshData {
  /** After which time the banner shall be fetched again. */
  delaySeconds: number
  /** Whether only the host shall do so. */
  onlyHost: boolean
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `like` */
export interface LikeData {
  /** The likes of this message; TikTok sends up to 15 in one. */
  likeCount: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** The likes of the room as sent: it may go back. */
  totalLikeCount: number
  /** Who did it. */
  user?: User | null
}

/** `link`: who is on the screen with the host. */
export interface LinkData {
  /** The channel that joins them. */
  channelId: Id
  /** Who left; 0 if nobody did. */
  leftUserId: Id
  /** TikTok's number for what happens. */
  messageType: number
  /** 2 co-hosts, 4 guests. */
  scene: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Who is on the screen; empty if the message does not tell. */
  users: Array<Person>
  /** Who waits for it. */
  waiting: Array<Person>
}

/** `link_layer`: the same from the newer of two systems, with user ids only. */
export interface LinkLayerData {
  /** Who applied for it. */
  appliedUserIds: Array<Id>
  /** The channel that joins them. */
  channelId: Id
  /** Who was invited. */
  invitedUserIds: Array<Id>
  /** Who left or was thrown out; 0 if nobody was. */
  leftUserId: Id
  /** Who is on the screen; empty if the message does not tell. */
  linkedUserIds: Array<Id>
  /** 1 created, 2 invited, 3 applied, 6 kicked out, 9 left, 10 finished, 11 the list changed, … */
  messageType: number
  /** Whose channel it is; 0 if the message does not tell. */
  ownerUserId: Id
  /** TikTok's number for why; 0 if the message does not tell. */
  reason: number
  /** 2 co-hosts, 4 guests. */
  scene: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `link_mic_anchor_guide`: a hint for the host; `user` is whom it is about. */
export interface LinkMicAnchorGuideData {
  /** What the button says; may be empty. */
  buttonText: string
  /** What it says; may be empty. */
  content: string
  /** TikTok's number for what it is. */
  guideType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `link_mic_fan_ticket_method`: what guests were given. */
export interface LinkMicFanTicketData {
  /** The match that it belongs to; 0 if to none. */
  matchId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** What all were given so far. */
  totalCoins: number
  /** Who did it. */
  user?: User | null
  /** Who was given what. */
  users: Array<FanTickets>
}

/** `link_mic_method`: the same from the oldest system; also what guests were given. */
export interface LinkMicMethodData {
  /** The channel that joins them; 0 if the message does not tell. */
  channelId: Id
  /** What the user was given so far. */
  coins: number
  /** Who was invited; 0 if nobody was. */
  invitedUserId: Id
  /** TikTok's number for what happens; 8 a guest was given something. */
  linkType: number
  /** The other host; 0 if the message does not tell. */
  rivalUserId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** To whom it is addressed; 0 if to nobody in particular. */
  toUserId: Id
  /** What all were given so far. */
  totalCoins: number
  /** Who did it. */
  user?: User | null
  /** Who was given something; 0 if nobody was. */
  userId: Id
}

/** `link_screen_change`: a guest is shown large. */
export interface LinkScreenChangeData {
  /** Whether the guest is shown large. */
  isEnlarged: boolean
  /** The guest, named as in the list of guests; TikTok has it as a text. */
  linkMicId: string
  /** 1 cancelled, 2 a new state, 3 a new position. */
  messageType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `link_state`: who is on the screen, from a system newer still. */
export interface LinkStateData {
  /** The channel that joins them. */
  channelId: Id
  /** 2 co-hosts, 4 guests. */
  scene: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Who is on the screen. */
  userIds: Array<Id>
  /** Counts the states. */
  version: number
}

/** `live_game_intro` */
export interface LiveGameIntroData {
  /** Whether there is a ranking. */
  hasRankInfo: boolean
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it says. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `live_intro` */
export interface LiveIntroData {
  /** Whether TikTok's moderation let it through, TikTok's number. */
  auditStatus: number
  /** What the host says the room is about. */
  description: string
  /** The intro's id. */
  introId: Id
  /** The language that TikTok guessed. */
  language: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `oec_live_shopping`: a product is shown. */
export interface LiveShoppingData {
  /** Address of its picture. */
  imageUrl: string
  /** Where to buy it. */
  link: string
  /** Its price, as shown. */
  price: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** Who sells it. */
  shopName: string
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Its name; may be empty. */
  title: string
  /** Who did it. */
  user?: User | null
}

/** `marquee_announcement` */
export interface MarqueeAnnouncementData {
  /** The lines. */
  notices: Array<RoomNotify>
  /** What it is about, e.g. `start_room_event`. */
  scene: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `member` */
export interface MemberData {
  /** 1 entered; the other numbers are what moderators do. */
  actionId: number
  /** Where the viewer came from, in TikTok's words, e.g. `homepage_hot-live_cell`. */
  enterSource: string
  /** How many are in the room; 0 if the message does not tell. */
  memberCount: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `msg_detect`: TikTok measures delays. */
export interface MsgDetectData {
  /** When TikTok received it; `null` if the message does not tell. */
  apiReceivedAt: Time | null
  /** When TikTok sent it on; `null` if the message does not tell. */
  apiSentAt: Time | null
  /** When the client began; `null` if the message does not tell. */
  clientStartedAt: Time | null
  /** TikTok's number for what is measured. */
  detectType: number
  /** The country of the viewer who took part. */
  fromRegion: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** TikTok's number for what set it off. */
  triggerBy: number
  /** Who did it. */
  user?: User | null
}

/** `notice`: TikTok tells the host something. */
export interface NoticeData {
  /** What is shown. */
  content: string
  /** TikTok's number for what it is about. */
  noticeType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** The title; `null` without one. */
  title: Text | null
  /** Who did it. */
  user?: User | null
  /** The reason; `null` without one. */
  violationReason: Text | null
}

/** `paid_content_live_shopping`: a paid series of videos is shown. */
export interface PaidContentLiveShoppingData {
  /** TikTok's number for what happens. */
  actionType: number
  /** The series; 0 if the message does not tell. */
  collectionId: Id
  /** When it was shown; `null` if the message does not tell. */
  operatedAt: Time | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** How many series there are. */
  seriesNumber: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `partnership_card_change` */
export interface PartnershipCardChangeData {
  /** TikTok's number for what was changed. */
  changeMode: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** Counts the changes. */
  sequenceId: number
  /** The task's id. */
  taskId: Id
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `partnership_download_count` */
export interface PartnershipDownloadCountData {
  /** How many downloaded it. */
  downloadedCount: number
  /** The game that the host advertises. */
  gameId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `partnership_drops_update`: rewards in a game for those who watch. */
export interface PartnershipDropsUpdateData {
  /** 0 shown, 1 updated, 2 closed. */
  changeMode: number
  /** The rewards' id. */
  dropsId: Id
  /** The event's id; 0 if there is none. */
  eventId: Id
  /** The host; 0 if the message does not tell. */
  hostUserId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The task's id; 0 if there is none. */
  taskId: Id
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `partnership_game_offline` */
export interface PartnershipGameOfflineData {
  /** The games that are no longer advertised. */
  games: Array<OfflineGame>
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `partnership_punish` */
export interface PartnershipPunishData {
  /** What was done; `null` if the message does not tell. */
  punishment: Punishment | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `perception`: moderation tells somebody something. */
export interface PerceptionData {
  /** Until when it holds; `null` if the message does not tell. */
  endsAt: Time | null
  /** What was done; `null` if nothing was. */
  punishment: Punishment | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What is shown; `null` if nothing is. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `pictionary_end` */
export interface PictionaryEndData {
  /** TikTok's number for how it ended. */
  endType: number
  /** The round. */
  roundId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** The word. */
  word: string
}

/** `pictionary_exit` */
export interface PictionaryExitData {
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The game that is over. */
  sessionId: Id
  /** Whether the result is shown. */
  showStats: boolean
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `pictionary_start`: viewers guess what the host draws. */
export interface PictionaryStartData {
  /** When it ends; `null` if the message does not tell. */
  endsAt: Time | null
  /** The round. */
  roundId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The game. */
  sessionId: Id
  /** When the round began; `null` if the message does not tell. */
  startedAt: Time | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** The word; empty but for the host. */
  word: string
}

/** `pictionary_update` */
export interface PictionaryUpdateData {
  /** How many guessed it. */
  correctCount: number
  /** The round. */
  roundId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `pin`; `user` is who pinned it. */
export interface PinData {
  /** 1 pinned, 2 removed. */
  action: number
  /** For how long it is shown; 0 without an end. */
  displaySeconds: number
  /** The method of the pinned message. */
  method: string
  /** The pin's id. */
  pinId: Id
  /** The pinned message; `null` if the message does not have it. */
  pinned: Pinned | null
  /** When it was pinned; `null` if the message does not tell. */
  pinnedAt: Time | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `poll`; `user` is who started it. */
export interface PollData {
  /** How it ended: 0 in time, 1 by the host, 2 by others, 3 by TikTok; `null` if it did not. */
  endType: number | null
  /** When it ends; `null` if the message does not tell. */
  endsAt: Time | null
  /** The answers. */
  options: Array<PollOption>
  /** The poll's id. */
  pollId: Id
  /** 0 plain, 1 by gifts, 2 the host's own, 3 the host's own by gifts, 4 quick by gifts, 5 by emotes. */
  pollKind: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When it began; `null` if the message does not tell. */
  startedAt: Time | null
  /** What happens; `null` if the message does not tell. */
  state: PollState | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** What is asked; only when it starts, and not always. */
  title: string
  /** Who did it. */
  user?: User | null
}

/** `question` and `question_selected` */
export interface QuestionData {
  /** When it was asked; `null` if the message does not tell. */
  askedAt: Time | null
  /** The question's id. */
  questionId: Id
  /** What was asked. */
  questionText: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `question_delete` */
export interface QuestionDeleteData {
  /** The question that was deleted. */
  questionId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Who had asked it, or who deleted it: nobody knows which. */
  userId: Id
}

/** `question_slide_down` */
export interface QuestionSlideDownData {
  /** The question that is no longer shown. */
  questionId: Id
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `question_switch` */
export interface QuestionSwitchData {
  /** Whether questions may be asked. */
  on: boolean
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `rank`: the host's places. */
export interface RankData {
  /** TikTok's number for the group of rankings. */
  groupType: number
  /** The places. */
  ranks: Array<RankEntry>
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `rank_text`: somebody rose among those who gave most; `user` is who. */
export interface RankTextData {
  /** The place now. */
  after: number
  /** The place before; 0 if there was none. */
  before: number
  /** TikTok's number for where it is shown. */
  scene: number
  /** What the one who rose reads. */
  selfText: Text | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What the others read. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Who it is. */
  userId: Id
}

/** `room_notify`: a line over the video. */
export interface RoomNotifyData {
  /** A text beside that; mostly empty. */
  content: string
  /** For how long it is shown. */
  durationSeconds: number
  /** Who made it happen; 0 if the message does not tell. */
  fromUserId: Id
  /** Where it leads, in TikTok's app; may be empty. */
  link: string
  /** TikTok's number for what it is. */
  notifyType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it is about, e.g. `weekly_rank`; may be empty. */
  source: string
  /** What is shown; `null` if it is `content`. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `room_sticker` */
export interface RoomStickerData {
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** The pictures on the video; none if they were removed. */
  stickers: Array<Sticker>
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `room`: the client shows a line in the chat; `user` is whom it names. */
export interface RoomTextData {
  /** A text beside that; mostly empty. */
  content: string
  /** Whether it is a welcome. */
  isWelcome: boolean
  /** What it is about, e.g. `user_join_fans`; may be empty. */
  scene: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** TikTok's number for where it comes from. */
  source: number
  /** What is shown; `null` if it is `content`. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `room_user` */
export interface RoomUserData {
  /** How many of those who watch are anonymous. */
  anonymousCount: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who gave most, the first first. */
  topViewers: Array<TopViewer>
  /** How many have watched since the room was opened. */
  totalUserCount: number
  /** Who did it. */
  user?: User | null
  /** How many watch now. */
  viewerCount: number
}

/** `room_verify`: the host has to prove something. */
export interface RoomVerifyData {
  /** TikTok's number for what is asked. */
  action: number
  /** Whether the room is closed. */
  closeRoom: boolean
  /** What is shown; may be empty. */
  content: string
  /** TikTok's number for how it is shown. */
  noticeType: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `social` */
export interface SocialData {
  /** What was done. */
  action: SocialAction
  /** The text key that TikTok shows it by. */
  displayType: string
  /** The host's followers after a follow; else 0. */
  followCount: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** How many shared the room, after a share; else 0. */
  shareCount: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `speaker` */
export interface SpeakerData {
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it says; `null` if the message does not tell. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `sub_pin_event`: the goal for subscriptions is kept on the screen. */
export interface SubPinEventData {
  /** 1 pinned, 2 removed. */
  action: number
  /** The card's id. */
  cardId: Id
  /** What the host wrote. */
  description: string
  /** The goal's id. */
  goalId: Id
  /** Who pinned it. */
  operatorUserId: Id
  /** How many subscriptions there are. */
  progress: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** How many are wanted. */
  target: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `sub_timer_sticker`: a clock to which subscriptions add time. */
export interface SubTimerStickerData {
  /** TikTok's number for what was changed. */
  changeType: number
  /** TikTok's number for what was done to the clock. */
  operation: number
  /** What is left; the unit is not known. */
  remainingTime: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** TikTok's number for what the clock does. */
  status: number
  /** The clock's id. */
  timerId: Id
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** What viewers read. */
  title: string
  /** All of its time; the unit is not known. */
  totalTime: number
  /** Who did it. */
  user?: User | null
}

/** `sub_wave`: subscriptions that follow each other quickly. */
export interface SubWaveData {
  /** When it ends; `null` if the message does not tell. */
  endsAt: Time | null
  /** TikTok's number for what happens. */
  messageType: number
  /** Who subscribed; `null` if nobody did. */
  newcomer: Person | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When it began; `null` if the message does not tell. */
  startedAt: Time | null
  /** TikTok's number for how far it is. */
  status: number
  /** How many it takes. */
  targetCount: number
  /** Who took part. */
  thanked: Array<Person>
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** All of the host's subscribers. */
  totalCount: number
  /** Who did it. */
  user?: User | null
  /** The subscriptions of the wave. */
  waveCount: number
}

/** `subscribe` */
export interface SubscribeData {
  /** How the client shows it, TikTok's number. */
  exhibitionType: number
  /** What it is about: 0 a subscription, further numbers are notices. */
  messageType: number
  /** What the user was before: 0 no subscriber, 1 subscribed again, … */
  oldSubscribeStatus: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** Since how many months. */
  subMonth: number
  /** 0 once, 1 renewed automatically. */
  subscribeType: number
  /** What the user is now, TikTok's number. */
  subscribingStatus: number
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `subscription_guide`: a hint with a button; `user` is whom it names. */
export interface SubscriptionGuideData {
  /** What the button says. */
  buttonText: Text | null
  /** Where the button leads, in TikTok's app. */
  link: string
  /** What it is about, e.g. `notice_viewer_new_goal`. */
  scene: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it says. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `system`: the welcome text of TikTok. */
export interface SystemData {
  /** What is shown. */
  message: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** A point in time in UTC, ISO 8601 with milliseconds. */
export type Time = string

/** `toast` */
export interface ToastData {
  /** After which time it is shown; the unit is not known. */
  delayDuration: number
  /** For how long it is shown; the unit is not known. */
  displayDuration: number
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What it says; `null` if the message does not tell. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `unauthorized_member`: a viewer without an account enters. */
export interface UnauthorizedMemberData {
  /** 1 entered. */
  action: number
  /** The name that is shown, e.g. `Viewer158848`. */
  nickname: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** What is shown. */
  text: Text | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
}

/** `unknown` */
export interface UnknownData {
  /** What was wrong, where a method with a schema could not be read. */
  fault?: string | null
  /** The method; empty where not even that could be read. */
  method: string
  /** The bytes, base64. */
  payload: string
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Whether `payload` is only the beginning. */
  truncated?: boolean
  /** Who did it. */
  user?: User | null
}

/** `weekly_rank_reward` */
export interface WeeklyRankRewardData {
  /** Address of the reward's picture. */
  iconUrl: string
  /** What is shown; `null` if nothing is. */
  notice: RoomNotify | null
  /** The `uniqueId` of whoever did it. */
  sender?: string | null
  /** Which ranking, e.g. `daily_rank`. */
  source: string
  /** When TikTok made it, else `ts`. */
  timestamp: Time
  /** Who did it. */
  user?: User | null
  /** Who won. */
  userId: Id
}

/** One side of a battle. */
export interface BattleTeam {
  /** The side's host. */
  hostUserId: Id
  /** The side's score. */
  points: number
  /** The viewers who made it. */
  users: Array<BattleGiver>
}

/** A host in a battle. */
export interface BattleUser {
  /** Address of the picture; empty if the message does not tell. */
  avatar: string
  /** The viewers who made the score. */
  givers: Array<BattleGiver>
  /** The name that is shown; empty if the message does not tell. */
  nickname: string
  /** The score; `null` if the message does not tell. */
  points: number | null
  /** TikTok's number for the outcome; `null` if the message does not tell. */
  result: number | null
  /** The name in the profile's address; empty if the message does not tell. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
}

/** A card. */
export interface BoostCardEntry {
  /** The card's id. */
  cardId: Id
  /** The task that it was given for. */
  taskId: Id
  /** TikTok's number for where that task comes from. */
  taskSource: number
}

/** A caption in one language. */
export interface CaptionText {
  /** The language. */
  language: string
  /** What was spoken. */
  text: string
}

/** An organization that the host collects for. */
export interface Donation {
  /** What it does. */
  description: string
  /** Where to read more. */
  detailUrl: string
  /** Where to donate. */
  donateUrl: string
  /** Address of its picture. */
  iconUrl: string
  /** Its name. */
  name: string
  /** The organization's id; TikTok has it as a text. */
  organizationId: string
  /** The sticker's id. */
  stickerId: Id
}

/** A picture that stands in a text. */
export interface Emote {
  /** Its id; TikTok has it as a text. */
  emoteId: string
  /** Its address. */
  imageUrl: string
}

/** An emote and its place in a comment. */
export interface EmoteAt {
  /** Its id; TikTok has it as a text. */
  emoteId: string
  /** Its address. */
  imageUrl: string
  /** Before which character it stands. */
  index: number
}

/** What a guest was given. */
export interface FanTickets {
  /** What the guest was given so far. */
  coins: number
  /** The guest's place in a match; 0 outside one. */
  matchRank: number
  /** The guest's score in a match. */
  matchScore: number
  /** The guest. */
  userId: Id
}

/** Somebody who contributed to a goal. */
export interface GoalContributor {
  /** Address of the picture; empty if the message does not tell. */
  avatar: string
  /** The name that is shown; empty if the message does not tell. */
  nickname: string
  /** How much; for subscriptions TikTok sends what looks like a time in milliseconds. */
  score: number
  /** The name in the profile's address; empty if the message does not tell. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
}

/** A winner. */
export interface GoodyBagWinner {
  /** Address of the picture; empty if the message does not tell. */
  avatar: string
  /** How much. */
  coins: number
  /** The name that is shown; empty if the message does not tell. */
  nickname: string
  /** The name in the profile's address; empty if the message does not tell. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
}

/** A 64-bit number, in decimal; 0 where there is none. */
export type Id = string

/** A game that is no longer advertised. */
export interface OfflineGame {
  /** TikTok's number for why. */
  offlineType: number
  /** The task's id. */
  taskId: Id
  /** What is shown. */
  text: string
}

/** A user of whom a message tells little more than the name. */
export interface Person {
  /** Address of the picture; empty if the message does not tell. */
  avatar: string
  /** The name that is shown; empty if the message does not tell. */
  nickname: string
  /** The name in the profile's address; empty if the message does not tell. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
}

/** The message that is pinned. */
export interface Pinned {
  /** The `data` that it would have as an event. */
  data: Record<string, unknown>
  /** The `type` that it would have as an event. */
  type: string
  /** Who sent it. */
  user: User | null
}

/** An answer. */
export interface PollOption {
  /** Its place, from 0. */
  index: number
  /** What it says. */
  text: string
  /** How many chose it. */
  votes: number
}

/** What happens to a poll. */
export type PollState = 'started' | 'updated' | 'ended'

/** A measure of TikTok's against somebody. */
export interface Punishment {
  /** Its id. */
  punishId: Id
  /** TikTok's name for the reason; mostly empty. */
  punishReason: string
  /** TikTok's name for it, e.g. `muting_cancel`. */
  punishType: string
  /** Against whom; 0 if the message does not tell. */
  userId: Id
}

/** A place in a ranking. */
export interface RankEntry {
  /** How long the ranking still runs. */
  countdownSeconds: number
  /** The host's place; 0 outside the ranking. */
  ownRank: number
  /** TikTok's number for the ranking: 1 weekly, 8 daily. */
  rankType: number
  /** What the client shows. */
  text: Text | null
}

/** A winner of a ranking. */
export interface RankWinner {
  /** The number of the reward. */
  assetId: number
  /** What is shown; `null` if nothing is. */
  notice: RoomNotify | null
  /** Who it is. */
  userId: Id
}

/** Somebody who does not get some gifts. */
export interface RestrictedReceiver {
  /** Which gifts. */
  giftIds: Array<number>
  /** Who it is. */
  userId: Id
}

/** `room_notify`: a line over the video. */
export interface RoomNotify {
  /** A text beside that; mostly empty. */
  content: string
  /** For how long it is shown. */
  durationSeconds: number
  /** Who made it happen; 0 if the message does not tell. */
  fromUserId: Id
  /** Where it leads, in TikTok's app; may be empty. */
  link: string
  /** TikTok's number for what it is. */
  notifyType: number
  /** What it is about, e.g. `weekly_rank`; may be empty. */
  source: string
  /** What is shown; `null` if it is `content`. */
  text: Text | null
}

/** What became of the room. */
export type RoomState = 'paused' | 'resumed' | 'ended' | 'suspended'

/** What a `social` event is about. */
export type SocialAction = 'follow' | 'share' | 'other'

/** A picture on the video. */
export interface Sticker {
  /** Address of the picture. */
  imageUrl: string
  /** Its name. */
  name: string
  /** TikTok's number for whether moderation let it through. */
  reviewStatus: number
}

/** A part of a goal. */
export interface SubGoal {
  /** The price of one. */
  diamondCount: number
  /** The gift to be sent; 0 if it is none. */
  giftId: number
  /** The gift's name; may be empty. */
  giftName: string
  /** 1 gifts, 2 subscriptions. */
  goalType: number
  /** How many there are. */
  progress: number
  /** How many are wanted. */
  target: number
}

/** A text that TikTok's clients put together in the viewer's language. */
export interface Text {
  /** Names the text, e.g. `pm_mt_guidance_share`; the same in all languages. */
  key: string
  /** The text as the message has it, mostly English, with names and numbers filled in. Never longer than 4 KB. */
  text: string
}

/** A place in the list of those who gave most. */
export interface TopViewer {
  /** Address of the picture. */
  avatar: string
  /** How much was given. */
  coinCount: Id
  /** The name that is shown. */
  nickname: string
  /** The place in the list, from 1. */
  rank: number
  /** The name in the profile's address; empty for most viewers who gave nothing. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
}

/** A user, as TikTok describes it in a message. Messages differ in how much they tell: what is missing is empty, 0, `false` or `null`. */
export interface User {
  /** Address of the picture; empty if there is none. */
  avatar: string
  /** What stands beside the name. */
  badges: Array<Badge>
  /** What the user wrote about himself or herself. */
  bio: string
  /** 0 none, 1 follows the host, 2 both follow each other, 3 is seen and not known; `null` if the message does not tell. */
  followStatus: number | null
  /** How many follow the user; `null` if the message does not tell. */
  followerCount: number | null
  /** How many the user follows; `null` if the message does not tell. */
  followingCount: number | null
  /** The level of the gifter badge; `null` without one. */
  gifterLevel: number | null
  /** Whether the host of the room: told by few messages, so `false` is no proof. */
  isHost: boolean
  /** Whether a moderator of this room. */
  isModerator: boolean
  /** Whether subscribed to this room's host. */
  isSubscriber: boolean
  /** The name that is shown. */
  nickname: string
  /** The id of the profile in TikTok's own addresses. */
  secUid: string
  /** The level in the host's fan club; `null` if the user is in none. */
  teamLevel: number | null
  /** The name of the fan club; empty without one. */
  teamName: string
  /** The name in the profile's address, without `@`. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
  /** Whether TikTok vouches for the name. */
  verified: boolean
}

/** A badge beside a user's name. */
export interface Badge {
  /** Address of its picture; empty if there is none. */
  imageUrl: string
  /** The level, where the badge stands for one; 0 also where it does not. */
  level: number | null
  /** What it is for: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club level, … */
  sceneType: number
  /** What is written on it: a text, a number or a Roman numeral; may be empty. */
  text: string
}

/** A viewer who gave to one side of a battle. */
export interface BattleGiver {
  /** Address of the picture; empty if the message does not tell. */
  avatar: string
  /** The name that is shown; empty if the message does not tell. */
  nickname: string
  /** What the viewer added to the score. */
  points: number
  /** The name in the profile's address; empty if the message does not tell. */
  uniqueId: string
  /** The numeric id. */
  userId: Id
}
