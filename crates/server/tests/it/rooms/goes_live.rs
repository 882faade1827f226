//! livetape follows a user whose state changes over time.

use livetape_core::error::Code;
use livetape_engine::{channels::ChannelOptions, source::live};

use crate::support::{As, Setup};

/// Waits until the user is live. The first connection ends with the LIVE; the second waits for the next one.
#[tokio::test(start_paused = true)]
async fn a_source_waits_for_each_live_of_a_user() {
    let wait = |options: ChannelOptions| {
        let live = live::LiveOptions { wait_live: Some(live::WAIT_LIVE_MIN), ..options.live };
        ChannelOptions { live, ..options }
    };
    let rig = Setup::fixture("goes-live").options(wait).start(As::Serve);
    for ms in [0, 95_000] {
        rig.at_ms(ms).await;
        let refusal = rig.control.connect("demo".into()).await.unwrap_err();
        assert!(refusal.problem.code == Code::UserOffline && refusal.retrying, "{refusal:?}");
    }
    insta::assert_snapshot!(rig.outlined(150).await.join("\n"));
}
