//! What inserts are told, over a connection whose other end is played here: what PostgreSQL does at such moments is rarely caught.

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

const SQL: &str = "INSERT INTO public.notes (text) VALUES (CAST($1 AS text))";

/// PostgreSQL's end.
struct Peer(DuplexStream);

impl Peer {
    /// The tags of the next group's messages, up to its `Sync`, with the names that follow where there are.
    async fn group(&mut self) -> String {
        let mut tags = String::new();
        loop {
            let (tag, length) = (self.0.read_u8().await.unwrap(), self.0.read_u32().await.unwrap());
            let mut body = vec![0; length as usize - 4];
            self.0.read_exact(&mut body).await.unwrap();
            tags.push(char::from(tag));
            if tag == b'C' {
                tags.push_str(std::str::from_utf8(&body[1..body.len() - 1]).unwrap());
            }
            if tag == b'S' {
                return tags;
            }
        }
    }

    async fn say(&mut self, messages: &[(u8, &[u8])]) {
        let mut out = BytesMut::new();
        for (tag, body) in messages {
            out.put_u8(*tag);
            out.put_i32(i32::try_from(body.len()).unwrap() + 4);
            out.extend_from_slice(body);
        }
        self.0.write_all(&out).await.unwrap();
    }
}

const PREPARED: [(u8, &[u8]); 3] = [(b'1', b""), (b't', &[0, 1, 0, 0, 0, 25]), (b'n', b"")];
const BOUND: (u8, &[u8]) = (b'2', b"");
const DONE: (u8, &[u8]) = (b'C', b"INSERT 0 1\0");
const FAILED: (u8, &[u8]) = (b'E', b"SERROR\0C23505\0Mtwice\0\0");
const READY: (u8, &[u8]) = (b'Z', b"I");

/// What becomes of three inserts that are sent as one group, as `play` answers them.
async fn three(play: impl AsyncFnOnce(Peer)) -> Vec<&'static str> {
    let (ours, theirs) = duplex(1 << 16);
    let (lane, mut peer) = (Lane::over(Box::new(ours), Purpose::Writing, ()), Peer(theirs));
    let params = [TextParam::new("x")];
    let prepare = async {
        assert_eq!(peer.group().await, "PDBES");
        peer.say(&[&PREPARED[..], &[BOUND, DONE, READY]].concat()).await;
    };
    assert!(tokio::join!(lane.insert(SQL, &params), prepare).0.is_ok());
    let insert = async || match lane.insert(SQL, &params).await {
        Ok(_) => "written",
        Err(Unwritten::Nothing) => "nothing",
        Err(Unwritten::Unknown) => "unknown",
    };
    let play = async {
        assert_eq!(peer.group().await, "BEBEBES");
        play(peer).await;
    };
    let (one, two, three, ()) = tokio::join!(insert(), insert(), insert(), play);
    vec![one, two, three]
}

#[tokio::test]
async fn an_insert_is_told_of_once_it_is_committed() {
    let all = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, BOUND, DONE, BOUND, DONE, READY]).await).await;
    assert_eq!(all, ["written"; 3]);
    let without_commit = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, BOUND, DONE, BOUND, DONE]).await).await;
    assert_eq!(without_commit, ["unknown"; 3], "the connection ended before it was said");
    let mid_way = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, BOUND]).await).await;
    assert_eq!(mid_way, ["unknown"; 3], "the rest may be on its way");
}

#[tokio::test]
async fn nothing_comes_of_a_group_in_which_one_fails() {
    let one_failed = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, BOUND, FAILED, READY]).await).await;
    assert_eq!(one_failed, ["nothing"; 3]);
    let and_ended = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, FAILED]).await).await;
    assert_eq!(and_ended, ["nothing"; 3], "there was no commit to come");
    let at_commit = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, BOUND, DONE, BOUND, DONE, FAILED, READY]).await).await;
    assert_eq!(at_commit, ["nothing"; 3]);
    let commit_and_end = three(async |mut peer: Peer| peer.say(&[BOUND, DONE, BOUND, DONE, BOUND, DONE, FAILED]).await).await;
    assert_eq!(commit_and_end, ["unknown"; 3], "an end of the connection may be told of like that after the commit");
}

#[tokio::test]
async fn what_nobody_keeps_is_closed_where_nothing_failed_before() {
    let (ours, theirs) = duplex(1 << 16);
    let (lane, mut peer) = (Lane::over(Box::new(ours), Purpose::Writing, ()), Peer(theirs));
    let params = [TextParam::new("x")];
    let failing = async {
        assert_eq!(peer.group().await, "PDBES");
        peer.say(&[&PREPARED[..], &[FAILED, READY]].concat()).await;
    };
    assert!(matches!(tokio::join!(lane.insert(SQL, &params), failing).0, Err(Unwritten::Nothing)));
    // Its sender goes while it is being prepared.
    tokio::select! {
        biased;
        _ = lane.insert(SQL, &params) => unreachable!("nobody has answered"),
        tags = peer.group() => assert_eq!(tags, "Cs0PDBES"),
    }
    peer.say(&[&[(b'3', &b""[..])], &PREPARED[..], &[BOUND, DONE, READY]].concat()).await;
    let another = async {
        assert_eq!(peer.group().await, "Cs1PDBES");
        peer.say(&[&[(b'3', &b""[..])], &PREPARED[..], &[BOUND, DONE, READY]].concat()).await;
    };
    assert!(tokio::join!(lane.insert(SQL, &params), another).0.is_ok());
}
