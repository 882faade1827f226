//! The program's own help: commands in groups, which clap does not support.

use std::fmt::Write as _;

use clap::{Command, builder::Styles};

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
    ("Share", &["scrub", "audit", "export"]),
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

    use super::*;
    use crate::cli::command;

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
        let mut commands: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
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
            for text in abouts.chain(command.get_arguments().filter_map(clap::Arg::get_help)) {
                let text = text.to_string();
                if text.ends_with('.') || !text.starts_with(char::is_uppercase) {
                    problems.push(format!("{path}: {text}"));
                }
            }
        });
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
