//! The bare connection of a lane: the driver logs in over it, asks what it is asked to, and gives it back.

use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use crate::error::Error;

/// A connection to PostgreSQL's server.
pub(crate) type Socket = Box<dyn Stream>;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// No connection, or none that logs in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot connect to PostgreSQL")]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Socket(error) => Self::unreachable_database(error),
            OpenError::Driver(error) => error.into(),
        }
    }
}

/// Connects, logs in, and gives `first` the driver's client. Afterwards nothing is under way on the socket, and nobody else has it.
pub(crate) async fn open<T>(
    config: &Config,
    first: &impl AsyncFn(&Client) -> Result<T, tokio_postgres::Error>,
) -> Result<(Socket, T), OpenError> {
    let lent = Lent(Arc::new(Mutex::new(Some(reach(config).await?))));
    let (client, connection) = config.connect_raw(lent.clone(), NoTls).await?;
    let told = {
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            told = first(&client) => told?,
            ended = &mut connection => return Err(ended.err().map_or_else(|| closed().into(), OpenError::from)),
        }
    };
    let socket = lent.socket().take().ok_or_else(closed)?;
    Ok((socket, told))
}

/// The first of the hosts that answers.
async fn reach(config: &Config) -> io::Result<Socket> {
    let mut last = closed();
    for (at, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let connecting = connect(config, host, port);
        let connected = match config.get_connect_timeout() {
            Some(patience) => {
                tokio::time::timeout(*patience, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            None => connecting.await,
        };
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect(config: &Config, host: &Host, port: u16) -> io::Result<Socket> {
    let name = match host {
        Host::Unix(folder) => {
            return Ok(Box::new(UnixStream::connect(Path::new(folder).join(format!(".s.PGSQL.{port}"))).await?));
        }
        Host::Tcp(name) => name.as_str(),
    };
    let stream = TcpStream::connect((name, port)).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    Ok(Box::new(stream))
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection to PostgreSQL is closed")
}

/// A socket that is taken back from whoever it was given to.
#[derive(Clone)]
struct Lent(Arc<Mutex<Option<Socket>>>);

impl Lent {
    fn socket(&self) -> MutexGuard<'_, Option<Socket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll<T>(&self, act: impl FnOnce(Pin<&mut Socket>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.socket().as_mut() {
            Some(socket) => act(Pin::new(socket)),
            None => Poll::Ready(Err(closed())),
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_read(context, into))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|socket| socket.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_shutdown(context))
    }
}
