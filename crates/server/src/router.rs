//! Every method of every path: its handler, and how `/openapi.json` and the list of addresses describe it.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state, routing::get};
use livetape_feed::{
    control::{Check, InjectRequest, Injected, ReplayState, Status},
    hub::TruthAt,
};
use livetape_tools::timeline::BUCKETS_MAX;

use super::{
    access::{self, Access, bearer},
    lobby::{ConnectionView, LobbyStats, NewRoom, RoomView},
    observe::trace,
    routes::{
        App, connect, connections, fallback, feed, handled, inject, interactive, metrics, ndjson,
        openapi::{self, Route},
        query::{FEED, FLAG, MAIN, PLAY, Param, REPLAY, TALK, Values},
        recordings, replay, rooms, schema, status, token,
    },
};

#[cfg(feature = "page")]
use super::routes::assets;
#[cfg(feature = "mock")]
use super::routes::mock;

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
const ROOM: Param = Param::new("room", "only list connections in this room", Values::Pattern("."));

pub(super) fn table() -> Vec<Route> {
    let mut table = feeds();
    table.extend(sources());
    table.extend(replays());
    table.extend(recordings());
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
    ]);
    table
}

fn feeds() -> Vec<Route> {
    vec![
        Route::get("/", feed::root, "The event feed over a WebSocket; without an upgrade, the dashboard.")
            .takes(&FEED)
            .takes(&MAIN)
            .upgrades()
            .or_serves(&["text/html", "text/plain"]),
        Route::get("/ws", interactive::talk, "The feed and messages between clients, over a WebSocket.")
            .takes(&FEED)
            .takes(&TALK)
            .upgrades(),
        Route::get(
            "/ws/{token}",
            token::room,
            "The feed of the token's user, whose room is connected on demand.",
        )
        .takes(&FEED)
        .upgrades(),
        Route::get(
            "/ws/test/{token}",
            token::replay,
            "A private replay of the token's recording, from its start.",
        )
        .takes(&FEED)
        .takes(&REPLAY)
        .upgrades(),
        Route::get("/ws/play/{recording}", token::play, "A private replay of a recording.")
            .takes(&FEED)
            .takes(&PLAY)
            .upgrades(),
        Route::get("/ws/echo", interactive::echo, "Echoes each message, over a WebSocket.").upgrades(),
        #[cfg(feature = "page")]
        Route::get("/assets/{name}", assets::asset, "A file of the dashboard."),
        #[cfg(feature = "page")]
        Route::get("/overlays/", assets::overlays, "A page that sets up overlays.").writes_other("text/html"),
        #[cfg(feature = "page")]
        Route::get("/overlays/{name}", assets::overlay, "An overlay for OBS, or a file that it uses."),
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
        Route::get("/health", status::health, "Health of the server.").writes::<status::Health>(),
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
        Route::get("/test/{user}", connect::test, "Checks whether this user is live and can be connected.")
            .writes::<Check>(),
        Route::post("/connect/{user}", connect::connect, "Connects to this user's room.").writes::<Status>(),
        Route::delete("/connect/{user}", connect::disconnect, "Disconnects from this user's room.")
            .writes::<Status>(),
        Route::post("/inject", inject::inject, "Injects a message into the feed.")
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
        Route::post("/replay/seek", replay::seek, "Seeks to an offset.").reads::<replay::Seek>(),
        Route::post("/replay/speed", replay::speed, "Changes the playback speed.")
            .reads::<replay::SetSpeed>(),
        Route::post(
            "/replay/step",
            replay::step,
            "Plays the next events, or frames that have any, and pauses.",
        )
        .reads::<replay::Step>(),
        Route::post("/replay/loop", replay::repeat, "Loops a range.").reads::<replay::Loop>(),
        Route::post("/replay/load", replay::load, "Plays another recording.").reads::<replay::Load>(),
    ];
    table = table.into_iter().map(Route::writes::<ReplayState>).collect();
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
            .creates()
            .writes::<recordings::ListedRecording>(),
        Route::patch(path, recordings::rename, "Renames a recording.")
            .reads::<recordings::Rename>()
            .writes::<recordings::ListedRecording>(),
        Route::delete(path, recordings::delete, "Deletes a recording.").writes::<recordings::Deleted>(),
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

/// Clients, their rooms and messages.
fn clients() -> Vec<Route> {
    vec![
        Route::get("/rooms", rooms::list, "Lists the rooms.").writes::<rooms::Rooms>(),
        Route::post("/rooms", rooms::create, "Creates a room.")
            .reads::<NewRoom>()
            .creates()
            .writes::<RoomView>(),
        Route::get("/rooms/{id}", rooms::get, "Returns a room.").writes::<RoomView>(),
        Route::delete("/rooms/{id}", rooms::delete, "Deletes a room.").writes::<RoomView>(),
        Route::post("/rooms/{id}/messages", rooms::send_message, "Sends a message to a room.")
            .reads::<rooms::NewMessage>()
            .writes::<rooms::Delivered>(),
        Route::post(
            "/broadcast",
            rooms::broadcast,
            "Sends a message to all clients, or only to those in a room or with given metadata.",
        )
        .reads::<rooms::NewBroadcast>()
        .writes::<rooms::Delivered>(),
        Route::get("/connections", connections::list, "Lists the connections.")
            .takes(&[ROOM])
            .writes::<connections::Connections>(),
        Route::get("/connections/{id}", connections::get, "Returns a connection.").writes::<ConnectionView>(),
        Route::put(
            "/connections/{id}/metadata",
            connections::put_metadata,
            "Replaces the metadata of a connection.",
        )
        .reads_object()
        .writes::<ConnectionView>(),
        Route::post("/connections/close", connections::dismiss_all, "Closes all connections but observers.")
            .reads::<connections::Close>()
            .writes::<connections::Connections>(),
        Route::post("/connections/{id}/close", connections::dismiss, "Closes a connection.")
            .reads::<connections::Close>()
            .writes::<ConnectionView>(),
        Route::post("/connections/{id}/messages", connections::tell, "Sends a message to a connection.")
            .reads::<rooms::NewMessage>()
            .writes::<rooms::Delivered>(),
        Route::put("/connections/{id}/rooms/{room}", connections::join, "Adds a connection to a room.")
            .writes::<ConnectionView>(),
        Route::delete(
            "/connections/{id}/rooms/{room}",
            connections::leave,
            "Removes a connection from a room.",
        )
        .writes::<ConnectionView>(),
        Route::get("/stats", connections::stats, "Number of connections and rooms.").writes::<LobbyStats>(),
    ]
}

/// Routes of the listener in TikFinity's format.
pub(super) fn tikfinity(app: App, access: Access, ids: trace::Ids) -> Router {
    Router::new()
        .route("/", get(feed::tikfinity))
        .route_layer(from_fn_with_state(app.clone(), metrics::count))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(from_fn_with_state((Arc::new(access), Arc::default()), access::check))
        .layer(from_fn_with_state(ids, trace::trace))
        .with_state(app)
}

pub(super) fn router(app: App, access: Access, ids: trace::Ids, body_bytes_max: usize) -> Router {
    let access = Arc::new(access);
    let routes = table().into_iter();
    routes
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .route_layer(from_fn_with_state(app.clone(), metrics::count))
        .fallback(fallback::unknown)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(app.clone(), handled::intercept))
        .layer(from_fn_with_state(Arc::clone(&access), bearer::check))
        .layer(from_fn_with_state((access, Arc::default()), access::check))
        .layer(from_fn_with_state(ids, trace::trace))
        .with_state(app)
}
