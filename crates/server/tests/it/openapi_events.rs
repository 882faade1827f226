//! What `/schema/events.json` tells generators of code: which schema a type has, and which fields are always
//! there.

use std::collections::BTreeSet;

use livetape_core::event::KINDS;
use serde_json::{Value, json};

use crate::{openapi::document, support::Rig};

/// With a discriminator, a program looks at one schema instead of a hundred.
#[tokio::test(start_paused = true)]
async fn each_type_of_message_names_its_only_schema() {
    let rig = Rig::start();
    let events = document(&rig, "/schema/events.json").await;
    let api = document(&rig, "/openapi.json").await;
    for (message, document, path) in [
        (&events, &events, "/$defs"),
        (&api["components"]["schemas"]["Message"], &api, "/components/schemas"),
    ] {
        assert_eq!(message["discriminator"]["propertyName"], "type");
        let mapping = message["discriminator"]["mapping"].as_object().unwrap();
        let types: BTreeSet<&str> = mapping.keys().map(String::as_str).collect();
        assert_eq!(types, KINDS.iter().copied().chain(["gap"]).collect());
        let listed: BTreeSet<&str> =
            message["oneOf"].as_array().unwrap().iter().map(|it| it["$ref"].as_str().unwrap()).collect();
        let mapped: BTreeSet<&str> = mapping.values().map(|it| it.as_str().unwrap()).collect();
        assert_eq!((listed.len(), &listed), (types.len(), &mapped));
        for (kind, reference) in mapping {
            let reference = reference.as_str().unwrap();
            assert!(reference.starts_with(&format!("#{path}/")), "{reference}");
            let schema = document.pointer(&reference[1..]).unwrap();
            // An outage of a node also has the type `error`.
            let parts = schema["anyOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
            for part in parts {
                let part = part["$ref"].as_str().map_or(&part, |it| document.pointer(&it[1..]).unwrap());
                assert_eq!(part["properties"]["type"]["const"], **kind);
            }
        }
    }
}

/// Fields without a value are either absent or `null`, and the schema tells which.
#[tokio::test(start_paused = true)]
async fn optional_properties_are_never_null() {
    fn check(schema: &Value, at: &str) {
        let required = schema["required"].as_array();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.is_some_and(|it| it.iter().any(|it| it == key));
            let null = json!("null");
            let types = property["type"].as_array().is_some_and(|it| it.contains(&null));
            let options =
                property["anyOf"].as_array().is_some_and(|it| it.contains(&json!({ "type": null })));
            assert!(is_required || !(types || options), "{at}/{key}: {property}");
        }
        for (key, part) in schema.as_object().into_iter().flatten() {
            check(part, &format!("{at}/{key}"));
        }
    }
    let schema = document(&Rig::start(), "/schema/events.json").await;
    check(&schema, "");
    for kind in ["Chat", "Gift", "Like", "Member", "Social", "EmoteChat", "Question", "Subscribe"] {
        let required = schema["$defs"][format!("{kind}Data")]["required"].as_array().unwrap();
        assert!(["sender", "user"].iter().all(|key| required.iter().any(|it| it == key)), "{kind}");
    }
}
