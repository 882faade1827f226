//! The runtime that all apps and mocks of the process share.

use std::thread::available_parallelism;

use livetape_core::error::{Code, Problem};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Returns the runtime, and starts it first if necessary.
pub(crate) fn runtime() -> Result<Handle, Problem> {
    // Locked until it is started: a second one would be dropped, which panics on a thread of Node's runtime.
    let mut running = RUNTIME.lock();
    if let Some(runtime) = &*running {
        return Ok(runtime.handle().clone());
    }
    // JavaScript has a processor of its own: with another thread there, each message would wait for one more switch.
    let threads = available_parallelism().map_or(1, |all| all.get().saturating_sub(1).max(1));
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(threads).thread_name("livetape").enable_all().build();
    let built = built.map_err(|error| Problem::new(Code::Io, format!("cannot start threads: {error}")))?;
    let handle = built.handle().clone();
    *running = Some(built);
    Ok(handle)
}
