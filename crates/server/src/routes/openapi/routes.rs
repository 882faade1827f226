//! Lists every method of every path.

use livetape_feed::{
    control::{Check, InjectRequest, Injected, ReplayState, Status},
    hub::TruthAt,
};
use livetape_tools::timeline::BUCKETS_MAX;

use super::{Body, Content, Route, Schemas, object, required};
use crate::{
    lobby::{ConnectionView, LobbyStats, NewRoom, RoomView},
    routes::{
        connections,
        query::{FEED, FLAG, MAIN, PLAY, Param, REPLAY, TALK, Values},
        recordings, replay, rooms, status,
    },
};

#[cfg(feature = "mock")]
use crate::routes::mock;

/// Builds a route with a JSON response and status 200.
fn row(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    body: Option<Body>,
    answer: Option<Content>,
) -> Route {
    Route { method, path, summary, body, answer, status: 200, ..Route::default() }
}

fn get(path: &'static str, summary: &'static str, answer: Option<Content>) -> Route {
    row("get", path, summary, None, answer)
}

fn post(path: &'static str, summary: &'static str, body: Option<Body>, answer: Option<Content>) -> Route {
    row("post", path, summary, body, answer)
}

fn other(media_type: &'static str) -> Option<Content> {
    Some(Content::Other(media_type))
}

pub(super) fn routes(it: &mut Schemas) -> Vec<Route> {
    let mut routes = feeds();
    routes.extend(sources(it));
    routes.extend(replays(it));
    routes.extend(shelf(it));
    routes.extend(lobby(it));
    #[cfg(feature = "mock")]
    routes.extend(mocks(it));
    routes.push(get("/metrics", "Metrics in Prometheus text format.", other("text/plain")));
    routes.push(get("/openapi.json", "This OpenAPI document.", object()));
    routes.push(get("/schema/events.json", "JSON Schema of the feed's messages.", object()));
    routes
}

fn feeds() -> Vec<Route> {
    let upgrade = |path, summary, extra: Option<&[Param]>| {
        let query = extra.map_or_else(Vec::new, |extra| [&FEED[..], extra].concat());
        Route { status: 101, query, ..get(path, summary, None) }
    };
    vec![
        Route {
            page: Some(&["text/html", "text/plain"]),
            ..upgrade("/", "The event feed over a WebSocket; without an upgrade, the dashboard.", Some(&MAIN))
        },
        upgrade("/ws", "The feed and messages between clients, over a WebSocket.", Some(&TALK)),
        upgrade("/ws/{token}", "The feed of the token's user, whose room is connected on demand.", Some(&[])),
        upgrade(
            "/ws/test/{token}",
            "A private replay of the token's recording, from its start.",
            Some(&REPLAY),
        ),
        upgrade("/ws/play/{recording}", "A private replay of a recording.", Some(&PLAY)),
        upgrade("/ws/echo", "Echoes each message, over a WebSocket.", None),
        get("/assets/{name}", "A file of the dashboard.", None),
        get("/overlays/", "A page that sets up overlays.", other("text/html")),
        get("/overlays/{name}", "An overlay for OBS, or a file that it uses.", None),
        get("/livetape-client.js", "The client that the overlays use.", other("text/javascript")),
        get("/try", "A page to try rooms by hand.", other("text/html")),
        get("/try.js", "The script of that page.", other("text/javascript")),
        Route {
            query: [&FEED[..], &MAIN].concat(),
            ..get("/events", "The event feed as newline-delimited JSON.", other("application/x-ndjson"))
        },
    ]
}

fn sources(it: &mut Schemas) -> Vec<Route> {
    vec![
        get("/health", "Health of the server.", it.write::<status::Health>()),
        get("/ready", "Whether a load balancer should send clients here.", it.write::<status::Readiness>()),
        get("/status", "State and counters of the source.", it.write::<status::Overview>()),
        get(
            "/status/{user}",
            "State and counters of the source, if this is the current user.",
            it.write::<status::Overview>(),
        ),
        get("/test/{user}", "Checks whether this user is live and can be connected.", it.write::<Check>()),
        post("/connect/{user}", "Connects to this user's room.", None, it.write::<Status>()),
        row("delete", "/connect/{user}", "Disconnects from this user's room.", None, it.write::<Status>()),
        Route {
            query: vec![Param::new(
                "wait_clients",
                "wait for this number of clients first, for up to 30 s",
                Values::Numbers(0, None),
            )],
            ..post(
                "/inject",
                "Injects a message into the feed.",
                it.read::<InjectRequest>(),
                it.write::<Injected>(),
            )
        },
        post("/shutdown", "Shuts the server down.", None, it.write::<status::ShuttingDown>()),
    ]
}

#[cfg(feature = "mock")]
fn mocks(it: &mut Schemas) -> Vec<Route> {
    vec![
        get("/mock", "The mock TikTok that this server runs.", it.write::<mock::MockView>()),
        post(
            "/mock",
            "Starts a mock TikTok and connects to its room.",
            it.read::<mock::StartMock>(),
            it.write::<Status>(),
        ),
        row("delete", "/mock", "Stops the mock TikTok.", None, it.write::<mock::MockView>()),
        get("/mock/scenarios", "Lists the scenarios of the mock.", it.write::<mock::Scenarios>()),
    ]
}

fn replays(it: &mut Schemas) -> Vec<Route> {
    let bodies = [
        ("/replay/play", "Starts or resumes the replay.", it.read::<replay::Empty>()),
        ("/replay/pause", "Pauses the replay.", it.read::<replay::Empty>()),
        ("/replay/seek", "Seeks to an offset.", it.read::<replay::Seek>()),
        ("/replay/speed", "Changes the playback speed.", it.read::<replay::SetSpeed>()),
        (
            "/replay/step",
            "Plays the next events, or frames that have any, and pauses.",
            it.read::<replay::Step>(),
        ),
        ("/replay/loop", "Loops a range.", it.read::<replay::Loop>()),
        ("/replay/load", "Plays another recording.", it.read::<replay::Load>()),
    ];
    let mut routes = vec![get("/replay", "State of the replay.", it.write::<ReplayState>())];
    routes.extend(bodies.map(|(path, summary, body)| post(path, summary, body, it.write::<ReplayState>())));
    routes.push(Route {
        query: vec![Param::new("until", "number of the last event to count", Values::Numbers(0, None))],
        ..get("/truth", "What clients of the replay should have counted.", it.write::<TruthAt>())
    });
    routes
}

fn shelf(it: &mut Schemas) -> Vec<Route> {
    let path = "/recordings/{name}";
    let file = "application/octet-stream";
    vec![
        get("/recordings", "Lists the recordings.", it.write::<recordings::RecordingList>()),
        Route {
            query: vec![Param::new(
                "buckets",
                "maximum number of buckets in the timeline",
                Values::Numbers(1, Some(BUCKETS_MAX)),
            )],
            ..get(path, "Contents and timeline of a recording.", it.write::<recordings::RecordingDetails>())
        },
        Route {
            query: vec![
                Param::new("force", "1 to replace an existing recording of this name, with status 200", FLAG),
                Param::new("import", "1 to import a capture: a HAR, flows of mitmproxy, JSON lines, …", FLAG),
            ],
            status: 201,
            ..row(
                "put",
                path,
                "Uploads a recording.",
                required(other(file)),
                it.write::<recordings::ListedRecording>(),
            )
        },
        row(
            "patch",
            path,
            "Renames a recording.",
            it.read::<recordings::Rename>(),
            it.write::<recordings::ListedRecording>(),
        ),
        row("delete", path, "Deletes a recording.", None, it.write::<recordings::Deleted>()),
        get("/recordings/{name}/file", "Downloads a recording.", other(file)),
        Route {
            status: 201,
            ..post(
                "/recordings/{name}/cut",
                "Stores a range of a recording as a new one, scrubbed by default.",
                it.read::<recordings::Cut>(),
                it.write::<recordings::ListedRecording>(),
            )
        },
    ]
}

fn lobby(it: &mut Schemas) -> Vec<Route> {
    let made = Route {
        status: 201,
        ..post("/rooms", "Creates a room.", it.read::<NewRoom>(), it.write::<RoomView>())
    };
    let connections = Route {
        query: vec![Param::new("room", "only list connections in this room", Values::Pattern("."))],
        ..get("/connections", "Lists the connections.", it.write::<connections::Connections>())
    };
    vec![
        get("/rooms", "Lists the rooms.", it.write::<rooms::Rooms>()),
        made,
        get("/rooms/{id}", "Returns a room.", it.write::<RoomView>()),
        row("delete", "/rooms/{id}", "Deletes a room.", None, it.write::<RoomView>()),
        post(
            "/rooms/{id}/messages",
            "Sends a message to a room.",
            it.read::<rooms::NewMessage>(),
            it.write::<rooms::Delivered>(),
        ),
        post(
            "/broadcast",
            "Sends a message to all clients, or only to those in a room or with given metadata.",
            it.read::<rooms::NewBroadcast>(),
            it.write::<rooms::Delivered>(),
        ),
        connections,
        get("/connections/{id}", "Returns a connection.", it.write::<ConnectionView>()),
        row(
            "put",
            "/connections/{id}/metadata",
            "Replaces the metadata of a connection.",
            required(object()),
            it.write::<ConnectionView>(),
        ),
        post(
            "/connections/close",
            "Closes all connections but observers.",
            it.read::<connections::Close>(),
            it.write::<connections::Connections>(),
        ),
        post(
            "/connections/{id}/close",
            "Closes a connection.",
            it.read::<connections::Close>(),
            it.write::<ConnectionView>(),
        ),
        post(
            "/connections/{id}/messages",
            "Sends a message to a connection.",
            it.read::<rooms::NewMessage>(),
            it.write::<rooms::Delivered>(),
        ),
        row(
            "put",
            "/connections/{id}/rooms/{room}",
            "Adds a connection to a room.",
            None,
            it.write::<ConnectionView>(),
        ),
        row(
            "delete",
            "/connections/{id}/rooms/{room}",
            "Removes a connection from a room.",
            None,
            it.write::<ConnectionView>(),
        ),
        get("/stats", "Number of connections and rooms.", it.write::<LobbyStats>()),
    ]
}
