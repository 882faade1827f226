//! A clock that is wrong. Debian's libfaketime shifts the wall clock of its process.

use std::{path::PathBuf, process::Command};

use crate::support::{CLUSTER, Nats, livetape};

/// Lets a program see another wall clock.
pub(crate) fn faked(command: &mut Command) -> &mut Command {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let mut libraries: Box<dyn Iterator<Item = PathBuf>> =
        Box::new(folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1")));
    let library =
        libraries.find(|path| path.exists()).expect("`cargo xtask nightly cluster` installs libfaketime");
    command.env("LD_PRELOAD", library).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn the_doctor_sees_a_wrong_clock() {
    let nats = Nats::start();
    for (by, told) in [("+1h", "3600 s ahead of"), ("-1h", "3600 s behind")] {
        let mut doctor = livetape(&["doctor", "--nats", &nats.url(), "--cluster", CLUSTER]);
        let output = faked(&mut doctor).env("FAKETIME", by).output().unwrap();
        let problems = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && problems.contains(told), "{problems}");
    }
}
