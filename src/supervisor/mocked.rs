//! Rooms of a mock that runs in this process.

use std::mem::{replace, take};

use super::{Next, Supervisor};
use crate::{
    control::{Answer, MockRoom, Status},
    sans_io::error::{Code, Problem},
    source::live::{LiveOptions, Transport},
};

impl<T: Transport> Supervisor<T> {
    /// Connects to a room of a mock, with a rate limit of its own and without the credentials for TikTok.
    pub(super) async fn connect_mock(&mut self, room: MockRoom, answer: Answer<Status>) -> Next {
        let options = match self.mock_options(&room) {
            Ok(options) => options,
            Err(problem) => {
                answer.refuse(problem);
                return Next::Idle;
            }
        };
        let live = replace(&mut self.options.live, options);
        let limit = take(&mut self.common.limit);
        self.is_mocked = true;
        let next = self.connect(room.user, Some(answer)).await;
        self.is_mocked = false;
        self.common.limit = limit;
        self.options.live = live;
        next
    }

    #[cfg(feature = "live")]
    fn mock_options(&self, room: &MockRoom) -> Result<LiveOptions, Problem> {
        let live = &self.options.live;
        if live.proxy.is_some() {
            return Err(Problem::new(Code::BadRequest, "a mock cannot be reached through the proxy")
                .hint("start the server without `live.proxy`"));
        }
        let invalid = |_| Problem::new(Code::BadRequest, format!("`{}` is not a URL", room.url));
        Ok(LiveOptions {
            upstream: Some(room.url.parse().map_err(invalid)?),
            offline: live.offline,
            attempts_max: live.attempts_max,
            seed: live.seed,
            ..LiveOptions::default()
        })
    }

    #[cfg(not(feature = "live"))]
    fn mock_options(&self, _: &MockRoom) -> Result<LiveOptions, Problem> {
        Err(Problem::new(Code::NotFound, "this server does not connect to rooms"))
    }
}
