//! Ways in which a WebSocket ends.

use livetape_core::{
    error::{Code, Problem, close},
    ws_frame::REASON_BYTES_MAX,
};
use tungstenite::protocol::CloseFrame;

/// Reason with which the server closes a socket that violates the WebSocket protocol.
pub(super) const PROTOCOL_ERROR: &str = "protocol_error";

/// The codes that [`check_close`] accepts.
const CODES: &str = "use 1000 to 1003, 1007 to 1014, or 3000 to 4999";

/// Checks the code and reason of a close frame that a user of the server chose.
///
/// # Errors
/// `bad_request` if the frame must not be sent.
pub fn check_close(code: u16, reason: &str) -> Result<(), Problem> {
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        let message = format!("{code} is not a close code that a server may send");
        return Err(Problem::new(Code::BadRequest, message).hint(CODES));
    }
    if reason.len() > REASON_BYTES_MAX {
        let message = format!("the reason is longer than {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, message));
    }
    Ok(())
}

pub(crate) enum End {
    /// The server closes it.
    Close(CloseFrame),
    /// The server closes it because of what the client sent; unread data may remain.
    Refuse(CloseFrame),
    /// The server cuts the connection without a close frame.
    Cut,
    /// The client closed it; the reply is queued.
    Left,
    /// The connection is gone.
    Over,
}

impl End {
    /// Creates the end with this close code. Without a close frame if it is 1006, which is what clients then
    /// report.
    pub(crate) fn close(code: u16, reason: &str) -> Self {
        if code == close::ABNORMAL {
            return Self::Cut;
        }
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into();
        Self::Close(CloseFrame { code: code.into(), reason })
    }

    /// Returns the close code and reason, if the server ends the socket; 1006 if it cuts it.
    pub(crate) fn by_server(&self) -> Option<(u16, String)> {
        match self {
            Self::Close(frame) | Self::Refuse(frame) => Some((frame.code.into(), frame.reason.to_string())),
            Self::Cut => Some((close::ABNORMAL, String::new())),
            Self::Left | Self::Over => None,
        }
    }

    pub(crate) fn of(code: Code) -> Self {
        Self::close(code.close_code(), code.name())
    }
}
