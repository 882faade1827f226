//! An installed Chromium, without a window, with a profile of its own.

use std::{
    env, fs,
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
const NAMES: [&str; 7] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "msedge",
    "brave-browser",
];
/// Where browsers are that are not in `PATH`.
const PATHS: [&str; 5] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
];
/// Only what a page needs: no requests of the browser's own, sound without a click and without a device, and timers that run
/// as in OBS. A page from the internet may read the feed of this machine.
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
    "--disable-features=LocalNetworkAccessChecks,MediaRouter,OptimizationHints,Translate",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--password-store=basic",
    "--window-size=1920,1080",
];
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
    let found = in_path.chain(PATHS.map(PathBuf::from)).find(|path| path.is_file());
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

/// A running browser, killed when dropped.
pub(super) struct Browser {
    process: Child,
}

impl Browser {
    /// Starts a browser with its profile in a folder, and attaches to its only tab. Requests of pages for `redirected`
    /// addresses go to the second one.
    pub(super) async fn start(
        program: &Path,
        folder: &Path,
        redirected: &[(String, String)],
    ) -> Result<(Self, Connection), Problem> {
        let profile = folder.join("profile");
        let log = folder.join("browser.log");
        let file = fs::File::create(&log).map_err(|error| failed(&error.to_string()))?;
        let rules = Vec::from_iter(redirected.iter().map(|(from, to)| format!("MAP {from} {to}"))).join(",");
        let mut command = Command::new(program);
        command.args(FLAGS).arg(format!("--host-resolver-rules={rules}"));
        command.arg(format!("--user-data-dir={}", profile.display()));
        // Its sandbox does not start as root, as in most containers.
        #[cfg(unix)]
        if rustix::process::geteuid().is_root() {
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
