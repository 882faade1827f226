//! Compares the output with that of `serde_json`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Serialize)]
enum Any {
    Unit,
    New(Option<i64>),
    Tuple(i8, char),
    Struct { text: String, map: BTreeMap<String, bool>, numbers: BTreeMap<i32, f64> },
}

#[derive(Serialize)]
struct Flat {
    first: u64,
    #[serde(flatten)]
    rest: Inner,
    nothing: (),
}

#[derive(Serialize)]
struct Inner {
    list: Vec<Any>,
    none: Option<Any>,
}

fn same(value: &impl Serialize) -> bool {
    let mut ours = b"before".to_vec();
    write(value, &mut ours).unwrap();
    ours[6..] == serde_json::to_vec(value).unwrap()[..]
}

proptest! {
    #[test]
    fn strings_serialize_as_in_serde_json(text in "[\\x00-\\x7f\u{80}\u{2028}\u{1f600}]{0,80}", plain in ".{0,80}") {
        prop_assert!(same(&text) && same(&plain));
    }

    #[test]
    fn all_other_types_serialize_as_in_serde_json(
        number in any::<i64>(), fraction in any::<f64>(), char in any::<char>(), text in any::<String>()
    ) {
        let map = BTreeMap::from([(text.clone(), true), (String::new(), false)]);
        let numbers = BTreeMap::from([(-1, fraction), (i32::MAX, 0.0)]);
        let of_struct = Any::Struct { text, map, numbers };
        let list = vec![Any::Unit, Any::New(Some(number)), Any::New(None), Any::Tuple(-7, char), of_struct];
        let flat = Flat { first: u64::MAX, rest: Inner { list, none: None }, nothing: () };
        prop_assert!(same(&flat));
        let empty = (Vec::<u8>::new(), BTreeMap::<String, u8>::new());
        prop_assert!(same(&empty));
    }
}
