//! A future that is polled only if it was woken itself.
//!
//! A socket's task is woken for each event. Without this filter, each event would make the task poll
//! everything else that it waits for, in vain.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Wraps a future and skips polls that other wake-ups cause.
pub(crate) struct WakeFilter<F> {
    future: F,
    calls: Arc<Calls>,
    waker: Waker,
}

/// Whether the future was woken, and the waker of its task.
struct Calls {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F: Future + Unpin> WakeFilter<F> {
    pub(crate) fn new(future: F) -> Self {
        let calls = Arc::new(Calls { woken: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { future, waker: Waker::from(Arc::clone(&calls)), calls }
    }
}

impl<F: Future + Unpin> Future for WakeFilter<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Register before checking the flag, so that a call in between wakes the task again.
        self.calls.task.register(cx.waker());
        if !self.calls.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let this = &mut *self;
        Pin::new(&mut this.future).poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn};

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn it_is_polled_only_when_it_was_woken() {
        let (notify, asked) = (Notify::new(), Cell::new(0));
        let mut notified = std::pin::pin!(notify.notified());
        let mut filter = WakeFilter::new(poll_fn(|cx| {
            asked.set(asked.get() + 1);
            notified.as_mut().poll(cx)
        }));
        for _ in 0..3 {
            assert_eq!((&mut filter).now_or_never(), None);
        }
        assert_eq!(asked.get(), 1);
        notify.notify_waiters();
        assert_eq!((&mut filter).now_or_never(), Some(()));
        assert_eq!(asked.get(), 2);
    }

    #[tokio::test]
    async fn a_call_wakes_the_task() {
        let notify = Arc::new(Notify::new());
        let waiting = Arc::clone(&notify);
        let task = tokio::spawn(async move { WakeFilter::new(std::pin::pin!(waiting.notified())).await });
        tokio::task::yield_now().await;
        notify.notify_waiters();
        task.await.unwrap();
    }
}
