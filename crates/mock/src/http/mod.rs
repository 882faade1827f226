//! A minimal HTTP/1.1 server. It controls every byte that it sends, as faults require.

mod request;
mod response;

pub(super) use request::{HEAD_BYTES_MAX, ReadError, Request, read_request};
pub(super) use response::{Response, percent_decode};
