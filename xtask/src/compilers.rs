//! The compilers that a stage runs: cargo prints nothing while it waits for them.

use std::fs;

/// Names of compilers, as the system shows them.
const COMPILERS: [&str; 3] = ["rustc", "clippy-driver", "rustdoc"];
/// Ticks of CPU time per second, on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// The compilers in a process group.
pub(crate) struct Compilers {
    group: u32,
    /// CPU time of all, at the last report.
    ticks: u64,
}

impl Compilers {
    pub(crate) fn of(group: u32) -> Self {
        Self { group, ticks: 0 }
    }

    /// Reports the compilers at work. Returns `None` if there are none, if they have used less than a second
    /// of CPU time since the last report, or if `/proc` is not available.
    pub(crate) fn progress(&mut self) -> Option<String> {
        let (mut names, mut ticks) = (Vec::new(), 0);
        for process in fs::read_dir("/proc").ok()?.flatten() {
            let read = |name| fs::read_to_string(process.path().join(name)).unwrap_or_default();
            if let Some(used) = ticks_of(&read("stat"), self.group) {
                ticks += used;
                names.extend(compiled(&read("cmdline")));
            }
        }
        if names.is_empty() || ticks.abs_diff(self.ticks) < TICKS_PER_SECOND {
            return None;
        }
        self.ticks = ticks;
        Some(format!("compiling {}: {} s of CPU time so far", names.join(", "), ticks / TICKS_PER_SECOND))
    }
}

/// Returns the CPU time of a process, from its line in `/proc`, if it is a compiler in a group.
fn ticks_of(stat: &str, group: u32) -> Option<u64> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let is_ours = COMPILERS.contains(&name) && number(2)? == u64::from(group);
    if is_ours { Some(number(11)? + number(12)?) } else { None }
}

/// Returns the crate that a compiler compiles, from its arguments.
fn compiled(arguments: &str) -> Option<String> {
    let mut arguments = arguments.split('\0').skip_while(|argument| *argument != "--crate-name");
    arguments.nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compilers_of_the_group_count() {
        let stat = |name: &str, group| {
            format!("12 ({name}) R 11 {group} 10 0 -1 4194304 9 0 0 0 700 50 3 3 20 0 4 0 99 1 2")
        };
        assert_eq!(ticks_of(&stat("rustc", 10), 10), Some(750));
        assert_eq!(ticks_of(&stat("rustc", 11), 10), None);
        assert_eq!(ticks_of(&stat("livetape (1)", 10), 10), None);
        assert_eq!(ticks_of("12 (rustc) R", 10), None);
        assert_eq!(ticks_of("", 10), None);
    }

    #[test]
    fn the_crate_is_named() {
        assert_eq!(compiled("rustc\0--crate-name\0livetape\0--edition=2024\0").as_deref(), Some("livetape"));
        assert_eq!(compiled("rustc\0-vV\0"), None);
    }
}
