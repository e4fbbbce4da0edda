//! Live rooms over WebSocket, as the public contract says.
//!
//! A connection's task reads what its client says. The hub knows which rooms have sockets here; each
//! such room has one task, which hears what happened, decides who may see what, encodes a frame once
//! and puts it into its members' outboxes. An outbox has a task that writes to the socket.

mod bucket;
mod connection;
mod hub;
mod inbox;
mod outbox;
mod room;
mod sockets;
mod upgrade;
mod writing;

pub use hub::Hub;
pub use upgrade::upgrade;
