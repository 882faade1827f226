//! No TLS: the feature `tls` is off.

use std::future::Ready;

/// A certificate with its key. Cannot exist without the feature `tls`.
#[derive(Clone, Debug)]
pub enum Tls {}

impl Tls {
    pub(super) fn accept<I>(&self, _: I) -> Ready<Option<I>> {
        match *self {}
    }
}
