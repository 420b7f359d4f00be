//! A proxy between a server and its PostgreSQL, which can cut the link or keep notifications back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Passes everything on.
    Whole,
    /// Passes nothing on, in neither direction, and says nothing either.
    Cut,
    /// Passes everything on but notifications.
    Silent,
}

/// A link that a test can change while it is in use.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<AtomicU8>,
    kept_back: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens, and connects to PostgreSQL on `upstream` for everybody who comes.
    pub(crate) async fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, state: Arc::new(AtomicU8::new(Link::Whole as u8)), kept_back: Arc::default() };
        let shared = proxy.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let proxy = shared.clone();
                tokio::spawn(async move { proxy.carry(near, upstream).await });
            }
        });
        proxy
    }

    pub(crate) fn set(&self, link: Link) {
        self.state.store(link as u8, Ordering::SeqCst);
    }

    /// How many notifications did not arrive.
    pub(crate) fn kept_back(&self) -> usize {
        self.kept_back.load(Ordering::SeqCst)
    }

    fn is(&self, link: Link) -> bool {
        self.state.load(Ordering::SeqCst) == link as u8
    }

    async fn while_whole(&self) {
        while self.is(Link::Cut) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn carry(&self, near: TcpStream, upstream: u16) {
        self.while_whole().await;
        let Ok(far) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
        }
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        // The first that ends takes the other along.
        tokio::select! {
            () = self.requests(near_read, far_write) => {}
            () = self.answers(far_read, near_write) => {}
        }
    }

    async fn requests(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
            self.while_whole().await;
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// Message by message: a byte for its kind, four for its length, which counts themselves.
    async fn answers(&self, from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut from = tokio::io::BufReader::with_capacity(64 * 1024, from);
        let mut message = Vec::new();
        loop {
            let mut head = [0; 5];
            if from.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            message.clear();
            message.extend_from_slice(&head);
            message.resize(1 + length, 0);
            if from.read_exact(&mut message[5..]).await.is_err() {
                return;
            }
            self.while_whole().await;
            if head[0] == b'A' && self.is(Link::Silent) {
                self.kept_back.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            if to.write_all(&message).await.is_err() {
                return;
            }
        }
    }
}
