//! The conversation with a room, from opening the socket to the end, as a state machine.
//!
//! Callers report events and the time (`handle_…`). After each, they send what [`Session::poll_transmit`] returns until it
//! returns nothing, end if there is an [`Session::outcome`], and otherwise wait until [`Session::poll_timeout`] for
//! another event.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use crate::{
    event::{self, Data, Reading, RoomState},
    wire::{self, Batch, FaultKind, Message, UNZIPPED_BYTES_MAX, Unzipper, client},
};

/// Minimum heartbeat interval, as in TikTok's web client.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(10);
/// Minimum interval that a handshake can ask for.
pub const PING_MIN: Duration = Duration::from_secs(1);
/// Maximum heartbeat interval, regardless of the server's setting: longer silence would count as a
/// disconnect.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(60);
/// Time without any frame after which a connection counts as dead. Even a quiet room answers a heartbeat
/// every ten seconds.
pub const STALE_AFTER: Duration = Duration::from_secs(60);
/// Time without a batch after which a new connection counts as failed. Rooms send one on entry; sockets that are
/// accepted and then ignored send none.
pub const SILENT_AFTER: Duration = Duration::from_secs(30);
/// Method of the messages that announce the end of a room.
const CONTROL: &str = "WebcastControlMessage";
/// Maximum long-term rate, in decompressed bytes per second. A busy room sends a hundredth of this.
pub const RATE_BYTES_MAX: u64 = 8 << 20;
/// Maximum burst after a pause, in bytes. A mock may send a whole recording at once.
pub const BURST_BYTES_MAX: u64 = 64 << 20;
/// Overhead added to each message, in bytes, because even an empty one causes work.
const MESSAGE_BYTES: u64 = 512;
/// Maximum length of an unfinished message including frame headers, in bytes: twice the longest message.
pub const UNFINISHED_BYTES_MAX: usize = 2 << 20;
/// Weight of each byte of a frame header. A header has 2 to 10 bytes and causes as much work as a short
/// message.
const HEAD_BYTE_BYTES: u64 = 64;

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The room ended, for this reason.
    Ended(Ending),
    /// The socket was closed or lost: close code (1006 if there was none) and reason.
    Closed(u16, String),
    /// No frame arrived for [`STALE_AFTER`].
    Stale,
    /// Since the socket was opened, nothing but replies to heartbeats arrived for [`SILENT_AFTER`].
    Silent,
    /// The room sent more data than [`RATE_BYTES_MAX`] allows.
    Flood,
}

/// Why a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A control message: the host ended the LIVE (action 3).
    Ended,
    /// A control message: TikTok ended the LIVE (action 4).
    Suspended,
    /// A push frame of type `close`, which contains no reason.
    ClosePush,
}

/// The conversation on one connection.
#[derive(Debug)]
pub struct Session {
    room_id: i64,
    heartbeat_every: Duration,
    opened: Option<Opened>,
    enter_due: bool,
    heartbeat_due: bool,
    /// Number of heartbeats sent.
    heartbeats: i64,
    /// Whether the handshake set the interval, which batches then do not change.
    is_interval_set: bool,
    acks: VecDeque<Bytes>,
    outcome: Option<Outcome>,
    unzipper: Unzipper,
    rate: Rate,
}

#[derive(Debug)]
struct Opened {
    at: Duration,
    next_heartbeat: Duration,
    last_frame: Duration,
    /// Whether anything but replies to heartbeats arrived.
    is_pushed: bool,
}

impl Session {
    /// Creates a conversation whose socket is not open yet.
    #[must_use]
    pub fn new(room_id: i64) -> Self {
        Self {
            room_id,
            heartbeat_every: HEARTBEAT_MIN,
            opened: None,
            enter_due: false,
            heartbeat_due: false,
            heartbeats: 0,
            is_interval_set: false,
            acks: VecDeque::new(),
            outcome: None,
            unzipper: Unzipper::default(),
            rate: Rate::default(),
        }
    }

    /// Reports the open socket. The room is entered before the first heartbeat, because some servers close
    /// otherwise.
    pub fn handle_opened(&mut self, now: Duration) {
        if self.opened.is_none() && self.outcome.is_none() {
            self.enter_due = true;
            self.heartbeat_due = true;
            let next_heartbeat = now.saturating_add(self.heartbeat_every);
            self.opened = Some(Opened { at: now, next_heartbeat, last_frame: now, is_pushed: false });
        }
    }

    /// Sets the interval of heartbeats that the handshake asks for.
    pub fn handle_ping_interval(&mut self, interval: Duration) {
        self.heartbeat_every = interval.clamp(PING_MIN, HEARTBEAT_MAX);
        self.is_interval_set = true;
    }

    /// Handles the sign server's batch, which requires no ack.
    pub fn handle_initial_batch(&mut self, body: &Bytes) {
        if self.outcome.is_none() {
            let (batch, _) = self.read_batch(body.clone());
            self.handle_batch(&batch);
        }
    }

    /// Handles a binary message. It is acknowledged even if its content is a duplicate.
    pub fn handle_frame(&mut self, now: Duration, frame: &Bytes) {
        self.handle_sign_of_life(now);
        if self.outcome.is_some() {
            return;
        }
        let push = wire::read_push(frame, &mut Vec::new());
        let mut bytes = frame.len();
        if let Some(opened) = self.opened.as_mut().filter(|_| push.payload_type != "hb") {
            opened.is_pushed = true;
        }
        if push.payload_type == "close" {
            self.end(Outcome::Ended(Ending::ClosePush));
        } else if push.holds_batch() {
            let (batch, unpacked) = self.read_batch(push.payload);
            bytes = bytes.max(unpacked);
            if batch.info.need_ack && push.log_id != 0 {
                self.acks.push_back(client::ack(push.log_id, &batch.info.internal_ext));
            }
            self.handle_batch(&batch);
        }
        self.handle_bytes(now, bytes);
    }

    /// Reports the size of a message, in bytes. Exceeding the rate ends the conversation.
    pub fn handle_bytes(&mut self, now: Duration, bytes: usize) {
        if !self.rate.allows(now, bytes) {
            self.end(Outcome::Flood);
        }
    }

    /// Reports the bytes read for a message of `message` bytes. The rest are frame headers, or the start of
    /// the next messages. Exceeding the rate ends the conversation.
    pub fn handle_read(&mut self, now: Duration, read: usize, message: usize) {
        if !self.rate.allows_heads(now, read, message) {
            self.end(Outcome::Flood);
        }
    }

    /// Reports more than [`UNFINISHED_BYTES_MAX`] without a complete message.
    pub fn handle_flood(&mut self) {
        self.end(Outcome::Flood);
    }

    /// Restarts the timeout, because data arrived or the caller paused reading.
    pub fn handle_sign_of_life(&mut self, now: Duration) {
        if let Some(opened) = &mut self.opened {
            opened.last_frame = opened.last_frame.max(now);
        }
    }

    /// Reports that the socket was closed or lost.
    pub fn handle_closed(&mut self, code: u16, reason: &str) {
        self.end(Outcome::Closed(code, reason.to_owned()));
    }

    /// Reports the time, for heartbeats and timeouts.
    pub fn handle_timeout(&mut self, now: Duration) {
        let every = self.heartbeat_every;
        let Some(opened) = self.opened.as_mut().filter(|_| self.outcome.is_none()) else { return };
        if now >= opened.stale_at() {
            let is_silent = !opened.is_pushed;
            return self.end(if is_silent { Outcome::Silent } else { Outcome::Stale });
        }
        if now >= opened.next_heartbeat {
            // Heartbeats missed during a sleep are skipped.
            let next = opened.next_heartbeat.saturating_add(every);
            opened.next_heartbeat = if next > now { next } else { now.saturating_add(every) };
            self.heartbeat_due = true;
        }
    }

    /// Returns the next message to send, including acks still pending at the end of the room.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.enter_due) {
            return Some(client::enter_room(self.room_id));
        }
        if std::mem::take(&mut self.heartbeat_due) {
            self.heartbeats += 1;
            return Some(client::heartbeat(self.room_id, self.heartbeats));
        }
        self.acks.pop_front()
    }

    /// Returns when to call [`Session::handle_timeout`]; `None` if there is no need to.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let opened = self.opened.as_ref().filter(|_| self.outcome.is_none())?;
        Some(opened.next_heartbeat.min(opened.stale_at()))
    }

    /// Returns the outcome, once there is one. The first outcome is final.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Returns how long the connection was healthy: from its opening to the last data received.
    #[must_use]
    pub fn healthy_for(&self) -> Duration {
        self.opened.as_ref().map_or(Duration::ZERO, |opened| opened.last_frame.saturating_sub(opened.at))
    }

    /// Decodes a batch. Its faults are ignored, because the decoder counts them; decoding a batch twice costs
    /// about 8 µs. Also returns the decompressed length, at most the limit.
    fn read_batch(&mut self, payload: Bytes) -> (Batch, usize) {
        let mut faults = Vec::new();
        let payload = self.unzipper.unzip(payload, &mut faults);
        let is_bomb = faults.iter().any(|fault| fault.kind == FaultKind::GzipBomb);
        let unpacked = if is_bomb { UNZIPPED_BYTES_MAX } else { payload.len() };
        (wire::read_batch(&payload, &mut faults), unpacked)
    }

    fn handle_batch(&mut self, batch: &Batch) {
        if let Ok(interval_ms @ 1..) = u64::try_from(batch.info.heartbeat_ms)
            && !self.is_interval_set
        {
            self.heartbeat_every = Duration::from_millis(interval_ms).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX);
        }
        // History cannot end this connection.
        let news = batch.messages.iter().filter(|message| !message.is_history && message.method == CONTROL);
        if let Some(ending) = news.filter_map(ending).next() {
            self.end(Outcome::Ended(ending));
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::Closed(..) | Outcome::Stale | Outcome::Silent | Outcome::Flood) {
            // The peer is gone and will not read it.
            (self.enter_due, self.heartbeat_due) = (false, false);
            self.acks.clear();
        }
        self.outcome.get_or_insert(outcome);
    }
}

impl Opened {
    fn stale_at(&self) -> Duration {
        if self.is_pushed {
            self.last_frame.saturating_add(STALE_AFTER)
        } else {
            self.at.saturating_add(SILENT_AFTER)
        }
    }
}

/// The token bucket.
#[derive(Debug)]
struct Rate {
    left: u64,
    at: Duration,
    /// Bytes read other than messages: frame headers, and the start of the next messages.
    overhead: usize,
}

impl Default for Rate {
    fn default() -> Self {
        Self { left: BURST_BYTES_MAX, at: Duration::ZERO, overhead: 0 }
    }
}

impl Rate {
    /// Counts a message. Returns whether it is within the rate.
    fn allows(&mut self, now: Duration, bytes: usize) -> bool {
        self.spend(now, MESSAGE_BYTES.saturating_add(bytes as u64))
    }

    /// Counts the bytes read for a message of this length. Returns whether the frame headers are within the
    /// rate. The most recent bytes may still turn out to be content.
    fn allows_heads(&mut self, now: Duration, read: usize, message: usize) -> bool {
        self.overhead = self.overhead.saturating_add(read).saturating_sub(message);
        let heads = self.overhead.saturating_sub(UNFINISHED_BYTES_MAX);
        self.overhead -= heads;
        self.spend(now, HEAD_BYTE_BYTES.saturating_mul(heads as u64))
    }

    fn spend(&mut self, now: Duration, wanted: u64) -> bool {
        // Whole milliseconds only; a fraction is carried over to the next call.
        let millis = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(Duration::from_millis(millis)).max(self.at);
        let gained = millis.saturating_mul(RATE_BYTES_MAX) / 1000;
        self.left = self.left.saturating_add(gained).min(BURST_BYTES_MAX);
        let allows = wanted <= self.left;
        self.left = self.left.saturating_sub(wanted);
        allows
    }
}

fn ending(control: &Message) -> Option<Ending> {
    let Reading::Known(known) = event::read_message(control, &mut Vec::new()) else { return None };
    let Data::Control(control) = known.data else { return None };
    match control.state? {
        RoomState::Ended => Some(Ending::Ended),
        RoomState::Suspended => Some(Ending::Suspended),
        RoomState::Paused | RoomState::Resumed => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        event::compose,
        wire::{BatchInfo, Push},
    };

    #[test]
    fn the_rate_is_sustainable_but_not_one_byte_more() {
        let (mut rate, mut now) = (Rate::default(), Duration::ZERO);
        let second = usize::try_from(RATE_BYTES_MAX - MESSAGE_BYTES).unwrap();
        for _ in 0..1000 {
            now += Duration::from_secs(1);
            assert!(rate.allows(now, second));
        }
        let burst = usize::try_from(BURST_BYTES_MAX - RATE_BYTES_MAX - MESSAGE_BYTES).unwrap();
        assert!(rate.allows(now, burst) && !rate.allows(now, 0));
        assert!(!rate.allows(now + Duration::from_micros(900), 0));
        assert!(rate.allows(now + Duration::from_millis(1), 0));
    }

    #[test]
    fn a_pause_saves_up_at_most_the_burst() {
        let mut rate = Rate::default();
        let burst = usize::try_from(BURST_BYTES_MAX).unwrap();
        assert!(!rate.allows(Duration::MAX, burst));
        assert!(rate.allows(Duration::MAX, 0) || rate.left == 0);
    }

    #[test]
    fn a_busy_room_may_fragment_its_messages() {
        let (mut rate, mut now) = (Rate::default(), Duration::ZERO);
        // 1,000 messages per second for an hour, each in ten frames with 4-byte headers.
        for _ in 0..3_600_000 {
            now += Duration::from_millis(1);
            assert!(rate.allows(now, 2_000) && rate.allows_heads(now, 2_040, 2_000));
        }
    }

    #[test]
    fn headers_without_content_count_even_if_a_message_ends_occasionally() {
        let (mut rate, mut frames) = (Rate::default(), 0);
        // The last of 50,000 frames of two bytes ends a message.
        while rate.allows(Duration::ZERO, 0) && rate.allows_heads(Duration::ZERO, 100_000, 0) {
            frames += 50_000;
        }
        assert!((500_000..2_000_000).contains(&frames), "{frames}");
    }

    #[test]
    fn empty_messages_count() {
        let mut rate = Rate::default();
        let most = BURST_BYTES_MAX / MESSAGE_BYTES;
        assert_eq!((0..2 * most).take_while(|_| rate.allows(Duration::ZERO, 0)).count() as u64, most);
    }

    const ROOM: i64 = 7_300_000_000_000_000_001;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn msg(log_id: u64, batch: &Batch) -> Bytes {
        let payload = wire::zip(&wire::write_batch(batch));
        wire::write_push(&Push { log_id, payload_type: "msg".into(), payload, ..Default::default() })
    }

    fn wants_ack(log_id: u64, internal_ext: &str) -> Bytes {
        let info = BatchInfo { need_ack: true, internal_ext: internal_ext.into(), ..Default::default() };
        msg(log_id, &Batch { info, ..Default::default() })
    }

    fn control(action: i32, is_history: bool) -> Batch {
        let message = Message { is_history, ..compose::control(compose::Stamp::default(), action) };
        Batch { messages: vec![message], ..Default::default() }
    }

    fn opened() -> Session {
        let mut session = Session::new(ROOM);
        session.handle_opened(at(0));
        session
    }

    fn sent(session: &mut Session) -> Vec<Bytes> {
        std::iter::from_fn(|| session.poll_transmit()).collect()
    }

    #[test]
    fn the_session_enters_the_room_and_then_sends_heartbeats() {
        let mut session = Session::new(ROOM);
        assert_eq!((session.poll_transmit(), session.poll_timeout()), (None, None));
        session.handle_opened(at(0));
        assert_eq!(sent(&mut session), [client::enter_room(ROOM), client::heartbeat(ROOM, 1)]);
        session.handle_frame(at(1), &msg(1, &Batch::default()));
        for (beat, number) in (1..20).zip(1..) {
            assert_eq!(session.poll_timeout(), Some(at(beat * 10)));
            session.handle_frame(at(beat * 10), &client::heartbeat(ROOM, number));
            session.handle_timeout(at(beat * 10));
            assert_eq!(sent(&mut session), [client::heartbeat(ROOM, number + 1)]);
        }
    }

    #[test]
    fn the_server_sets_the_heartbeat_interval() {
        for (heartbeat_ms, seconds) in [(30_000, 30), (15, 10), (0, 10), (-1, 10), (i64::MAX, 60)] {
            let mut session = Session::new(ROOM);
            let info = BatchInfo { heartbeat_ms, ..Default::default() };
            session.handle_initial_batch(&wire::write_batch(&Batch { info, ..Default::default() }));
            session.handle_opened(at(0));
            session.handle_frame(at(0), &msg(1, &Batch::default()));
            assert_eq!(session.poll_timeout(), Some(at(seconds)), "{heartbeat_ms}");
        }
    }

    #[test]
    fn the_handshake_sets_the_interval_before_batches() {
        for (wanted, seconds) in [(5, 5), (0, 1), (u64::MAX, 60)] {
            let mut session = Session::new(ROOM);
            session.handle_ping_interval(Duration::from_secs(wanted));
            let info = BatchInfo { heartbeat_ms: 20_000, ..Default::default() };
            session.handle_initial_batch(&wire::write_batch(&Batch { info, ..Default::default() }));
            session.handle_opened(at(0));
            session.handle_frame(at(0), &msg(1, &Batch::default()));
            assert_eq!(session.poll_timeout(), Some(at(seconds)), "{wanted}");
        }
    }

    #[test]
    fn every_frame_that_requests_an_ack_gets_one() {
        let mut session = opened();
        sent(&mut session);
        session.handle_frame(at(1), &wants_ack(7, "ext"));
        session.handle_frame(at(1), &wants_ack(7, "ext"));
        session.handle_frame(at(1), &wants_ack(8, ""));
        session.handle_frame(at(1), &wants_ack(0, "ext"));
        session.handle_frame(at(1), &msg(9, &Batch::default()));
        assert_eq!(sent(&mut session), [client::ack(7, "ext"), client::ack(7, "ext"), client::ack(8, "")]);
    }

    #[test]
    fn a_room_ends_by_control_or_close() {
        let ends = |frame: Bytes| {
            let mut session = opened();
            session.handle_frame(at(1), &frame);
            session.outcome().cloned()
        };
        assert_eq!(ends(msg(1, &control(3, false))), Some(Outcome::Ended(Ending::Ended)));
        assert_eq!(ends(msg(1, &control(4, false))), Some(Outcome::Ended(Ending::Suspended)));
        let close = Push { payload_type: "close".into(), ..Default::default() };
        assert_eq!(ends(wire::write_push(&close)), Some(Outcome::Ended(Ending::ClosePush)));
        for other in [control(1, false), control(2, false), control(9, false), control(3, true)] {
            assert_eq!(ends(msg(1, &other)), None);
        }
        assert_eq!(ends(Bytes::from_static(b"\xff\xff")), None);
    }

    #[test]
    fn the_last_frame_is_acknowledged_too() {
        let mut session = opened();
        sent(&mut session);
        let info = BatchInfo { need_ack: true, ..Default::default() };
        session.handle_frame(at(1), &msg(5, &Batch { info, ..control(3, false) }));
        assert!(session.outcome().is_some());
        assert_eq!(sent(&mut session), [client::ack(5, "")]);
    }

    #[test]
    fn silence_ends_the_session() {
        let mut session = opened();
        session.handle_frame(at(5), &wants_ack(1, ""));
        for second in (10..65).step_by(10) {
            session.handle_timeout(at(second));
            assert_eq!(session.outcome(), None);
        }
        assert_eq!(session.poll_timeout(), Some(at(65)));
        session.handle_timeout(at(65));
        assert_eq!((session.outcome(), session.poll_timeout()), (Some(&Outcome::Stale), None));
        assert_eq!(session.healthy_for(), at(5));
    }

    #[derive(Clone, Debug)]
    enum Step {
        WantsAck(u64, String),
        Frame(Vec<u8>),
        Control(i32),
        ClosePush,
        Timeout,
        Late(u64),
        Sent,
        Closed,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3_u64, "[a-z]{0,3}").prop_map(|(log_id, ext)| Step::WantsAck(log_id, ext)),
            2 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Step::Frame),
            1 => (0..6).prop_map(Step::Control),
            1 => Just(Step::ClosePush),
            4 => Just(Step::Timeout),
            2 => (0..50_000_u64).prop_map(Step::Late),
            4 => Just(Step::Sent),
            1 => Just(Step::Closed),
        ]
    }

    proptest! {
        #[test]
        fn the_rules_hold_in_any_order(steps in prop::collection::vec(step(), 0..60)) {
            let (mut session, mut now) = (opened(), Duration::ZERO);
            let (mut expected, mut acks) = (Vec::new(), Vec::new());
            for step in steps {
                let over = session.outcome().is_some();
                match step {
                    Step::WantsAck(log_id, ext) => {
                        session.handle_frame(now, &wants_ack(log_id, &ext));
                        if !over && log_id != 0 {
                            expected.push(client::ack(log_id, &ext));
                        }
                    }
                    Step::Frame(bytes) => session.handle_frame(now, &bytes.into()),
                    Step::Control(action) => session.handle_frame(now, &msg(1, &control(action, false))),
                    Step::ClosePush => session.handle_frame(now, &Bytes::from_static(b"\x3a\x05close")),
                    Step::Timeout => {
                        now = session.poll_timeout().unwrap_or(now).max(now);
                        session.handle_timeout(now);
                    }
                    Step::Late(millis) => {
                        now += Duration::from_millis(millis);
                        session.handle_timeout(now);
                    }
                    Step::Sent => {}
                    Step::Closed => {
                        session.handle_closed(1006, "");
                        prop_assert!(session.outcome().is_some());
                    }
                }
                let lost = matches!(session.outcome(), Some(Outcome::Closed(..) | Outcome::Stale | Outcome::Silent));
                if !over && lost {
                    expected = acks.clone();
                }
                let frames = sent(&mut session);
                let is_heartbeat = |frame: &Bytes| wire::read_push(frame, &mut Vec::new()).payload_type == "hb";
                let heartbeats = frames.iter().filter(|frame| is_heartbeat(frame)).count();
                prop_assert!(heartbeats <= 1);
                let enter = client::enter_room(ROOM);
                acks.extend(frames.into_iter().filter(|f| *f != enter && !is_heartbeat(f)));
                prop_assert_eq!(&acks, &expected);
                // Once handled, a timeout is not requested again for the same time.
                if let Some(due) = session.poll_timeout().filter(|due| *due <= now) {
                    session.handle_timeout(now);
                    prop_assert!(session.poll_timeout().is_none_or(|next| next > due));
                }
                prop_assert_eq!(session.outcome().is_some(), session.poll_timeout().is_none());
                if over {
                    prop_assert!(session.outcome().is_some());
                }
            }
        }
    }
}
