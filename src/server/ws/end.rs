//! Ways in which a WebSocket ends.

use tungstenite::protocol::CloseFrame;

use crate::sans_io::error::Code;

/// Maximum length of the reason in a close frame, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 123;

/// The way in which a WebSocket ends.
pub(crate) enum End {
    /// The server closes it.
    Close(CloseFrame),
    /// The server closes it because of what the client sent; unread data may remain.
    Refuse(CloseFrame),
    /// The client closed it; the reply is queued.
    Left,
    /// The connection is gone.
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
