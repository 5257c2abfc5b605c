//! The frames on the socket.
//!
//! Each frame is a length (u32, big-endian) and that many bytes, at most [`FRAME_BYTES_MAX`]. The first frame
//! in each direction begins with [`MAGIC`] and the number of the protocol (u16, little-endian), so that
//! another version is recognised before anything else is read; a [`Hello`] or a [`Welcome`] in postcard
//! follows. Each later frame holds one or more requests or replies, each with its number, in postcard.

use bytes::Bytes;
use flow::{job::Lease, lane::Lane, queue::QueueError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::request::{Reply, Request};
use crate::session::Session;

/// The number of the protocol of this version.
pub(crate) const PROTOCOL: u16 = 6;
/// The length of the largest frame: a batch of jobs with the largest payloads, and room to spare.
const FRAME_BYTES_MAX: usize = 32 << 20;
/// The number of requests of one connection that may be open at a time. The client keeps to it, so the broker
/// never has to stop reading.
pub(crate) const OPEN_REQUESTS_MAX: usize = 1024;
/// The size from which a frame takes no further item.
const FRAME_BYTES_FULL: usize = 256 << 10;

const MAGIC: &[u8; 6] = b"juggle";

/// The first message of a client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) session: Session,
    /// The leases that it holds from an earlier connection.
    pub(crate) held: Vec<Lease>,
    /// The lanes of its workers, once for each worker.
    pub(crate) worker_lanes: Vec<Lane>,
}

/// The broker's reply to a hello.
pub(crate) type Welcome = Result<(), QueueError>;

/// An item of a frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<T> {
    pub(crate) number: u64,
    pub(crate) content: T,
}

pub(crate) type RequestFrame = Numbered<Request>;
pub(crate) type ReplyFrame = Numbered<Result<Reply, QueueError>>;

/// A connection between a client and the broker.
pub(crate) type Frames = Framed<UnixStream, LengthDelimitedCodec>;

pub(crate) fn framed(stream: UnixStream) -> Frames {
    LengthDelimitedCodec::builder().max_frame_length(FRAME_BYTES_MAX).new_framed(stream)
}

/// Encodes items to frames that end after about [`FRAME_BYTES_FULL`].
pub(crate) fn encode_all<T: Serialize>(items: impl IntoIterator<Item = T>) -> Vec<Bytes> {
    let (mut frames, mut frame) = (Vec::new(), Vec::new());
    for item in items {
        frame = postcard::to_extend(&item, frame)
            .expect("requests and replies hold nothing that postcard cannot write");
        if frame.len() > FRAME_BYTES_FULL {
            frames.push(Bytes::from(std::mem::take(&mut frame)));
        }
    }
    if !frame.is_empty() {
        frames.push(Bytes::from(frame));
    }
    frames
}

/// Decodes all items of a frame.
///
/// # Errors
/// Returns a description if the frame holds anything else, or more items than may be open.
pub(crate) fn decode_all<T: DeserializeOwned>(mut frame: &[u8]) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    while !frame.is_empty() {
        // A client must not make the owner keep more than this.
        if items.len() == OPEN_REQUESTS_MAX {
            return Err(format!("a frame holds more than {OPEN_REQUESTS_MAX} items"));
        }
        let (item, rest) = postcard::take_from_bytes(frame).map_err(|error| unreadable(&error))?;
        items.push(item);
        frame = rest;
    }
    Ok(items)
}

fn unreadable(error: &postcard::Error) -> String {
    format!("a frame cannot be decoded: {error}")
}

/// Encodes a first frame.
pub(crate) fn encode_first(content: &impl Serialize) -> Bytes {
    let head = [&MAGIC[..], &PROTOCOL.to_le_bytes()].concat();
    postcard::to_extend(content, head).expect("greetings hold nothing that postcard cannot write").into()
}

/// Decodes a first frame.
///
/// # Errors
/// Returns [`QueueError::Version`] if the other side has another protocol, or is not juggle.
pub(crate) fn decode_first<T: DeserializeOwned>(frame: &[u8]) -> Result<T, QueueError> {
    let refuse = |why: String| Err(QueueError::Version(why));
    let Some((number, content)) = frame.strip_prefix(MAGIC).and_then(<[u8]>::split_first_chunk::<2>) else {
        return refuse("the other side of the queue's socket is not juggle".to_owned());
    };
    // Before the rest is decoded, whose form the number decides.
    match u16::from_le_bytes(*number) {
        PROTOCOL => postcard::from_bytes(content).or_else(|error| refuse(unreadable(&error))),
        other => refuse(format!(
            "the queue of this directory is served by another version of juggle (protocol {other}; this \
             version uses {PROTOCOL}). Wait until that process ends, or use the same version"
        )),
    }
}
