//! Record → mock → live → record: the mock plays exactly the recorded frames.

use std::{collections::BTreeMap, fs::File, path::Path};

use bytes::Bytes;
use livetape_core::{
    error::Code,
    recording::{Reader, What},
    wire,
};
use livetape_engine::channels::{ChannelOptions, Record};
use livetape_mock::{Scenario, ScenarioFile};

use crate::support::{As, Setup, mock::Mock};

/// Returns the received `msg` frames of each connection, in order.
fn frames(path: &Path) -> BTreeMap<u32, Vec<Bytes>> {
    let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
    let mut frames = BTreeMap::<u32, Vec<Bytes>>::new();
    while let Some(record) = reader.next().unwrap() {
        let What::Frame(frame) = record.item.what else { continue };
        let is_message = || wire::read_push(&frame.bytes, &mut Vec::new()).payload_type == "msg";
        if !record.item.flags.is_sent() && is_message() {
            frames.entry(record.item.conn).or_default().push(frame.bytes);
        }
    }
    assert!(reader.report().is_whole() && reader.report().sealed);
    frames
}

/// Plays `setting` and records it.
async fn record(setting: ScenarioFile, path: &Path) -> BTreeMap<u32, Vec<Bytes>> {
    let record = Some(Record::File(path.to_owned()));
    let record = |options| ChannelOptions { record, ..options };
    Setup::scenario(setting).options(record).start(As::Live).outlined(1_200).await;
    frames(path)
}

fn play(path: &Path) -> ScenarioFile {
    let text = format!("recording = {:?}\n", path.display().to_string());
    Scenario::parse(&text).unwrap().into()
}

#[tokio::test(start_paused = true)]
async fn recording_a_replay_gives_the_same_recording() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["stream-ended", "close-4404", "drop-mid-frame"] {
        let first_path = folder.path().join(format!("{name}-1.bin"));
        let first = record(Mock::scenario(&format!("{name}.toml")), &first_path).await;
        let second = record(play(&first_path), &folder.path().join(format!("{name}-2.bin"))).await;
        let sizes = |frames: &BTreeMap<u32, Vec<Bytes>>| frames.values().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&first), sizes(&second), "{name}");
        assert!(first == second, "{name}: other bytes");
        assert!(sizes(&first).iter().sum::<usize>() > 100, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn under_serve_the_first_room_is_recorded_and_the_next_only_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first.bin");
    let record = |options| ChannelOptions { record: Some(Record::File(path.clone())), ..options };
    let rig = Setup::fixture("stays-open").options(record).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    rig.control.connect("ben".into()).await.unwrap();
    rig.outlined(5).await;
    let info = livetape_tools::info::info(File::open(&path).unwrap()).unwrap();
    let users: Vec<_> = info.connections.iter().map(|connection| connection.user.as_str()).collect();
    assert_eq!((users, info.sealed), (vec!["ann"], true));

    // An existing file is never overwritten, and this is checked before any request.
    let rig = Setup::fixture("stays-open").options(record).start(As::Serve);
    let refusal = rig.control.connect("ann".into()).await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::OutputExists);
    assert!(!refusal.problem.message.contains('/'), "a client is not told where it is: {refusal:?}");
    rig.at_ms(1_000).await;
    assert!(rig.mock().received().is_empty(), "{:?}", rig.mock().received());
    rig.outlined(5).await;
}
