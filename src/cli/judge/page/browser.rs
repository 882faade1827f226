//! An installed Chromium, without a window, with a profile of its own.

#[cfg(windows)]
mod windows;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use livetape_engine::source::browser::{self, Address, Connection, choose};
use livetape_io::clock;
use tokio::{
    process::{Child, Command},
    time::{sleep_until, timeout_at},
};

/// The variable with the path of a browser.
const VARIABLE: &str = "CHROMIUM";
const NAMES: [&str; 8] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
    "brave-browser",
];
/// Where browsers are that are not in `PATH`, below the folders of programs.
const ON_MACOS: [&str; 4] = [
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "Brave Browser.app/Contents/MacOS/Brave Browser",
];
const ON_WINDOWS: [&str; 4] = [
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
    "BraveSoftware/Brave-Browser/Application/brave.exe",
];
/// The variables with the folders of programs on Windows: of the machine, for 32 bits, and of the user.
const FOLDERS_ON_WINDOWS: [&str; 4] = ["ProgramW6432", "ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"];
/// Only what a page needs: no requests of the browser's own, sound without a click and without a device, and timers that run
/// as in OBS. All frames are in one process, so that what goes wrong in each of them is told.
const FLAGS: [&str; 18] = [
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-site-isolation-trials",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--password-store=basic",
    "--window-size=1920,1080",
];
/// What no page needs.
const WITHOUT: &str = "--disable-features=MediaRouter,OptimizationHints,Translate";
/// The check of requests to this machine by pages that are not of it, which OBS has switched off.
const LOCAL_NETWORK_ACCESS: &str = ",LocalNetworkAccessChecks";
/// Maximum time for a browser to start, also on a busy machine.
const START_MAX: Duration = Duration::from_secs(45);
/// Time between two looks at whether it has started.
const LOOK: Duration = Duration::from_millis(20);
/// Maximum length of what it says when it does not start, in bytes.
const LOG_BYTES_MAX: usize = 300;

/// Finds a browser: the one that `CHROMIUM` names, or an installed one.
///
/// # Errors
/// `command_not_found`; the hint says how to install one.
pub(super) fn find() -> Result<PathBuf, Problem> {
    let missing = |message: String, hint: &str| Problem::new(Code::CommandNotFound, message).hint(hint);
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let none =
            || missing(format!("{VARIABLE} names no file: {}", path.display()), "correct it or unset it");
        return if path.is_file() { Ok(path) } else { Err(none()) };
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let ending = env::consts::EXE_SUFFIX;
    let in_path = env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(format!("{name}{ending}"))));
    let found =
        in_path.chain(installed(env::consts::OS, |name| env::var_os(name))).find(|path| path.is_file());
    // For all users or for one, in any folder.
    #[cfg(windows)]
    let found = found.or_else(windows::registered);
    found.ok_or_else(|| {
        let install = match env::consts::OS {
            "macos" => "`brew install --cask google-chrome`",
            "windows" => "`winget install Google.Chrome`",
            _ => "`sudo apt-get install chromium`, or Google Chrome on Ubuntu",
        };
        missing(
            "--page needs Chromium, and none is installed".to_owned(),
            &format!("install it with {install}, or set {VARIABLE} to its path"),
        )
    })
}

/// Returns where a system installs browsers, the likeliest first.
fn installed(os: &str, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let (programs, folders): (&[&str], Vec<_>) = match os {
        "windows" => {
            let folders = FOLDERS_ON_WINDOWS.iter().filter_map(|name| variable(name));
            (&ON_WINDOWS, folders.map(PathBuf::from).collect())
        }
        "macos" => {
            let own = variable("HOME").map(|home| PathBuf::from(home).join("Applications"));
            (&ON_MACOS, [PathBuf::from("/Applications")].into_iter().chain(own).collect())
        }
        // All in `PATH`.
        _ => (&[], Vec::new()),
    };
    let in_folders = |program: &&str| {
        // Every part by itself: a path with both separators looks wrong.
        let program = PathBuf::from_iter(program.split('/'));
        Vec::from_iter(folders.iter().map(|folder| folder.join(&program)))
    };
    programs.iter().flat_map(in_folders).collect()
}

/// How a browser treats requests of a page.
pub(super) struct Routes {
    /// Addresses of which requests go to the second one. Without a second one, the host does not exist.
    pub(super) redirected: Vec<(String, Option<String>)>,
    /// Whether pages that are not of this machine need the permission of a viewer to reach it.
    pub(super) has_local_network_access: bool,
}

/// A running browser, killed when dropped.
pub(super) struct Browser {
    process: Child,
}

impl Browser {
    /// Starts a browser with its profile in a folder, and attaches to its only tab.
    pub(super) async fn start(
        program: &Path,
        folder: &Path,
        routes: &Routes,
    ) -> Result<(Self, Connection), Problem> {
        let profile = folder.join("profile");
        let log = folder.join("browser.log");
        let file = fs::File::create(&log).map_err(|error| failed(&error.to_string()))?;
        let rules = routes.redirected.iter().map(|(from, to)| {
            let to = to.as_deref().unwrap_or("~NOTFOUND");
            format!("MAP {from} {to}")
        });
        let rules = Vec::from_iter(rules).join(",");
        let mut without = WITHOUT.to_owned();
        if !routes.has_local_network_access {
            without += LOCAL_NETWORK_ACCESS;
        }
        let mut command = Command::new(program);
        command.args(FLAGS).arg(without);
        command.arg(format!("--host-resolver-rules={rules}"));
        command.arg(format!("--user-data-dir={}", profile.display()));
        // Its sandbox does not start as root, as in most containers.
        #[cfg(unix)]
        if fs::metadata(&log).is_ok_and(|log| std::os::unix::fs::MetadataExt::uid(&log) == 0) {
            command.arg("--no-sandbox");
        }
        command.arg("about:blank").stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).kill_on_drop(true);
        let process = command.spawn().map_err(|error| failed(&error.to_string()))?;
        let mut browser = Self { process };
        let attached = timeout_at(clock::now() + START_MAX, browser.attach(&profile)).await;
        match attached {
            Ok(Ok(connection)) => Ok((browser, connection)),
            Ok(Err(problem)) => Err(problem),
            Err(_) => Err(failed(&format!("it took longer than {} s", START_MAX.as_secs()))),
        }
        .map_err(|problem| match last_line(&log) {
            Some(line) => Problem::new(problem.code, format!("{}; it said: {line}", problem.message))
                .hint(&problem.hint),
            None => problem,
        })
    }

    /// Attaches to the only tab, once the browser has written the port.
    async fn attach(&mut self, profile: &Path) -> Result<Connection, Problem> {
        let address: Address = loop {
            let written = fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
            // The first of two lines.
            if let Some((port, _)) = written.split_once('\n') {
                break port.parse()?;
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(failed(&format!("it ended with {status}")));
            }
            sleep_until(clock::now() + LOOK).await;
        };
        let debugged = browser::Browser::from(address);
        loop {
            let pages = debugged.pages().await?;
            if !pages.is_empty() {
                return Connection::open(&debugged, choose(&pages, None, None)?).await;
            }
            sleep_until(clock::now() + LOOK).await;
        }
    }

    pub(super) async fn kill(mut self) {
        // Fails only if it has ended.
        drop(self.process.kill().await);
    }
}

fn failed(why: &str) -> Problem {
    Problem::new(Code::CommandNotExecutable, format!("the browser did not start: {why}"))
        .hint("try another one: set CHROMIUM to its path")
}

/// Returns the last line of a log.
fn last_line(path: &Path) -> Option<String> {
    let log = fs::read(path).ok()?;
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_BYTES_MAX)..]).into_owned();
    end.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_found_where_each_system_installs_them() {
        let set = |name: &str| match name {
            "ProgramFiles" => Some("C:/Program Files".into()),
            "LOCALAPPDATA" => Some("C:/Users/ann/AppData/Local".into()),
            "HOME" => Some("/Users/ann".into()),
            _ => None,
        };
        let of =
            |os| installed(os, set).iter().map(|path| path.to_str().unwrap().replace('\\', "/")).collect();
        let (windows, macos): (Vec<_>, Vec<_>) = (of("windows"), of("macos"));
        for path in [
            "C:/Program Files/Google/Chrome/Application/chrome.exe",
            "C:/Users/ann/AppData/Local/Google/Chrome/Application/chrome.exe",
            "C:/Program Files/Microsoft/Edge/Application/msedge.exe",
        ] {
            assert!(windows.contains(&path.to_owned()), "{path} is not in {windows:#?}");
        }
        assert_eq!(windows.len(), 2 * ON_WINDOWS.len());
        assert_eq!(macos[..2], ["", "/Users/ann"].map(|home| format!("{home}/Applications/{}", ON_MACOS[0])));
        assert!(installed("linux", set).is_empty());
    }
}
