//! A minimal HTTP/1.1 server. It controls every byte that it sends, as faults require.

mod body;
mod reader;
mod request;
mod response;

pub(super) use reader::read_request;
pub(super) use request::{HEAD_BYTES_MAX, ReadError, Request};
pub(super) use response::{Response, percent_decode};
