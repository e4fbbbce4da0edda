//! What votes mean, whatever they are stored in: each test is written once and runs on every backend.

use std::time::Duration;

use app::data::HostAction;
use domain::{
    Choice, PollState, Reason, RoomPatch, SettingsPatch, Status, Tally, TallyVersion, VoterId, VotersPolicy,
};
use futures_util::future::join_all;
use server::auth::Asker;

use crate::support::eventually;
use crate::support::rig::Rig;

on_every_backend! {
    a_first_ballot_is_recorded_and_counted,
    the_same_ballot_counts_once_and_is_answered_alike_after_the_close_too,
    a_ballot_id_is_good_for_one_choice,
    a_later_ballot_replaces_and_an_older_one_is_superseded,
    a_withdrawn_ballot_keeps_older_ones_from_counting,
    without_changes_the_first_vote_stays,
    a_room_for_accounts_refuses_guests,
    a_draft_and_a_closed_poll_count_nothing,
    an_invalid_choice_counts_nothing,
    a_reset_poll_starts_empty_and_never_counts_old_ballots,
    a_countdown_closes_by_the_servers_clock,
    an_overdue_poll_is_closed_at_start,
    what_was_recorded_survives_a_restart,
    votes_racing_from_all_sides_are_counted_once_each,
    votes_racing_a_close_are_counted_or_refused_never_both,
    commands_are_idempotent,
    ballots_of_a_deleted_poll_go_nowhere,
    a_ballot_without_an_id_gets_one_that_is_later,
}

fn counts(tally: &Tally) -> [u64; 3] {
    [0, 1, 2].map(|option| tally.of(option).unwrap())
}

async fn change(rig: &Rig, host: &Asker, code: &str, settings: SettingsPatch) {
    let patch = RoomPatch { settings: Some(settings), ..RoomPatch::default() };
    rig.services.change_room(host, code, patch).await.unwrap();
}

async fn act(rig: &Rig, host: &Asker, poll: domain::PollId, action: HostAction) {
    rig.services.act(host, poll, action).await.unwrap();
}

async fn a_first_ballot_is_recorded_and_counted(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let ballot = rig.ballot();
    let receipt = rig.vote(&rig.guest(), poll, ballot, 1).await;
    assert_eq!((receipt.ballot, receipt.status, receipt.reason), (ballot, Status::Recorded, None));
    assert_eq!(receipt.choice, Some(Some(Choice::Option(1))));
    let tally = rig.tally(poll).await;
    assert_eq!((counts(&tally), tally.ballots, tally.is_final), ([0, 1, 0], 1, false));
}

async fn the_same_ballot_counts_once_and_is_answered_alike_after_the_close_too(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let (voter, ballot) = (rig.guest(), rig.ballot());
    let first = rig.vote(&voter, poll, ballot, 2).await;
    assert_eq!(rig.vote(&voter, poll, ballot, 2).await, first);
    act(&rig, &host, poll, HostAction::Close).await;
    assert_eq!(rig.vote(&voter, poll, ballot, 2).await, first);
    let tally = rig.final_tally(poll).await;
    assert_eq!(counts(&tally), [0, 0, 1]);
}

async fn a_ballot_id_is_good_for_one_choice(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let (voter, ballot) = (rig.guest(), rig.ballot());
    rig.vote(&voter, poll, ballot, 0).await;
    let reused = rig.vote(&voter, poll, ballot, 1).await;
    assert_eq!(reused.reason, Some(Reason::BallotReused));
    assert_eq!(reused.choice, Some(Some(Choice::Option(0))));
    // A ballot means something only together with its voter.
    assert_eq!(rig.vote(&rig.guest(), poll, ballot, 1).await.status, Status::Recorded);
    assert_eq!(counts(&rig.tally(poll).await), [1, 1, 0]);
}

async fn a_later_ballot_replaces_and_an_older_one_is_superseded(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let (voter, older, newer) = (rig.guest(), rig.ballot(), rig.ballot());
    rig.vote(&voter, poll, newer, 0).await;
    let late = rig.vote(&voter, poll, older, 1).await;
    assert_eq!((late.status, late.reason), (Status::Refused, Some(Reason::Superseded)));
    assert_eq!(late.choice, Some(Some(Choice::Option(0))));
    let before = rig.tally(poll).await.version;
    rig.vote(&voter, poll, rig.ballot(), 2).await;
    let tally = rig.tally(poll).await;
    assert_eq!((counts(&tally), tally.ballots), ([0, 0, 1], 1));
    assert!(tally.version > before);
}

async fn a_withdrawn_ballot_keeps_older_ones_from_counting(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let (voter, older) = (rig.guest(), rig.ballot());
    let withdrawn = rig.cast(&voter, poll, rig.ballot(), None).await;
    assert_eq!((withdrawn.status, withdrawn.choice), (Status::Recorded, Some(None)));
    assert_eq!(rig.vote(&voter, poll, older, 1).await.reason, Some(Reason::Superseded));
    let tally = rig.tally(poll).await;
    assert_eq!((counts(&tally), tally.ballots), ([0, 0, 0], 0));
    let rig = rig.restart().await;
    assert_eq!(rig.vote(&voter, poll, older, 1).await.reason, Some(Reason::Superseded));
}

async fn without_changes_the_first_vote_stays(rig: Rig) {
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    let voter = rig.guest();
    rig.vote(&voter, poll, rig.ballot(), 0).await;
    change(&rig, &host, code.as_str(), SettingsPatch { change_vote: Some(false), ..Default::default() })
        .await;
    let second = rig.vote(&voter, poll, rig.ballot(), 1).await;
    assert_eq!(second.reason, Some(Reason::AlreadyVoted));
    assert_eq!(rig.cast(&voter, poll, rig.ballot(), None).await.reason, Some(Reason::AlreadyVoted));
    assert_eq!(counts(&rig.tally(poll).await), [1, 0, 0]);
}

async fn a_room_for_accounts_refuses_guests(rig: Rig) {
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    let settings = SettingsPatch { voters: Some(VotersPolicy::Account), ..Default::default() };
    change(&rig, &host, code.as_str(), settings).await;
    assert_eq!(rig.vote(&rig.guest(), poll, rig.ballot(), 0).await.reason, Some(Reason::NotEligible));
    let account = rig.host("bob").await;
    assert_eq!(rig.vote(&account, poll, rig.ballot(), 0).await.status, Status::Recorded);
}

async fn a_draft_and_a_closed_poll_count_nothing(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    act(&rig, &host, poll, HostAction::Close).await;
    let (voter, ballot) = (rig.guest(), rig.ballot());
    assert_eq!(rig.vote(&voter, poll, ballot, 0).await.reason, Some(Reason::Closed));
    act(&rig, &host, poll, HostAction::Reset).await;
    assert_eq!(rig.vote(&voter, poll, rig.ballot(), 0).await.reason, Some(Reason::NotOpen));
    assert_eq!(rig.tally(poll).await.ballots, 0);
    act(&rig, &host, poll, HostAction::Open(None)).await;
    act(&rig, &host, poll, HostAction::Close).await;
    act(&rig, &host, poll, HostAction::Open(None)).await;
    assert_eq!(rig.vote(&voter, poll, rig.ballot(), 0).await.status, Status::Recorded);
}

async fn an_invalid_choice_counts_nothing(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    for choice in [Choice::Option(3), Choice::Option(-1), Choice::Options(vec![0]), Choice::Rating(1)] {
        let receipt = rig.cast(&rig.guest(), poll, rig.ballot(), Some(choice)).await;
        assert_eq!((receipt.status, receipt.reason), (Status::Refused, Some(Reason::InvalidChoice)));
    }
    assert_eq!(rig.tally(poll).await.ballots, 0);
}

async fn a_reset_poll_starts_empty_and_never_counts_old_ballots(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let (voter, old) = (rig.guest(), rig.ballot());
    rig.vote(&voter, poll, old, 0).await;
    let before = rig.tally(poll).await;
    act(&rig, &host, poll, HostAction::Reset).await;
    act(&rig, &host, poll, HostAction::Open(None)).await;
    let after = rig.tally(poll).await;
    assert_eq!((after.ballots, after.round), (0, before.round + 1));
    assert!(after.version.epoch > before.version.epoch);
    assert_eq!(rig.vote(&voter, poll, old, 0).await.reason, Some(Reason::Reset));
    let rig = rig.restart().await;
    assert_eq!(rig.vote(&voter, poll, old, 0).await.reason, Some(Reason::Reset));
    assert_eq!(rig.vote(&voter, poll, rig.ballot(), 1).await.status, Status::Recorded);
    assert_eq!(counts(&rig.tally(poll).await), [0, 1, 0]);
}

async fn a_countdown_closes_by_the_servers_clock(rig: Rig) {
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    act(&rig, &host, poll, HostAction::Open(Some(1))).await;
    assert_eq!(rig.vote(&rig.guest(), poll, rig.ballot(), 0).await.status, Status::Recorded);
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.vote(&rig.guest(), poll, rig.ballot(), 0).await.reason, Some(Reason::Closed));
    eventually("the close is stored", async || {
        let stored = rig.services.store.poll(poll).await.unwrap().unwrap().lifecycle;
        (stored.state == PollState::Closed).then_some(())
    })
    .await;
    let room = rig.services.room(&host, code.as_str()).await.unwrap();
    assert_eq!(room.polls[0].state, PollState::Closed);
    rig.final_tally(poll).await;
}

async fn an_overdue_poll_is_closed_at_start(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    act(&rig, &host, poll, HostAction::Open(Some(1))).await;
    let due = rig.services.store.poll(poll).await.unwrap().unwrap().lifecycle.closes_at;
    let rig = rig.restart_after(Duration::from_secs(2)).await;
    let closed_at = eventually("the poll is closed", async || {
        let stored = rig.services.store.poll(poll).await.unwrap().unwrap().lifecycle;
        (stored.state == PollState::Closed).then_some(stored.closed_at)
    });
    assert_eq!(closed_at.await, due);
}

async fn what_was_recorded_survives_a_restart(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let voters: Vec<Asker> = (0..30).map(|_| rig.guest()).collect();
    let mut sent = Vec::new();
    for (voter, option) in voters.iter().zip([0, 1, 2].into_iter().cycle()) {
        let ballot = rig.ballot();
        sent.push((voter, ballot, option, rig.vote(voter, poll, ballot, option).await));
    }
    let before = rig.tally(poll).await;
    let rig = rig.restart().await;
    let after = rig.tally(poll).await;
    assert_eq!((counts(&after), after.ballots), (counts(&before), before.ballots));
    assert_eq!(after.version > before.version, rig.counts_anew(), "viewers take a count made anew for newer");
    for (voter, ballot, option, receipt) in sent {
        assert_eq!(rig.vote(voter, poll, ballot, option).await, receipt);
    }
    assert_eq!(rig.tally(poll).await, after);
}

async fn votes_racing_from_all_sides_are_counted_once_each(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let ballots: Vec<_> = (0..300i64).map(|number| (rig.guest(), rig.ballot(), number % 3)).collect();
    // Each is sent three times at once, as phones do that come back.
    let casts = ballots.iter().flat_map(|ballot| [ballot; 3]);
    let receipts =
        join_all(casts.map(|(voter, ballot, option)| rig.vote(voter, poll, *ballot, *option))).await;
    assert!(receipts.iter().all(|receipt| receipt.status == Status::Recorded));
    let tally = rig.tally(poll).await;
    assert_eq!((counts(&tally), tally.ballots), ([100, 100, 100], 300));
    let rig = rig.restart().await;
    assert_eq!(counts(&rig.tally(poll).await), [100, 100, 100]);
}

async fn votes_racing_a_close_are_counted_or_refused_never_both(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let ballots: Vec<_> = (0..200).map(|_| (rig.guest(), rig.ballot())).collect();
    let votes = join_all(ballots.iter().map(|(voter, ballot)| rig.vote(voter, poll, *ballot, 1)));
    let close = async {
        tokio::task::yield_now().await;
        act(&rig, &host, poll, HostAction::Close).await;
        rig.final_tally(poll).await
    };
    let (receipts, at_close) = tokio::join!(votes, close);
    let recorded = receipts.iter().filter(|receipt| receipt.status == Status::Recorded).count();
    let refused = receipts.iter().filter(|receipt| receipt.reason == Some(Reason::Closed)).count();
    assert_eq!(recorded + refused, 200);
    let rig = rig.restart().await;
    let recount = rig.tally(poll).await;
    assert_eq!((recount.ballots, at_close.ballots), (recorded as u64, recorded as u64));
}

async fn commands_are_idempotent(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    for action in [HostAction::Close, HostAction::Reveal, HostAction::Hide] {
        act(&rig, &host, poll, action).await;
        let once = rig.services.store.poll(poll).await.unwrap().unwrap().lifecycle;
        rig.hands.advance(Duration::from_secs(1));
        act(&rig, &host, poll, action).await;
        assert_eq!(rig.services.store.poll(poll).await.unwrap().unwrap().lifecycle, once);
    }
}

async fn ballots_of_a_deleted_poll_go_nowhere(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    rig.vote(&rig.guest(), poll, rig.ballot(), 0).await;
    rig.services.delete_poll(&host, poll).await.unwrap();
    let error = rig.services.cast(&rig.guest(), poll, Some(rig.ballot()), None).await.unwrap_err();
    assert_eq!(error.into_problem().code, "no_such_poll");
    assert!(rig.services.ballots.now(&[poll]).await.unwrap().is_empty());
}

async fn a_ballot_without_an_id_gets_one_that_is_later(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, poll) = rig.open_poll(&host).await;
    let voter = rig.guest();
    // The phone's clock runs an hour ahead; the form that follows must still be later.
    rig.hands.advance(Duration::from_secs(3_600));
    let ahead = rig.ballot();
    rig.vote(&voter, poll, ahead, 0).await;
    let formed = rig.cast(&voter, poll, None, Some(Choice::Option(1))).await;
    assert!(formed.ballot > ahead);
    assert_eq!(formed.status, Status::Recorded);
    let standing = rig.services.ballots.standings(&[poll], voter.voter().unwrap()).await.unwrap();
    assert_eq!(standing[0].1.standing.ballot, formed.ballot);
    let nobody = VoterId::new(rig.hands.now(), [0; 10]);
    assert!(rig.services.ballots.standings(&[poll], nobody).await.unwrap().is_empty());
    assert!(rig.tally(poll).await.version > TallyVersion::default());
}
