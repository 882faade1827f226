//! The npm packages: `livetape`, a package with the program for each platform, and the libraries.

use std::{
    env::consts::{ARCH, OS},
    fs,
    path::Path,
};

use anyhow::Result;
use serde_json::{Value, json};

use super::Release;
use crate::programs::command;

/// Folders of the libraries below `packages`.
const LIBRARIES: [&str; 2] = ["client", "testing"];
/// Platforms with a package, as npm names them.
const PLATFORMS: [&str; 6] =
    ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-arm64", "win32-x64"];

/// Builds all npm packages.
pub(super) fn build(release: &Release) -> Result<()> {
    program(release)?;
    launcher(release)?;
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
    let folder = release.staging().join("npm/program");
    release.copy_program(&folder, &folder.join("bin/livetape"))?;
    let mut manifest = json!({
        "name": format!("@livetape/{os}-{cpu}"),
        "version": release.version,
        "description": format!("The program livetape for {os}-{cpu}; install the package livetape instead"),
        "license": "MIT OR Apache-2.0",
        "type": "commonjs",
        "os": [os],
        "cpu": [cpu],
        "files": ["bin", super::NOTICES],
    });
    if os == "linux" {
        manifest["libc"] = json!(["glibc"]);
    }
    write(&folder, &manifest)?;
    release.node.pack(&folder, &release.packages(), false)
}

/// Packs `livetape`, which runs the program of this platform's package.
fn launcher(release: &Release) -> Result<()> {
    let folder = release.staging().join("npm/livetape");
    for (name, bytes) in crate::web::contents(&release.root.join("packages/livetape"))? {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&folder))?;
        fs::write(file, bytes)?;
    }
    fs::copy(release.root.join("LICENSE"), folder.join("LICENSE"))?;
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
    manifest["version"] = json!(release.version);
    // Until the names are ours, npm must not look them up: anyone could register them.
    if release.is_published {
        let platforms = PLATFORMS.map(|name| (format!("@livetape/{name}"), json!(release.version)));
        manifest["optionalDependencies"] = Value::Object(platforms.into_iter().collect());
    }
    write(&folder, &manifest)?;
    release.node.pack(&folder, &release.packages(), false)
}

/// Builds and packs a library, with the licence.
fn library(release: &Release, source: &Path, name: &str) -> Result<()> {
    let folder = release.staging().join("npm").join(name);
    fs::create_dir_all(&folder)?;
    release.node.npm_ci(source)?;
    release.node.pack(source, &folder, true)?;
    for file in fs::read_dir(&folder)? {
        let file = file?.path();
        let options = ["--extract", "--gzip", "--strip-components=1", "--file"].map(Path::new);
        command("tar", options.into_iter().chain([&*file, Path::new("--directory"), &folder]))?;
        fs::remove_file(file)?;
    }
    fs::copy(release.root.join("LICENSE"), folder.join("LICENSE"))?;
    release.node.pack(&folder, &release.packages(), false)
}

fn write(folder: &Path, manifest: &Value) -> Result<()> {
    Ok(fs::write(folder.join("package.json"), format!("{manifest:#}\n"))?)
}
