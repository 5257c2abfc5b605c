//! Frames on the socket.
//!
//! Each frame is a length (u32, big-endian) and that many bytes, at most [`FRAME_BYTES_MAX`]. The first one each way
//! begins with [`MAGIC`] and the protocol's number (u16, little-endian), so that versions can tell each other apart
//! before anything else is read; what follows is postcard. A later frame holds one request or reply after another, each
//! with its number, in postcard.

use bytes::Bytes;
use flow::{job::Lease, lane::Lane, queue::QueueError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::codec::LengthDelimitedCodec;

use crate::{
    session::Session,
    transport::request::{Reply, Request},
};

/// The protocol that this version speaks.
pub(crate) const PROTOCOL: u16 = 4;
/// The largest frame: a batch of jobs with the largest payloads, and room to spare.
const FRAME_BYTES_MAX: usize = 32 << 20;
/// Requests of one connection that may be open at a time. The client keeps to it, so the broker never stops reading.
pub(crate) const OPEN_REQUESTS_MAX: usize = 1024;
/// A frame of this size takes no further item.
const FRAME_BYTES_FULL: usize = 256 << 10;

const MAGIC: &[u8; 6] = b"juggle";

/// What a client says first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) session: Session,
    /// Leases that it holds from an earlier connection.
    pub(crate) held: Vec<Lease>,
    /// Lanes that its workers serve.
    pub(crate) attending: Vec<Lane>,
}

/// What the broker answers to a hello.
pub(crate) type Welcome = Result<(), QueueError>;

/// One of the items in a frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<T> {
    pub(crate) number: u64,
    pub(crate) content: T,
}

pub(crate) type RequestFrame = Numbered<Request>;
pub(crate) type ReplyFrame = Numbered<Result<Reply, QueueError>>;

pub(crate) fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(FRAME_BYTES_MAX).new_codec()
}

/// Puts items into as few frames as are of a sensible size.
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

/// All items of a frame.
///
/// # Errors
/// Where it holds anything else, or more than may be open.
pub(crate) fn decode_all<T: DeserializeOwned>(mut frame: &[u8]) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    while !frame.is_empty() {
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
    format!("a frame cannot be read: {error}")
}

fn encode(content: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(content).expect("greetings hold nothing that postcard cannot write")
}

fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, String> {
    postcard::from_bytes(frame).map_err(|error| unreadable(&error))
}

/// A first frame.
pub(crate) fn encode_first(content: &impl Serialize) -> Bytes {
    [&MAGIC[..], &PROTOCOL.to_le_bytes(), &encode(content)].concat().into()
}

/// Reads a first frame.
///
/// # Errors
/// [`QueueError::Version`] where the other side speaks another protocol, or none.
pub(crate) fn decode_first<T: DeserializeOwned>(frame: &[u8]) -> Result<T, QueueError> {
    let refuse = |why: String| Err(QueueError::Version(why));
    let Some((number, content)) = frame.strip_prefix(MAGIC).and_then(<[u8]>::split_first_chunk::<2>) else {
        return refuse("the other side of the queue's socket is not juggle".to_owned());
    };
    match u16::from_le_bytes(*number) {
        PROTOCOL => decode(content).or_else(refuse),
        other => refuse(format!(
            "the queue of this directory is served by another version of juggle (protocol {other}, this is \
             {PROTOCOL}): let that one end, or use the same version"
        )),
    }
}
