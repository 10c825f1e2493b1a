//! The answer of the store that is still to come.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::StoreError;

/// An answer of the store: a future, which needs no particular runtime. What was asked for happens whether or not it
/// is awaited.
#[must_use = "whether the store did it is only known from the answer"]
#[derive(Debug)]
pub struct Pending<T, E>(State<T, E>);

#[derive(Debug)]
enum State<T, E> {
    /// `None` once the answer was taken.
    Ready(Option<Result<T, E>>),
    Waiting(oneshot::Receiver<Result<T, E>>),
}

impl<T, E: From<StoreError>> Pending<T, E> {
    /// An answer that is known already.
    pub fn ready(answer: Result<T, E>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    /// An answer to be sent through the other end. If that end is dropped, the answer is [`StoreError::Closed`].
    pub fn channel() -> (oneshot::Sender<Result<T, E>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(State::Waiting(receiver)))
    }

    /// Blocks the calling thread until the answer is there. For synchronous code only.
    ///
    /// # Errors
    ///
    /// The answer's own.
    ///
    /// # Panics
    ///
    /// If the answer is not there yet and this is called from async code, which must not block.
    pub fn wait(self) -> Result<T, E> {
        match self.0 {
            State::Ready(answer) => answer.unwrap_or_else(|| Err(StoreError::Closed.into())),
            State::Waiting(receiver) => {
                receiver.blocking_recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
            }
        }
    }
}

// Nothing in it is ever pinned.
impl<T, E> Unpin for Pending<T, E> {}

impl<T, E: From<StoreError>> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(answer) => {
                Poll::Ready(answer.take().unwrap_or_else(|| Err(StoreError::Closed.into())))
            }
            State::Waiting(receiver) => Pin::new(receiver)
                .poll(context)
                .map(|sent| sent.unwrap_or_else(|_| Err(StoreError::Closed.into()))),
        }
    }
}
