//! What `GET /` returns without an upgrade.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};

use super::assets;

const ADDRESSES: &str = "\
GET  /                 with a WebSocket upgrade: the event feed, one JSON message an event
                       ?since=0|STREAM:SEQ  &types=gift,chat  &gifts=raw|delta|final  &raw=1  &on_gap=skip|close  &format=native
                       &observer=1 on /, /ws and /events: to watch only
GET  /                 for browsers: the dashboard
GET  /events           the same feed as lines of JSON
GET  /ws               with a WebSocket upgrade: the feed, and what clients say to each other, in rooms
GET  /ws/echo          with a WebSocket upgrade: what you send comes back
GET  /ws/{token}       with a WebSocket upgrade: the feed of the token's user, who is connected for it
GET  /ws/test/{token}  with a WebSocket upgrade: the token's recording, for this socket alone; ?speed=2
GET  /ws/play/{recording}  with a WebSocket upgrade: a recording, for this socket alone; ?speed=max  &start=1m30s
GET  /rooms            the rooms; POST makes one
GET  /rooms/{id}       one of them; DELETE ends it
POST /rooms/{id}/messages  {\"message\":\"hello\"}
POST /broadcast        {\"message\":\"hello\"}, with a room or metadata to some only
GET  /connections      who is here; ?room=ID
GET  /connections/{id} one of them
PUT  /connections/{id}/metadata  {\"team\":\"red\"}
POST /connections/{id}/close     {\"code\":1000,\"reason\":\"bye\"}
GET  /stats            how many connections and rooms
GET  /health           whether all is well
GET  /status           what the source is doing, and what was counted
GET  /status/{user}    the same, if that is the current user
GET  /test/{user}      whether that user is live, and could be connected
POST /connect/{user}   connect that user; DELETE disconnects
GET  /replay           what the replay is doing
POST /replay/play      go on
POST /replay/pause     stand still
POST /replay/seek      {\"offset\":\"1m30s\"}
POST /replay/speed     {\"speed\":2}, or \"max\"
POST /replay/step      {\"count\":1}
POST /replay/loop      {\"laps\":3,\"from\":\"10s\",\"to\":\"1m\"}
POST /replay/load      {\"recording\":\"demo\"}
GET  /recordings       what there is to replay
GET  /recordings/{name}       what it holds, and when: ?buckets=120
GET  /recordings/{name}/file  the file itself
PUT  /recordings/{name}       upload one: ?force=1 replaces
PATCH /recordings/{name}      {\"name\":\"other\"} renames; DELETE deletes
POST /inject           {\"type\":\"gift\",\"user\":\"ann\",\"gift\":\"Rose\",\"count\":50,\"combo\":true}
GET  /metrics          what was counted, for Prometheus
GET  /openapi.json     all of this, for programs; /schema/events.json for the feed
POST /shutdown         end the server
";

/// Returns the dashboard if the client accepts HTML, otherwise a list of paths in plain text.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut response = if accept.contains("text/html") {
        assets::index(headers)
    } else {
        format!("livetape {}\n\n{ADDRESSES}", env!("CARGO_PKG_VERSION")).into_response()
    };
    response.headers_mut().append(header::VARY, header::HeaderValue::from_static("accept"));
    response
}
