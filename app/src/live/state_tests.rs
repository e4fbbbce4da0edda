use domain::{
    BallotId, Count, Identity, IdentityKind, Mark, PollKind, PollOption, Reason, RoomCode, RoomId,
    RoomSettings, TallyVersion, VoterId,
};

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn ballot(millis: i64) -> BallotId {
    BallotId::after(None, at(millis), [0; 10])
}

fn poll_id(number: u8) -> PollId {
    PollId::new(at(1), [number; 10])
}

fn poll(number: u8, state: PollState, round: u32) -> Poll {
    let options = ["Tea", "Coffee"].map(|label| PollOption { label: label.into() });
    Poll {
        id: poll_id(number),
        room: RoomCode::from_number(7),
        position: u32::from(number),
        question: "Which?".into(),
        kind: PollKind::Single,
        options: options.into(),
        state,
        round,
        opened_at: None,
        closes_at: None,
        closed_at: None,
        revealed: None,
        server_time: at(10_000),
        results_visible: None,
        your_choice: None,
        your_ballot: None,
    }
}

fn tally(number: u8, round: u32, epoch: u64, version: u64, teas: usize) -> Tally {
    let mut count = Count::default();
    for _ in 0..teas {
        count.put(&[Mark::number(0)]);
    }
    Tally::new(poll_id(number), round, TallyVersion { epoch, version }, &count, false)
}

fn room(is_host: bool, polls: Vec<Poll>) -> Room {
    Room {
        id: RoomId::new(at(1), [0; 10]),
        code: RoomCode::from_number(7),
        title: "Room".into(),
        is_host,
        settings: RoomSettings::default(),
        current: polls.first().map(|poll| poll.id),
        polls,
        created_at: at(1),
        has_ticket: None,
    }
}

fn live(is_host: bool, polls: Vec<Poll>, tallies: Vec<Tally>) -> LiveRoom {
    let you = Identity { id: VoterId::new(at(1), [9; 10]), kind: IdentityKind::Guest, name: None };
    let room = room(is_host, polls);
    LiveRoom::new(&RoomPage { room, tallies, participants: 3, you, join_url: String::new(), ticket: None })
}

fn teas(live: &LiveRoom) -> Option<u64> {
    live.tally(poll_id(1)).and_then(|tally| tally.of(0))
}

#[test]
fn a_tally_must_be_newer() {
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], vec![tally(1, 0, 2, 5, 5)]);
    for (epoch, version) in [(2, 5), (2, 4), (1, 99)] {
        live.apply(ServerMessage::Tally(tally(1, 0, epoch, version, 1)), at(0));
        assert_eq!(teas(&live), Some(5), "{epoch} {version}");
    }
    live.apply(ServerMessage::Tally(tally(1, 0, 2, 6, 6)), at(0));
    assert_eq!(teas(&live), Some(6));
    live.apply(ServerMessage::Tally(tally(1, 0, 3, 0, 2)), at(0));
    assert_eq!(teas(&live), Some(2), "a count made anew may be lower");
}

#[test]
fn an_equal_version_may_bring_the_marks() {
    let hidden = tally(1, 0, 1, 5, 5).hidden();
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], vec![hidden.clone()]);
    assert_eq!(teas(&live), None);
    live.apply(ServerMessage::Tally(tally(1, 0, 1, 5, 5)), at(0));
    assert_eq!(teas(&live), Some(5));
    live.apply(ServerMessage::Tally(hidden), at(0));
    assert_eq!(teas(&live), Some(5), "and not take them away");
}

#[test]
fn who_may_see_no_more_forgets_and_may_be_told_again() {
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], vec![tally(1, 0, 1, 5, 5)]);
    let yours = |results_visible| ServerMessage::Yours {
        poll: poll_id(1),
        results_visible,
        choice: None,
        ballot: None,
    };
    live.apply(yours(false), at(0));
    assert_eq!(teas(&live), None);
    live.apply(yours(true), at(0));
    live.apply(ServerMessage::Tally(tally(1, 0, 1, 5, 5)), at(0));
    assert_eq!(teas(&live), Some(5));
}

#[test]
fn a_reset_hides_the_poll_and_drops_its_marks_and_choice() {
    let mut voted = poll(1, PollState::Open, 0);
    voted.your_choice = Some(Some(Choice::Option(0)));
    voted.your_ballot = Some(ballot(5_000));
    let mut live = live(false, vec![voted], vec![tally(1, 0, 1, 5, 5)]);
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Draft, 1) }, at(0));
    assert!(live.current().is_none());
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Open, 1) }, at(0));
    assert_eq!((live.choice(poll_id(1)), teas(&live)), (None, None));
    assert_eq!(live.current().unwrap().your_ballot, Some(ballot(5_000)), "the next id has to be later");
    live.apply(ServerMessage::Tally(tally(1, 0, 1, 9, 9)), at(0));
    assert_eq!(teas(&live), None, "an old round's tally is not shown");
}

#[test]
fn a_host_keeps_seeing_drafts() {
    let mut live = live(true, vec![poll(1, PollState::Open, 0)], Vec::new());
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Draft, 1) }, at(0));
    assert_eq!(live.current().unwrap().state, PollState::Draft);
}

#[test]
fn a_poll_for_all_keeps_what_is_personal() {
    let mut voted = poll(1, PollState::Open, 0);
    voted.your_choice = Some(Some(Choice::Option(1)));
    voted.results_visible = Some(true);
    let mut live = live(false, vec![voted], Vec::new());
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Closed, 0) }, at(0));
    let now = live.current().unwrap();
    assert_eq!((now.state, now.results_visible), (PollState::Closed, Some(true)));
    assert_eq!(live.choice(poll_id(1)), Some(Choice::Option(1)));
}

#[test]
fn a_removed_poll_is_gone_and_current_no_more() {
    let polls = vec![poll(1, PollState::Open, 0), poll(2, PollState::Open, 0)];
    let mut live = live(false, polls, vec![tally(1, 0, 1, 1, 1)]);
    live.apply(ServerMessage::PollRemoved { poll: poll_id(1) }, at(0));
    assert!(live.current().is_none() && live.poll(poll_id(1)).is_none());
    assert!(live.poll(poll_id(2)).is_some());
}

#[test]
fn receipts_tell_the_choice_that_stands_and_late_ones_nothing() {
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], Vec::new());
    let receipt = |millis, status, choice| {
        let reason = (status == Status::Refused).then_some(Reason::AlreadyVoted);
        ServerMessage::Receipt(Receipt { ballot: ballot(millis), poll: poll_id(1), status, reason, choice })
    };
    live.apply(receipt(10, Status::Accepted, Some(Some(Choice::Option(0)))), at(0));
    live.apply(receipt(20, Status::Accepted, Some(Some(Choice::Option(1)))), at(0));
    live.apply(receipt(10, Status::Recorded, Some(Some(Choice::Option(0)))), at(0));
    assert_eq!(live.choice(poll_id(1)), Some(Choice::Option(1)));
    live.apply(receipt(30, Status::Refused, Some(Some(Choice::Option(1)))), at(0));
    assert_eq!(live.current().unwrap().your_ballot, Some(ballot(20)), "a refused ballot does not stand");
    live.apply(receipt(40, Status::Recorded, Some(None)), at(0));
    assert_eq!(live.choice(poll_id(1)), None, "taken back");
}

#[test]
fn a_room_replaces_the_whole() {
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], vec![tally(1, 0, 1, 1, 1)]);
    let next = room(false, vec![poll(2, PollState::Open, 0)]);
    live.apply(ServerMessage::Room { room: next, participants: 8 }, at(9_000));
    assert_eq!((live.participants, live.offset), (8, Some(1_000)));
    assert_eq!(live.current().unwrap().id, poll_id(2));
    assert!(live.tally(poll_id(1)).is_none());
}

#[test]
fn the_least_delayed_message_tells_the_clock() {
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], Vec::new());
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Open, 0) }, at(10_400));
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Open, 0) }, at(10_050));
    live.apply(ServerMessage::Poll { poll: poll(1, PollState::Open, 0) }, at(10_900));
    assert_eq!(live.offset, Some(-50));
}

#[test]
fn other_rooms_change_nothing() {
    let mut live = live(false, vec![poll(1, PollState::Open, 0)], Vec::new());
    let before = live.clone();
    let other = RoomCode::from_number(8);
    live.apply(ServerMessage::Presence { room: other, participants: 99 }, at(0));
    live.apply(ServerMessage::RoomClosed { room: other }, at(0));
    live.apply(ServerMessage::Poll { poll: Poll { room: other, ..poll(3, PollState::Open, 0) } }, at(0));
    assert_eq!(live, before);
}

#[test]
fn a_late_answer_does_not_undo_a_newer_message() {
    let mut live = live(true, vec![poll(1, PollState::Closed, 0)], Vec::new());
    live.answer(Poll { server_time: at(9_000), ..poll(1, PollState::Open, 0) });
    assert_eq!(live.current().unwrap().state, PollState::Closed);
    live.answer(Poll { server_time: at(11_000), ..poll(1, PollState::Open, 0) });
    assert_eq!(live.current().unwrap().state, PollState::Open);
}

#[test]
fn next_is_the_next_draft_and_wraps_round() {
    let polls =
        vec![poll(1, PollState::Draft, 0), poll(2, PollState::Closed, 0), poll(3, PollState::Draft, 0)];
    let mut live = live(true, polls, Vec::new());
    live.room.current = Some(poll_id(2));
    assert_eq!(live.next().unwrap().id, poll_id(3));
    live.room.current = Some(poll_id(3));
    assert_eq!(live.next().unwrap().id, poll_id(1));
    live.room.polls.retain(|poll| poll.state != PollState::Draft);
    assert!(live.next().is_none());
}

#[test]
fn a_screen_shows_what_a_voter_would_see() {
    let mut live = live(true, vec![poll(1, PollState::Open, 0)], Vec::new());
    assert!(live.shown_on_screen(poll_id(1)));
    live.room.settings.results = ResultsPolicy::AfterClose;
    assert!(!live.shown_on_screen(poll_id(1)));
    live.room.polls[0].revealed = Some(true);
    assert!(live.shown_on_screen(poll_id(1)));
    live.room.settings.results = ResultsPolicy::Always;
    live.room.polls[0].revealed = Some(false);
    assert!(!live.shown_on_screen(poll_id(1)));
}
