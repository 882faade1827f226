//! Checks that decode, dedup and encode still take the same number of instructions, which does not depend on
//! the load of the machine. `benches/guard.rs` is the measured program, `benches/guard.txt` has the committed
//! counts.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::programs::{Need, RELEASED, cargo, install, status, target};

/// Maximum difference from a committed count, in percent. A higher count is a loss, and fails; a lower one is
/// reported.
const TOLERANCE_PERCENT: f64 = 3.0;
pub(crate) const VALGRIND: Need = Need::Program(&["valgrind", "--version"], "valgrind");
const WORKS: [&str; 3] = ["decode", "dedup", "encode"];

/// Counts instructions and compares them with the committed counts or, with `accept`, saves them.
pub(crate) fn run(accept: bool) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("skipped: the committed counts are for Linux on x86_64");
        return Ok(());
    }
    install(&[VALGRIND])?;
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
        "benches",
    ]))?;
    Ok(target()?.join("release/benches"))
}

/// Counts the instructions of a function and its callees, with an empty environment, because the size of the
/// environment moves the stack.
fn count(program: &Path, work: &str) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--toggle-collect=benches::guard::measured_{work}"));
    valgrind.arg(program).args(["guard", work]);
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
    let (mut losses, mut gains) = (Vec::new(), Vec::new());
    for work in WORKS {
        let count = counts.iter().find(|(counted, _)| *counted == work).map_or(0, |(_, count)| *count);
        ensure!(count > 0, "no instructions of {work} were counted");
        let before = committed.lines().find_map(|line| line.strip_prefix(work)?.trim().parse::<u64>().ok());
        let before = before.filter(|before| *before > 0);
        let before = before.with_context(|| format!("benches/guard.txt has no count of {work}"))?;
        let percent = (count as f64 / before as f64 - 1.0) * 100.0;
        println!("{work:<8} {count:>12} instructions, {before:>12} committed, {percent:+.2}%");
        if percent > TOLERANCE_PERCENT {
            losses.push((work, format!("{work} takes {percent:.1}% more instructions")));
        } else if percent < -TOLERANCE_PERCENT {
            gains.push(format!("{work} takes {:.1}% fewer instructions", -percent));
        }
    }
    if !losses.is_empty() || !gains.is_empty() {
        let compiler = compiler()?;
        if !committed.contains(&compiler) {
            println!(
                "the committed counts are from another compiler than {compiler}, which may be the only reason"
            );
        }
    }
    if !gains.is_empty() {
        println!(
            "{}; a loss of the same size would pass from now on: run `cargo xtask guard --accept`",
            gains.join(", ")
        );
    }
    let Some((first, _)) = losses.first() else { return Ok(()) };
    bail!(
        "{}; the limit is {TOLERANCE_PERCENT}%\n\
         To profile it: valgrind --tool=callgrind --toggle-collect=benches::guard::measured_{first} {} guard {first}\n\
         To accept it:  cargo xtask guard --accept, and give the reason in the commit message",
        losses.iter().map(|(_, told)| told.as_str()).collect::<Vec<_>>().join(", "),
        program.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = "# Instruction counts with rustc 1.0.0\ndecode 100000\ndedup 5000\nencode 700\n";

    fn verdict(decode: u64) -> Result<()> {
        let counts = [("decode", decode), ("dedup", 5000), ("encode", 700)];
        compare(&counts, COMMITTED, Path::new("benches"))
    }

    #[test]
    fn a_loss_of_more_than_three_percent_fails() {
        assert!(verdict(100_000).is_ok() && verdict(102_900).is_ok());
        let slower = verdict(103_100).unwrap_err().to_string();
        assert!(slower.starts_with("decode takes 3.1% more instructions; the limit is 3%"), "{slower}");
        assert!(
            slower.contains("benches::guard::measured_decode benches guard decode")
                && slower.contains("--accept"),
            "{slower}"
        );
    }

    #[test]
    fn a_gain_passes() {
        assert!(verdict(97_100).is_ok() && verdict(50_000).is_ok());
    }

    #[test]
    fn what_was_not_counted_fails() {
        assert!(verdict(0).is_err(), "nothing was counted");
        let compare = |counts: &[_], committed: &str| compare(counts, committed, Path::new("benches"));
        assert!(compare(&[("decode", 100_000), ("dedup", 5000)], COMMITTED).is_err(), "encode is missing");
        let counts = [("decode", 100_000), ("dedup", 5000), ("encode", 700)];
        for committed in [COMMITTED.replace("encode 700", ""), COMMITTED.replace(" 700", " 0"), String::new()]
        {
            assert!(compare(&counts, &committed).is_err(), "{committed}");
        }
    }
}
