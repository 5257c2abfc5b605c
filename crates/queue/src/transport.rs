//! How clients reach the owner of the queue.
//!
//! * [`client`]: `JobQueue` and `QueueAdmin` over anything that carries a [`request`];
//! * [`local`]: carries requests within the owner's process;
//! * [`broker`]: serves an owner on a Unix socket; [`socket`] reaches it, starts it and replaces it;
//! * `wire`: the frames on that socket.

pub mod broker;
pub mod client;
pub mod local;
pub mod request;
pub mod socket;
mod socket_address;
pub(crate) mod wire;
