//! The program itself: exit codes, output, signals and ports.

mod bad_input;
mod config;
mod documents;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(unix)]
mod guides;
mod hostile_clients;
#[cfg(target_os = "linux")]
mod import_memory;
mod lifecycle;
mod live;
mod log;
mod missing;
mod mock;
mod page;
mod pipes;
mod proxy;
#[cfg(target_os = "linux")]
mod proxy_memory;
mod replay;
mod rooms;
mod run;
mod secure;
mod serving;
mod share;
#[cfg(unix)]
mod shutdown;
mod tools;
mod trigger;
mod verdict;
mod webhook;
