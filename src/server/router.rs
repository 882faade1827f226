//! Which address leads where.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};

use super::{
    Access, App, access, answer, auth, clients, connect, feed, inject, metrics, ndjson, openapi, recordings,
    replay, rest, rooms, schema, token, trace, ws,
};

/// The routes that a feature brings.
fn optional() -> Router<App> {
    let router = Router::new();
    #[cfg(feature = "page")]
    let router = router.route("/assets/{name}", get(super::assets::asset));
    #[cfg(feature = "metrics")]
    let router = router.route("/metrics", get(metrics::export::metrics));
    router
}

pub(super) fn router(app: App, access: Access, body_bytes_max: usize) -> Router {
    let access = Arc::new(access);
    let ids = trace::Ids::new(app.hub.stream(), app.metrics.clone());
    Router::new()
        .route("/", get(feed::root))
        .route("/ws", get(ws::talk))
        .route("/ws/echo", get(ws::echo))
        .route("/ws/{token}", get(token::room))
        .route("/ws/test/{token}", get(token::replay))
        .route("/events", get(ndjson::events))
        .route("/health", get(rest::health))
        .route("/status", get(rest::status))
        .route("/status/{user}", get(rest::status_of))
        .route("/test/{user}", get(connect::test))
        .route("/connect/{user}", post(connect::connect).delete(connect::disconnect))
        .route("/inject", post(inject::inject))
        .route("/shutdown", post(rest::shutdown))
        .route("/recordings", get(recordings::list))
        .route(
            "/recordings/{name}",
            get(recordings::info)
                .put(recordings::upload)
                .patch(recordings::rename)
                .delete(recordings::delete),
        )
        .route("/recordings/{name}/file", get(recordings::download))
        .route("/replay", get(replay::state))
        .route("/replay/play", post(replay::play))
        .route("/replay/pause", post(replay::pause))
        .route("/replay/seek", post(replay::seek))
        .route("/replay/speed", post(replay::speed))
        .route("/replay/step", post(replay::step))
        .route("/replay/loop", post(replay::repeat))
        .route("/replay/load", post(replay::load))
        .route("/rooms", get(rooms::list).post(rooms::create))
        .route("/rooms/{id}", get(rooms::get).delete(rooms::delete))
        .route("/rooms/{id}/messages", post(rooms::speak))
        .route("/broadcast", post(rooms::broadcast))
        .route("/connections", get(clients::list))
        .route("/connections/{id}", get(clients::get))
        .route("/connections/{id}/metadata", put(clients::put_metadata))
        .route("/connections/{id}/close", post(clients::dismiss))
        .route("/stats", get(clients::stats))
        .route("/openapi.json", get(openapi::openapi))
        .route("/schema/events.json", get(schema::events))
        .merge(optional())
        .route_layer(from_fn_with_state(app.clone(), metrics::count))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(Arc::clone(&access), auth::check))
        .layer(from_fn_with_state(access, access::check))
        .layer(from_fn_with_state(ids, trace::trace))
        .with_state(app)
}
