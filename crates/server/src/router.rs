//! Maps paths to handlers.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};

use super::{
    access::{self, Access, bearer},
    observe::trace,
    routes::{
        App, connect, connections, fallback, feed, handled, inject, interactive, metrics, ndjson, openapi,
        recordings, replay, rooms, schema, status, token,
    },
};

#[cfg(feature = "page")]
use super::routes::assets;
#[cfg(feature = "mock")]
use super::routes::mock;

/// Adds the routes that need a feature.
fn optional(router: Router<App>) -> Router<App> {
    #[cfg(feature = "page")]
    let router = router
        .route("/assets/{name}", get(assets::asset))
        .route("/overlays/", get(assets::overlays))
        .route("/overlays/{name}", get(assets::overlay))
        .route("/livetape-client.js", get(assets::client))
        .route("/try", get(assets::try_rooms))
        .route("/try.js", get(assets::try_script));
    #[cfg(feature = "mock")]
    let router = router
        .route("/mock", get(mock::view).post(mock::start).delete(mock::stop))
        .route("/mock/scenarios", get(mock::scenarios));
    #[cfg(feature = "metrics")]
    let router = router.route("/metrics", get(metrics::export::metrics));
    router
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
    let router = Router::new()
        .route("/", get(feed::root))
        .route("/ws", get(interactive::talk))
        .route("/ws/echo", get(interactive::echo))
        .route("/ws/{token}", get(token::room))
        .route("/ws/test/{token}", get(token::replay))
        .route("/ws/play/{recording}", get(token::play))
        .route("/events", get(ndjson::events))
        .route("/health", get(status::health))
        .route("/ready", get(status::ready))
        .route("/status", get(status::status))
        .route("/status/{user}", get(status::status_of))
        .route("/test/{user}", get(connect::test))
        .route("/connect/{user}", post(connect::connect).delete(connect::disconnect))
        .route("/inject", post(inject::inject))
        .route("/shutdown", post(status::shutdown))
        .route("/recordings", get(recordings::list))
        .route(
            "/recordings/{name}",
            get(recordings::info)
                .put(recordings::upload)
                .patch(recordings::rename)
                .delete(recordings::delete),
        )
        .route("/recordings/{name}/file", get(recordings::download))
        .route("/recordings/{name}/cut", post(recordings::cut))
        .route("/replay", get(replay::state))
        .route("/replay/play", post(replay::play))
        .route("/replay/pause", post(replay::pause))
        .route("/replay/seek", post(replay::seek))
        .route("/replay/speed", post(replay::speed))
        .route("/replay/step", post(replay::step))
        .route("/replay/loop", post(replay::repeat))
        .route("/replay/load", post(replay::load))
        .route("/truth", get(replay::truth))
        .route("/rooms", get(rooms::list).post(rooms::create))
        .route("/rooms/{id}", get(rooms::get).delete(rooms::delete))
        .route("/rooms/{id}/messages", post(rooms::send_message))
        .route("/broadcast", post(rooms::broadcast))
        .route("/connections", get(connections::list))
        .route("/connections/close", post(connections::dismiss_all))
        .route("/connections/{id}", get(connections::get))
        .route("/connections/{id}/metadata", put(connections::put_metadata))
        .route("/connections/{id}/close", post(connections::dismiss))
        .route("/connections/{id}/messages", post(connections::tell))
        .route("/connections/{id}/rooms/{room}", put(connections::join).delete(connections::leave))
        .route("/stats", get(connections::stats))
        .route("/openapi.json", get(openapi::openapi))
        .route("/schema/events.json", get(schema::events));
    optional(router)
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
