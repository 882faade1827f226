//! Commands that prepare a machine for livetape, or check its settings.

use std::{io::Write as _, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use livetape_core::{
    error::{Code, Problem, exit},
    event::Millis,
    nearest,
};
use livetape_feed::control::Control;
use livetape_mock::proxy::{DOMAINS, Opened};

use super::{
    args, command,
    options::{
        config::{self, last, read, resolve},
        serving::{self, Webhook},
        sources,
    },
    process::output::{FileFate, Written, assignments, cannot_write, complain, quoted, say, warn, write},
    serve::{cluster, mock::open_ca},
};
use crate::settings::{self, Settings};

/// How clients trust the certificate, and how to undo it.
const CLIENTS: &str = "\
This CA can only sign for <domains>, and is valid until <date>.
`livetape run --mock-proxy -- COMMAND` sets all variables for COMMAND. These lines
do not set the proxy. With CURL_CA_BUNDLE, SSL_CERT_FILE or REQUESTS_CA_BUNDLE, a
program trusts only this CA. After a renewal, remove the old CA before you trust the
new one.<shells>

curl
    trust    <set CURL_CA_BUNDLE>
    remove   <unset CURL_CA_BUNDLE>
Node.js
    trust    <set NODE_EXTRA_CA_CERTS>
    remove   <unset NODE_EXTRA_CA_CERTS>
Python
    trust    <set SSL_CERT_FILE REQUESTS_CA_BUNDLE>
    remove   <unset SSL_CERT_FILE REQUESTS_CA_BUNDLE>
Java, for one command
    trust    java -Djavax.net.ssl.trustStore=<jks> -Djavax.net.ssl.trustStorePassword=<password> ...
Java, for all programs
    trust    keytool -importcert -cacerts -alias livetape -file <pem> -storepass <password> -noprompt
    remove   keytool -delete -cacerts -alias livetape -storepass <password>
Chromium (Linux; certutil is in Debian's libnss3-tools)
    trust    mkdir -p $HOME/.pki/nssdb
             certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n livetape -i <pem>
    remove   certutil -d sql:$HOME/.pki/nssdb -D -n livetape
";

/// Part of [`CLIENTS`] on Windows.
const POWERSHELL: &str = " `set` is for cmd.exe; in PowerShell, write $env:NAME = \"VALUE\".";
/// Variables of [`CLIENTS`] that are set together.
const VARIABLES: [&[&str]; 3] =
    [&["CURL_CA_BUNDLE"], &["NODE_EXTRA_CA_CERTS"], &["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]];

/// Length of a date in a time, as in 2026-11-22T10:00:00Z.
const DATE_CHARS: usize = 10;

pub(crate) fn ca(args: &args::Ca) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let opened = open_ca(settings.mock.ca_dir.as_deref())?;
    say(opened.ca.pem())?;
    let (pem, jks) =
        (quoted(&opened.certificate.to_string_lossy()), quoted(&opened.trust_store.to_string_lossy()));
    let text = CLIENTS.replace("<domains>", &DOMAINS.join(" and ")).replace("<password>", Opened::PASSWORD);
    let shells = if cfg!(windows) { POWERSHELL } else { "" };
    let mut text = text.replace("<shells>", shells).replace("<date>", &date(opened.ca.expires()));
    for names in VARIABLES {
        let name = names.join(" ");
        let certificate = opened.certificate.to_string_lossy();
        text = text.replace(&format!("<set {name}>"), &setting(names, &certificate));
        text = text.replace(&format!("<unset {name}>"), &unsetting(names));
    }
    warn(text.replace("<pem>", &pem).replace("<jks>", &jks).trim_end());
    Ok(exit::DONE)
}

/// Returns the line that sets variables to a value in bash, or in cmd.exe.
fn setting(names: &[&str], value: &str) -> String {
    let all = assignments(&Vec::from_iter(names.iter().map(|name| (*name, value))));
    if cfg!(windows) { all.trim_end_matches('&').to_owned() } else { format!("export {all}") }
}

/// Returns the line that undoes [`setting`].
fn unsetting(names: &[&str]) -> String {
    match cfg!(windows) {
        true => names.iter().map(|name| format!("set {name}=")).collect::<Vec<_>>().join("& "),
        false => format!("unset {}", names.join(" ")),
    }
}

/// Returns the date of a time since the Unix epoch, in UTC.
fn date(time: Duration) -> String {
    Millis::from(time).to_string().chars().take(DATE_CHARS).collect()
}

pub(crate) fn config(args: &args::Config) -> Result<u8, Problem> {
    match &args.command {
        args::ConfigCommand::Check { file } => check(file.as_deref()),
        args::ConfigCommand::Show(flags) => {
            let shown = settings::show(&resolve(flags.config.as_deref(), &[], |_| true).map_err(last)?);
            say(format!("{}\n{shown}", origin(flags.config.as_deref())?))?;
            Ok(exit::DONE)
        }
        args::ConfigCommand::Example => {
            say(settings::example())?;
            Ok(exit::DONE)
        }
    }
}

/// Returns comments that tell where the settings come from, and where those of an installed livetape belong.
fn origin(file: Option<&Path>) -> Result<String, Problem> {
    Ok(match read(file)? {
        Some((path, _)) => format!("# settings file: {}\n", path.display()),
        None => {
            config::files().iter().map(|path| format!("# no settings file {}\n", path.display())).collect()
        }
    })
}

/// Reports every problem.
fn check(file: Option<&Path>) -> Result<u8, Problem> {
    match resolve(file, &[], |_| true) {
        Ok(resolved) => {
            check_parts(&resolved.settings)?;
            say("✅ Settings are valid\n")?;
            Ok(exit::DONE)
        }
        Err(problems) => {
            for mut problem in problems {
                // It would recommend this command.
                if problem.hint == Code::BadConfig.hint() {
                    problem.hint.clear();
                }
                complain(&problem);
            }
            Ok(Code::BadConfig.exit_code())
        }
    }
}

/// Checks what `serve` and `live` check before they listen.
fn check_parts(settings: &Settings) -> Result<(), Problem> {
    cluster::check(settings)?;
    Webhook::new(settings)?;
    sources::live_options(settings, "", None)?;
    Control::with(serving::token_sources(settings))?;
    serving::config(settings).map(drop)
}

/// Version line of manual pages.
const SOURCE: &str = concat!("livetape ", env!("CARGO_PKG_VERSION"));

/// Heading of the text after the options.
const EXTRA: &str = ".SH EXTRA\n";

pub(crate) fn completions(args: &args::Completions) -> Result<u8, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "livetape", &mut script);
    say(String::from_utf8_lossy(&script))?;
    Ok(exit::DONE)
}

pub(crate) fn man(args: &args::Man) -> Result<u8, Problem> {
    say(page(&args.command)?)?;
    Ok(exit::DONE)
}

/// Returns the manual page of a command, e.g. `["config", "show"]`.
fn page(names: &[String]) -> Result<String, Problem> {
    let mut root = command();
    root.build();
    let mut found = &root;
    for name in names {
        found = found.find_subcommand(name).ok_or_else(|| unknown(found, name))?;
    }
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(described(found)).source(SOURCE);
    man.render(&mut page).map_err(|error| cannot_write(&error))?;
    Ok(unfilled(&String::from_utf8_lossy(&page)))
}

/// Keeps the line breaks and the indentation of the text after the options, which has the examples.
fn unfilled(page: &str) -> String {
    let Some((before, after)) = page.split_once(EXTRA) else { return page.to_owned() };
    let (extra, rest) = after.split_at(after.find("\n.SH ").map_or(after.len(), |at| at + 1));
    format!("{before}{EXTRA}.nf\n{extra}.fi\n{rest}")
}

/// Returns the command with the synopsis of `--help`, which names values, and with the help of flags that
/// `-h` hides: clap_mangen omits both.
fn described(command: &clap::Command) -> clap::Command {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    command.clone().override_usage(usage).mut_args(|arg| match (arg.get_long_help(), arg.get_help()) {
        (None, Some(help)) => {
            let help = help.clone();
            arg.long_help(help)
        }
        _ => arg,
    })
}

fn unknown(command: &clap::Command, name: &str) -> Problem {
    let known: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    let problem = Problem::new(Code::BadRequest, format!("unknown command `{name}`"));
    if known.is_empty() { problem } else { problem.hint(nearest::hint(name, &known)) }
}

/// Length of a token before encoding, in bytes.
const TOKEN_BYTES: usize = 32;

pub(crate) fn token(args: &args::Token) -> Result<u8, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Problem::new(Code::Io, format!("the system cannot provide random bytes: {error}"))
    })?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let Some(path) = &args.output else {
        say(format!("{token}\n"))?;
        return Ok(exit::DONE);
    };
    let written = write(path, false, |out| {
        writeln!(out, "{token}")?;
        Ok(FileFate::Keep(()))
    });
    match written {
        Ok(Written::Broken(code)) => Ok(code),
        Ok(_) => Ok(exit::DONE),
        // There is no --force.
        Err(problem) if problem.code == Code::OutputExists => {
            Err(Problem::new(problem.code, format!("{} already exists", path.display()))
                .hint("choose another name with -o FILE"))
        }
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_manual_page() {
        let names = |names: &[&str]| page(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(names(&[]).unwrap().contains(".TH livetape 1"));
        for subcommand in command().get_subcommands() {
            let name = subcommand.get_name();
            let page = names(&[name]).unwrap();
            assert!(page.contains(&format!(".TH livetape-{name} 1")), "{page}");
        }
        assert!(names(&["config", "show"]).unwrap().contains(".TH livetape-config-show 1"));
        let problem = names(&["reply"]).unwrap_err();
        assert_eq!(
            (problem.message.as_str(), problem.hint.as_str()),
            ("unknown command `reply`", "did you mean `replay`?")
        );
        assert_eq!(names(&["token", "x"]).unwrap_err().hint, Code::BadRequest.hint());
        let run = names(&["run"]).unwrap();
        let (_, extra) = run.split_once(".SH EXTRA\n.nf\n").unwrap();
        let (extra, _) = extra.split_once("\n.fi\n").unwrap();
        assert!(extra.contains("\n  livetape run demo \\-\\-mock demo \\-\\- pytest\n"), "{extra}");
        assert!(names(&[]).unwrap().contains("\n.fi\n.SH VERSION\n"));
        let mock = names(&["mock"]).unwrap();
        assert!(mock.contains("Write the addresses to this file as JSON"), "{mock}");
        let merge = names(&["merge"]).unwrap();
        assert!(merge.contains("<FILE> <RECORDING> <RECORDING>..."), "{merge}");
    }
}
