//! Error responses. All share one shape: `{"error":{"code","message","hint"}}`.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use livetape_core::error::{Code, Problem};
use livetape_feed::control;
use schemars::JsonSchema;
use serde::Serialize;

/// An error that converts into a response.
#[derive(Debug)]
pub(crate) struct Refusal(pub control::Refusal);

#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorBody<'a> {
    error: ErrorDetails<'a>,
    /// Whether livetape retries by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retrying: bool,
}

#[derive(Serialize, JsonSchema)]
struct ErrorDetails<'a> {
    code: Code,
    message: &'a str,
    hint: &'a str,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem.into())
    }
}

impl From<control::Refusal> for Refusal {
    fn from(refusal: control::Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let control::Refusal { problem, retrying, retry_after } = &self.0;
        let Problem { code, message, hint, .. } = problem;
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody { error: ErrorDetails { code: *code, message, hint }, retrying: *retrying };
        let mut json = serde_json::to_vec(&body).unwrap_or_default();
        // For clients that read lines.
        json.push(b'\n');
        let mut answer = (status, [(CONTENT_TYPE, "application/json")], json).into_response();
        answer.extensions_mut().insert(Refused { code: *code, cause: problem.cause() });
        if *code == Code::WebsocketVersion {
            let headers = answer.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up so that clients do not retry too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        answer
    }
}

/// Response extension with the reason for a rejection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    /// See [`Problem::cause`].
    pub(crate) cause: &'static str,
}
