//! Tools that write a file on a simulated disk that fails, and whose process dies in every system call.

use std::{io::BufReader, sync::Arc, time::Duration};

use bytes::Bytes;
use livetape_core::recording::{Flags, Frame, Item, Opcode, What, Writer, records::Header};
use livetape_io::files::Draft;
use livetape_samples::disk::{Fault, Faults, SimulatedDisk, faults};
use livetape_tools::{
    export,
    import::{self, ImportOptions, import_capture},
    scrub::{self, Key, Scrubber, scrub},
};
use proptest::{collection::vec, prelude::*};

use super::*;

const INPUT: &str = "input.bin";
const OUTPUT: &str = "output.bin";
/// Content of an output that exists before.
const OLD: &[u8] = b"the previous file";

#[derive(Clone, Copy, Debug)]
enum Tool {
    Repair,
    Cut,
    Merge,
    Scrub,
    Import,
}

#[derive(Clone, Debug)]
struct Plan {
    tool: Tool,
    /// Sizes of the frames in the input.
    sizes: Vec<usize>,
    /// Where the input is damaged, and how.
    damage: Option<(prop::sample::Index, u8)>,
    /// Whether the output exists, and is the input.
    exists: bool,
    in_place: bool,
    force: bool,
    faults: Faults,
}

fn plans() -> impl Strategy<Value = Plan> {
    let tool = prop::sample::select(vec![Tool::Repair, Tool::Cut, Tool::Merge, Tool::Scrub, Tool::Import]);
    let damage = prop::option::of((any::<prop::sample::Index>(), 1_u8..));
    let input = (vec(0..9000_usize, 0..12), damage);
    (tool, input, any::<[bool; 3]>(), faults()).prop_map(
        |(tool, (sizes, damage), [exists, in_place, force], faults)| Plan {
            tool,
            sizes,
            damage,
            exists: exists || in_place,
            in_place,
            force,
            faults,
        },
    )
}

/// Returns a recording with frames of these sizes.
fn recording(sizes: &[usize]) -> Vec<u8> {
    let header = Header { wall_anchor_ns: Some(0), ..Header::default() };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    for (at, size) in sizes.iter().enumerate() {
        let frame = Frame { opcode: Opcode::BINARY, bytes: Bytes::from(vec![at as u8; *size]) };
        let (offset, flags) = (Duration::from_secs(at as u64), Flags::default());
        writer.write(&Item { offset, conn: 1, flags, what: What::Frame(frame) }).unwrap();
    }
    writer.finish().unwrap()
}

/// Returns a capture, one frame of this size in each line.
fn capture(sizes: &[usize]) -> Vec<u8> {
    let mut lines = Vec::new();
    export::jsonl(&recording(sizes)[..], &mut lines).unwrap();
    lines
}

impl Plan {
    fn input(&self) -> Vec<u8> {
        let mut bytes = match self.tool {
            Tool::Import => capture(&self.sizes),
            _ => recording(&self.sizes),
        };
        if let Some((at, change)) = self.damage.filter(|_| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] ^= change;
        }
        bytes
    }

    fn output(&self) -> &'static Path {
        Path::new(if self.in_place { INPUT } else { OUTPUT })
    }

    /// The output before the tool runs.
    fn old(&self) -> Option<Vec<u8>> {
        match (self.in_place, self.exists) {
            (true, _) => Some(self.input()),
            (false, true) => Some(OLD.to_vec()),
            (false, false) => None,
        }
    }

    /// Runs the tool; `open` opens its input.
    fn tool<R: io::Read>(&self, open: impl Fn() -> R, out: impl io::Write) -> Result<FileFate<()>, Failure> {
        match self.tool {
            Tool::Repair => drop(edit::repair(open(), out)?),
            Tool::Cut => {
                edit::cut(open(), out, Duration::from_secs(2), None)?;
            }
            Tool::Merge => {
                let input = |name: &str| edit::Input { name: name.into(), file: open(), offset: None };
                edit::merge(vec![input("a"), input("b")], out, false)?;
            }
            Tool::Scrub => {
                let result = scrub(open(), open(), out, Scrubber::new(Key::new(&[7; 32])));
                drop(result.map_err(|error| match error {
                    scrub::Error::Write(error) => error.into(),
                    error => Failure::Refused(Problem::new(Code::BadRecording, error)),
                })?);
            }
            Tool::Import => {
                let mut capture = Vec::new();
                open().read_to_end(&mut capture)?;
                let result = import_capture(&Bytes::from(capture), out, &ImportOptions::default());
                drop(result.map_err(|error| match error {
                    import::Error::Write(error) => error.into(),
                    error => Failure::Refused(Problem::new(Code::BadCapture, error)),
                })?);
            }
        }
        Ok(FileFate::Keep(()))
    }

    /// Runs the tool on a disk, as a command does.
    fn run(&self, crash_at: Option<u64>) -> (SimulatedDisk, Result<Drafted<()>, Problem>) {
        let disk = SimulatedDisk::new(&self.faults, crash_at);
        disk.put(Path::new(INPUT), &self.input());
        if self.exists && !self.in_place {
            disk.put(Path::new(OUTPUT), OLD);
        }
        let open = || BufReader::new(disk.open(Path::new(INPUT)));
        let draft = Draft::on(Arc::new(disk.clone()), self.output(), self.force);
        let result = draft.map_err(|error| file_problem(&error));
        let result = result.and_then(|draft| write_draft(draft, |out| self.tool(open, out)));
        (disk, result)
    }
}

proptest! {
    // Each runs once for every system call.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]
    #[test]
    fn simulated_tools_leave_the_old_file_or_the_complete_new_one(plan in plans()) {
        let mut complete = Vec::new();
        let input = plan.input();
        let is_possible = plan.tool(|| &input[..], &mut complete).is_ok();
        let complete = is_possible.then_some(&complete[..]);
        let (disk, result) = plan.run(None);
        check(&plan, complete, &disk, Some(&result))?;
        for call in 0..disk.calls() {
            let (disk, _) = plan.run(Some(call));
            check(&plan, complete, &disk, None)
                .map_err(|error| TestCaseError::fail(format!("crash in system call {call}: {error}")))?;
        }
    }
}

/// Checks the files after a run; the result is `None` if the process died.
fn check(
    plan: &Plan,
    complete: Option<&[u8]>,
    disk: &SimulatedDisk,
    result: Option<&Result<Drafted<()>, Problem>>,
) -> Result<(), TestCaseError> {
    let killed = disk.after_kill();
    for image in [&killed, &disk.after_power_failure()] {
        let found = image.get(plan.output()).map(Vec::as_slice);
        prop_assert!(found == plan.old().as_deref() || found == complete, "a partial file");
        if let Some(Ok(Drafted::Kept(()))) = result {
            prop_assert_eq!(found, complete);
        }
    }
    let Some(result) = result else { return Ok(()) };
    let is_refused = plan.exists && !plan.force || complete.is_none();
    prop_assert_eq!(!matches!(result, Ok(Drafted::Kept(()))), is_refused || disk.failures() > 0);
    let draft = killed.keys().find(|path| path.extension().is_some_and(|ending| ending == "part"));
    // Only if removing it failed too.
    prop_assert!(draft.is_none() || disk.failures() > u64::from(!is_refused), "{:?} is left", draft);
    if let Ok(Drafted::Broken { partial: Some(partial), .. }) = result {
        let part = &killed[partial];
        prop_assert!(!part.is_empty() && complete.is_some_and(|complete| complete.starts_with(part)));
    }
    Ok(())
}

/// Writes a file on a disk where one system call fails.
fn write_with(calls: &[(u64, Fault)]) -> (SimulatedDisk, Result<Drafted<()>, Problem>) {
    let disk = SimulatedDisk::new(&Faults { calls: calls.iter().copied().collect(), seed: 0 }, None);
    let draft = Draft::on(Arc::new(disk.clone()), Path::new(OUTPUT), false).unwrap();
    let result = write_draft(draft, |out| {
        out.write_all(b"whole")?;
        Ok(FileFate::Keep(()))
    });
    (disk, result)
}

#[test]
fn a_draft_is_left_alone_once_it_has_its_name() {
    let (disk, result) = write_with(&[]);
    assert!(matches!(result, Ok(Drafted::Kept(()))));
    // The calls are create, write, sync, rename and sync of the folder: its old name may belong to a newer
    // draft by now.
    assert_eq!(disk.calls(), 5);
}

#[test]
fn a_folder_that_cannot_be_synced_is_reported() {
    let (_, result) = write_with(&[(4, Fault::Device)]);
    assert!(result.is_err_and(|problem| problem.code == Code::Io));
}

#[test]
fn long_lines_go_on_below_except_those_that_people_copy() {
    let text = "  FAIL  cut     30.1 s  did not come back after its connection was cut
        call `connect()` again, in `tiktok-live-connector`
        again: livetape test demo --case cut -- node bot.mjs
        | chats: 63 gifts: 104 diamonds: 114 likes: 696";
    let narrow = "  FAIL  cut     30.1 s  did not come
        back after its connection
        was cut
        call `connect()` again, in
        `tiktok-live-connector`
        again: livetape test demo --case cut -- node bot.mjs
        | chats: 63 gifts: 104 diamonds: 114 likes: 696";
    assert_eq!(wrapped(text, 36), narrow);
    assert_eq!(wrapped(text, usize::MAX), text);
    // Colours have no width.
    let time = "\u{1b}[90m[12:00:00]\u{1b}[0m";
    let shown = wrapped(&format!("{time} 💡 try again later, or follow a tab"), 36);
    assert_eq!(shown, format!("{time} 💡 try again later, or\n        follow a tab"));
    let shown = wrapped("💡 run this: `livetape live ann --cdp 9222`, then wait", 36);
    assert_eq!(shown, "💡 run this:\n        `livetape live ann --cdp 9222`,\n        then wait");
}

#[test]
fn a_quoted_word_is_one_line_that_a_shell_reads_back() {
    for word in ["bot.mjs", "", "it's 1", "a\n'b'\\\t\u{202e}c", "\u{1b}[31m", "${HOME} `id` !", "\"", "50%"]
    {
        let line = quoted_for_bash(word);
        for line in [line, quoted(word)] {
            assert!(!line.contains(is_invisible), "{line:?}");
            let script = format!("printf %s {line}");
            let Ok(read) = std::process::Command::new("bash").args(["-c", &script]).output() else { return };
            assert_eq!(String::from_utf8(read.stdout).unwrap(), word, "{line}");
        }
    }
}

#[test]
fn a_word_is_quoted_alike_for_all_shells_where_they_read_the_same() {
    for (word, expected) in [
        ("diamonds: {diamonds}", "\"diamonds: {diamonds}\""),
        ("#total", "\"#total\""),
        ("it's", "\"it's\""),
        ("a&b|c>d^", "\"a&b|c>d^\""),
        ("Jörg's Überlay.html", "\"Jörg's Überlay.html\""),
    ] {
        assert_eq!(quoted(word), expected);
    }
}

#[test]
fn quotes_are_escaped_for_programs_on_windows() {
    for (word, expected) in [
        (r#"a "b" c"#, r#""a \"b\" c""#),
        (r"C:\my bots\", r#""C:\my bots\\""#),
        (r#"\""#, r#""\\\"""#),
        ("two\nlines", "\"two lines\""),
    ] {
        assert_eq!(quoted_for_cmd(word), expected);
    }
}
