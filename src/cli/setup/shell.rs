//! `livetape completions` and `livetape man`, generated from the commands.

use livetape_core::{
    error::{Code, Problem, exit},
    nearest,
};

use crate::cli::{
    args, command,
    process::output::{cannot_write, say},
};

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
