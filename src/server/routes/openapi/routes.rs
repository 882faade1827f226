//! Lists every method of every path.

use super::{Body, Content, Route, Schemas, object, required};
use crate::{
    control::{Check, InjectRequest, Injected, ReplayState, Status},
    lobby::{ConnectionView, LobbyStats, NewRoom, RoomView},
    server::routes::{
        connections,
        query::{FEED, FLAG, MAIN, PLAY, Param, REPLAY, TALK, Values},
        recordings, replay, rooms, status,
    },
    tools::timeline::BUCKETS_MAX,
};

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
    routes.push(get("/metrics", "What was counted, for Prometheus.", other("text/plain")));
    routes.push(get("/openapi.json", "This document.", object()));
    routes.push(get("/schema/events.json", "The JSON Schema of the feed's messages.", object()));
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
            ..upgrade("/", "The event feed, over a WebSocket; without an upgrade the dashboard.", Some(&MAIN))
        },
        upgrade("/ws", "The feed, and what clients say to each other, over a WebSocket.", Some(&TALK)),
        upgrade("/ws/{token}", "The feed of the token's user, who is connected for it.", Some(&[])),
        upgrade(
            "/ws/test/{token}",
            "The token's recording from its start, for this socket alone.",
            Some(&REPLAY),
        ),
        upgrade("/ws/play/{recording}", "A recording, for this socket alone.", Some(&PLAY)),
        upgrade("/ws/echo", "What the client sends comes back, over a WebSocket.", None),
        get("/assets/{name}", "A part of the dashboard.", None),
        Route {
            query: [&FEED[..], &MAIN].concat(),
            ..get("/events", "The event feed as lines of JSON.", other("application/x-ndjson"))
        },
    ]
}

fn sources(it: &mut Schemas) -> Vec<Route> {
    vec![
        get("/health", "Whether all is well.", it.write::<status::Health>()),
        get("/status", "What the source is doing, and what was counted.", it.write::<status::Overview>()),
        get("/status/{user}", "The same, if that is the current user.", it.write::<status::Overview>()),
        get("/test/{user}", "Whether that user is live, and could be connected.", it.write::<Check>()),
        post("/connect/{user}", "Connects that user.", None, it.write::<Status>()),
        row("delete", "/connect/{user}", "Disconnects that user.", None, it.write::<Status>()),
        Route {
            query: vec![Param::new(
                "wait_clients",
                "how many clients are to be connected first; 30 s at most",
                Values::Numbers(0, None),
            )],
            ..post(
                "/inject",
                "Broadcasts what TikTok did not send.",
                it.read::<InjectRequest>(),
                it.write::<Injected>(),
            )
        },
        post("/shutdown", "Ends the server.", None, it.write::<status::Farewell>()),
    ]
}

fn replays(it: &mut Schemas) -> Vec<Route> {
    let bodies = [
        ("/replay/play", "Goes on.", it.read::<replay::Nothing>()),
        ("/replay/pause", "Stands still.", it.read::<replay::Nothing>()),
        ("/replay/seek", "Goes to an offset.", it.read::<replay::Seek>()),
        ("/replay/speed", "Changes the speed.", it.read::<replay::SetSpeed>()),
        ("/replay/step", "Broadcasts the next frames, and stands still.", it.read::<replay::Step>()),
        ("/replay/loop", "Plays a range again and again.", it.read::<replay::Loop>()),
        ("/replay/load", "Plays another recording.", it.read::<replay::Load>()),
    ];
    let mut routes = vec![get("/replay", "What the replay is doing.", it.write::<ReplayState>())];
    routes.extend(bodies.map(|(path, summary, body)| post(path, summary, body, it.write::<ReplayState>())));
    routes
}

fn shelf(it: &mut Schemas) -> Vec<Route> {
    let path = "/recordings/{name}";
    let file = "application/octet-stream";
    vec![
        get("/recordings", "What there is to replay.", it.write::<recordings::List>()),
        Route {
            query: vec![Param::new(
                "buckets",
                "how many buckets the timeline has at most",
                Values::Numbers(1, Some(BUCKETS_MAX)),
            )],
            ..get(path, "What it holds, and when.", it.write::<recordings::Details>())
        },
        Route {
            query: vec![Param::new("force", "1 to replace what has that name; then the status is 200", FLAG)],
            status: 201,
            ..row(
                "put",
                path,
                "Stores a recording.",
                required(other(file)),
                it.write::<recordings::ListedRecording>(),
            )
        },
        row(
            "patch",
            path,
            "Renames it.",
            it.read::<recordings::Rename>(),
            it.write::<recordings::ListedRecording>(),
        ),
        row("delete", path, "Deletes it.", None, it.write::<recordings::Deleted>()),
        get("/recordings/{name}/file", "The file itself.", other(file)),
    ]
}

fn lobby(it: &mut Schemas) -> Vec<Route> {
    let made = Route {
        status: 201,
        ..post("/rooms", "Makes a room.", it.read::<NewRoom>(), it.write::<RoomView>())
    };
    let connections = Route {
        query: vec![Param::new("room", "only those in this room", Values::Pattern("."))],
        ..get("/connections", "Who is here.", it.write::<connections::Connections>())
    };
    vec![
        get("/rooms", "The rooms.", it.write::<rooms::Rooms>()),
        made,
        get("/rooms/{id}", "A room.", it.write::<RoomView>()),
        row("delete", "/rooms/{id}", "Ends a room.", None, it.write::<RoomView>()),
        post(
            "/rooms/{id}/messages",
            "Says something in a room.",
            it.read::<rooms::Said>(),
            it.write::<rooms::Heard>(),
        ),
        post(
            "/broadcast",
            "Says something to all, or some.",
            it.read::<rooms::Announced>(),
            it.write::<rooms::Heard>(),
        ),
        connections,
        get("/connections/{id}", "One of them.", it.write::<ConnectionView>()),
        row(
            "put",
            "/connections/{id}/metadata",
            "Writes something down about it.",
            required(object()),
            it.write::<ConnectionView>(),
        ),
        post(
            "/connections/{id}/close",
            "Closes it.",
            it.read::<connections::Close>(),
            it.write::<ConnectionView>(),
        ),
        get("/stats", "How many connections and rooms.", it.write::<LobbyStats>()),
    ]
}
