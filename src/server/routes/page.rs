//! `GET /` without an upgrade: the dashboard for browsers, a list of addresses for other clients.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};

#[cfg(feature = "page")]
use super::assets;

const ADDRESSES: &str = "\
GET  /                 with a WebSocket upgrade: the event feed, one JSON message per event
                       ?since=0|STREAM:SEQ  &types=gift,chat  &gifts=raw|delta|final  &raw=1  &on_gap=skip|close  &format=native|tikfinity
                       &observer=1 on /, /ws and /events: not counted as a client
GET  /                 for browsers: the dashboard
GET  /overlays/        overlays for OBS, with a page that sets them up; /overlays/{name} is one of them, and
                       /livetape-client.js the client that they use
GET  /try              for browsers: a page to try rooms by hand; /try.js is its script
GET  /events           the event feed as newline-delimited JSON
GET  /ws               with a WebSocket upgrade: the feed and messages between clients, in rooms
GET  /ws/echo          with a WebSocket upgrade: echoes each message
GET  /ws/{token}       with a WebSocket upgrade: the feed of the token's user, whose room is connected on demand
GET  /ws/test/{token}  with a WebSocket upgrade: a private replay of the token's recording; ?speed=2
GET  /ws/play/{recording}  with a WebSocket upgrade: a private replay of a recording; ?speed=max  &start=1m30s
GET  /rooms            list the rooms; POST creates one
GET  /rooms/{id}       a room; DELETE deletes it
POST /rooms/{id}/messages  {\"message\":\"hello\"}
POST /broadcast        {\"message\":\"hello\"}; add a room or metadata to select clients
GET  /connections      list the connections; ?room=ID
POST /connections/close          {\"code\":1011}, or {\"abort\":true}: closes all clients
GET  /connections/{id} a connection
PUT  /connections/{id}/metadata  {\"team\":\"red\"}
POST /connections/{id}/messages  {\"message\":\"hello\"}
PUT  /connections/{id}/rooms/{room}  adds it to a room; DELETE removes it
POST /connections/{id}/close     {\"code\":1000,\"reason\":\"bye\"}
GET  /stats            number of connections and rooms
GET  /health           health of the server
GET  /ready            whether a load balancer should send clients here
GET  /status           state and counters of the source
GET  /status/{user}    the same, if this is the current user
GET  /test/{user}      check whether this user is live and can be connected
POST /connect/{user}   connect to this user's room; DELETE disconnects
GET  /mock             the mock TikTok that this server runs; /mock/scenarios lists what it can do
POST /mock             {\"scenario\":\"rate-limited-twice\"} starts one and connects to its room; DELETE stops it
GET  /replay           state of the replay
POST /replay/play      start or resume
POST /replay/pause     pause
POST /replay/seek      {\"offset\":\"1m30s\"}
POST /replay/speed     {\"speed\":2}, or \"max\"
POST /replay/step      {\"count\":1}
POST /replay/loop      {\"laps\":3,\"from\":\"10s\",\"to\":\"1m\"}
POST /replay/load      {\"recording\":\"demo\"}
GET  /truth            what clients of the replay should have counted; ?until=SEQ
GET  /recordings       list the recordings
GET  /recordings/{name}       contents and timeline; ?buckets=120
GET  /recordings/{name}/file  download
PUT  /recordings/{name}       upload; ?force=1 replaces, ?import=1 imports a capture
POST /recordings/{name}/cut   {\"name\":\"part\",\"from\":\"10s\",\"to\":\"1m\",\"scrub\":true}
PATCH /recordings/{name}      {\"name\":\"other\"} renames; DELETE deletes
POST /inject           {\"type\":\"gift\",\"user\":\"ann\",\"gift\":\"Rose\",\"count\":50,\"combo\":true}
GET  /metrics          metrics in Prometheus text format
GET  /openapi.json     OpenAPI document; /schema/events.json describes the feed
POST /shutdown         shut the server down
";

/// Returns the dashboard if the client accepts HTML, otherwise a list of paths in plain text.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut response = match accept {
        #[cfg(feature = "page")]
        accept if accept.contains("text/html") => assets::index(headers),
        _ => format!("livetape {}\n\n{ADDRESSES}", env!("CARGO_PKG_VERSION")).into_response(),
    };
    response.headers_mut().append(header::VARY, header::HeaderValue::from_static("accept"));
    response
}
