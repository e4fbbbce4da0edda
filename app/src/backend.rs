//! What the interface asks of the server: one object in context, made for each request, that already
//! knows who asks. `server` implements it over its services.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{NewPoll, NewRoom, Poll, PollId, PollPatch, Problem, Room, RoomList, RoomPatch};
use leptos::prelude::*;

use crate::data::{AccountPage, HostAction, RoomPage, TicketsPage, Visitor};

/// The use cases as the asker may use them. Codes are as typed; every method authorises.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Who asks.
    fn visitor(&self) -> Visitor;
    /// A room with its tallies, for a page.
    async fn room_page(&self, code: &str) -> Result<RoomPage, Problem>;
    /// The asker's own rooms, newest first.
    async fn rooms(&self, search: Option<&str>, cursor: Option<&str>) -> Result<RoomList, Problem>;
    /// The asker's own account.
    async fn account_page(&self) -> Result<AccountPage, Problem>;
    /// A page of a room's voting tickets, for its host; pages are counted from 1.
    async fn tickets_page(&self, code: &str, page: usize) -> Result<TicketsPage, Problem>;
    /// Makes a room.
    async fn create_room(&self, room: NewRoom) -> Result<Room, Problem>;
    /// Changes title, settings or order.
    async fn change_room(&self, code: &str, patch: RoomPatch) -> Result<Room, Problem>;
    /// Deletes a room with all its polls and ballots.
    async fn delete_room(&self, code: &str) -> Result<(), Problem>;
    /// Makes a copy with the polls as drafts.
    async fn duplicate_room(&self, code: &str) -> Result<Room, Problem>;
    /// Chooses what phones and screens show now.
    async fn set_current(&self, code: &str, poll: Option<PollId>) -> Result<Room, Problem>;
    /// Adds a poll at the end.
    async fn add_poll(&self, code: &str, poll: NewPoll) -> Result<Poll, Problem>;
    /// Changes a draft.
    async fn change_poll(&self, poll: PollId, patch: PollPatch) -> Result<Poll, Problem>;
    /// Deletes a poll with its ballots.
    async fn delete_poll(&self, poll: PollId) -> Result<(), Problem>;
    /// Opens, closes, reveals, hides or resets a poll.
    async fn act(&self, poll: PollId, action: HostAction) -> Result<Poll, Problem>;
}

/// The backend of the request that is being answered.
pub fn backend() -> Result<Arc<dyn Backend>, Problem> {
    use_context::<Arc<dyn Backend>>().ok_or_else(Problem::internal)
}
