//! The system's limit on file sizes (`ulimit -f`).

/// Number of SIGXFSZ on every supported system.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Makes writes beyond the limit fail, as on a full disk. By default the system would kill the process and
/// leave the recording unsealed.
pub(crate) fn fail_writes_beyond() {
    // A process with a handler is not killed, even after the runtime that installed the handler is dropped.
    // If it cannot be installed, the default applies.
    #[cfg(unix)]
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() {
        let _entered = runtime.enter();
        drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ)));
    }
}
