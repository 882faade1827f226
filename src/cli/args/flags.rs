//! The flags that are settings, made of the table of settings.

use std::{ffi::OsString, marker::PhantomData, path::PathBuf};

use clap::{
    Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches,
    builder::{OsStringValueParser, TypedValueParser as _},
    value_parser,
};

use crate::settings::{KEYS, Key};

/// Which settings a command has flags for.
pub(in crate::cli) trait Scope: Send + Sync + 'static {
    /// Whether `key` is one of them.
    fn holds(key: &Key) -> bool;

    /// Whether the command reads the environment variable of `key`. Variables of other commands are not even checked.
    fn reads(key: &Key) -> bool;
}

/// What was typed of the flags of a scope.
#[derive(Debug)]
pub(in crate::cli) struct Flags<S> {
    pub(in crate::cli) given: Vec<(&'static Key, OsString)>,
    /// The file with the other settings.
    pub(in crate::cli) config: Option<PathBuf>,
    scope: PhantomData<S>,
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident: $key:ident => $holds:expr, reads $reads:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(in crate::cli) struct $name;

        impl Scope for $name {
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
    /// Of `replay` and `serve`: whatever is connected or loaded later.
    OfServe: key => is_served(key) && !matches!(key.path().as_str(), "live.wait_clients" | "live.stay"), reads is_of_servers(key);
    /// Of `live`: the same, but subscribers are waited for before the room.
    OfLive: key => is_served(key) && key.path() != "replay.wait_clients", reads is_of_servers(key);
    /// Settings of `run`: those of `replay`, except the ones that its own flags replace.
    OfRun: key => is_served(key) && !matches!(
        key.path().as_str(),
        "server.quiet" | "live.wait_clients" | "live.stay" | "live.offline" | "replay.wait_clients"
    ), reads is_of_servers(key);
    /// Of `record`: there is no server.
    OfRecord: key => match key.section {
        "server" => matches!(key.name(), "quiet" | "recordings"),
        "live" => !matches!(key.name(), "record" | "wait_clients" | "stay"),
        section => matches!(section, "log" | "record"),
    }, reads is_of_servers(key);
    /// Of `mock`.
    OfMock: key => {
        matches!(key.section, "mock" | "log") || (key.section, key.name()) == ("server", "recordings")
    }, reads Self::holds(key) || key.path() == "limits.shutdown_time";
    /// Of `watch`.
    OfWatch: key => key.section == "watch" || (key.section, key.name()) == ("server", "token_file"), reads Self::holds(key) || key.path() == "server.token";
    /// Of the tools: where recordings are that are called by name.
    OfTools: key => (key.section, key.name()) == ("server", "recordings"), reads Self::holds(key);
    /// Of commands that have no flags but `--config`.
    OfNone: key => key.section.is_empty(), reads !key.env.is_empty();
}

/// Whether it is a setting of servers and of `record`: neither of the mock nor of `watch`.
fn is_of_servers(key: &Key) -> bool {
    !matches!(key.section, "mock" | "watch")
}

/// What a server is told, whatever it begins with.
fn is_served(key: &Key) -> bool {
    matches!(key.section, "server" | "limits" | "log" | "live" | "replay") || key.path() == "record.sync"
}

impl<S: Scope> Flags<S> {
    fn keys() -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(|key| S::holds(key) && key.flag().is_some())
    }
}

impl<S: Scope> clap::Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The settings [default: livetape.toml, if there is one] [env: LIVETAPE_CONFIG]");
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
    if key.flag()?.value.is_some() {
        return matches.get_one::<OsString>(key.name()).cloned();
    }
    matches.get_flag(key.name()).then(|| "true".into())
}

fn arg(key: &'static Key) -> Option<Arg> {
    let flag = key.flag()?;
    let arg = Arg::new(key.name()).long(flag.long).help(help(key));
    let arg = match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    let Some(value) = flag.value else { return Some(arg.action(ArgAction::SetTrue)) };
    let arg = arg.value_name(value).allow_hyphen_values(!flag.is_optional);
    let arg = if flag.is_optional { arg.num_args(0..=1).default_missing_value("0") } else { arg };
    Some(if key.is_secret {
        // What is wrong with it is told without repeating it.
        arg.value_parser(OsStringValueParser::new())
    } else {
        arg.value_parser(OsStringValueParser::new().try_map(|text| key.check(&text).map(|()| text)))
    })
}

fn help(key: &Key) -> String {
    let default = key.default_text().filter(|text| text != "false" && !key.doc.contains("[default"));
    let default = default.map(|text| format!(" [default: {}]", text.trim_matches('"'))).unwrap_or_default();
    format!("{}{default} [env: {}]", key.doc.trim(), key.env)
}
