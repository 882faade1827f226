//! Outputs and results as commands write them.

use livetape_core::truth::Tally;

use super::*;

fn output(expected: &[&str], printed: &str) -> Output {
    let expected = Vec::from_iter(expected.iter().map(|text| Expectation::parse(text).unwrap()));
    let mut output = Output::new(&expected);
    output.push(Stream::Stdout, printed.as_bytes());
    output
}

/// Returns the value of a single expectation.
fn value(expected: &str, printed: &str) -> Option<String> {
    let output = output(&[expected], printed);
    output.found().pop().unwrap().1.map(|found| found.value)
}

fn truth() -> Truth {
    let mut truth = Truth { diamonds: 114, chats: 67, top_gifter: "alice".into(), ..Truth::default() };
    truth.users.insert("alice".into(), 37);
    truth
}

#[test]
fn values_are_found_in_many_outputs() {
    let table = [
        ("diamonds: {diamonds}", "diamonds: 114\n", "114"),
        ("diamonds: {diamonds}", "diamonds: 1\r\nother\r\ndiamonds: 114", "114"),
        ("diamonds: {diamonds}", "diamonds: 1\rdiamonds: 2\r", "2"),
        ("diamonds: {diamonds}", "diamonds: 1 (of all diamonds: 114)\n", "114"),
        ("diamonds: {diamonds}", "diamonds:   114\n", "114"),
        ("diamonds: {diamonds}", "\u{1b}[1mdiamonds\u{1b}[0m: \u{1b}[38;5;9m1\u{1b}[m14\u{1b}[0m\n", "114"),
        ("diamonds: {diamonds}", "\u{1b}]0;diamonds: 5\u{7}diamonds: 114", "114"),
        ("diamonds: {diamonds}", "diamonds: 1,234,567 💎", "1234567"),
        ("diamonds: {diamonds}", "diamonds: 1'234", "1234"),
        ("diamonds: {diamonds}", "diamonds: 1’234", "1234"),
        ("diamonds: {diamonds}", "diamonds: 1_234", "1234"),
        ("diamonds: {diamonds}", "diamonds: 1.234", "1234"),
        ("diamonds: {diamonds}", "diamonds: 1 234\u{a0}567", "1234"),
        ("diamonds: {diamonds}", "diamonds: 1\u{a0}234\u{a0}567", "1234567"),
        ("diamonds: {diamonds}", "diamonds: 1\u{202f}234 coins", "1234"),
        ("diamonds: {diamonds}", "diamonds: 1,2345", "1"),
        ("diamonds: {diamonds}", "diamonds: 1234,567", "1234"),
        ("diamonds: {diamonds}", "diamonds: 114💎", "114"),
        ("diamonds: {diamonds}", "diamonds: 114.", "114"),
        ("diamonds: {diamonds}", "diamonds: 1k", "1k"),
        ("diamonds: {diamonds}", "diamonds: 1.2K 💎", "1.2K"),
        ("diamonds: {diamonds}", "diamonds: 225Cr", "225Cr"),
        ("{diamonds}", "2,2\u{a0}Mrd.", "2,2\u{a0}Mrd."),
        ("diamonds: {diamonds}", "diamonds: 225万 💎", "225万"),
        ("diamonds: {diamonds}", "diamonds: 5 M", "5"),
        ("diamonds: {diamonds}", "diamonds: 114 Mr. Bob", "114"),
        ("{diamonds}", "2,2\u{202f}Md", "2,2\u{202f}Md"),
        ("diamonds: {diamonds}", "diamonds: 1e3", "1000"),
        ("diamonds: {diamonds}", "diamonds: 1.14e+2", "114"),
        ("diamonds: {diamonds}", "diamonds: 1.14E+02 in all", "114"),
        ("diamonds: {diamonds}", "diamonds: -1.5e1,", "-15"),
        ("diamonds: {diamonds}", "diamonds: 1140e-1", "114"),
        ("diamonds: {diamonds}", "diamonds: 1.145e2", "114.5"),
        ("diamonds: {diamonds}", "diamonds: 2.24955e+09", "2.24955e9"),
        ("diamonds: {diamonds}", "diamonds: 1e999", "1"),
        ("diamonds: {diamonds}", "diamonds: 114egg", "114"),
        ("diamonds: {diamonds}", "diamonds:\u{a0}114", "114"),
        ("diamonds: {diamonds}", "diamonds:\t 1\u{202f}140", "1140"),
        ("diamonds:\t{diamonds}", "diamonds: 114", "114"),
        ("{diamonds} diamonds", "114\u{a0}diamonds", "114"),
        ("diamonds: {diamonds}", "diamonds: 114Kinds", "114"),
        ("diamonds: {diamonds}k", "diamonds: 114k", "114"),
        ("diamonds: {diamonds}", "diamonds: 114.0", "114"),
        ("diamonds: {diamonds}", "diamonds: 114.000", "114"),
        ("diamonds: {diamonds}", "diamonds: 1,234.00", "1234"),
        ("diamonds: {diamonds}", "diamonds: 114.50", "114.5"),
        ("diamonds: {diamonds}", "diamonds: 007", "7"),
        ("diamonds: {diamonds}", "diamonds: -3", "-3"),
        ("diamonds: {diamonds}", "diamonds: \u{2212}3", "-3"),
        ("diamonds: {diamonds}", "diamonds: -0", "0"),
        ("diamonds: {diamonds}", "diamonds: +3", "3"),
        ("diamonds: {diamonds}", "diamonds: 449945001000000000000", "449945001000000000000"),
        ("diamonds: {diamonds}", "diamonds: 5\ndiamonds: NaN", "NaN"),
        ("diamonds: {diamonds}", "diamonds: 5\ndiamonds: \n", ""),
        ("{{\"diamonds\":{diamonds},", "{\"diamonds\":114,\"chats\":67}", "114"),
        ("{{\"diamonds\":{diamonds},", "{\"diamonds\":1,234,\"chats\":67}", "1234"),
        ("{chats} of", "12 chats, 3 of 5", "3"),
        ("{diamonds} 💎", "at 20:15:01 1,234 💎 and 5", "1234"),
        ("{diamonds}", "2026-01-02 bot7: 114", "114"),
        ("diamonds {diamonds.some.user}!", "diamonds 5!", "5"),
        ("diamonds: {diamonds}", "diamonds: 1,23,45,678", "12345678"),
        ("diamonds: {diamonds}", "diamonds: 12,34,567", "1234567"),
        ("diamonds: {diamonds}", "diamonds: 1,00,000 coins", "100000"),
        ("diamonds: {diamonds}", "diamonds: 1,23", "1"),
        ("diamonds: {diamonds}", "diamonds: \u{661}\u{662}\u{663}", "123"),
        ("diamonds: {diamonds}", "diamonds: \u{6f1}\u{66c}\u{6f2}\u{6f3}\u{6f4}", "1234"),
        ("diamonds: {diamonds}", "diamonds: \u{967}\u{968}", "12"),
        ("diamonds: {diamonds}", "diamonds: 💎 1,234", "1234"),
        ("diamonds: {diamonds}", "diamonds: 🎖\u{fe0f}\u{200d}💎114", "114"),
        ("top: {top_gifter}", "top: 👑 ann", "ann"),
        ("top: {top_gifter}", "top: @a_b.c.\n", "a_b.c"),
        ("top: '{top_gifter}'", "top: 'alice'", "alice"),
        ("{top_gifter} leads", "now bob leads", "bob"),
        ("last: {last_chat}", "last: a 1,234 last: b  \n", "a 1,234 last: b"),
        ("<{last_chat}>", "\u{1b}[1m<\u{1b}[m\u{661}> said <ann>", "\u{661}> said <ann"),
        ("name: {top_gifter_name}", "name: \u{202e}nnA", "\u{202e}nnA"),
    ];
    for (expected, printed, right) in table {
        assert_eq!(value(expected, printed).as_deref(), Some(right), "{expected} in {printed:?}");
    }
    for (expected, printed) in
        [("x: {likes}", "x:5"), ("{likes} likes", "many likes 5"), ("{likes}", "v2x NaN"), ("done", "do\nne")]
    {
        assert_eq!(value(expected, printed), None, "{expected} in {printed:?}");
    }
}

/// awk prints six digits, and `%e` of C seven.
#[test]
fn a_rounded_number_is_right_if_its_digits_are() {
    let truth = Truth { diamonds: 2_249_550_123, ..Truth::default() };
    for (printed, is_right) in [
        ("2.24955e+09", true),
        ("2.249550e+09", true),
        ("2.2495501e9", true),
        ("2249550123", true),
        ("2.24956e+09", false),
        ("2.24955e+08", false),
        ("2e9", false),
        ("2249550000", false),
    ] {
        let failures = compare(&truth, &output(&["{diamonds}"], printed), &[]);
        assert_eq!(failures.is_empty(), is_right, "{printed}: {failures:?}");
    }
}

#[test]
fn events_are_counted_by_their_type() {
    let truth = Truth { count: [("envelope", 3)].into(), ..Truth::default() };
    for (text, printed, is_right) in [
        ("boxes: {count.envelope}", "boxes: 3", true),
        ("boxes: {count.envelope}", "boxes: 0", false),
        ("emotes: {count.emote}", "emotes: 0", true),
        ("emotes: {count.emote}", "emotes: 1", false),
    ] {
        let failures = compare(&truth, &output(&[text], printed), &[]);
        assert_eq!(failures.is_empty(), is_right, "{printed}: {failures:?}");
    }
    for kind in counted_kinds() {
        assert!(Name::parse(&format!("count.{kind}")).is_ok(), "{kind}");
    }
}

#[test]
fn expectations_that_cannot_hold_are_rejected() {
    let table = [
        ("", "an expected text must be part of one line", r#"write --expect "diamonds: {diamonds}""#),
        ("a\nb", "an expected text must be part of one line", r#"write --expect "diamonds: {diamonds}""#),
        ("{dimonds}", "unknown number \"dimonds\"", "did you mean `diamonds`?"),
        ("{diamonds.}", "unknown number \"diamonds.\"", "did you mean `diamonds`?"),
        ("{count.envelop}", "events of the type \"envelop\" are not counted", "did you mean `envelope`?"),
        ("{gifts} {likes}", "\"{gifts} {likes}\" has several placeholders", "repeat --expect for each"),
        (
            "a } b",
            "`}` without `{` in an expected text",
            "write {diamonds} for a number, and {{ or }} for a brace",
        ),
        (
            "a {gifts",
            "`{` without `}` in an expected text",
            "write {diamonds} for a number, and {{ or }} for a brace",
        ),
        (
            "{\"gifts\":{gifts}",
            "`{` without `}` in an expected text",
            "write {diamonds} for a number, and {{ or }} for a brace",
        ),
    ];
    for (text, message, hint) in table {
        let problem = Expectation::parse(text).unwrap_err();
        assert_eq!((problem.message.as_str(), problem.hint.as_str()), (message, hint), "{text:?}");
        assert_eq!(problem.code, Code::BadRequest);
    }
    let problem =
        Expectation::parse("{diamonds.alise}").unwrap().name().unwrap().check_user(&truth()).unwrap_err();
    assert_eq!(problem.hint, "did you mean `alice`?");
}

#[test]
fn each_difference_is_a_failure() {
    let expected = [
        "diamonds: {diamonds}",
        "{chats} chats",
        "top {top_gifter}",
        "all done",
        "likes={likes}",
        "of alice: {diamonds.alice}",
    ];
    let printed = "diamonds: 12 💎\n67 chats\ntop bob\nof alice: NaN\n";
    let result = parse_result(br#"{"diamonds":114.0,"chats":66,"top_gifter":"alice"}"#).unwrap();
    let failures = compare(&truth(), &output(&expected, printed), &result);
    let shown = Vec::from_iter(failures.iter().map(|failure| {
        (failure.what.as_str(), failure.expected.as_deref(), failure.got.as_deref(), failure.message.as_str())
    }));
    let right = [
        ("diamonds", Some("114"), Some("12"), "printed \"diamonds: 12\", right is 114"),
        ("top_gifter", Some("alice"), Some("bob"), "printed \"top bob\", right is \"alice\""),
        ("output", Some("all done"), None, "did not print \"all done\""),
        ("diamonds.alice", Some("37"), Some("NaN"), "printed \"of alice: NaN\", right is 37"),
        ("chats", Some("67"), Some("66"), "wrote \"chats\" as 66, right is 67"),
    ];
    assert_eq!(shown, right);
    assert_eq!(compare(&truth(), &output(&["diamonds: {diamonds}"], "diamonds: 114"), &[]), []);
    let silent = compare(&truth(), &output(&expected, ""), &[]);
    assert_eq!(silent.len(), 1, "{silent:?}");
    let zeros = ["likes={likes}", "of bob: {diamonds.bob}"];
    assert_eq!(compare(&truth(), &output(&zeros, ""), &[]), [], "what was never printed is 0");
    let nobody = Tally::default();
    assert_eq!(compare(&nobody.truth(), &output(&["top {top_gifter}"], "top null"), &[]), []);
}

#[test]
fn each_user_with_the_most_diamonds_is_the_top_gifter() {
    let mut truth = truth();
    truth.users.extend([("bob".into(), 37), ("carol".into(), 36)]);
    let said = |name: &str| compare(&truth, &output(&["top {top_gifter}"], &format!("top {name}")), &[]);
    assert_eq!(said("alice"), []);
    assert_eq!(said("bob"), []);
    assert_eq!(said("carol")[0].message, "printed \"top carol\", right is \"alice\" or \"bob\"");
}

#[test]
fn result_files_are_checked() {
    let said = |json: &str| {
        parse_result(json.as_bytes())
            .map(|said| Vec::from_iter(said.into_iter().map(|said| (said.name.0, said.value))))
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let json =
        "{\"diamonds.a.b\":-5,\"likes\":4.49945001e8,\"gifts\":-0.0,\"chats\":1.5,\"top_gifter\":\"x\"}";
    let right = [
        ("chats", "1.5"),
        ("diamonds.a.b", "-5"),
        ("gifts", "0"),
        ("likes", "449945001"),
        ("top_gifter", "x"),
    ];
    let mut parsed = said(json).unwrap();
    parsed.sort();
    assert_eq!(parsed, right.map(|(name, value)| pair(name, value)));
    let table = [
        (
            "{\"dimonds\":1}",
            "wrote a LIVETAPE_RESULT with an unknown number \"dimonds\": did you mean `diamonds`?",
        ),
        ("{\"diamonds\":\"1\"}", "wrote a LIVETAPE_RESULT whose \"diamonds\" is not a number"),
        ("{\"top_gifter\":1}", "wrote a LIVETAPE_RESULT whose \"top_gifter\" is not a string"),
        ("{\"gifts\":null}", "wrote a LIVETAPE_RESULT whose \"gifts\" is not a number"),
    ];
    for (json, message) in table {
        assert_eq!(said(json), Err(message.to_owned()), "{json}");
    }
    assert_eq!(said("{}"), Err("wrote a LIVETAPE_RESULT without numbers".to_owned()));
    for json in ["", "[1]", "{\"gifts\":1", "{\"gifts\":NaN}", "\u{0}"] {
        assert!(
            said(json).unwrap_err().starts_with("wrote a LIVETAPE_RESULT that is not a JSON object: "),
            "{json:?}"
        );
    }
    assert!(parse_result(&vec![b' '; RESULT_BYTES_MAX + 1]).is_err());
}

#[test]
fn an_endless_output_takes_bounded_memory() {
    let expected = [Expectation::parse("diamonds: {diamonds}").unwrap()];
    let mut output = Output::new(&expected);
    let mut chunk = b"diamonds: 1\n".repeat(40);
    chunk.extend([b'x'; 8000]);
    for _ in 0..300 {
        output.push(Stream::Stdout, &chunk);
        output.push(Stream::Stderr, &[b'y'; 8000]);
    }
    output.push(Stream::Stdout, b"\ndiamonds: 114\ndiamonds: ");
    output.push(Stream::Stderr, b"\nwarning: \xff\n");
    assert_eq!(output.bytes(), 300 * (chunk.len() + 8000) as u64 + 25 + 12);
    assert!(output.size() < 256 * 1024, "{}", output.size());
    let lines = output.last_lines();
    assert_eq!(lines.len(), LAST_LINES);
    assert!(
        lines.ends_with(&[
            "diamonds: 114".into(),
            "y".repeat(1000),
            "warning: \u{fffd}".into(),
            "diamonds: ".into()
        ]),
        "{lines:?}"
    );
    assert_eq!(output.found()[0].1.as_ref().unwrap().value, "", "the unfinished line is the last");
    output.push(Stream::Stdout, b"1");
    output.push(Stream::Stderr, b"diamonds");
    output.push(Stream::Stdout, b"15");
    assert_eq!(output.found()[0].1.as_ref().unwrap().value, "115", "streams do not mix");
}

#[test]
fn a_line_that_is_printed_again_and_again_is_one() {
    let mut output = Output::new(&[]);
    output.push(Stream::Stderr, b"a\nb\nb\nb\na\nb\n");
    assert_eq!(output.last_lines(), ["a", "b (3 times)", "a", "b"]);
}

#[test]
fn the_parts_of_an_output_do_not_matter() {
    let printed = "a\u{1b}[1m diamonds: 1,\u{1b}[0m234\u{202f}💎\r\n\r\nlast: é\n".as_bytes();
    let read = |size: usize| {
        let mut output = Output::new(&[Expectation::parse("diamonds: {diamonds}").unwrap()]);
        printed.chunks(size).for_each(|chunk| output.push(Stream::Stderr, chunk));
        (output.last_lines(), output.found()[0].1.clone().map(|found| found.value))
    };
    let whole = read(printed.len());
    assert_eq!(whole, (vec!["a diamonds: 1,234\u{202f}💎".into(), "last: é".into()], Some("1234".into())));
    for size in 1..printed.len() {
        assert_eq!(read(size), whole, "{size}");
    }
}

/// A program that is ended has not written the rest of its buffer.
#[test]
fn a_number_that_a_full_buffer_cut_does_not_count() {
    let read = |length: usize| {
        let before = "diamonds: 114\n";
        let printed = format!("{before:.>width$}diamonds: 2", width = length - "diamonds: 2".len());
        value("diamonds: {diamonds}", &printed)
    };
    assert_eq!(read(8192).as_deref(), Some("114"));
    assert_eq!(read(8191).as_deref(), Some("2"), "an unfinished line");
}

#[test]
fn code_that_a_traceback_quotes_is_no_output() {
    let printed = "chats: 63\nTraceback (most recent call last):\n  File \"bot.py\", line 3\n    print(f\"chats: {n}\")\nKeyError: 'x'\n";
    assert_eq!(value("chats: {chats}", printed).as_deref(), Some("63"));
}

#[test]
fn no_output_panics() {
    let pieces = [
        "diamonds: ",
        "1",
        ",",
        ".",
        "234",
        " ",
        "-",
        "\u{1b}",
        "[",
        "]",
        "\u{7}",
        "é",
        "\u{9b}",
        "@",
        "_",
        "\n",
        "\r",
        "\u{202f}",
        "💎",
    ];
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        pieces[(seed >> 33) as usize % pieces.len()]
    };
    for expected in ["diamonds: {diamonds}", "{diamonds}é", "{top_gifter}", "@{top_gifter},", "1"] {
        for _ in 0..500 {
            let printed: String = (0..12).map(|_| next()).collect();
            let _ = compare(&truth(), &output(&[expected], &printed), &[]);
        }
    }
}

#[test]
fn if_messages_were_lost_any_number_in_between_is_right() {
    let most = truth();
    let least = Truth { diamonds: 100, chats: 67, top_gifter: "bob".into(), ..Truth::default() };
    let right = || Right { least: &least, most: &most };
    let failures = |said: &str| {
        let said = output(&["diamonds: {diamonds}", "top: {top_gifter}"], said);
        Vec::from_iter(compare(right(), &said, &[]).into_iter().map(|failure| failure.message))
    };
    for said in ["diamonds: 100 top: bob", "diamonds: 107 top: alice", "diamonds: 114 top: bob"] {
        assert_eq!(failures(said), Vec::<String>::new(), "{said}");
    }
    assert_eq!(
        failures("diamonds: 115 top: carol"),
        [
            "printed \"diamonds: 115\", right is 100 to 114",
            "printed \"top: carol\", right is \"alice\" or \"bob\""
        ]
    );
}
