//! Errors of the command line, in the same form as all other errors: a line, and a hint.

use std::{collections::BTreeSet, env, sync::LazyLock};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use livetape_core::error::{Code, Problem};

use super::command;
use crate::{
    mask,
    settings::{Form, KEYS, Key, instead_of},
};

/// Wording of the standard library for invalid numbers, and ours.
const NUMBERS: [(&str, &str); 4] = [
    ("invalid digit found in string", "not a whole number"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("cannot parse integer from empty string", "not a whole number"),
];

/// Flags that mean the same in different commands.
const SAME: [(&str, &str); 3] = [("start", "from"), ("end", "to"), ("wait-clients", "clients")];

/// Advice for `run`, `test` and `shrink` without a command.
const NO_COMMAND: &str = "write -- and the command at the end, such as -- node bot.mjs";

/// Advice for an address in the place of a port.
const AN_ADDRESS: &str = "for an address, use --listen ADDR:PORT";

/// Converts clap's error: the first paragraph is the message, and similar names are the hint. Other tips are
/// omitted: they are about arguments that start with a dash.
pub(super) fn problem(error: &clap::Error) -> Problem {
    let text = masked(error);
    let mut paragraphs = text.split("\n\n");
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut tips = paragraphs.flat_map(str::lines).filter_map(|line| line.trim().strip_prefix("tip: "));
    let meant = tips.find_map(|tip| tip.split_once(" similar ")?.1.split_once(": "));
    let takes_command =
        ["run", "test", "shrink"].iter().any(|name| text.contains(&format!("Usage: livetape {name} ")));
    let is_command =
        message.starts_with("unexpected argument '") && !message.starts_with("unexpected argument '-");
    let hint = match meant {
        _ if let Some(instead) = unknown(error).and_then(instead_of) => instead.to_owned(),
        _ if let Some(name) = same(&text, error) => format!("did you mean '--{name}'?"),
        Some((_, names)) => format!("did you mean {names}?"),
        None if message.contains("for '[PORT]'") && message.contains(['.', ':']) => AN_ADDRESS.to_owned(),
        None if takes_command && is_command => "write -- before the command".to_owned(),
        None if takes_command && message.contains("<COMMAND>") => NO_COMMAND.to_owned(),
        None => see_help(),
    };
    Problem::new(Code::BadRequest, plain(&message, error)).hint(hint)
}

/// Returns the text of an error, without the secrets in the arguments that it repeats.
fn masked(error: &clap::Error) -> String {
    let repeats = [ContextKind::InvalidArg, ContextKind::InvalidValue, ContextKind::InvalidSubcommand];
    let repeated = repeats.into_iter().filter_map(|kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    });
    repeated.fold(error.render().to_string(), |text, argument| mask::repeated(&text, argument))
}

/// Returns the flag that no command has, or not this one.
fn unknown(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(unknown)) if error.kind() == ErrorKind::UnknownArgument => Some(unknown),
        _ => None,
    }
}

/// Returns the flag of the command that means the same as the unknown one.
fn same(text: &str, error: &clap::Error) -> Option<&'static str> {
    let called = unknown(error)?.strip_prefix("--")?;
    let name = text.split_once("Usage: livetape ")?.1.split_whitespace().next()?;
    let commands = command();
    let known = commands.find_subcommand(name)?;
    let names = SAME.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]);
    let mut meant = names.filter(|(name, _)| *name == called).map(|(_, meant)| meant);
    meant.find(|meant| known.get_arguments().any(|it| it.get_long() == Some(meant)))
}

/// Returns the error of a command line in which an address follows a switch that takes one only behind `=`: it would
/// count as another argument, such as the port of `serve`.
pub(super) fn apart(args: impl Iterator<Item = String>) -> Option<Problem> {
    let args: Vec<_> = args.skip(1).take_while(|arg| arg != "--").collect();
    args.windows(2).find_map(|pair| {
        let [switch, value] = pair else { return None };
        let name = switch.strip_prefix("--")?;
        let is_meant = |key: &&Key| {
            key.form == Form::SwitchOrAddress && key.flag().is_some_and(|flag| flag.long == name)
        };
        let key = KEYS.iter().find(is_meant)?;
        if value.parse::<u16>().is_err() && key.check(value.as_ref()).is_err() {
            return None;
        }
        // Only now, because building all commands takes a sixth of a start.
        let known = command();
        let command = args.iter().find_map(|arg| known.find_subcommand(arg))?;
        command.get_arguments().any(|arg| arg.get_long() == Some(name)).then(|| {
            Problem::new(Code::BadRequest, format!("{switch} and {value} are two arguments"))
                .hint(format!("write {switch}={value}, or {value} before {switch}"))
        })
    })
}

/// Command of this process, if it exists.
fn current() -> Option<clap::Command> {
    command().find_subcommand(env::args().nth(1)?).cloned()
}

fn see_help() -> String {
    let name = current().map(|command| format!(" {}", command.get_name())).unwrap_or_default();
    format!("run `livetape{name} --help` for the arguments")
}

/// Whether the command of this process has a flag, such as `--port` or `-o`. Hints name no others.
pub(super) fn has_flag(flag: &str) -> bool {
    static FLAGS: LazyLock<BTreeSet<String>> = LazyLock::new(|| match current() {
        // It checks the settings of all commands.
        Some(config) if config.get_name() == "config" => flags(&command()),
        current => current.map(|current| flags(&current)).unwrap_or_default(),
    });
    FLAGS.contains(flag)
}

/// Returns the flags of a command and its subcommands.
fn flags(command: &clap::Command) -> BTreeSet<String> {
    let long = command.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?)));
    let short = command.get_arguments().filter_map(|arg| Some(format!("-{}", arg.get_short()?)));
    long.chain(short).chain(command.get_subcommands().flat_map(flags)).collect()
}

/// Replaces wording that only programmers understand. The value itself stays.
fn plain(message: &str, error: &clap::Error) -> String {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => mask::argument(value),
        _ => "".into(),
    };
    let start = message.find(&format!("'{value}'")).map_or(0, |at| at + value.len() + 2);
    let (given, reason) = message.split_at(start);
    let mut reason = reason.to_owned();
    for (theirs, ours) in NUMBERS {
        reason = reason.replace(theirs, ours);
    }
    if let Some((before, range)) = reason.split_once(" is not in ")
        && let Some((min, max)) = range.split_once("..=")
    {
        reason = format!("{before} is not between {min} and {max}");
    }
    format!("{given}{reason}")
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use livetape_core::error::flags_of;

    use super::*;

    fn failed(line: &str) -> (String, String) {
        let error = command().try_get_matches_from(line.split(' ')).unwrap_err();
        let problem = problem(&error);
        (problem.message, problem.hint)
    }

    #[test]
    fn a_usage_error_is_a_line_and_a_hint() {
        let (message, hint) = failed("livetape serv");
        assert_eq!(message, "unrecognized subcommand 'serv'");
        assert_eq!(hint, "did you mean 'serve'?");
        let (message, hint) = failed("livetape replay --sped 2");
        assert_eq!((&*message, &*hint), ("unexpected argument '--sped' found", "did you mean '--speed'?"));
        let (_, hint) = failed("livetape run demo --wait-clients 1 -- true");
        assert_eq!(hint, "did you mean '--clients'?");
        for (line, hint) in [
            ("livetape cut demo --start 10s -o x.bin", "did you mean '--from'?"),
            ("livetape cut demo --end=10s -o x.bin", "did you mean '--to'?"),
            ("livetape replay demo --from 10s", "did you mean '--start'?"),
            ("livetape live ann --session x", instead_of("--session").unwrap()),
            ("livetape serve --insecure", instead_of("--insecure").unwrap()),
            ("livetape watch --ca=x.pem", instead_of("--ca").unwrap()),
        ] {
            assert_eq!(failed(line).1, hint, "{line}");
        }
        let (_, hint) = failed("livetape replay --bogus");
        assert!(hint.starts_with("run `livetape"), "{hint}");
        for name in ["run", "test", "shrink"] {
            assert_eq!(failed(&format!("livetape {name} demo node bot.js")).1, "write -- before the command");
            assert_eq!(failed(&format!("livetape {name} demo")).1, NO_COMMAND);
        }
        let (message, hint) = failed("livetape info");
        assert_eq!(message, "the following required arguments were not provided: <RECORDING>");
        assert!(hint.starts_with("run `livetape"), "{hint}");
        let (message, _) = failed("livetape export foo demo");
        assert!(message.ends_with("[possible values: har, jsonl]"), "{message}");
    }

    #[test]
    fn an_address_behind_a_switch_is_not_taken_for_another_argument() {
        let of = |line: &str| apart(line.split(' ').map(str::to_owned)).map(|problem| problem.hint);
        for (line, hint) in [
            ("livetape serve --tikfinity 0", "write --tikfinity=0, or 0 before --tikfinity"),
            ("livetape serve --tikfinity 21214", "write --tikfinity=21214, or 21214 before --tikfinity"),
            (
                "livetape replay --tikfinity 0.0.0.0:1",
                "write --tikfinity=0.0.0.0:1, or 0.0.0.0:1 before --tikfinity",
            ),
            (
                "livetape live --tikfinity localhost:1 ann",
                "write --tikfinity=localhost:1, or localhost:1 before --tikfinity",
            ),
        ] {
            assert_eq!(of(line).as_deref(), Some(hint), "{line}");
        }
        for line in [
            "livetape",
            "livetape serve 3000 --tikfinity",
            "livetape serve --tikfinity=0 3000",
            "livetape replay --tikfinity demo",
            "livetape run demo -- bot --tikfinity 3",
            "livetape serve --port 3000",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    /// Commands that print what happens to a room.
    const OF_ROOMS: [&str; 5] = ["live", "serve", "replay", "record", "doctor"];

    #[test]
    fn hints_name_only_flags_of_the_command() {
        let commands = command();
        let of = |name: &str| flags(commands.find_subcommand(name).unwrap());
        let shown = |code: Code, flags: &BTreeSet<String>| {
            code.terminal_hint(code.hint(), |flag| flags.contains(flag))
        };
        for command in commands.get_subcommands() {
            let has = flags(command);
            for code in Code::ALL {
                let hint = shown(*code, &has);
                assert!(flags_of(hint).all(|flag| has.contains(flag)), "{}: {hint}", command.get_name());
            }
        }
        let all = flags(&commands);
        for code in Code::ALL {
            // Each flag in the table exists.
            assert_eq!(shown(*code, &all), code.terminal_hint(code.hint(), |_| true), "{code}");
        }
        assert_eq!(OF_ROOMS.map(|name| of(name).contains("--wait-live")), [true, true, true, true, false]);
        assert_eq!(shown(Code::UserOffline, &of("doctor")), Code::UserOffline.hint());
        assert!(shown(Code::Blocked, &of("doctor")).ends_with("(--proxy)"));
        assert!(OF_ROOMS.iter().all(|name| shown(Code::ConnectionLost, &of(name)).contains("--proxy")));
    }

    /// Also those that are not in the table of codes.
    #[test]
    fn commands_in_hints_have_their_flags() {
        let commands = command();
        let mut wrong = Vec::new();
        let mut count = 0;
        for path in sources(Path::new(env!("CARGO_MANIFEST_DIR"))) {
            let text = fs::read_to_string(&path).unwrap();
            for quoted in text.split('`').skip(1).filter_map(|text| text.strip_prefix("livetape ")) {
                let mut words = quoted.lines().next().unwrap_or_default().split([' ', '{', '}', '\\', '"']);
                let Some(known) = words.next().and_then(|name| commands.find_subcommand(name)) else {
                    continue;
                };
                let has = flags(known);
                // What follows belongs to the command that is run.
                let used = words.take_while(|word| *word != "--").filter(|word| word.starts_with("--"));
                for flag in used.filter(|flag| *flag != "--help" && !has.contains(*flag)) {
                    wrong.push(format!("{}: livetape {} has no {flag}", path.display(), known.get_name()));
                }
                count += 1;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(count > 40, "{count} commands");
    }

    /// Returns the files of our code.
    fn sources(root: &Path) -> Vec<PathBuf> {
        let crates = fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
        let crates = crates.filter(|path| path.is_dir()).map(|path| path.join("src"));
        let mut folders: Vec<_> = crates.chain([root.join("src")]).collect();
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match entry.extension() {
                    None if entry.is_dir() => folders.push(entry),
                    Some(ending) if ending == "rs" => files.push(entry),
                    _ => {}
                }
            }
        }
        files
    }

    #[test]
    fn numbers_are_explained_in_plain_words() {
        assert_eq!(failed("livetape serve abc").0, "invalid value 'abc' for '[PORT]': not a whole number");
        assert!(failed("livetape serve 0.0.0.0:39320").1.contains("--listen"));
        let (message, _) = failed("livetape synth -o x --minutes 0");
        assert!(message.ends_with(": 0 is not between 1 and 44640"), "{message}");
    }

    #[test]
    fn secrets_in_arguments_are_not_repeated() {
        for line in [
            "trigger chat --comment x http://127.0.0.1:1/?token=planted",
            "http://ann:planted@127.0.0.1:1/",
            "info demo token=planted",
            "serve http://ann:planted@h/",
            "serve --listen ws://h/ws/planted",
            "replay demo --speed http://h/?token=planted",
            "events demo --types gift,http://h/?token=planted",
            "trigger chat --http://h/?token=planted",
            "trigger chat --token=planted",
            "mock --pass https://ann:planted@h",
        ] {
            let (message, hint) = failed(&format!("livetape {line}"));
            assert!(!format!("{message}{hint}").contains("planted"), "{line}: {message} {hint}");
        }
    }

    #[test]
    fn values_of_flags_are_checked() {
        for (line, expected) in [
            ("replay demo --speed -1", "invalid value '-1'"),
            ("replay demo --start -5s", "invalid value '-5s'"),
            ("run demo --clients -1 -- true", "invalid value '-1'"),
            ("run demo --until-idle 0 -- true", "invalid value '0'"),
            ("trigger chat --repeat 2 --every -1s", "invalid value '-1s'"),
            ("trigger chat --every 1s", "--repeat"),
            ("trigger chat --repeat 0", "invalid value '0'"),
            ("trigger gift --count 99999999999999999999", "invalid value"),
            ("import x.har --rate 0", "invalid value '0'"),
            ("import x.har --format pcap", "invalid value 'pcap'"),
            ("events demo --types gfit", "unknown type `gfit`; did you mean `gift`?"),
            ("replay ", "a value is required"),
        ] {
            let (message, _) = failed(&format!("livetape {line}"));
            assert!(message.contains(expected), "{line}: {message}");
        }
    }
}
