//! Looks up a user's room and whether it is live. The room id alone is not enough, because it stays the same
//! after a stream ends.
//!
//! Two sources: TikTok's `api-live` (JSON, unsigned, without cookies), and if that is blocked or broken, the
//! room's page, whose `SIGI_STATE` script contains the same data. Both match npm tiktok-live-connector 2.0.3
//! and PyPI TikTokLive; the tests contain literal responses. Only `room/info` reveals whether a room is
//! age-restricted.

use std::{sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    recording::records::http::Role,
    retry::{Decision, Retry},
};
use livetape_feed::control::LookedUp;
use livetape_io::clock;
use serde_json::Value;

use super::{
    LiveOptions, SharedTransport, advice,
    request::Group,
    transport::HttpResponse,
    upstream::{Failure, NOT_FOUND, OFFLINE, Upstream},
    url,
};

/// `statusCode` for a user that does not exist. Occasionally sent for users who are live.
const USER_NOT_FOUND: i64 = 19_881_007;
/// `status_code` for an age-restricted or private room.
const AGE_RESTRICTED: i64 = 4_003_110;
/// Markers of captchas and anti-bot pages.
const CAPTCHA_MARKERS: [&str; 4] =
    ["tiktok-verify-page", "_wafchallengeid", "slardar-config", "\"type\":\"verify\""];
/// Error message for a captcha or an anti-bot page.
const WEB_PAGE: &str = "TikTok sent a web page instead of JSON, probably a captcha";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FoundRoom {
    /// 0 if the user has never been live.
    pub(super) room_id: i64,
    /// 2 live, 3 paused, 4 ended.
    pub(super) status: i64,
}

impl FoundRoom {
    pub(super) fn is_live(self) -> bool {
        self.room_id != 0 && matches!(self.status, 2 | 3)
    }

    /// Returns the room id; `None` if the user has never been live.
    pub(super) fn known_id(self) -> Option<i64> {
        Some(self.room_id).filter(|room_id| *room_id != 0)
    }

    /// Returns the room id if the room is live.
    pub(super) fn live(self) -> Result<i64, Failure> {
        if self.is_live() { Ok(self.room_id) } else { Err(Failure::new(Code::UserOffline, OFFLINE)) }
    }
}

/// Result of a check. Fields that could not be determined are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub exists: Option<bool>,
    pub live: Option<bool>,
    /// Id of the user's room; `None` if the user has never been live.
    pub room_id: Option<i64>,
    /// Whether connecting is likely to succeed.
    pub can_connect: bool,
    pub why: Option<Problem>,
    /// Time to wait before the next request, according to the server.
    pub wait: Option<Duration>,
}

impl From<LookedUp> for Check {
    fn from(LookedUp { problem, room_id, .. }: LookedUp) -> Self {
        let exists = Some(problem.code != Code::UserNotFound);
        Self { exists, live: Some(false), room_id, can_connect: false, why: Some(problem), wait: None }
    }
}

/// Looks up a user, when it is time. For a live room, also checks that it is not age-restricted. Whether the
/// user is live is remembered for later requests.
pub(super) async fn look_up(upstream: &mut Upstream, user: &str) -> Result<FoundRoom, Failure> {
    upstream.turn().await;
    let room = find(upstream, user).await?;
    match room.live() {
        Ok(_) => upstream.limit.forget(user),
        Err(failure) => upstream.limit.remember(user, failure.into(), room.known_id()),
    }
    if room.is_live() {
        check_age(upstream, room.room_id).await?;
    }
    Ok(room)
}

/// Fails only on an explicit age restriction: without a login, room info often fails for other reasons.
async fn check_age(upstream: &mut Upstream, room_id: i64) -> Result<(), Failure> {
    let room_id = room_id.to_string();
    let requests = Arc::clone(&upstream.requests);
    let pairs = requests.query(Group::RoomInfo, &[("{room}", &room_id)]);
    let url = url::with_query(&requests.url(&upstream.origins.webcast, "room_info", &[]), pairs);
    let request = requests.get(url);
    let Ok(answer) = upstream.get(Role::RoomInfo, &request, true).await else { return Ok(()) };
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if json["status_code"].as_i64() == Some(AGE_RESTRICTED) { Err(age_restricted()) } else { Ok(()) }
}

async fn find(upstream: &mut Upstream, user: &str) -> Result<FoundRoom, Failure> {
    let first = match ask_api(upstream, user).await {
        Err(failure) if matches!(failure.code, Code::Blocked | Code::ConnectionLost) => failure,
        decided => return decided,
    };
    match ask_page(upstream, user).await {
        // The fallback also failed, so report the first failure.
        Err(second) if matches!(second.code, Code::Blocked | Code::ConnectionLost) => Err(first),
        decided => decided,
    }
}

/// Looks up a user by the API only.
pub(super) async fn ask_api(upstream: &mut Upstream, user: &str) -> Result<FoundRoom, Failure> {
    let url = api_live(upstream, user);
    ask(upstream, url, read_api_live).await
}

/// Looks up a user on the page only.
pub(super) async fn ask_page(upstream: &mut Upstream, user: &str) -> Result<FoundRoom, Failure> {
    let page = upstream.requests.url(&upstream.origins.www, "page", &[("{user}", user)]);
    ask(upstream, page, read_page).await
}

async fn ask(
    upstream: &mut Upstream,
    url: String,
    read: fn(&HttpResponse, Duration) -> Result<FoundRoom, Failure>,
) -> Result<FoundRoom, Failure> {
    let request = upstream.requests.get(url);
    let answer = upstream.get(Role::Lookup, &request, true).await?;
    read(&answer, upstream.wall())
}

fn api_live(upstream: &Upstream, user: &str) -> String {
    let Upstream { requests, origins, .. } = upstream;
    let pairs = requests.query(Group::Lookup, &[("{user}", user)]);
    url::with_query(&requests.url(&origins.www, "lookup", &[]), pairs)
}

/// Maps HTTP statuses to failures.
fn check_status(answer: &HttpResponse, wall: Duration) -> Result<(), Failure> {
    match answer.status {
        200 => Ok(()),
        429 => Err(Failure::rate_limited(answer, wall)),
        status @ 500.. => Err(Failure::new(Code::ConnectionLost, format!("TikTok returned {status}"))),
        status => Err(Failure::new(Code::Blocked, format!("TikTok returned {status}"))),
    }
}

fn read_api_live(answer: &HttpResponse, wall: Duration) -> Result<FoundRoom, Failure> {
    check_status(answer, wall)?;
    let blocked = |why: &str| Failure::new(Code::Blocked, why);
    let json: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| blocked(if answer.body.is_empty() { "TikTok's response is empty" } else { WEB_PAGE }))?;
    let status = ["statusCode", "status_code"].iter().find_map(|name| json[name].as_i64());
    let message = json["message"].as_str().unwrap_or_default();
    match status {
        Some(0) => {}
        Some(USER_NOT_FOUND) => return Err(Failure::new(Code::UserNotFound, NOT_FOUND)),
        Some(AGE_RESTRICTED) => return Err(age_restricted()),
        Some(_) if message == "user_not_found" => return Err(Failure::new(Code::UserNotFound, NOT_FOUND)),
        Some(status) => return Err(blocked(&format!("TikTok's API returned {status} ({message})"))),
        None => return Err(blocked("TikTok's response has no status, probably a captcha")),
    }
    let data = &json["data"];
    room(&data["user"]["roomId"], &[&data["liveRoom"]["status"], &data["user"]["status"]])
        .ok_or_else(|| blocked("TikTok's response has no status"))
}

fn read_page(answer: &HttpResponse, wall: Duration) -> Result<FoundRoom, Failure> {
    check_status(answer, wall)?;
    let blocked = |why: &str| Failure::new(Code::Blocked, why);
    let page = String::from_utf8_lossy(&answer.body);
    let Some(state) = sigi_state(&page) else {
        let is_captcha = CAPTCHA_MARKERS.iter().any(|mark| page.contains(mark));
        return Err(blocked(if is_captcha { WEB_PAGE } else { "TikTok's page lacks SIGI_STATE" }));
    };
    let json: Value = serde_json::from_str(state).map_err(|_| blocked("SIGI_STATE is not JSON"))?;
    if json["statusCode"].as_i64() == Some(AGE_RESTRICTED) {
        return Err(age_restricted());
    }
    let Some(live_room) = json.get("LiveRoom") else {
        return Err(Failure::new(Code::UserNotFound, NOT_FOUND));
    };
    let info = &live_room["liveRoomUserInfo"];
    let (user, live) = (&info["user"], &info["liveRoom"]);
    let id = if user["roomId"].is_null() { &live["roomId"] } else { &user["roomId"] };
    room(id, &[&live["status"], &user["status"]]).ok_or_else(|| blocked("SIGI_STATE has no status"))
}

fn sigi_state(page: &str) -> Option<&str> {
    const BEGIN: &str = r#"<script id="SIGI_STATE" type="application/json">"#;
    Some(page.split_once(BEGIN)?.1.split_once("</script>")?.0)
}

/// Builds a room. The first status that is present counts.
fn room(id: &Value, statuses: &[&Value]) -> Option<FoundRoom> {
    let status = statuses.iter().find_map(|status| status.as_i64())?;
    let room_id = id.as_str().and_then(|id| id.parse().ok()).or_else(|| id.as_i64()).unwrap_or_default();
    Some(FoundRoom { room_id, status })
}

fn age_restricted() -> Failure {
    Failure::new(Code::AgeRestricted, "the room is age-restricted or private")
}

/// Looks up a user, and retries like a connection attempt if the user is not found. Takes at most a minute,
/// unless other look-ups are queued.
pub async fn check(options: &LiveOptions, transport: impl Into<SharedTransport>) -> Check {
    match look_up_twice(options, transport.into()).await {
        Ok(room) => Check {
            exists: Some(true),
            live: Some(room.is_live()),
            room_id: room.known_id(),
            can_connect: room.is_live(),
            why: room.live().err().map(Problem::from),
            wait: None,
        },
        Err(failure) => Check {
            exists: match failure.code {
                Code::UserNotFound | Code::InvalidUsername => Some(false),
                Code::AgeRestricted => Some(true),
                _ => None,
            },
            live: matches!(failure.code, Code::UserNotFound | Code::InvalidUsername).then_some(false),
            room_id: None,
            can_connect: false,
            wait: failure.wait,
            why: Some(failure.into()),
        },
    }
}

async fn look_up_twice(options: &LiveOptions, transport: SharedTransport) -> Result<FoundRoom, Failure> {
    let user = options.username()?;
    let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
    let mut upstream = Upstream::new(options, transport, wall_anchor);
    let mut retry = Retry::new(options.attempts_max, options.seed);
    loop {
        let found = look_up(&mut upstream, &user).await;
        let Err(failure) = found else { return found };
        // TikTok sometimes reports this for users who are live. Other failures are final.
        if failure.code == Code::UserNotFound
            && let Decision::Again(after) = retry.failed(failure.code, failure.wait, Duration::ZERO)
        {
            retry.start_next();
            tokio::time::sleep_until(clock::now() + after).await;
            continue;
        }
        let (detail, hint) = (upstream.redact.text(&failure.detail), advice::of(options, &failure));
        let failure = Failure { detail, hint, ..failure };
        if failure.code == Code::UserNotFound {
            options.limit.remember(&user, failure.clone().into(), None);
        }
        return Err(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_body_causes_a_panic(
            status in 0_u16..600,
            body in ".{0,60}|\\{\"(statusCode|status_code|data)\":[0-9{}\\[\\]\"a-z:,]{0,40}\\}?",
        ) {
            for status in [200, status] {
                let page = format!("<script id=\"SIGI_STATE\" type=\"application/json\">{body}</script>");
                for body in [body.clone(), page] {
                    let answer = HttpResponse { status, body: body.into(), ..HttpResponse::default() };
                    let _ = (read_api_live(&answer, Duration::ZERO), read_page(&answer, Duration::MAX));
                }
            }
        }
    }
}
