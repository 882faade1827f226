//! Settings as text: the values in effect, an example file, and tables for the documentation.

use std::fmt::Write as _;

use livetape_engine::source::live::{Group, Requests};

use super::{
    Key, Origin, Resolved, SECTIONS,
    table::KEYS,
    value::{quoted, table},
};

/// Column at which `config show` prints the origin of a value.
const ORIGIN_COLUMN: usize = 40;

/// Returns the settings in effect as TOML, each with its origin. Secrets are masked.
#[must_use]
pub fn show(resolved: &Resolved) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        _ = writeln!(text, "[{section}]");
        for key in keys(section) {
            let line = match (key.get)(&resolved.settings) {
                Some(value) => format!("{} = {value}", key.name()),
                None => format!("# {} is not set", key.name()),
            };
            let from = match resolved.origin(key) {
                Origin::Env => format!("env {}", key.env),
                Origin::Flag => format!("flag --{}", key.flag().map(|flag| flag.long).unwrap_or_default()),
                origin => origin.to_string(),
            };
            _ = writeln!(text, "{line:ORIGIN_COLUMN$} # {from}");
        }
        text.push('\n');
    }
    for token in &resolved.settings.tokens {
        _ = writeln!(text, "[[tokens]]\ntoken = \"***\"\nname = {}", quoted(&token.name));
        for (key, value) in [("user", &token.user), ("recording", &token.recording)] {
            if let Some(value) = value {
                _ = writeln!(text, "{key} = {}", quoted(value));
            }
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn keys(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section == section)
}

/// Returns the default, or an example for keys without one.
fn sample(key: &Key) -> String {
    if let Some(group) =
        Group::ALL.iter().find(|group| key.path() == format!("live.request.{}", group.name()))
    {
        return table(group.defaults().iter().copied());
    }
    if let Some(value) = key.default_text() {
        return value;
    }
    match key.path().as_str() {
        "live.request.user_agent" => return quoted(Requests::default().user_agent()),
        "server.port" => "3000",
        "cluster.nats" => "\"nats://127.0.0.1:4222\"",
        "cluster.creds" => "\"livetape.creds\"",
        "server.token" => "\"a-secret-of-16-or-more-characters\"",
        "server.token_file" => "\"tokens.txt\"",
        "server.tls_cert" => "\"cert.pem\"",
        "server.tls_key" => "\"key.pem\"",
        "server.recordings" => "\"recordings\"",
        "server.seed" | "mock.seed" => "7",
        "log.level" => "\"info\"",
        "log.file" => "\"livetape.log\"",
        "live.upstream" | "live.sign_url" => "\"http://127.0.0.1:3100\"",
        "live.sign_key" | "webhook.secret" => "\"a-secret\"",
        "webhook.url" => "\"http://127.0.0.1:8080/events\"",
        "live.session_cookie" => "\"cookies.txt\"",
        "live.cdp" => "9222",
        "live.proxy" => "\"socks5://127.0.0.1:1080\"",
        "live.record" => "\"show.bin\"",
        "record.rotate" => "\"100MB\"",
        "record.max_size" => "\"2GiB\"",
        "mock.play" => "\"demo\"",
        "replay.loop" => "3",
        "replay.end" => "\"15m30s\"",
        "replay.idle_limit" => "\"2s\"",
        "server.wait_clients" => "1",
        "mock.scenario" => "\"scenario.toml\"",
        "mock.speed" => "10",
        "mock.proxy_listen" => "\"127.0.0.1:3128\"",
        "mock.tls" => "\"0.0.0.0:443\"",
        "mock.ca_dir" => "\"ca\"",
        _ => "\"\"",
    }
    .to_owned()
}

/// Returns a settings file with every key commented out, set to its default or an example.
#[must_use]
pub fn example() -> String {
    let mut text = "# Settings of livetape, read from ./livetape.toml or, if it does not exist, from livetape.toml in the user's folder\n\
        # for configuration. --config names another file instead. Values that are commented out are defaults, or examples\n\
        # for keys without a default. Flags override environment variables, which override this file. Run\n\
        # `livetape config check` to validate it and `livetape config show` to see the result.\n"
        .to_owned();
    for (section, about) in SECTIONS {
        _ = writeln!(text, "\n#{about}\n[{section}]");
        for key in keys(section) {
            _ = writeln!(text, "# {}", key.summary());
            if !key.details().is_empty() {
                _ = writeln!(text, "# {}", key.details());
            }
            _ = writeln!(text, "# {} = {}", key.name(), sample(key));
        }
    }
    text.push_str(
        "\n# Clients of /ws/TOKEN: a name, the user whose room they get, and the recording that /ws/test/TOKEN plays.\n\
         # [[tokens]]\n# token = \"overlay-1\"\n# name = \"overlay\"\n# user = \"clumsyboy_45\"\n# recording = \"demo\"\n",
    );
    text
}

/// Returns the tables of docs/configuration.md.
#[must_use]
pub fn documentation() -> String {
    let mut text = String::new();
    for (section, about) in SECTIONS {
        _ = writeln!(text, "### `[{section}]`\n\n{}\n", about.trim());
        text.push_str("| key | flag | environment | default | |\n|---|---|---|---|---|\n");
        for key in keys(section) {
            let flag = key.flag().map(|_| format!("`{}`", key.flag)).unwrap_or_default();
            let default = key.default_text().map(|value| format!("`{value}`")).unwrap_or_default();
            let doc = match key.details() {
                details if details.is_empty() => key.summary().to_owned(),
                details if details.starts_with('[') => format!("{} {details}", key.summary()),
                details => format!("{}. {details}", key.summary()),
            };
            let doc = doc.replace('|', "\\|").replace('<', "&lt;");
            let flag = flag.replace('|', "\\|");
            _ = writeln!(text, "| `{}` | {flag} | `{}` | {default} | {doc} |", key.name(), key.env);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
