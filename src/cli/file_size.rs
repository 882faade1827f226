//! The limit of the system on the size of a file (`ulimit -f`).

/// The number of SIGXFSZ, on every system that livetape is built for.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// From now on a write beyond the limit fails, like one to a full disk. Otherwise the system ends the process, and what
/// was recorded until then is not sealed.
pub(super) fn fail_writes_beyond() {
    // A process that listens to the signal is not ended by it, even when the runtime that listened is gone. Without a
    // listener the system does what it always did.
    #[cfg(unix)]
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() {
        let _entered = runtime.enter();
        drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ)));
    }
}
