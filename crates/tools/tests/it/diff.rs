//! `diff`: added, removed and changed events.

use livetape_tools::diff::{Change, Counts, WINDOW, diff};
use serde_json::{Value, json};

fn chat(id: usize, comment: &str) -> Value {
    json!({"type": "chat", "id": id.to_string(), "data": {"sender": "ann", "comment": comment, "timestamp": "t"},
           "ts": format!("{id}"), "seq": id, "stream": "s"})
}

fn compared(before: &[Value], after: &[Value]) -> (Vec<Change>, Counts) {
    let mut changes = Vec::new();
    let stream = |event: &Value| Ok::<_, ()>(event.clone());
    let counts = diff(before.iter().map(stream), after.iter().map(stream), |change| {
        changes.push(change);
        Ok(())
    });
    (changes, counts.unwrap())
}

fn chats(ids: impl IntoIterator<Item = usize>) -> Vec<Value> {
    ids.into_iter().map(|id| chat(id, "hi")).collect()
}

#[test]
fn fields_added_by_the_server_are_not_a_difference() {
    let before = chats(0..10);
    let mut after = before.clone();
    for event in &mut after {
        (event["seq"], event["ts"], event["stream"]) = (99.into(), "later".into(), "other".into());
    }
    let (changes, counts) = compared(&before, &after);
    assert!(changes.is_empty() && counts.is_same() && counts.same == 10);
}

#[test]
fn additions_removals_and_changes_are_reported_in_order() {
    let mut after = chats((0..20).filter(|id| *id != 3));
    after[6]["data"]["comment"] = "ho".into();
    after.insert(10, chat(100, "new"));
    let (changes, counts) = compared(&chats(0..20), &after);
    let text = String::from_iter(changes.iter().map(ToString::to_string));
    insta::assert_snapshot!(format!("{text}{counts}"), @r#"
    - chat 💬 ann: hi
    ~ chat 💬 ann: hi
        data.comment: "hi" → "ho"
    + chat 💬 ann: new
    1 added, 1 removed, 1 changed, 18 equal
    "#);
    let json = serde_json::to_value(&changes[1]).unwrap();
    let fields = json!([{"path": "data.comment", "before": "hi", "after": "ho"}]);
    assert_eq!(
        (&json["change"], &json["event"]["id"], &json["fields"]),
        (&"changed".into(), &"7".into(), &fields)
    );
}

#[test]
fn an_inferred_final_with_another_count_is_changed() {
    let inferred = |streak: &str, count: i64| {
        let data = json!({"streakId": streak, "repeatCount": count, "repeatDelta": 0, "isFinal": true, "inferred": true});
        json!({"type": "gift", "data": data, "ts": "t", "seq": 1, "stream": "s"})
    };
    let before = [inferred("1", 5), inferred("2", 7), inferred("3", 1)];
    let after = [inferred("1", 5), inferred("2", 9), inferred("3", 1)];
    let (changes, counts) = compared(&before, &after);
    assert_eq!(counts, Counts { same: 2, changed: 1, ..Counts::default() });
    let Change::Changed { fields, .. } = &changes[0] else { panic!("{changes:?}") };
    assert_eq!((fields.len(), &*fields[0].path, &fields[0].after), (1, "data.repeatCount", &json!(9)));
}

#[test]
fn streams_with_nothing_in_common_differ_in_everything() {
    let (_, counts) = compared(&chats(0..5000), &chats(10_000..13_000));
    assert_eq!((counts.removed, counts.added, counts.same), (5000, 3000, 0));
    let (_, counts) = compared(&[], &chats(0..3));
    assert_eq!((counts.added, counts.removed), (3, 0));
}

#[test]
fn a_gap_within_the_window_only_removes_events() {
    let hole = WINDOW / 2;
    let (_, counts) =
        compared(&chats(0..4000), &chats((0..4000).filter(|id| !(500..500 + hole).contains(id))));
    assert_eq!((counts.removed, counts.added, counts.same), (hole as u64, 0, (4000 - hole) as u64));
}
