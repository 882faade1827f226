//! Builds the npm packages. `livetape` and `@livetape/node` each use a second package, with the binary for
//! this platform. The libraries `@livetape/client` and `@livetape/testing` have no binary.

use std::{
    env::consts::{ARCH, OS},
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Release;
use crate::programs::{command, status};

/// Folders of the libraries below `packages`.
const LIBRARIES: [&str; 2] = ["client", "testing"];
/// Platforms with a package, as npm names them.
const PLATFORMS: [&str; 6] =
    ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-arm64", "win32-x64"];

/// Builds all npm packages.
pub(super) fn build(release: &Release) -> Result<()> {
    program(release)?;
    launcher(release)?;
    native(release)?;
    node(release)?;
    for name in LIBRARIES {
        let source = release.root.join("packages").join(name);
        if source.join("package.json").exists() {
            library(release, &source, name)?;
        }
    }
    Ok(())
}

/// Packs the program for this platform.
fn program(release: &Release) -> Result<()> {
    let (os, cpu) = platform();
    let folder = release.staging().join("npm/program");
    release.copy_program(&folder, &folder.join("bin/livetape"))?;
    let manifest = json!({
        "name": format!("@livetape/{os}-{cpu}"),
        "description": format!("The program livetape for {os}-{cpu}; install the package livetape instead"),
        "files": ["bin", super::NOTICES],
    });
    pack_for_platform(release, &folder, manifest)
}

/// Packs the addon for this platform.
fn native(release: &Release) -> Result<()> {
    let (os, cpu) = platform();
    let (folder, file) = (release.staging().join("npm/native"), format!("livetape.{os}-{cpu}.node"));
    release.copy_built(&release.addon, &folder, &folder.join(&file))?;
    let manifest = json!({
        "name": format!("@livetape/node-{os}-{cpu}"),
        "description": format!("The addon of @livetape/node for {os}-{cpu}; install @livetape/node instead"),
        "files": [file, super::NOTICES],
    });
    pack_for_platform(release, &folder, manifest)
}

/// Returns the operating system and the processor of this platform, as npm names them.
fn platform() -> (&'static str, &'static str) {
    let os = match OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let cpu = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    (os, cpu)
}

/// Packs a folder that only this platform can use.
fn pack_for_platform(release: &Release, folder: &Path, mut manifest: Value) -> Result<()> {
    let (os, cpu) = platform();
    manifest["version"] = json!(release.version);
    manifest["license"] = json!("MIT OR Apache-2.0");
    manifest["type"] = json!("commonjs");
    manifest["os"] = json!([os]);
    manifest["cpu"] = json!([cpu]);
    if os == "linux" {
        manifest["libc"] = json!(["glibc"]);
    }
    write(folder, &manifest)?;
    pack(folder, &release.packages(), false)
}

/// Packs `livetape`, which runs the program of this platform's package.
fn launcher(release: &Release) -> Result<()> {
    let folder = release.staging().join("npm/livetape");
    for (name, bytes) in super::contents(&release.root.join("packages/livetape"))? {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&folder))?;
        fs::write(file, bytes)?;
    }
    fs::copy(release.root.join("LICENSE"), folder.join("LICENSE"))?;
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
    manifest["version"] = json!(release.version);
    write(&folder, &manifest)?;
    pack_with_platforms(release, &folder, "")
}

/// Builds and packs `@livetape/node`, which loads the addon of this platform's package.
fn node(release: &Release) -> Result<()> {
    let (source, folder) = (release.root.join("packages/node"), release.staging().join("npm/node"));
    let build = source.join("scripts/build.mjs");
    status(Command::new("node").arg(build).arg("--addon").arg(&release.addon))?;
    unpacked(release, &source, &folder, false)?;
    let (os, cpu) = platform();
    fs::remove_file(folder.join(format!("dist/livetape.{os}-{cpu}.node")))?;
    pack_with_platforms(release, &folder, "node-")
}

/// Packs a folder whose package uses those of all platforms; `start` is how their names start.
fn pack_with_platforms(release: &Release, folder: &Path, start: &str) -> Result<()> {
    // Until the names are ours, npm must not look them up: anyone could register them.
    if release.is_published {
        let platforms = PLATFORMS.map(|name| (format!("@livetape/{start}{name}"), json!(release.version)));
        let platforms = Value::Object(platforms.into_iter().collect());
        let (file, end) = (folder.join("package.json"), "the manifest is an object");
        // As text, because the order of `exports` matters.
        let manifest = fs::read_to_string(&file)?;
        let fields = manifest.trim_end().strip_suffix('}').context(end)?.trim_end();
        fs::write(file, format!("{fields},\n  \"optionalDependencies\": {platforms}\n}}\n"))?;
    }
    pack(folder, &release.packages(), false)
}

/// Builds and packs a library.
fn library(release: &Release, source: &Path, name: &str) -> Result<()> {
    let folder = release.staging().join("npm").join(name);
    unpacked(release, source, &folder, true)?;
    pack(&folder, &release.packages(), false)
}

/// Copies the files of a package to a folder, with the licence. With `build`, npm builds the package first.
fn unpacked(release: &Release, source: &Path, folder: &Path, build: bool) -> Result<()> {
    fs::create_dir_all(folder)?;
    pack(source, folder, build)?;
    for file in fs::read_dir(folder)? {
        let file = file?.path();
        let options = ["--extract", "--gzip", "--strip-components=1", "--file"].map(Path::new);
        command("tar", options.into_iter().chain([&*file, Path::new("--directory"), folder]))?;
        fs::remove_file(file)?;
    }
    fs::copy(release.root.join("LICENSE"), folder.join("LICENSE"))?;
    Ok(())
}

/// Packs the package in a folder into `destination`. With `build`, npm builds the package first, as its manifest
/// says.
fn pack(folder: &Path, destination: &Path, build: bool) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--loglevel", "error", "--pack-destination"]).arg(destination);
    // npm prints the name of the file.
    npm.args((!build).then_some("--ignore-scripts")).current_dir(folder).stdout(Stdio::null());
    status(&mut npm)
}

fn write(folder: &Path, manifest: &Value) -> Result<()> {
    Ok(fs::write(folder.join("package.json"), format!("{manifest:#}\n"))?)
}
