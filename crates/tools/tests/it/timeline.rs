//! The timeline of a recording.

use std::fs;

use livetape_tools::timeline::{Timeline, chart};

fn timeline(path: &str, buckets: usize) -> Timeline {
    let bytes = fs::read(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    chart(&bytes[..]).unwrap().timeline(buckets)
}

#[test]
fn the_timeline_of_the_demo_in_twelve_buckets() {
    let timeline = timeline("recordings/demo.bin", 12);
    assert_eq!((timeline.duration_ms, timeline.bucket_ms, timeline.types.len()), (402_438, 33_792, 65));
    assert_eq!(timeline.total, [82, 73, 72, 80, 74, 81, 72, 74, 69, 76, 70, 69]);
    for (kind, counts) in [
        ("chat", [10, 5, 5, 5, 4, 6, 4, 5, 5, 5, 5, 4]),
        ("emote", [0, 3, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("envelope", [5, 11, 4, 2, 5, 3, 0, 0, 10, 9, 1, 1]),
        ("gift", [13, 3, 6, 8, 8, 10, 4, 8, 3, 4, 4, 4]),
        ("pictionary_exit", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        assert_eq!(timeline.types[kind], counts, "{kind}");
    }
    for (bucket, total) in timeline.total.iter().enumerate() {
        assert_eq!(timeline.types.values().map(|counts| counts[bucket]).sum::<u64>(), *total, "{bucket}");
    }
    let [connection] = &timeline.connections[..] else { panic!("{:?}", timeline.connections) };
    assert_eq!(
        (&*connection.user, connection.opened_ms, connection.closed_ms),
        ("lilac_tunnel6448", 0, None)
    );
}

#[test]
fn markers_gaps_and_connections_are_listed() {
    insta::assert_json_snapshot!(timeline("fixtures/golden/every-type.bin", 4));
}

#[test]
fn damage_appears_as_a_gap() {
    let gaps = timeline("fixtures/golden/hole.bin", 4).gaps;
    let damage: Vec<_> = gaps.iter().filter(|gap| gap.reason == "damage").collect();
    assert_eq!((damage.len(), damage[0].records), (1, 4), "{gaps:?}");
}
