//! Checks that decode, dedup and encode still take the same number of instructions, which does not depend on the load of the machine.
//! `benches/guard.rs` is the measured program, `benches/guard.txt` has the committed counts.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::programs::{RELEASED, apt_get_install, cargo, status, target};

/// Maximum difference from a committed count, in percent, in either direction.
const TOLERANCE_PERCENT: f64 = 3.0;
const WORKS: [&str; 3] = ["decode", "dedup", "encode"];

/// Counts instructions and compares them with the committed counts or, with `accept`, saves them.
pub(crate) fn run(accept: bool) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("skipped: the committed counts are for Linux on x86_64");
        return Ok(());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        apt_get_install(&["valgrind"])?;
    }
    let program = build()?;
    let counts =
        WORKS.map(|work| Ok((work, count(&program, work)?))).into_iter().collect::<Result<Vec<_>>>()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guard.txt");
    if accept {
        return Ok(fs::write(path, write_down(&counts)?)?);
    }
    compare(&counts, &fs::read_to_string(path)?, &program)
}

/// Builds the program and returns its path.
fn build() -> Result<PathBuf> {
    status(cargo().args([
        "build",
        "--release",
        "--locked",
        RELEASED[0],
        RELEASED[1],
        "--package",
        "livetape-benches",
        "--bin",
        "guard",
    ]))?;
    Ok(target()?.join("release/guard"))
}

/// Counts the instructions of a function and its callees, with an empty environment, because the size of the environment moves the stack.
fn count(program: &Path, work: &str) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--toggle-collect=guard::measured_{work}")).arg(program).arg(work);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = valgrind.env_clear().env("PATH", path).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let count = told.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    let count = count.filter(|_| output.status.success());
    count
        .filter(|count| *count > 0)
        .with_context(|| format!("callgrind counted no instructions of {work}:\n{told}"))
}

fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).split(" (").next().unwrap_or_default().trim().to_owned())
}

fn write_down(counts: &[(&str, u64)]) -> Result<String> {
    let mut text =
        format!("# Instruction counts with {}, written by `cargo xtask guard --accept`.\n", compiler()?);
    for (work, count) in counts {
        writeln!(text, "{work} {count}")?;
    }
    Ok(text)
}

fn compare(counts: &[(&str, u64)], committed: &str, program: &Path) -> Result<()> {
    let mut differing = Vec::new();
    for (work, count) in counts {
        let before = committed.lines().find_map(|line| line.strip_prefix(work)?.trim().parse::<u64>().ok());
        let before = before.with_context(|| format!("benches/guard.txt has no count of {work}"))?;
        let percent = (*count as f64 / before as f64 - 1.0) * 100.0;
        println!("{work:<8} {count:>12} instructions, {before:>12} committed, {percent:+.2}%");
        if percent.abs() > TOLERANCE_PERCENT {
            differing.push((work, percent));
        }
    }
    let Some((first, _)) = differing.first() else { return Ok(()) };
    let compiler = compiler()?;
    if !committed.contains(&compiler) {
        println!(
            "the committed counts are from another compiler than {compiler}, which may be the only reason"
        );
    }
    let told = differing.iter().map(|(work, percent)| {
        let more = if *percent > 0.0 { "more" } else { "fewer" };
        format!("{work} takes {:.1}% {more} instructions", percent.abs())
    });
    bail!(
        "{}; the limit is {TOLERANCE_PERCENT}%\n\
         To profile it: valgrind --tool=callgrind --toggle-collect=guard::measured_{first} {} {first}\n\
         To accept it:  cargo xtask guard --accept, and give the reason in the commit message",
        told.collect::<Vec<_>>().join(", "),
        program.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_three_percent_in_either_direction() {
        let committed = "# Instruction counts with rustc 1.0.0\ndecode 100000\ndedup 5000\n";
        let verdict =
            |decode: u64| compare(&[("decode", decode), ("dedup", 5000)], committed, Path::new("guard"));
        assert!(verdict(100_000).is_ok() && verdict(102_900).is_ok() && verdict(97_100).is_ok());
        let slower = verdict(103_100).unwrap_err().to_string();
        assert!(slower.starts_with("decode takes 3.1% more instructions; the limit is 3%"), "{slower}");
        assert!(
            slower.contains("guard::measured_decode guard decode") && slower.contains("--accept"),
            "{slower}"
        );
        let faster = verdict(96_900).unwrap_err().to_string();
        assert!(faster.starts_with("decode takes 3.1% fewer"), "improvements must be accepted too: {faster}");
        let nothing = compare(&[("encode", 1)], committed, Path::new("guard"));
        assert!(nothing.is_err(), "a missing count is an error");
    }
}
