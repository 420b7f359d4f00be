//! Ending a connection on which the client is still sending.
//!
//! A request that is refused before its body was read, such as one that is too large, is answered at once. If the connection were closed
//! then, what the client sends meanwhile would be answered by a reset, which may take the answer away before it is read. So nothing more
//! is sent, and what comes is thrown away for a while.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long nothing may come before the connection is closed after all.
const QUIET: Duration = Duration::from_secs(2);
/// How long it is kept at most.
const LONGEST: Duration = Duration::from_secs(15);
/// Bytes that are thrown away at most.
const MOST: usize = 128 << 20;

/// An unread rest as long as this is read by hyper itself, if it has come already: the connection may go on.
const LITTLE: u64 = 16 << 10;

/// How many bytes of a request's body were left unread on a connection, as far as that is known.
#[derive(Default, Clone)]
pub(super) struct Unread(Arc<AtomicU64>);

impl Unread {
    /// A request's body, watched for whether it is read to its end.
    pub(super) fn watch(&self, body: Incoming) -> Body {
        self.0.store(0, Ordering::Relaxed);
        // Most requests have none.
        if body.is_end_stream() { Body::new(body) } else { Body::new(Watched { body, is_read: false, unread: self.clone() }) }
    }

    /// The answer to that request, which says so when it is the connection's last.
    pub(super) fn told_of_in(&self, mut answer: Response) -> Response {
        if self.0.load(Ordering::Relaxed) > LITTLE {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

struct Watched {
    body: Incoming,
    /// Its end was met. By its length alone the end of a chunked one is not known.
    is_read: bool,
    unread: Unread,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.is_read |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let left = if self.is_read { 0 } else { self.body.size_hint().exact().unwrap_or(u64::MAX) };
        self.unread.0.store(left, Ordering::Relaxed);
    }
}

/// A client's stream, which is ended as said above.
pub(super) struct Lingering {
    stream: TcpStream,
    unread: Unread,
    /// Nothing more is sent; what comes is thrown away.
    ending: Option<Ending>,
}

struct Ending {
    quiet: Pin<Box<Sleep>>,
    until: Instant,
    /// Bytes thrown away so far.
    came: usize,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, unread: Unread) -> Self {
        Self { stream, unread, ending: None }
    }

    /// Ready when the client has ended its side too, or time is up.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let ending = self.ending.get_or_insert_with(|| {
            let now = Instant::now();
            Ending { quiet: Box::pin(tokio::time::sleep_until(now + QUIET)), until: now + LONGEST, came: 0 }
        });
        let mut space = [0; 8 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let now = Instant::now();
                    ending.came += buffer.filled().len();
                    if now >= ending.until || ending.came > MOST {
                        return Poll::Ready(());
                    }
                    ending.quiet.as_mut().reset(ending.until.min(now + QUIET));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return ending.quiet.as_mut().poll(context),
            }
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.unread.0.load(Ordering::Relaxed) > 0 {
            ready!(self.poll_rest(context));
        }
        Poll::Ready(Ok(()))
    }
}
