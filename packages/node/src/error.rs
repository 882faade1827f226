//! Errors for JavaScript: code, message and hint as JSON in the message, which `js/errors.cts` unpacks.

use livetape_core::error::{Code, Problem};
use livetape_feed::control::Refusal;
use serde_json::json;

/// Hint for invalid arguments.
const README: &str = "see the package's README for the options";
/// Texts that only occur in hints for clients of the server or for users of the command line.
const FOREIGN: [&str; 9] = [
    "GET /",
    "POST /",
    "DELETE /",
    "`livetape ",
    "LIVETAPE_",
    "`join_room`",
    "`client_id`",
    "setting ",
    "` setting",
];
/// Hints for programs, which replace such hints.
const HINTS: [(Code, &str); 13] = [
    (Code::NoReplay, "load a recording first: `app.replay.load('demo')`"),
    (Code::ReplayRunning, "end the replay first: `app.disconnect(app.replay.state.recording)`"),
    (Code::RoomRunning, "disconnect the room first: `app.disconnect(user)`"),
    (Code::NotFound, "see `app.status()` for the current user, and `app.getConnections()` for the sockets"),
    (Code::BadRecording, "use a recording of livetape"),
    (Code::UnknownRoom, "create it with `app.createRoom`, or join it with `socket.joinRoom`"),
    (Code::NotInRoom, "call `joinRoom` first"),
    (Code::ReadOnlyRoom, "send messages to another room"),
    (Code::InjectRefused, "inject into a replay, or set the option `allowInject`"),
    (Code::OfflineMode, "use a mock as `upstream`, or leave out the option `offline`"),
    (Code::ForbiddenOrigin, "pass origins such as https://example.com in `origins`"),
    (Code::ForbiddenHost, "pass host names such as example.com in `hosts`"),
    (Code::ShuttingDown, "create another app"),
];

/// Converts a problem.
pub(crate) fn error(problem: &Problem) -> napi::Error {
    let Problem { code, message, hint, .. } = problem;
    let is_foreign = FOREIGN.iter().any(|name| hint.contains(name));
    let own = HINTS.iter().find(|(known, _)| known == code).map_or(README, |(_, hint)| hint);
    let hint = if is_foreign { own } else { hint };
    napi::Error::from_reason(json!({ "code": code.name(), "message": message, "hint": hint }).to_string())
}

/// Converts the problem of a result.
pub(crate) trait OrError<T> {
    /// Returns the value, or the error for JavaScript.
    fn or_error(self) -> napi::Result<T>;
}

impl<T> OrError<T> for Result<T, Problem> {
    fn or_error(self) -> napi::Result<T> {
        self.map_err(|problem| error(&problem))
    }
}

impl<T> OrError<T> for Result<T, Refusal> {
    fn or_error(self) -> napi::Result<T> {
        self.map_err(|refusal| error(&refusal.problem))
    }
}

/// Returns an error for an invalid argument.
pub(crate) fn bad(message: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, message)
}

/// Parses JSON from the JavaScript part.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Result<T, Problem> {
    serde_json::from_str(json).map_err(|error| {
        // The position is one in the JSON, which the caller never sees.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
        bad(format!("invalid {what}: {message}")).hint(README)
    })
}

/// Serializes a response.
pub(crate) fn json(value: &impl serde::Serialize) -> napi::Result<String> {
    serde_json::to_string(value).map_err(|error| napi::Error::from_reason(error.to_string()))
}
