//! Checks that every command shown in a document exists.

use std::{fs, path::Path};

use clap::{Parser as _, error::ErrorKind};

use super::Args;

/// Minimum number of commands in the documents; fewer mean that the search is broken.
const COMMANDS_MIN: usize = 40;

/// Returns the name and text of each document.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", "docs", "examples", "recordings", "fixtures/scenarios"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let documents = paths.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    documents.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// Returns the commands in code spans, and after the prompt in console blocks.
fn commands(text: &str) -> Vec<&str> {
    let (mut found, mut is_code) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            found.extend(line.strip_prefix("$ "));
        } else {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    let parts = found.into_iter().flat_map(|line| line.split(['|', ';']).flat_map(|part| part.split("&&")));
    // Neither comments nor redirections are arguments.
    let parts = parts.filter_map(|part| part.split(" #").next()?.split(" >").next());
    parts.map(str::trim).collect()
}

/// Splits arguments. One in single quotes may contain spaces.
fn words(args: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (at, part) in args.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part);
        } else {
            words.extend(part.split_whitespace().map(|word| word.trim_matches('"')));
        }
    }
    words
}

#[test]
fn every_command_in_a_document_parses() {
    let (mut count, mut unknown) = (0, Vec::new());
    for (name, text) in documents() {
        for command in commands(&text) {
            let args = command.strip_prefix("livetape ").or_else(|| command.strip_prefix("cargo run -- "));
            let Some(args) = args.filter(|args| !args.contains('…')) else { continue };
            if let Err(error) = Args::try_parse_from(["livetape"].into_iter().chain(words(args))) {
                // Text such as `livetape repair` or `livetape record --cdp` names a command or flag without
                // its arguments.
                let is_short = matches!(
                    error.kind(),
                    ErrorKind::MissingRequiredArgument
                        | ErrorKind::DisplayHelp
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                        | ErrorKind::MissingSubcommand
                        | ErrorKind::DisplayVersion
                );
                let names_a_flag = command.rsplit(' ').next().is_some_and(|last| last.starts_with('-'));
                if !is_short && !names_a_flag {
                    unknown.push(format!("{name}: `{command}`: {error}"));
                }
            }
            count += 1;
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(count > COMMANDS_MIN, "{count} commands");
}
