//! What a live poll is: ids, rooms, polls, choices, ballots, tallies and the messages of the public
//! contract. Pure types and rules: no I/O, no clock, no randomness (both are handed in), so the same
//! code decides on the server and draws in the browser.

pub mod account;
pub mod ballot;
pub mod choice;
pub mod code;
pub mod id;
pub mod lifecycle;
pub mod limits;
pub mod poll;
pub mod problem;
pub mod receipt;
pub mod room;
pub mod tally;
pub mod text;
pub mod ticket;
pub mod time;
pub mod wire;

pub use account::{DisplayName, Identity, IdentityKind, Me, Password, Username};
pub use ballot::{Standing, Verdict, judge};
pub use choice::{Choice, Mark};
pub use code::RoomCode;
pub use id::{BallotId, EventId, PollId, RoomId, SessionId, UserId, VoterId};
pub use lifecycle::{Command, Lifecycle, PollState};
pub use poll::{Definition, NewPoll, Poll, PollKind, PollOption, PollPatch};
pub use problem::{FieldError, Problem};
pub use receipt::{Reason, Receipt, Status};
pub use room::{
    NewRoom, ResultsPolicy, Room, RoomList, RoomPatch, RoomSettings, SettingsPatch, VotersPolicy,
};
pub use tally::{Count, Tally, TallyVersion};
pub use ticket::TicketCode;
pub use time::Timestamp;
pub use wire::{ClientMessage, ServerMessage};
