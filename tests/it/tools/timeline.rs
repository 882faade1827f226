//! The timeline of a recording.

use std::fs;

use livetape::tools::timeline::{Timeline, chart};

fn timeline(path: &str, buckets: usize) -> Timeline {
    let bytes = fs::read(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    chart(&bytes[..]).unwrap().timeline(buckets)
}

#[test]
fn the_demo_in_twelve_buckets() {
    insta::assert_json_snapshot!(timeline("recordings/demo.bin", 12));
}

#[test]
fn markers_gaps_and_connections_are_listed() {
    insta::assert_json_snapshot!(timeline("fixtures/golden/every-type.bin", 4));
}

#[test]
fn damage_is_a_gap() {
    let gaps = timeline("fixtures/golden/hole.bin", 4).gaps;
    let damage: Vec<_> = gaps.iter().filter(|gap| gap.reason == "damage").collect();
    assert_eq!((damage.len(), damage[0].records), (1, 4), "{gaps:?}");
}
