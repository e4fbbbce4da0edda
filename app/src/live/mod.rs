//! The live room: what a page is drawn from while messages come in and votes go out.

mod incoming;
mod outbox;
#[cfg(feature = "hydrate")]
mod socket;
mod state;

use std::time::Duration;

use domain::wire::Role;
use domain::{BallotId, Choice, Poll, PollId, PollKind, PollState, Reason, Tally};
use leptos::prelude::*;

use self::outbox::{Entry, Outbox};
pub(crate) use self::state::LiveRoom;
use crate::browser;
use crate::data::RoomPage;

/// How the page is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not yet: the page has just been loaded.
    Connecting,
    /// What is shown is what is.
    Live,
    /// Trying again in so many seconds; 0 is now.
    Reconnecting(i64),
    /// The device has no network.
    Offline,
    /// Not any more, and it will not be tried again.
    Ended,
}

/// What became of the last ballot that was sent from this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VoteStatus {
    /// On its way.
    Sending,
    /// Kept until there is a connection.
    Kept(Connection),
    /// Counted live.
    Received,
    /// Recorded for good.
    Counted,
    /// Not counted, or not yet where the reason is temporary.
    Refused(Reason),
}

/// Something to tell that is about no poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// No room has this code any more.
    RoomGone,
    /// The server asks for a slower pace.
    TooFast,
    /// The viewer is signed out.
    SignedOut,
}

/// What a poll asks: its page is only drawn anew when this changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) id: PollId,
    pub(crate) round: u32,
    pub(crate) question: String,
    pub(crate) kind: PollKind,
    pub(crate) options: Vec<String>,
}

impl Shape {
    /// A poll's.
    pub(crate) fn of(poll: &Poll) -> Self {
        Self {
            id: poll.id,
            round: poll.round,
            question: poll.question.clone(),
            kind: poll.kind,
            options: poll.options.iter().map(|option| option.label.clone()).collect(),
        }
    }
}

/// The signals of a live room, above the socket: a socket that is retired takes nothing with it.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// The room.
    pub(crate) room: RwSignal<LiveRoom>,
    /// How the page is connected.
    pub(crate) connection: RwSignal<Connection>,
    /// The server's clock in milliseconds, about twice a second.
    pub(crate) now: RwSignal<i64>,
    /// Something to tell.
    pub(crate) notice: RwSignal<Option<Notice>>,
    outbox: RwSignal<Outbox>,
    /// What the last receipt of a poll said, and in which round.
    answers: RwSignal<Vec<(PollId, u32, BallotId, VoteStatus)>>,
    /// The page as it came, without its room.
    page: StoredValue<RoomPage>,
}

impl Live {
    /// Draws from a page's snapshot, and in the browser connects to what comes after it.
    pub(crate) fn start(page: RoomPage, role: Option<Role>) -> Self {
        let room = LiveRoom::new(&page);
        let live = Self {
            now: RwSignal::new(room.written().millis()),
            room: RwSignal::new(room),
            connection: RwSignal::new(Connection::Connecting),
            notice: RwSignal::new(None),
            outbox: RwSignal::new(Outbox::default()),
            answers: RwSignal::new(Vec::new()),
            page: StoredValue::new(page),
        };
        #[cfg(feature = "hydrate")]
        Effect::new(move || socket::run(live, role));
        #[cfg(not(feature = "hydrate"))]
        let _ = role;
        live
    }

    /// The room's join code.
    pub(crate) fn code(self) -> String {
        self.page.with_value(|page| page.room.code.as_str().to_owned())
    }

    /// Whether the viewer hosts the room.
    pub(crate) fn is_host(self) -> bool {
        self.page.with_value(|page| page.room.is_host)
    }

    /// The page as it came.
    pub(crate) fn page(self) -> RoomPage {
        self.page.get_value()
    }

    /// What the current poll asks.
    pub(crate) fn current(self) -> Memo<Option<Shape>> {
        Memo::new(move |_| self.room.with(|room| room.current().map(Shape::of)))
    }

    /// The same for an audience, the host among it: nobody is to read the next question before its time.
    pub(crate) fn shown(self) -> Memo<Option<Shape>> {
        Memo::new(move |_| {
            self.room.with(|room| room.current().filter(|poll| poll.state != PollState::Draft).map(Shape::of))
        })
    }

    /// A poll, as far as this viewer may know it.
    pub(crate) fn poll(self, id: PollId) -> Memo<Option<Poll>> {
        Memo::new(move |_| self.room.with(|room| room.poll(id).cloned()))
    }

    /// How a poll stands.
    pub(crate) fn tally(self, id: PollId) -> Memo<Option<Tally>> {
        Memo::new(move |_| self.room.with(|room| room.tally(id).cloned()))
    }

    /// What the viewer has chosen: the ballot on its way, else what the server has told.
    pub(crate) fn choice(self, id: PollId) -> Memo<Option<Choice>> {
        Memo::new(move |_| {
            self.room.with(|room| {
                let round = room.poll(id)?.round;
                let sent =
                    self.outbox.with(|outbox| outbox.entry(id, round).map(|entry| entry.choice.clone()));
                sent.unwrap_or_else(|| room.choice(id))
            })
        })
    }

    /// What became of the viewer's last ballot.
    pub(crate) fn status(self, id: PollId) -> Memo<Option<VoteStatus>> {
        Memo::new(move |_| {
            let round = self.room.with(|room| room.poll(id).map(|poll| poll.round))?;
            let answer = self
                .answers
                .with(|all| all.iter().find(|(poll, told, ..)| (*poll, *told) == (id, round)).cloned());
            let sent = self
                .outbox
                .with(|outbox| outbox.entry(id, round).map(|entry| (entry.ballot, entry.accepted)));
            let Some((ballot, accepted)) = sent else { return answer.map(|(.., status)| status) };
            let connection = self.connection.get();
            Some(match answer {
                _ if accepted => VoteStatus::Received,
                _ if !matches!(connection, Connection::Live | Connection::Connecting) => {
                    VoteStatus::Kept(connection)
                }
                Some((.., answered, status)) if answered == ballot => status,
                _ => VoteStatus::Sending,
            })
        })
    }

    /// Casts a ballot: `None` takes the vote back. It is sent when the socket can, and again until it is
    /// recorded.
    pub(crate) fn cast(self, id: PollId, choice: Option<Choice>) {
        let made = self.room.with_untracked(|room| {
            let poll = room.poll(id)?;
            let last = self.outbox.with_untracked(|outbox| outbox.last(poll));
            let ballot = BallotId::after(last, browser::now(), browser::random());
            Some(Entry::new(id, poll.round, ballot, choice))
        });
        if let Some(entry) = made {
            self.answers.update(|all| all.retain(|(poll, ..)| *poll != id));
            self.outbox.update(|outbox| outbox.put(entry));
        }
    }

    /// The seconds until a poll closes by itself, by the server's clock.
    pub(crate) fn seconds_left(self, id: PollId) -> Memo<Option<u64>> {
        let closes_at = Memo::new(move |_| self.room.with(|room| room.poll(id)?.closes_at));
        Memo::new(move |_| {
            let left = closes_at.get()?.millis() - self.now.get();
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            Some(left.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX))
        })
    }
}
