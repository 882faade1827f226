//! No TLS: the feature `tls` is off.

/// A certificate with its key, of which there is none without the feature `tls`.
#[derive(Clone, Copy, Debug)]
pub enum Tls {}

impl Tls {
    pub(super) async fn accept<I>(self, _: I) -> Option<I> {
        match self {}
    }
}
