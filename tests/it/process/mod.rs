//! The program itself: exit codes, output, signals and ports.

mod address;
mod bad_input;
mod config;
mod documents;
#[cfg(unix)]
mod guides;
#[cfg(target_os = "linux")]
mod limits;
mod live;
mod log;
mod mock;
mod page;
mod pipes;
mod recorder;
mod replay;
mod rooms;
mod run;
mod serving;
mod shutdown;
mod tools;
mod verdict;
