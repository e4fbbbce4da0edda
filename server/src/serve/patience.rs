//! A connection that is given up when its client dawdles: one that trickles a request's head in (slow-loris), one that
//! leaves a connection open for nothing, and one that takes no answer.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Patience;
use crate::places::Place;

/// How much of an answer the system has to take over for its reader before that is given [`Patience::idle`] once more, in
/// bytes: some 400 bytes a second. Taken byte by byte, an answer would be kept in memory for days. A reader that was never
/// waited for is not held to it.
const PORTION: usize = 64 * 1024;

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of a request is on its way.
    Head,
    /// A request is being answered, its body read: others bound how long that takes.
    Answering,
    /// Between requests, or an answer is being taken.
    IdleOrSending,
    /// It is a socket, which has bounds of its own.
    Socket,
}

/// Watches what a connection is at, for both who reads it and who answers.
pub(super) struct Watch {
    patience: Patience,
    at: Mutex<At>,
}

struct At {
    phase: Phase,
    since: Instant,
    /// How much was taken since.
    taken: usize,
    /// Whether there was more since than the system had room for: its reader is slow.
    was_full: bool,
    /// Whose connection it is: woken when the phase is another, and with it the time to give up.
    reader: Option<Waker>,
}

impl Watch {
    /// A connection that has just begun.
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            patience,
            at: Mutex::new(At {
                phase: Phase::Head,
                since: Instant::now(),
                taken: 0,
                was_full: false,
                reader: None,
            }),
        }
    }

    /// Notes what the connection is at from now on.
    pub(super) fn enter(&self, phase: Phase) {
        let mut at = self.at();
        (at.phase, at.since, at.taken, at.was_full) = (phase, Instant::now(), 0, false);
        if let Some(reader) = at.reader.take() {
            reader.wake();
        }
    }

    /// Notes that something came.
    fn read(&self) {
        let mut at = self.at();
        if at.phase == Phase::IdleOrSending {
            (at.phase, at.since) = (Phase::Head, Instant::now());
        }
    }

    /// Notes that so much was taken.
    fn written(&self, bytes: usize) {
        let mut at = self.at();
        at.taken += bytes;
        if at.taken >= PORTION {
            at.goes_on();
        }
    }

    /// Notes that the system has no room for more.
    fn full(&self) {
        self.at().was_full = true;
    }

    /// Notes that all was taken that there was. There may be more to come: of a slow reader it says nothing.
    fn flushed(&self) {
        let mut at = self.at();
        if at.taken > 0 && !at.was_full {
            at.goes_on();
        }
    }

    /// When the connection is given up, should nothing more happen; whoever waits for that is woken when it changes.
    fn end(&self, context: &Context<'_>) -> Option<Instant> {
        let mut at = self.at();
        if !at.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            at.reader = Some(context.waker().clone());
        }
        match at.phase {
            Phase::Head => Some(at.since + self.patience.head),
            Phase::IdleOrSending => Some(at.since + self.patience.idle),
            Phase::Answering | Phase::Socket => None,
        }
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl At {
    /// Counts anew, and gives whoever takes an answer their patience anew.
    fn goes_on(&mut self) {
        (self.taken, self.was_full) = (0, false);
        if self.phase == Phase::IdleOrSending {
            self.since = Instant::now();
        }
    }
}

/// A connection, with its place among all.
pub(super) struct Patient {
    stream: TcpStream,
    watch: Arc<Watch>,
    timer: Pin<Box<Sleep>>,
    _place: Place,
}

impl Patient {
    /// Wraps a connection.
    pub(super) fn new(stream: TcpStream, place: Place, watch: Arc<Watch>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { stream, watch, timer, _place: place }
    }

    /// Whether it is to be given up; otherwise the task is woken when it should be looked at again.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let Some(end) = self.watch.end(context) else { return false };
        if self.timer.deadline() != end {
            self.timer.as_mut().reset(end);
        }
        self.timer.as_mut().poll(context).is_ready()
    }

    fn after_writing(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.watch.written(bytes),
            Poll::Pending if self.is_over(context) => return Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => self.watch.full(),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.watch.read();
        }
        // Also when more has come: a trickle is no head.
        if self.is_over(context) { Poll::Ready(Err(ErrorKind::TimedOut.into())) } else { read }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_writing(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.after_writing(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.watch.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_taken_by_whole_portions_or_to_its_end() {
        let patience = Patience::default();
        let watch = Watch::new(patience);
        let end = || watch.end(&Context::from_waker(Waker::noop())).unwrap();
        watch.enter(Phase::IdleOrSending);
        let first = end();
        tokio::time::advance(patience.idle / 2).await;
        watch.written(PORTION - 1);
        assert_eq!(end(), first, "not enough yet");
        watch.written(1);
        assert_eq!(end(), first + patience.idle / 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        watch.flushed();
        assert_eq!(end(), first + patience.idle / 2, "nothing was taken since");
        watch.written(1);
        watch.flushed();
        let second = end();
        assert_eq!(second, Instant::now() + patience.idle, "that was all there was");
        tokio::time::advance(Duration::from_secs(1)).await;
        watch.full();
        watch.written(1);
        watch.flushed();
        assert_eq!(end(), second, "piece by piece is slow, too");
        watch.written(PORTION - 1);
        assert_eq!(end(), second + Duration::from_secs(1));
    }
}
