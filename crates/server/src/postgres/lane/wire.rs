//! What passes over a lane's connection: requests in groups, and their answers.
//!
//! PostgreSQL begins a transaction, ends it and sends what it has to say once for each group (a `Sync`), so a group of quick statements
//! costs it about half of what they cost one by one. What gathers while a group is under way goes with the next one. When a statement
//! of a group fails, PostgreSQL skips those behind it: they are told so, and ask again.
//!
//! Groups that write are one transaction each: nobody is told of an outcome before it is committed, and when one statement fails, or the
//! commit does, nothing came of any.
//!
//! The messages are those of PostgreSQL's protocol, version 3.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use postgres_protocol::message::backend::{self, Header, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};

use super::socket::Socket;
use crate::postgres::rows::{Column, TAG as DATA_ROW};

/// Bytes of a group at most, unless its only request is larger: they must fit into the socket while its answers are not read yet.
const GROUP_BYTES: usize = 64 * 1024;
/// Groups that wait on a writing wire at most, whether or not anybody still waits for them: who comes after is better off elsewhere.
const MAX_GROUPS: usize = 64;
/// Bytes there is room for at least whenever something is read.
const READ_BYTES: usize = 32 * 1024;

/// What came of a request.
pub(super) enum Reply {
    Rows {
        /// Of a statement that was asked to describe itself.
        columns: Option<Arc<[Column]>>,
        messages: Vec<Bytes>,
        len: usize,
        /// How long its group took.
        took: Duration,
    },
    /// With this SQLSTATE.
    Failed(String),
    /// Another statement of its group has failed: this one was not run, or was undone.
    Skipped,
}

/// What a wire's groups do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reading,
    Writing,
}

/// The requests' end of a lane. Dropping the last one ends the connection.
pub(super) struct Wire {
    shared: Arc<Shared>,
    pub(super) purpose: Purpose,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

/// What is to be sent.
#[derive(Default)]
struct Queue {
    groups: VecDeque<Group>,
    /// What is sent at the beginning of the next group that is made, where nothing can have failed before it: PostgreSQL would skip it.
    before_next: BytesMut,
    /// Since when a group is under way.
    since: Option<Instant>,
    /// Nobody sends any more, or nobody would answer.
    is_closed: bool,
}

#[derive(Default)]
struct Group {
    messages: BytesMut,
    replies: VecDeque<oneshot::Sender<Reply>>,
}

impl Wire {
    /// Over a connection that is ready for a statement. Its task ends with the last handle, once nothing is under way, or with the
    /// connection; it keeps `kept` as long.
    pub(super) fn over(socket: Socket, purpose: Purpose, kept: impl Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let mut connection = Connection {
            shared: Arc::clone(&shared),
            purpose,
            write: BytesMut::new(),
            under_way: None,
            answer: Answer::default(),
        };
        tokio::spawn(async move {
            if let Err(error) = connection.drive(socket).await {
                tracing::debug!(%error, "the connection of a lane ended");
            }
            connection.shared.close();
            // Without its `Sync` nothing of a group is committed.
            if !connection.write.is_empty() {
                connection.skip_all();
            }
            drop(kept);
        });
        Self { shared, purpose }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.lock().is_closed
    }

    /// How long a group is under way, if there is one.
    pub(super) fn under_way_for(&self) -> Option<Duration> {
        self.shared.lock().since.map(|since| since.elapsed())
    }

    /// Sends the messages of one statement, which `write` writes: no `Sync`, and one `Execute` at most. With `alone` none before it is
    /// held up by it. Fails when the connection has ended, too many wait already, or the messages cannot be written. When no reply comes,
    /// the connection has ended while the group was under way: what it wrote may have been committed or not.
    pub(super) fn ask(
        &self,
        alone: bool,
        write: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> io::Result<oneshot::Receiver<Reply>> {
        let (reply, answered) = oneshot::channel();
        {
            let mut queue = self.shared.lock();
            if queue.is_closed {
                return Err(io::ErrorKind::NotConnected.into());
            }
            if self.purpose == Purpose::Writing && queue.groups.len() >= MAX_GROUPS {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            let group = queue.open_group(alone);
            let before = group.messages.len();
            if let Err(error) = write(&mut group.messages) {
                // Half a message would end the connection.
                group.messages.truncate(before);
                return Err(error);
            }
            group.replies.push_back(reply);
        }
        self.shared.changed.notify_one();
        Ok(answered)
    }

    /// Sends what nobody waits for the outcome of, with a group that is not made yet.
    pub(super) fn tell(&self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.shared.lock().before_next);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.close();
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while holding it that leaves half a message.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits to be sent is told that nothing came of it.
    fn close(&self) {
        let groups = {
            let mut queue = self.lock();
            queue.is_closed = true;
            std::mem::take(&mut queue.groups)
        };
        for reply in groups.into_iter().flat_map(|group| group.replies) {
            let _ = reply.send(Reply::Skipped);
        }
    }
}

impl Queue {
    fn open_group(&mut self, alone: bool) -> &mut Group {
        let is_open = |group: &Group| (!alone || group.replies.is_empty()) && group.messages.len() < GROUP_BYTES;
        if !self.groups.back().is_some_and(is_open) {
            self.groups.push_back(Group { messages: std::mem::take(&mut self.before_next), replies: VecDeque::new() });
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }
}

/// The connection's end of a lane.
struct Connection {
    shared: Arc<Shared>,
    purpose: Purpose,
    /// What is not sent yet of the group under way.
    write: BytesMut,
    /// The group that was sent and is not answered in whole. Another one beside it would have PostgreSQL wait less, and end more
    /// transactions: on a machine that both share nothing is gained.
    under_way: Option<UnderWay>,
    answer: Answer,
}

struct UnderWay {
    replies: VecDeque<oneshot::Sender<Reply>>,
    /// What has come of statements, until it is committed.
    held: Vec<(oneshot::Sender<Reply>, Reply)>,
    has_failed: bool,
    since: Instant,
}

/// What was read of one answer.
#[derive(Default)]
struct Answer {
    columns: Option<Arc<[Column]>>,
    messages: Vec<Bytes>,
    len: usize,
}

impl Connection {
    async fn drive(&mut self, socket: Socket) -> io::Result<()> {
        let (mut reader, mut writer) = tokio::io::split(socket);
        let mut read = BytesMut::with_capacity(READ_BYTES);
        loop {
            if self.write.is_empty() && self.under_way.is_none() && !self.take() {
                let mut farewell = BytesMut::new();
                frontend::terminate(&mut farewell);
                return writer.write_all(&farewell).await;
            }
            if read.capacity() - read.len() < READ_BYTES / 2 {
                read.reserve(READ_BYTES);
            }
            tokio::select! {
                biased;
                received = reader.read_buf(&mut read) => {
                    if received? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.receive(&mut read)?;
                }
                sent = writer.write_buf(&mut self.write), if !self.write.is_empty() => {
                    sent?;
                }
                () = self.shared.changed.notified(), if self.write.is_empty() && self.under_way.is_none() => {
                    // Others who are ready to ask go with the same group.
                    let_others_run().await;
                }
            }
        }
    }

    /// Takes the next group, if there is one. False when there will be none any more.
    fn take(&mut self) -> bool {
        let mut queue = self.shared.lock();
        if let Some(group) = queue.groups.pop_front() {
            self.write = group.messages;
            frontend::sync(&mut self.write);
            let since = Instant::now();
            queue.since = Some(since);
            self.under_way = Some(UnderWay { replies: group.replies, held: Vec::new(), has_failed: false, since });
        }
        !(queue.is_closed && self.under_way.is_none())
    }

    /// Reads all the messages that have arrived whole.
    fn receive(&mut self, read: &mut BytesMut) -> io::Result<()> {
        loop {
            let (bytes, rows) = leading_rows(read)?;
            if rows > 0 {
                self.answer.messages.push(read.split_to(bytes).freeze());
                self.answer.len += rows;
            }
            let Some(header) = whole_message(read)? else { return Ok(()) };
            match header.tag() {
                backend::COMMAND_COMPLETE_TAG | backend::EMPTY_QUERY_RESPONSE_TAG => {
                    read.advance(1 + header.len() as usize);
                    self.end_answer();
                }
                backend::READY_FOR_QUERY_TAG => {
                    read.advance(1 + header.len() as usize);
                    self.end_group();
                }
                _ => match Message::parse(read)? {
                    Some(Message::RowDescription(body)) => self.answer.columns = Some(described(&body)?),
                    Some(Message::ErrorResponse(body)) => self.fail(&body)?,
                    Some(
                        Message::ParseComplete
                        | Message::BindComplete
                        | Message::CloseComplete
                        | Message::NoData
                        | Message::ParameterDescription(_)
                        | Message::ParameterStatus(_)
                        | Message::NoticeResponse(_)
                        | Message::NotificationResponse(_),
                    ) => {}
                    _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that answers nothing that was asked")),
                },
            }
        }
    }

    fn end_answer(&mut self) {
        let Answer { columns, messages, len } = std::mem::take(&mut self.answer);
        let Some(UnderWay { replies, held, since, .. }) = &mut self.under_way else { return };
        let Some(reply) = replies.pop_front() else { return };
        let rows = Reply::Rows { columns, messages, len, took: since.elapsed() };
        match self.purpose {
            // Whoever asked may have gone.
            Purpose::Reading => _ = reply.send(rows),
            Purpose::Writing => held.push((reply, rows)),
        }
    }

    fn fail(&mut self, body: &backend::ErrorResponseBody) -> io::Result<()> {
        use fallible_iterator::FallibleIterator as _;
        let code = body.fields().find(|field| Ok(field.type_() == b'C'))?;
        let code = code.map_or_else(String::new, |field| String::from_utf8_lossy(field.value_bytes()).into_owned());
        self.answer = Answer::default();
        let Some(group) = &mut self.under_way else { return Ok(()) };
        group.has_failed = true;
        // With none left it is the commit that failed, which says nothing if the connection ends before the group does.
        if let Some(reply) = group.replies.pop_front() {
            let _ = reply.send(Reply::Failed(code));
            // The commit would have come behind this one: there will be none.
            self.skip_all();
        }
        Ok(())
    }

    /// Nothing comes of any that have not been told yet.
    fn skip_all(&mut self) {
        let Some(UnderWay { replies, held, .. }) = &mut self.under_way else { return };
        for reply in held.drain(..).map(|(reply, _)| reply).chain(replies.drain(..)) {
            let _ = reply.send(Reply::Skipped);
        }
    }

    fn end_group(&mut self) {
        self.answer = Answer::default();
        self.shared.lock().since = None;
        let Some(UnderWay { replies, held, has_failed, .. }) = self.under_way.take() else { return };
        for (reply, rows) in held {
            let _ = reply.send(if has_failed { Reply::Skipped } else { rows });
        }
        for reply in replies {
            let _ = reply.send(Reply::Skipped);
        }
    }
}

/// One turn of patience: the tasks that are ready run first.
async fn let_others_run() {
    let mut waited = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How many bytes and messages at the beginning are rows.
fn leading_rows(read: &[u8]) -> io::Result<(usize, usize)> {
    let (mut bytes, mut rows) = (0, 0);
    while let Some(header) = whole_message(&read[bytes..])?.filter(|header| header.tag() == DATA_ROW) {
        bytes += 1 + header.len() as usize;
        rows += 1;
    }
    Ok((bytes, rows))
}

/// The header of the message at the beginning, if all of it is there.
fn whole_message(read: &[u8]) -> io::Result<Option<Header>> {
    Ok(Header::parse(read)?.filter(|header| read.len() > header.len() as usize))
}

fn described(body: &backend::RowDescriptionBody) -> io::Result<Arc<[Column]>> {
    use fallible_iterator::FallibleIterator as _;
    let columns = body.fields().map(|field| Ok(Column { name: field.name().into(), type_oid: field.type_oid() }));
    Ok(columns.collect::<Vec<_>>()?.into())
}
