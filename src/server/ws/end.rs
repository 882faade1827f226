//! How a conversation ends.

use tungstenite::protocol::CloseFrame;

use crate::sans_io::error::Code;

/// The room that a close frame has for its reason, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 123;

/// How a conversation ends.
pub(crate) enum End {
    /// We close it.
    Close(CloseFrame),
    /// We close it for what the client sent; there may be more of it, unread.
    Refuse(CloseFrame),
    /// The client closed it; the answer to that is queued.
    Left,
    /// The client is gone.
    Over,
}

impl End {
    pub(crate) fn close(code: u16, reason: &str) -> Self {
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into();
        Self::Close(CloseFrame { code: code.into(), reason })
    }

    pub(crate) fn of(code: Code) -> Self {
        Self::close(code.close_code(), code.name())
    }
}
