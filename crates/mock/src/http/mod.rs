//! HTTP/1.1, just so much that every byte of an answer is the mock's own: faults are made of bytes.

mod request;
mod response;

pub(super) use request::{HEAD_BYTES_MAX, ReadError, Request, read_request};
pub(super) use response::{Response, percent_decode};
