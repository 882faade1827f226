//! Retry policy: which failures are retried, how often, and after which delay.

use std::{collections::BTreeMap, time::Duration};

use super::error::Code;

/// Default number of attempts, including the first.
pub const ATTEMPTS: u32 = 5;
/// Maximum of the first delay. It doubles with each attempt, and each delay is at least half of its maximum.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Maximum of the first delay after a rejection because of too many requests that states no wait: the delay
/// is 10 s or longer, because TikTok and sign servers count over minutes.
pub const BACKOFF_FIRST_LIMITED: Duration = Duration::from_secs(20);
/// Maximum delay, unless the server requests a longer one.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A connection that stays healthy for this long resets the retry budget.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// Maximum delay that a server can request.
pub const SERVER_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Number of retries for a kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// Until the attempts are used up.
    Budget,
    /// This many times only, because the same rejection would follow.
    Times(u32),
    /// Never, because a retry would fail again.
    Never,
}

/// Returns the retries for a code. Failures that are not listed are final, or for the user to fix.
#[must_use]
pub fn retries(code: Code) -> Retries {
    match code {
        Code::RateLimited | Code::SignFailed | Code::SignEmpty | Code::ConnectionLost | Code::DnsFailed => {
            Retries::Budget
        }
        // What a person may do at any time.
        Code::BrowserUnreachable | Code::TabNotFound | Code::TabLost | Code::TabSilent => Retries::Budget,
        Code::Blocked => Retries::Times(2),
        Code::UserNotFound | Code::HandshakeRefused => Retries::Times(1),
        _ => Retries::Never,
    }
}

/// Decision after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this delay.
    Again(Duration),
    /// Give up. Contains the delay that the server requested, if any.
    Final(Option<Duration>),
}

/// Counts attempts and decides when to retry.
#[derive(Clone, Debug)]
pub struct Retry {
    attempts_max: u32,
    attempt: u32,
    of_code: BTreeMap<Code, u32>,
    random: SplitMix,
}

impl Retry {
    /// Creates a budget of `attempts_max` attempts, at least 1. The same seed produces the same delays.
    #[must_use]
    pub fn new(attempts_max: u32, seed: u64) -> Self {
        Self {
            attempts_max: attempts_max.max(1),
            attempt: 1,
            of_code: BTreeMap::new(),
            random: SplitMix(seed),
        }
    }

    /// Returns the number of the current attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Records a failed attempt. `server_wait` is the delay that the server requested. `healthy` is how long
    /// the connection was healthy, or zero if there was none.
    pub fn failed(&mut self, code: Code, server_wait: Option<Duration>, healthy: Duration) -> Decision {
        if healthy >= HEALTHY_AFTER {
            self.attempt = 1;
            self.of_code.clear();
        }
        let times = self.of_code.entry(code).or_default();
        *times += 1;
        let is_allowed = match retries(code) {
            Retries::Budget => true,
            Retries::Times(most) => *times <= most,
            Retries::Never => false,
        };
        let is_bearable = server_wait.is_none_or(|wait| wait <= SERVER_WAIT_MAX);
        if !is_allowed || !is_bearable || self.attempt >= self.attempts_max {
            return Decision::Final(server_wait);
        }
        Decision::Again(server_wait.unwrap_or_else(|| self.backoff(code)))
    }

    /// Returns how often this failure was met, if more attempts are left, but no more for it.
    #[must_use]
    pub fn gave_up_after(&self, code: Code) -> Option<u32> {
        let is_limited = matches!(retries(code), Retries::Times(_)) && self.attempt < self.attempts_max;
        self.of_code.get(&code).copied().filter(|_| is_limited)
    }

    /// Starts the next attempt.
    pub fn start_next(&mut self) {
        self.attempt = self.attempt.saturating_add(1);
    }

    /// Returns a random delay between half of the exponential maximum and all of it (equal jitter): clients
    /// that failed together do not retry together, and attempts spread over time.
    fn backoff(&mut self, code: Code) -> Duration {
        let first = if code == Code::RateLimited { BACKOFF_FIRST_LIMITED } else { BACKOFF_FIRST };
        let doublings = (self.attempt - 1).min(31);
        let half = first.saturating_mul(1 << doublings).min(BACKOFF_MAX) / 2;
        let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        half + Duration::from_millis(self.random.up_to(millis))
    }
}

/// Sebastiano Vigna's SplitMix64: small, and good enough for delays and ids that need not be secret.
#[derive(Clone, Debug)]
pub struct SplitMix(pub u64);

impl SplitMix {
    /// Returns the next 64 bits.
    pub fn next_bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Returns a number from 0 to `most`.
    pub fn up_to(&mut self, most: u64) -> u64 {
        let scaled = (u128::from(self.next_bits()) * (u128::from(most) + 1)) >> 64;
        u64::try_from(scaled).unwrap_or(most)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(code: Code, server_wait: Option<Duration>) -> String {
        let (mut retry, mut text) = (Retry::new(ATTEMPTS, 1), String::new());
        loop {
            match retry.failed(code, server_wait, Duration::ZERO) {
                Decision::Again(after) => write!(text, "{} ms, ", after.as_millis()).unwrap(),
                Decision::Final(wait) => {
                    let told =
                        wait.map_or_else(String::new, |wait| format!(", told {} ms", wait.as_millis()));
                    return text + &format!("final at attempt {}{told}", retry.attempt());
                }
            }
            retry.start_next();
        }
    }

    #[test]
    fn each_failure_has_its_schedule() {
        let mut text = String::new();
        for code in Code::ALL.iter().filter(|code| retries(**code) != Retries::Never) {
            writeln!(text, "{code}: {}", schedule(*code, None)).unwrap();
        }
        writeln!(text, "rate_limited, 7 s: {}", schedule(Code::RateLimited, Some(7 * SECOND))).unwrap();
        writeln!(text, "sign_failed, 15 min: {}", schedule(Code::SignFailed, Some(SERVER_WAIT_MAX))).unwrap();
        let hour = Some(3600 * SECOND);
        writeln!(text, "rate_limited, 1 h: {}", schedule(Code::RateLimited, hour)).unwrap();
        writeln!(text, "all others: {}", schedule(Code::UserOffline, None)).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_healthy_connection_resets_the_budget() {
        let mut retry = Retry::new(2, 1);
        for stood in [HEALTHY_AFTER, HEALTHY_AFTER, HEALTHY_AFTER] {
            assert!(matches!(retry.failed(Code::ConnectionLost, None, stood), Decision::Again(_)));
            retry.start_next();
        }
        let verdict = retry.failed(Code::ConnectionLost, None, HEALTHY_AFTER - Duration::from_millis(1));
        assert_eq!(verdict, Decision::Final(None));
    }

    #[test]
    fn rejections_count_even_between_other_failures() {
        let mut retry = Retry::new(100, 1);
        let verdicts = [Code::Blocked, Code::ConnectionLost, Code::Blocked, Code::Blocked];
        let verdicts = verdicts.map(|code| retry.failed(code, None, Duration::ZERO) == Decision::Final(None));
        assert_eq!(verdicts, [false, false, false, true]);
    }

    proptest::proptest! {
        #[test]
        fn delays_are_at_least_half_of_their_maximum(seed: u64) {
            for (code, least_ms) in [
                (Code::ConnectionLost, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]),
                (Code::RateLimited, [10_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000]),
            ] {
                let mut retry = Retry::new(u32::MAX, seed);
                for least in least_ms.map(Duration::from_millis) {
                    let Decision::Again(after) = retry.failed(code, None, Duration::ZERO) else { panic!() };
                    assert!((least..=2 * least).contains(&after), "{code}: {after:?}, not {least:?} or longer");
                    retry.start_next();
                }
            }
        }

        #[test]
        fn delays_are_bounded_and_reproducible(seed: u64, attempts in 1_u32..200) {
            let (mut one, mut other) = (Retry::new(attempts, seed), Retry::new(attempts, seed));
            for attempt in 1..=attempts {
                let verdict = one.failed(Code::ConnectionLost, None, Duration::ZERO);
                assert_eq!(verdict, other.failed(Code::ConnectionLost, None, Duration::ZERO));
                match verdict {
                    Decision::Again(after) => assert!(attempt < attempts && after <= BACKOFF_MAX),
                    Decision::Final(_) => assert_eq!(attempt, attempts),
                }
                one.start_next();
                other.start_next();
            }
        }
    }
}
