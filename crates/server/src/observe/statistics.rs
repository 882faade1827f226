//! Broadcast statistics in the log: at intervals, and at shutdown.

use tracing::info;

use crate::routes::App;

pub(crate) fn log(app: &App) {
    let hub = &app.shared.hub;
    let (stats, counts) = app.sockets.with(|lobby| (lobby.stats(), lobby.counts().clone()));
    info!(
        connections = stats.total_connections,
        rooms = stats.total_rooms,
        subscribers = app.shared.subscriber_count(),
        events = hub.head(),
        event_bytes = hub.bytes_read(),
        slow = hub.slow_count(),
        received = counts.received,
        sent = counts.sent,
        refused = counts.refused.values().sum::<u64>(),
        turned_away = app.connections.refused().iter().map(|(_, count)| count).sum::<u64>(),
        log_lines_lost = (app.lost_log_lines)(),
        "📡 Broadcast statistics"
    );
}
