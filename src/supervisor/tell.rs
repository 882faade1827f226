//! Tells readers about problems, as `error` events of their own.

use std::{convert::Infallible, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    hub::Hub,
    pipeline::{Pacing, Pipeline},
    sans_io::{
        decoder::{Decoder, DecoderOptions},
        error::{Code, Problem},
        recording::{
            Flags, Item, What,
            records::{Header, Status},
        },
    },
};

/// Broadcasts why the channel cannot continue.
pub(super) async fn tell(hub: &Hub, shutdown: &CancellationToken, problem: &Problem) {
    let (code, detail) = (problem.code.name().to_owned(), problem.message.clone());
    broadcast(hub, shutdown, Status { code, detail, attempt: 1, ..Status::default() }).await;
}

/// Tells readers how many events of a room are missing, whenever the node that did not store them reports more.
pub(super) async fn losses(
    hub: Hub,
    shutdown: CancellationToken,
    mut lost: watch::Receiver<u64>,
) -> Infallible {
    let mut told = 0;
    loop {
        let known = *lost.borrow_and_update();
        if known > told {
            broadcast(&hub, &shutdown, not_stored(known - told)).await;
            told = known;
        }
        if lost.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn not_stored(events: u64) -> Status {
    let detail = format!(
        "up to {events} events are missing: their node could not store them before it lost the channel"
    );
    // The room continues.
    Status { code: Code::ClusterUnreachable.name().to_owned(), detail, retrying: true, ..Status::default() }
}

async fn broadcast(hub: &Hub, shutdown: &CancellationToken, status: Status) {
    let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true });
    let mut pipeline = Pipeline::new(decoder, hub.clone(), shutdown.clone());
    let wall_anchor_ns = i64::try_from(clock::wall().as_nanos()).ok();
    for what in [What::Header(Header { wall_anchor_ns, ..Header::default() }), What::Status(status)] {
        let item = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
        pipeline.handle(&item, Pacing::Free).await;
    }
}
