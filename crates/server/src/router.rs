//! Every method of every path: its handler, and how `/openapi.json` and the list of addresses describe it.
//! Around them, request ids and log lines.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{HOST, ORIGIN},
    },
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::get,
};
use livetape_core::error::Code;
use livetape_engine::log_target::CLIENTS;
use livetape_feed::{
    control::{Check, InjectRequest, Injected, ReplayState, Status},
    hub::TruthAt,
};
use livetape_io::clock;
use livetape_tools::timeline::BUCKETS_MAX;
use tracing::{Instrument as _, debug, info, warn};

#[cfg(feature = "page")]
use crate::routes::assets;
#[cfg(feature = "mock")]
use crate::routes::mock;
use crate::{
    access::{self, Access, Guard, bearer},
    lobby::{ConnectionView, LobbyStats, NewRoom, RoomView},
    routes::{
        self, App, clients,
        door::{Door, Stray},
        masked,
        metrics::{self, Metrics},
        ndjson,
        openapi::{self, Route},
        overlays,
        query::{self, FEED, FLAG, MAIN, PLAY, Param, REPLAY, ROOT, TALK, TOKEN, Values},
        recordings, replay, schema, sockets, status,
    },
    state::{Asker, Refused, Rejected, RequestId, Traffic},
};

/// Media type of a recording.
const FILE: &str = "application/octet-stream";
const WAIT_CLIENTS: Param = Param::new(
    "wait_clients",
    "wait for this number of clients first, for up to 30 s",
    Values::Numbers(0, None),
);
const UNTIL: Param = Param::new("until", "number of the last event to count", Values::Numbers(0, None));
const BUCKETS: Param =
    Param::new("buckets", "maximum number of buckets in the timeline", Values::Numbers(1, Some(BUCKETS_MAX)));
const FORCE: Param =
    Param::new("force", "1 to replace an existing recording of this name, with status 200", FLAG);
const IMPORT: Param =
    Param::new("import", "1 to import a capture: a HAR, flows of mitmproxy, JSON lines, …", FLAG);
const AT: Param = Param::new("at", "offset of the frame, such as 1m30s", Values::Pattern(r"^[0-9.:hms]+$"));
const MESSAGE: Param = Param::new("id", "only the message of the event with this id", Values::Pattern("."));
const ROOM: Param = Param::new("room", "only list connections in this room", Values::Pattern("."));

pub(super) fn table() -> Vec<Route> {
    let mut table = feeds();
    table.extend(sources());
    table.extend(replays());
    table.extend(recordings());
    table.extend(overlays());
    table.extend(clients());
    #[cfg(feature = "mock")]
    table.extend([
        Route::get("/mock", mock::view, "The mock TikTok that this server runs.").writes::<mock::MockView>(),
        Route::post("/mock", mock::start, "Starts a mock TikTok and connects to its room.")
            .reads::<mock::StartMock>()
            .writes::<Status>(),
        Route::delete("/mock", mock::stop, "Stops the mock TikTok.").writes::<mock::MockView>(),
        Route::get("/mock/scenarios", mock::scenarios, "Lists the scenarios of the mock.")
            .writes::<mock::Scenarios>(),
    ]);
    #[cfg(feature = "metrics")]
    table.push(
        Route::get("/metrics", metrics::export::metrics, "Metrics in Prometheus text format.")
            .writes_other("text/plain"),
    );
    table.extend([
        Route::get("/openapi.json", openapi::openapi, "This OpenAPI document.").writes_object(),
        Route::get("/schema/events.json", schema::events, "JSON Schema of the feed's messages.")
            .writes_object(),
        Route::get("/schema/inject.json", schema::inject, "JSON Schema of what POST /inject reads.")
            .writes_object(),
    ]);
    table
}

fn feeds() -> Vec<Route> {
    vec![
        Route::get("/", sockets::root, "The event feed over a WebSocket; without an upgrade, the dashboard.")
            .takes(&FEED)
            .takes(&ROOT)
            .upgrades()
            .or_serves(&["text/html", "text/plain"]),
        Route::get("/ws", sockets::talk, "The feed and messages between clients, over a WebSocket.")
            .takes(&FEED)
            .takes(&TALK)
            .upgrades(),
        Route::get(
            "/ws/{token}",
            sockets::room,
            "The feed of the token's user, whose room is connected on demand.",
        )
        .takes(&FEED)
        .takes(&TOKEN)
        .upgrades(),
        Route::get(
            "/ws/test/{token}",
            sockets::replay,
            "A private replay of the token's recording, from its start.",
        )
        .takes(&FEED)
        .takes(&REPLAY)
        .upgrades(),
        Route::get("/ws/play/{recording}", sockets::play, "A private replay of a recording.")
            .takes(&FEED)
            .takes(&PLAY)
            .upgrades(),
        Route::get("/ws/echo", sockets::echo, "Echoes each message, over a WebSocket.").upgrades(),
        #[cfg(feature = "page")]
        Route::get("/assets/{name}", assets::asset, "A file of the dashboard."),
        #[cfg(feature = "page")]
        Route::get("/overlays/", assets::overlays, "A page that sets up overlays.").writes_other("text/html"),
        #[cfg(feature = "page")]
        Route::get("/overlays/{name}", assets::overlay, "An overlay for OBS, or a file that it uses."),
        #[cfg(feature = "page")]
        Route::get("/overlays/{kind}/{name}", assets::saved_overlay, "A saved overlay, for OBS.")
            .writes_other("text/html"),
        #[cfg(feature = "page")]
        Route::get("/livetape-client.js", assets::client, "The client that the overlays use.")
            .writes_other("text/javascript"),
        #[cfg(feature = "page")]
        Route::get("/try", assets::try_rooms, "A page to try rooms by hand.").writes_other("text/html"),
        #[cfg(feature = "page")]
        Route::get("/try.js", assets::try_script, "The script of that page.").writes_other("text/javascript"),
        Route::get("/events", ndjson::events, "The event feed as newline-delimited JSON.")
            .takes(&FEED)
            .takes(&MAIN)
            .writes_other("application/x-ndjson"),
    ]
}

fn sources() -> Vec<Route> {
    vec![
        Route::get("/health", status::health, "Health of the server.").writes::<status::HealthResponse>(),
        Route::get("/ready", status::ready, "Whether a load balancer should send clients here.")
            .writes::<status::Readiness>(),
        Route::get("/status", status::status, "State and counters of the source.")
            .writes::<status::Overview>(),
        Route::get(
            "/status/{user}",
            status::status_of,
            "State and counters of the source, if this is the current user.",
        )
        .writes::<status::Overview>(),
        Route::get("/test/{user}", status::test, "Checks whether this user is live and can be connected.")
            .writes::<Check>(),
        Route::post("/connect", status::follow, "Follows a tab of Chrome.")
            .reads::<status::Follow>()
            .writes::<Status>(),
        Route::post("/connect/{user}", status::connect, "Connects to this user's room.").writes::<Status>(),
        Route::delete("/connect/{user}", status::disconnect, "Disconnects from this user's room.")
            .writes::<Status>(),
        Route::post("/inject", status::inject, "Injects a message into the feed.")
            .takes(&[WAIT_CLIENTS])
            .reads::<InjectRequest>()
            .writes::<Injected>(),
        Route::post("/shutdown", status::shutdown, "Shuts the server down.").writes::<status::ShuttingDown>(),
    ]
}

fn replays() -> Vec<Route> {
    let mut table = vec![
        Route::get("/replay", replay::state, "State of the replay."),
        Route::post("/replay/play", replay::play, "Starts or resumes the replay.").reads::<replay::Empty>(),
        Route::post("/replay/pause", replay::pause, "Pauses the replay.").reads::<replay::Empty>(),
        Route::post("/replay/seek", replay::seek, "Seeks to an offset, or to the point before an event.")
            .reads::<replay::Seek>(),
        Route::post("/replay/speed", replay::speed, "Changes the playback speed.")
            .reads::<replay::SetSpeed>(),
        Route::post(
            "/replay/step",
            replay::step,
            "Plays the next events, or frames that have any, or goes back by some, and pauses.",
        )
        .reads::<replay::Step>(),
        Route::post("/replay/loop", replay::repeat, "Loops a range.").reads::<replay::Loop>(),
        Route::post("/replay/load", replay::load, "Plays another recording.").reads::<replay::Load>(),
    ];
    table = table.into_iter().map(Route::writes::<ReplayState>).collect();
    table.push(
        Route::get("/replay/case", replay::case, "The case that is played, and what has happened in it.")
            .writes::<replay::PlayedCase>(),
    );
    table.push(
        Route::get("/truth", replay::truth, "What clients of the replay should have counted.")
            .takes(&[UNTIL])
            .writes::<TruthAt>(),
    );
    table
}

fn recordings() -> Vec<Route> {
    let path = "/recordings/{name}";
    vec![
        Route::get("/recordings", recordings::list, "Lists the recordings.")
            .writes::<recordings::RecordingList>(),
        Route::get(path, recordings::info, "Contents and timeline of a recording.")
            .takes(&[BUCKETS])
            .writes::<recordings::RecordingDetails>(),
        Route::put(path, recordings::upload, "Uploads a recording.")
            .takes(&[FORCE, IMPORT])
            .reads_other(FILE)
            .creates_or_replaces()
            .writes::<recordings::ListedRecording>(),
        Route::patch(path, recordings::rename, "Renames a recording.")
            .reads::<recordings::Rename>()
            .writes::<recordings::ListedRecording>(),
        Route::delete(path, recordings::delete, "Deletes a recording.").writes::<recordings::Deleted>(),
        Route::get(
            "/recordings/{name}/fields",
            recordings::fields,
            "The messages at an offset, as trees of their fields.",
        )
        .takes(&[AT, MESSAGE])
        .writes::<recordings::DissectedMessages>(),
        Route::get("/recordings/{name}/file", recordings::download, "Downloads a recording.")
            .writes_other(FILE),
        Route::post(
            "/recordings/{name}/cut",
            recordings::cut,
            "Stores a range of a recording as a new one, scrubbed by default.",
        )
        .reads::<recordings::Cut>()
        .creates()
        .writes::<recordings::ListedRecording>(),
    ]
}

/// Overlays that are saved under a name.
fn overlays() -> Vec<Route> {
    let path = "/overlays/{kind}/{name}/settings";
    vec![
        Route::get("/overlays.json", overlays::list, "Lists the saved overlays.")
            .writes::<overlays::OverlayList>(),
        Route::get(path, overlays::settings, "Returns the settings of a saved overlay.")
            .writes::<overlays::SavedOverlay>(),
        Route::put(path, overlays::save, "Saves an overlay; its open pages change at once.")
            .reads::<overlays::NewSettings>()
            .creates_or_replaces()
            .writes::<overlays::SavedOverlay>(),
        Route::delete(path, overlays::delete, "Deletes a saved overlay.").writes::<overlays::SavedOverlay>(),
    ]
}

/// Clients, their rooms and messages.
fn clients() -> Vec<Route> {
    vec![
        Route::get("/rooms", clients::rooms, "Lists the rooms.").writes::<clients::Rooms>(),
        Route::post("/rooms", clients::create_room, "Creates a room.")
            .reads::<NewRoom>()
            .creates()
            .writes::<RoomView>(),
        Route::get("/rooms/{id}", clients::room, "Returns a room.").writes::<RoomView>(),
        Route::delete("/rooms/{id}", clients::delete_room, "Deletes a room.").writes::<RoomView>(),
        Route::post("/rooms/{id}/messages", clients::send_to_room, "Sends a message to a room.")
            .reads::<clients::NewMessage>()
            .writes::<clients::Delivered>(),
        Route::post(
            "/broadcast",
            clients::broadcast,
            "Sends a message to all clients, or only to those in a room or with given metadata.",
        )
        .reads::<clients::NewBroadcast>()
        .writes::<clients::Delivered>(),
        Route::get("/connections", clients::connections, "Lists the connections.")
            .takes(&[ROOM])
            .writes::<clients::Connections>(),
        Route::get("/connections/{id}", clients::connection, "Returns a connection.")
            .writes::<ConnectionView>(),
        Route::put(
            "/connections/{id}/metadata",
            clients::put_metadata,
            "Replaces the metadata of a connection.",
        )
        .reads_object()
        .writes::<ConnectionView>(),
        Route::post("/connections/close", clients::dismiss_all, "Closes all connections but observers.")
            .reads::<clients::Close>()
            .writes::<clients::Connections>(),
        Route::post("/connections/{id}/close", clients::dismiss, "Closes a connection.")
            .reads::<clients::Close>()
            .writes::<ConnectionView>(),
        Route::post("/connections/{id}/messages", clients::tell, "Sends a message to a connection.")
            .reads::<clients::NewMessage>()
            .writes::<clients::Delivered>(),
        Route::put("/connections/{id}/rooms/{room}", clients::join, "Adds a connection to a room.")
            .writes::<ConnectionView>(),
        Route::delete("/connections/{id}/rooms/{room}", clients::leave, "Removes a connection from a room.")
            .writes::<ConnectionView>(),
        Route::get("/stats", clients::stats, "Number of connections and rooms.").writes::<LobbyStats>(),
    ]
}

/// Routes of the listener in TikFinity's format.
pub(super) fn tikfinity(app: App, access: Access, ids: Ids) -> Router {
    Router::new()
        .route("/", get(sockets::tikfinity))
        .route_layer(from_fn_with_state(app.clone(), metrics::count))
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(from_fn_with_state(Guard::new(access, None, false), access::check))
        .layer(from_fn(bearer::select))
        .layer(from_fn_with_state(ids, trace))
        .with_state(app)
}

pub(super) fn router(app: App, guard: Guard, ids: Ids, body_bytes_max: usize) -> Router {
    let routes = table().into_iter();
    routes
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .route_layer(from_fn_with_state(app.clone(), metrics::count))
        .fallback(routes::unknown)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(app.clone(), sockets::intercept))
        .layer(from_fn_with_state(guard.clone(), bearer::check))
        .layer(from_fn_with_state(guard, access::check))
        .layer(from_fn(bearer::select))
        .layer(from_fn_with_state(ids, trace))
        .with_state(app)
}

/// Maximum length of a logged path, in characters.
const PATH_CHARS_MAX: usize = 1_000;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Generator of request ids: unique within a process, and globally in combination with the stream name.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    process: Arc<str>,
    next: Arc<AtomicU64>,
    metrics: Metrics,
    door: Option<Door>,
}

impl Ids {
    pub(crate) fn new(stream: &str, metrics: Metrics, door: Option<Door>) -> Self {
        Self { process: stream.into(), next: Arc::new(AtomicU64::new(1)), metrics, door }
    }

    fn take(&self) -> RequestId {
        RequestId { process: Arc::clone(&self.process), number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

/// Middleware that counts, runs and logs a request. Of queries, only those of clients are logged, without values
/// that may be secret.
async fn trace(State(ids): State<Ids>, request: Request, next: Next) -> Response {
    let id = ids.take();
    let started = clock::now();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let path: String = masked(uri.path()).chars().take(PATH_CHARS_MAX).collect();
    let from = request.extensions().get::<Asker>().and_then(|asker| asker.0);
    let from = from.map(|from| from.to_string()).unwrap_or_default();
    let traffic = request.extensions().get::<Traffic>().cloned().unwrap_or_default();
    let [host, origin] = [HOST, ORIGIN].map(|name| {
        let value = ids.door.as_ref().and(request.headers().get(name));
        value.and_then(|value| value.to_str().ok()).map(str::to_owned).unwrap_or_default()
    });
    let span = id.span();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let took_ms = u64::try_from((clock::now() - started).as_millis()).unwrap_or(u64::MAX);
    let status = response.status();
    let refused = response.extensions().get::<Refused>().copied();
    if let Some(Refused { code, cause }) = refused {
        ids.metrics.count_refused(code, cause);
    }
    let is_stray = match response.extensions().get::<Rejected>() {
        Some(rejected) => !rejected.by_case,
        None => status != StatusCode::SWITCHING_PROTOCOLS,
    };
    if let Some(door) = ids.door.as_ref().filter(|_| is_stray) {
        door.note_stray(match refused.map(|refused| refused.code) {
            Some(Code::ForbiddenHost) => Stray::Host(host),
            Some(Code::ForbiddenOrigin) => Stray::Origin(origin),
            _ => Stray::Request {
                method: method.to_string(),
                path: path.clone(),
                status: status.as_u16(),
                why: response.extensions().get::<Rejected>().map(|it| it.why.to_string()).unwrap_or_default(),
            },
        });
    }
    let _inside = span.enter();
    let (status_code, code) = (status.as_u16(), refused.map_or("", |refused| refused.code.name()));
    let cause = refused.map_or("", |refused| refused.cause);
    let reads_lines = path == "/events" && method == Method::GET && status == StatusCode::OK;
    if let Some(Rejected { code, cause, why, .. }) = response.extensions().get() {
        let (code, why) = (code.name(), why.as_ref());
        info!(target: CLIENTS, path, code, cause, why, from, "❌ Client rejected");
    } else if status == StatusCode::SWITCHING_PROTOCOLS || reads_lines {
        traffic.is_client(id, reads_lines);
        let query = uri.query().filter(|query| !query.is_empty());
        let query = query.map(|query| format!("?{}", query::shown(query))).unwrap_or_default();
        info!(target: CLIENTS, path = path + &query, from, "✅ Client connected");
    } else if status.is_server_error() && code.is_empty() {
        warn!(%method, path, status = status_code, from, took_ms, "❌ Request failed");
    } else if !code.is_empty() {
        info!(%method, path, status = status_code, code, cause, from, took_ms, "❌ Request rejected");
    } else if matches!(method, Method::GET | Method::HEAD | Method::OPTIONS) {
        debug!(%method, path, status = status_code, from, took_ms, "📨 Request");
    } else {
        info!(%method, path, status = status_code, from, took_ms, "📨 Request");
    }
    response
}
