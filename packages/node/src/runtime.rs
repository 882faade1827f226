//! The runtime that all apps and mocks of the process share.

use std::sync::OnceLock;

use livetape::sans_io::error::{Code, Problem};
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Returns the runtime, and starts it first if necessary.
pub(crate) fn runtime() -> Result<Handle, Problem> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let built = Builder::new_multi_thread().thread_name("livetape").enable_all().build();
    let built = built.map_err(|error| Problem::new(Code::Io, format!("cannot start threads: {error}")))?;
    // Another thread of Node may have been faster.
    Ok(RUNTIME.get_or_init(|| built).handle().clone())
}
