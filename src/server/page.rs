//! What a browser or curl sees at `/`, until there is a dashboard.

use axum::{
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Response},
};

const ADDRESSES: &str = "\
GET  /                 with a WebSocket upgrade: the event feed, one JSON message an event
                       ?since=0|STREAM:SEQ  &types=gift,chat  &gifts=raw|delta|final  &raw=1  &on_gap=skip|close
GET  /events           the same feed as lines of JSON
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
POST /shutdown         end the server
";

/// HTML for those who ask for it, else plain text.
pub(super) fn page(headers: &HeaderMap) -> Response {
    let title = concat!("livetape ", env!("CARGO_PKG_VERSION"));
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut response = if accept.contains("text/html") {
        let page =
            format!("<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<pre>{ADDRESSES}</pre>\n");
        Html(page).into_response()
    } else {
        format!("{title}\n\n{ADDRESSES}").into_response()
    };
    response.headers_mut().append(header::VARY, header::HeaderValue::from_static("accept"));
    response
}
