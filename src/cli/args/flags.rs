//! Flags that set settings, generated from their table, and help that lists commands in groups, which clap
//! does not support.

use std::{ffi::OsString, fmt::Write as _, marker::PhantomData, path::PathBuf};

use clap::{
    Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches, ValueHint,
    builder::{OsStringValueParser, Styles, TypedValueParser as _},
    value_parser,
};

use crate::settings::{Form, KEYS, Key};

/// Settings that a command has flags for.
pub(in crate::cli) trait Scope: Send + Sync + 'static {
    /// Keys of the flags that `-h` shows. `--help` shows all flags, starting with the section of the first
    /// key.
    const COMMON: &[&str];
    /// Keys whose help differs from that of other commands, each with its own help.
    const TEXTS: &[(&str, &str)] = &[];

    /// Returns whether the command has the flag of `key`.
    fn holds(key: &Key) -> bool;

    /// Returns whether the command reads the environment variable of `key`. Invalid variables of other
    /// commands are ignored.
    fn reads(key: &Key) -> bool;
}

/// Flags of a scope, as given on the command line.
#[derive(Debug)]
pub(in crate::cli) struct Flags<S> {
    pub(in crate::cli) given: Vec<(&'static Key, OsString)>,
    /// Settings file.
    pub(in crate::cli) config: Option<PathBuf>,
    scope: PhantomData<S>,
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident, common $common:expr; $key:ident => $holds:expr, reads $reads:expr $(, texts $texts:expr)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(in crate::cli) struct $name;

        impl Scope for $name {
            const COMMON: &[&str] = &$common;
            $(const TEXTS: &[(&str, &str)] = &$texts;)?

            fn holds($key: &Key) -> bool {
                $holds
            }

            fn reads($key: &Key) -> bool {
                $reads
            }
        }
    )*};
}

scopes! {
    /// `replay`: settings of rooms and recordings, including those that are opened later.
    OfReplay, common [
        "replay.speed", "replay.loop", "replay.start", "replay.end", "server.wait_clients", "replay.exit_when_done",
        "server.listen", "server.port", "server.quiet", "live.record", "live.upstream",
    ]; key => is_served(key) && key.path() != "live.stay", reads Self::holds(key);
    /// `serve`: like [`OfReplay`], and settings of a cluster.
    OfServe, common [
        "replay.speed", "replay.loop", "replay.start", "replay.end", "server.wait_clients", "replay.exit_when_done",
        "server.listen", "server.port", "server.quiet", "live.record", "live.upstream", "cluster.nats",
    ]; key => OfReplay::holds(key) || key.section == "cluster", reads Self::holds(key);
    /// `live`: like [`OfReplay`], but `--wait-clients` delays the connection instead of the first frame.
    OfLive, common [
        "live.upstream", "live.cdp", "live.sign_url", "live.max_attempts", "live.wait_live", "server.wait_clients", "live.stay",
        "live.record", "server.listen", "server.port", "server.quiet",
    ]; key => is_served(key), reads Self::holds(key), texts [
        ("server.wait_clients", "Connect to the room once N subscribers are connected\n\n[default: 0] [env: LIVETAPE_WAIT_CLIENTS]"),
    ];
    /// `run`: settings of `replay`, except those that its own flags replace.
    OfRun, common [
        "replay.speed", "replay.loop", "replay.start", "replay.end", "replay.exit_when_done", "server.port",
    ]; key => key.path() == "mock.ca_dir" || is_served(key) && !matches!(
        key.path().as_str(),
        "server.quiet" | "server.wait_clients" | "live.stay" | "live.offline"
    ), reads match &*key.path() {
        "mock.pass" | "live.offline" => true,
        "server.port" => false,
        _ => Self::holds(key),
    }, texts [
        ("server.listen", "Listen on a port or ADDR:PORT [default: any free port]\n\nA port alone listens on loopback."),
        ("server.port", "Override the port of --listen [default: any free port]"),
        ("replay.exit_when_done", "Close the sockets (1000) at the end of the recording\n\n[env: LIVETAPE_EXIT_WHEN_DONE]"),
        LEVEL_WITHOUT_EVENTS,
    ];
    /// `record`, which has no server.
    OfRecord, common [
        "record.rotate", "record.max_size", "live.upstream", "live.cdp", "live.sign_url",
        "live.wait_live", "server.quiet",
    ]; key => match key.section {
        "server" => matches!(key.name(), "quiet" | "recordings"),
        "live" => !matches!(key.name(), "record" | "stay" | "allow_inject"),
        section => matches!(section, "log" | "record" | "live.request"),
    }, reads Self::holds(key) || matches!(&*key.path(), "live.record" | "limits.shutdown_time");
    /// `mock`.
    OfMock, common [
        "mock.play", "mock.scenario", "mock.port", "mock.speed", "mock.seed", "mock.proxy_listen", "mock.tls", "mock.pass",
        "server.recordings",
    ]; key => {
        matches!(key.section, "mock" | "log") || (key.section, key.name()) == ("server", "recordings")
    }, reads Self::holds(key) || key.path() == "limits.shutdown_time", texts [LEVEL_WITHOUT_EVENTS];
    /// `ca`.
    OfCa, common ["mock.ca_dir"]; key => key.path() == "mock.ca_dir", reads Self::holds(key);
    /// `doctor`.
    OfDoctor, common [
        "live.upstream", "live.ways", "live.cdp", "live.sign_url", "live.proxy",
        "cluster.nats", "cluster.name", "cluster.creds",
    ]; key => match key.section {
        "live" => !matches!(key.name(), "record" | "stay" | "allow_inject" | "wait_live" | "max_attempts"),
        "server" => matches!(key.name(), "token_file" | "max_live"),
        section => matches!(section, "live.request" | "cluster"),
    }, reads Self::holds(key) || key.path() == "server.token";
    /// `watch`.
    OfWatch, common ["server.token_file"]; key => key.path() == "server.token_file", reads Self::holds(key) || key.path() == "server.token", texts [
        ("server.token_file", "Send the first bearer token in this file\n\n[env: LIVETAPE_TOKEN_FILE]"),
    ];
    /// Tools that only need the directory of recordings.
    OfTools, common ["server.recordings"]; key => (key.section, key.name()) == ("server", "recordings"), reads Self::holds(key);
    /// Commands that only have `--config`.
    OfNone, common []; key => key.section.is_empty(), reads !key.env.is_empty();
}

/// Help of `--log-level` for commands that print no events.
const LEVEL_WITHOUT_EVENTS: (&str, &str) = (
    "log.level",
    "Set the log level: off, error, warn, info, debug or trace\n\n\
     [default: warn; info with --log-file] [env: LIVETAPE_LOG_LEVEL]",
);

/// Heading of a flag in `--help`; `None` for the general ones.
fn heading(key: &Key) -> Option<&'static str> {
    match (key.section, key.name()) {
        ("server", "token_file" | "tls_cert" | "tls_key") => Some("Access"),
        ("server", "recordings") => None,
        ("server", "quiet") | ("log", _) => Some("Output"),
        ("server", "wait_clients") | ("replay", _) => Some("Playback"),
        ("server" | "webhook", _) => Some("Server"),
        ("live", "record") | ("record", _) => Some("Recording"),
        ("cluster", _) => Some("Cluster"),
        ("live", _) => Some("Live room"),
        ("mock", "proxy_listen" | "tls" | "pass" | "ca_dir") => Some("Proxy"),
        ("mock", _) => Some("Mock"),
        _ => None,
    }
}

/// Returns whether the commands that serve use the setting.
fn is_served(key: &Key) -> bool {
    let sections = ["server", "webhook", "limits", "log", "live", "live.request", "replay", "record"];
    sections.contains(&key.section)
}

impl<S: Scope> Flags<S> {
    fn keys() -> impl Iterator<Item = &'static Key> {
        let is_first = |key: &&Key| S::COMMON.first().is_some_and(|first| first.starts_with(key.section));
        let (first, others): (Vec<_>, Vec<_>) = KEYS.iter().filter(|key| S::holds(key)).partition(is_first);
        first.into_iter().chain(others)
    }
}

impl<S: Scope> clap::Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Read settings from this file [default: livetape.toml]")
            .long_help("Read settings from this file\n\n[default: livetape.toml, here or in the user's folder for configuration] [env: LIVETAPE_CONFIG]");
        let arg = |key| {
            let (arg, path) = (arg(key, S::COMMON.contains(&key.path().as_str()))?, key.path());
            Some(match S::TEXTS.iter().find(|(text_of, _)| *text_of == path) {
                Some((_, text)) => arg.help(text.lines().next().unwrap_or_default()).long_help(*text),
                None => arg,
            })
        };
        Self::keys().filter_map(arg).fold(command, Command::arg).arg(config)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Scope> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = Self::keys().filter_map(|key| Some((key, typed(matches, key)?))).collect();
        Ok(Self { given, config: matches.get_one("config").cloned(), scope: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn typed(matches: &ArgMatches, key: &Key) -> Option<OsString> {
    let flag = key.flag()?;
    if key.form == Form::List {
        let values: Vec<_> = matches.get_many::<OsString>(key.name())?.cloned().collect();
        return Some(values.join(",".as_ref()));
    }
    if flag.value.is_some() {
        return matches.get_one::<OsString>(key.name()).cloned();
    }
    matches.get_flag(key.name()).then(|| "true".into())
}

fn arg(key: &'static Key, is_common: bool) -> Option<Arg> {
    let flag = key.flag()?;
    let arg = Arg::new(key.name())
        .long(flag.long)
        .help(format!("{}{}", key.summary(), default_of(key)))
        .long_help(long_help(key))
        .help_heading(heading(key))
        .hide_short_help(!is_common);
    let arg = match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    let Some(value) = flag.value else { return Some(arg.action(ArgAction::SetTrue)) };
    let arg = arg.value_name(value).allow_hyphen_values(!flag.is_optional);
    let arg = if key.form == Form::List { arg.action(ArgAction::Append) } else { arg };
    let arg = match key.form {
        // An argument behind the switch is another one's.
        Form::SwitchOrAddress => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ if flag.is_optional => arg.num_args(0..=1).default_missing_value("endless"),
        _ => arg,
    };
    let is_file = key.form == Form::Path || value == "FILE";
    let arg = arg.value_hint(if is_file { ValueHint::AnyPath } else { ValueHint::Other });
    Some(if key.is_secret {
        // Errors must not repeat a secret.
        arg.value_parser(OsStringValueParser::new())
    } else {
        arg.value_parser(OsStringValueParser::new().try_map(|text| key.check(&text).map(|()| text)))
    })
}

/// Returns ` [default: …]`, unless the documentation has it already.
fn default_of(key: &Key) -> String {
    let is_said = key.summary().contains("[default") || key.details().contains("[default");
    let default = key.default_text().filter(|text| text != "false" && !is_said);
    default.map(|text| format!(" [default: {}]", text.trim_matches('"'))).unwrap_or_default()
}

fn long_help(key: &Key) -> String {
    let origin = format!("{} [env: {}]", default_of(key), key.env);
    let parts = [key.summary().to_owned(), key.details(), origin.trim().to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Widest line of help, in columns.
pub(in crate::cli) const COLUMNS_MAX: usize = 80;

/// Width of the groups' names and of the commands' names, in columns.
const GROUP_COLUMNS: usize = 9;
const NAME_COLUMNS: usize = 13;

/// Every command, in the group that `livetape --help` lists it in.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Play", &["replay", "live", "serve", "watch"]),
    ("Record", &["record", "import", "synth"]),
    ("Inspect", &["info", "verify", "events", "cat", "diff"]),
    ("Edit", &["cut", "merge", "mark", "repair"]),
    ("Share", &["share", "scrub", "audit", "export"]),
    ("Test", &["test", "shrink", "run", "mock", "ca", "trigger", "as-scenario"]),
    ("Set up", &["config", "doctor", "token", "completions", "man"]),
];

/// Lists commands in groups, and keeps help within [`COLUMNS_MAX`].
pub(in crate::cli) fn grouped(command: Command) -> Command {
    let mut template = String::from("{about}\n{usage-heading} {usage}\n\n");
    let styles = Styles::default();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    for (group, names) in GROUPS {
        for (at, name) in names.iter().enumerate() {
            let group = if at == 0 { group } else { "" };
            let indent = " ".repeat(GROUP_COLUMNS - group.len());
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            _ = write!(template, "{header}{group}{header:#}{indent}");
            _ = writeln!(template, "{literal}{name:NAME_COLUMNS$}{literal:#}{about}");
        }
    }
    _ = write!(template, "\n{header}Options:{header:#}\n{{options}}{{after-help}}");
    command.help_template(template).max_term_width(COLUMNS_MAX)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use crate::cli::command;

    use super::*;

    #[track_caller]
    fn check<S: Scope>() {
        for path in S::COMMON {
            let has = Flags::<S>::keys().any(|key| key.path() == *path && key.flag().is_some());
            assert!(has, "`-h` cannot show {path}");
        }
    }

    #[test]
    fn every_common_flag_exists() {
        check::<OfReplay>();
        check::<OfServe>();
        check::<OfLive>();
        check::<OfRun>();
        check::<OfRecord>();
        check::<OfMock>();
        check::<OfCa>();
        check::<OfDoctor>();
        check::<OfWatch>();
        check::<OfTools>();
    }

    /// Longest output of `-h`, in lines: it fits a terminal.
    const SHORT_LINES_MAX: usize = 40;

    /// Calls `check` with each command, and its name with those of its parents.
    fn walk(command: &Command, path: &str, check: &mut dyn FnMut(&str, &Command)) {
        check(path, command);
        for subcommand in command.get_subcommands() {
            walk(subcommand, &format!("{path} {}", subcommand.get_name()), check);
        }
    }

    fn each_command(check: &mut dyn FnMut(&str, &Command)) {
        let mut command = command();
        command.build();
        walk(&command, "livetape", check);
    }

    #[test]
    fn every_command_is_in_exactly_one_group() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let command = command();
        let mut commands: Vec<_> =
            command.get_subcommands().filter(|it| !it.is_hide_set()).map(Command::get_name).collect();
        grouped.sort_unstable();
        commands.sort_unstable();
        assert_eq!(grouped, commands);
    }

    #[test]
    fn help_fits_80_columns_and_short_help_40_lines() {
        let mut problems = Vec::new();
        each_command(&mut |path, command| {
            let (short, long) = (command.clone().render_help(), command.clone().render_long_help());
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let wrapped = after.lines().filter(|line| line.width() > COLUMNS_MAX);
            problems.extend(wrapped.map(|line| format!("{path}: a word is wrapped: {line}")));
            for (flag, text) in [("-h", short.to_string()), ("--help", long.to_string())] {
                let lines = text.trim_end().lines().count();
                if flag == "-h" && lines > SHORT_LINES_MAX {
                    problems.push(format!("{path} {flag} has {lines} lines"));
                }
                let wide = text.lines().filter(|line| line.width() > COLUMNS_MAX);
                problems.extend(wide.map(|line| format!("{path} {flag}: {line}")));
            }
        });
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn help_texts_are_phrases_without_a_full_stop() {
        let mut problems = Vec::new();
        each_command(&mut |path, command| {
            let abouts = command.get_about().into_iter();
            for text in abouts.chain(command.get_arguments().filter_map(Arg::get_help)) {
                let text = text.to_string();
                if text.ends_with('.') || !text.starts_with(char::is_uppercase) {
                    problems.push(format!("{path}: {text}"));
                }
            }
        });
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
