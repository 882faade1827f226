//! Verification of expectations: on demand, and at the latest when the mock is dropped.

use std::{mem, thread, time::Duration};

use livetape_io::clock;
use tokio::time::timeout_at;

use super::expect::{Expectation, Seen, Times, Wanted, report};
use crate::{MockTikTok, state::journal::LogEntry};

/// Timeout of [`MockTikTok::wait_for`].
const WAIT_MAX: Duration = Duration::from_secs(60);

impl MockTikTok {
    /// Expects `seen` to happen this often, e.g. `5`, `1..`, `..3` or `2..=4`.
    ///
    /// [`MockTikTok::verify`] checks the number, and so does dropping the mock. Either panics if it does not
    /// match.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// mock.expect(Seen::request("/api-live/user/room"), 1..);
    /// mock.expect(Seen::Ack, ..3);
    /// // A client would connect here.
    /// # mock.connector().unwrap().connect().await.unwrap();
    /// let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(mock)));
    /// assert!(failed.is_err());
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the range is empty, e.g. `3..3`.
    #[track_caller]
    pub fn expect(&self, seen: Seen, times: impl Into<Times>) {
        self.expect_that(Wanted::Count(seen, times.into()));
    }

    /// Expects the client to send no request for `wait` after each failure: an error, a fault, or the end of
    /// a socket.
    #[track_caller]
    pub fn expect_no_reconnect_before(&self, wait: Duration) {
        self.expect_that(Wanted::Pause(wait));
    }

    #[track_caller]
    fn expect_that(&self, wanted: Wanted) {
        let expectation = Expectation::new(wanted);
        self.expectations.lock().push(expectation);
    }

    /// Verifies all expectations and removes them.
    ///
    /// # Panics
    /// If an expectation is not met. The message lists the expectations and the client activity.
    #[track_caller]
    pub fn verify(&self) {
        if let Some(unmet) = self.unmet() {
            panic!("{unmet}");
        }
    }

    /// Like [`verify`](Self::verify), but returns the report.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// mock.expect(Seen::Connection, 1);
    /// assert!(mock.unmet().unwrap().starts_with("expected 1 connection, got 0"));
    /// # }
    /// ```
    #[must_use]
    pub fn unmet(&self) -> Option<String> {
        let expectations = mem::take(&mut *self.expectations.lock());
        report(&expectations, &self.mock.memory.lock().journal)
    }

    /// Waits until `seen` has happened this often, and returns the log entries. Times out after a minute,
    /// which passes instantly under a paused clock.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # use tokio::io::AsyncWriteExt as _;
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// let mut client = mock.connector().unwrap().connect().await.unwrap();
    /// client.write_all(b"GET /live HTTP/1.1\r\n\r\n").await.unwrap();
    /// let requests = mock.wait_for(Seen::request("/live"), 1).await;
    /// assert_eq!(requests[0].connection, 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If it happens too often, or not in time, or if the range is empty. The message lists the client
    /// activity.
    #[track_caller]
    pub fn wait_for(&self, seen: Seen, times: impl Into<Times>) -> impl Future<Output = Vec<LogEntry>> {
        let expectation = Expectation::new(Wanted::Count(seen, times.into()));
        async move {
            let (deadline, mut happened) = (clock::now() + WAIT_MAX, self.mock.happened());
            loop {
                let checked = expectation.check(&self.mock.memory.lock().journal);
                match checked {
                    Ok(found) => return found,
                    Err(unmet) if unmet.is_final => {}
                    Err(_) => {
                        if timeout_at(deadline, happened.changed()).await.is_ok() {
                            continue;
                        }
                    }
                }
                let unmet = report(&[expectation], &self.mock.memory.lock().journal);
                panic!("{}", unmet.unwrap_or_default());
            }
        }
    }
}

/// Verifies the expectations, unless the test is already failing.
impl Drop for MockTikTok {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.verify();
        }
    }
}
