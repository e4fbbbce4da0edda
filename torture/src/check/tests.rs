//! A run in which all is well, and each thing that may be wrong with it.

use domain::{BallotId, Choice, PollId, Reason, Receipt, Status, Timestamp, VoterId};

use super::*;
use crate::history::{Closing, Command, Frame, Miscount, Missing};

/// A run, for tests to spoil.
struct Run {
    history: History,
    rows: Vec<Row>,
    results: Vec<(usize, Shown)>,
    screens: Vec<Screen>,
}

impl Run {
    /// Two voters; the first votes at 10 and again at 20, the second at 15; a reset at 30; both vote again at 40; a
    /// close, answered at 50 and undone at 60; one more ballot at 70; the last close at 80.
    fn fine() -> Self {
        let at = Timestamp::from_millis(1);
        let mut history = History::new(
            vec![PollId::new(at, [1; 10])],
            vec![VoterId::new(at, [1; 10]), VoterId::new(at, [2; 10])],
        );
        for (sent, voter, option) in [(10, 0, 0), (15, 1, 1), (20, 0, 1), (40, 0, 2), (41, 1, 2), (70, 0, 3)]
        {
            let ballot = ballot(sent);
            let cast = history.cast(voter, 0, ballot, pick(option), sent);
            history.sent(cast, sent);
            tell(&mut history, ballot, Status::Recorded, None, sent + 5);
        }
        let command = |act, asked, answered| Command {
            poll: 0,
            act,
            asked,
            times: 1,
            answered: Some(answered),
            agreed: None,
        };
        history.commands = vec![
            command(Act::Open, 1, 2),
            command(Act::Reset, 30, 31),
            command(Act::Open, 32, 33),
            command(Act::Close, 49, 50),
            command(Act::Open, 60, 61),
            command(Act::Close, 79, 80),
        ];
        let closed = shown(2, 9, &[2, 2], false);
        history.closings = vec![
            Closing { poll: 0, from: 50, until: Some(60), first: Some(closed), last: Some(closed) },
            Closing { poll: 0, from: 80, until: None, first: None, last: None },
        ];
        let end = shown(3, 1, &[3, 2], true);
        for (at, shown) in [(45, shown(2, 8, &[2], false)), (51, closed), (81, end)] {
            history.frames.push(Frame { at, screen: 0, connection: 0, shown });
        }
        let rows = [(0, 0, 20, 1), (0, 1, 15, 1), (1, 0, 70, 3), (1, 1, 41, 2)];
        let rows = rows.map(|(round, voter, sent, option)| Row {
            poll: history.polls[0],
            round,
            voter: history.voters[voter],
            ballot: ballot(sent),
            pick: Some(pick(option)),
        });
        let screens = vec![Screen { number: 0, node: 0, polls: vec![0] }];
        Self { history, rows: rows.into(), results: vec![(0, end), (1, end)], screens }
    }

    fn wrongs(&self) -> Vec<Wrong> {
        let Self { history, rows, results, screens } = self;
        let mut wrongs: Vec<_> = check(&Evidence { history, rows, results, screens })
            .into_iter()
            .map(|violation| violation.wrong)
            .collect();
        wrongs.sort();
        wrongs.dedup();
        wrongs
    }
}

/// What is found after this was done to a run in which all was well.
fn spoilt(spoil: impl FnOnce(&mut Run)) -> Vec<Wrong> {
    let mut run = Run::fine();
    spoil(&mut run);
    run.wrongs()
}

fn pick(option: i64) -> Pick {
    Pick::of(Some(&Choice::Option(option))).unwrap()
}

fn ballot(sent: Moment) -> BallotId {
    BallotId::after(None, Timestamp::from_millis(sent.try_into().unwrap()), [7; 10])
}

fn tell(history: &mut History, ballot: BallotId, status: Status, reason: Option<Reason>, at: Moment) {
    let poll = history.polls[0];
    history.told(&Receipt { ballot, poll, status, reason, choice: None }, at);
}

/// A tally of round 1 of these options.
fn shown(epoch: u64, version: u64, options: &[i64], is_final: bool) -> Shown {
    let mut counted = Counted::default();
    options.iter().for_each(|option| counted.put(pick(*option)));
    Shown { poll: 0, round: 1, epoch, version, counted, provisional: false, is_final }
}

#[test]
fn nothing_is_wrong_where_all_is_well() {
    assert_eq!(spoilt(|_| {}), []);
}

#[test]
fn a_recorded_ballot_must_be_in_sql_or_a_later_one_of_its_voter_and_round() {
    let without = |sent| move |run: &mut Run| run.rows.retain(|row| row.ballot != ballot(sent));
    assert_eq!(spoilt(without(20)), [Wrong::Lost], "the later round does not make up for it");
    assert_eq!(spoilt(without(70)), [Wrong::Lost, Wrong::Miscounted]);
    let older = |run: &mut Run| (run.rows[0].ballot, run.rows[0].pick) = (ballot(10), Some(pick(0)));
    assert_eq!(spoilt(older), [Wrong::Lost]);
    let found = |run: &mut Run| run.history.missing.push(Missing { cast: 0, at: 16, found: None });
    assert_eq!(spoilt(found), [Wrong::Lost], "though a later one made up for it");
}

#[test]
fn a_ballot_sent_around_a_reset_may_be_of_either_round() {
    let around = |run: &mut Run| {
        (run.history.casts[2].first_sent, run.history.casts[2].recorded) = (29, Some(34));
        (run.rows[0].ballot, run.rows[0].pick) = (ballot(10), Some(pick(0)));
    };
    assert_eq!(spoilt(around), [], "the same voter's row of the next round may be it");
    let twice = |run: &mut Run| {
        run.history.commands[1].times = 2;
        run.rows.iter_mut().for_each(|row| row.round *= 2);
        run.results.iter_mut().for_each(|(_, result)| result.round = 2);
        run.history.frames[2].shown.round = 2;
    };
    assert_eq!(spoilt(twice), [], "a reset that was asked for twice may have happened twice");
}

#[test]
fn nothing_is_in_sql_twice_or_unsent() {
    let again = |run: &mut Run| run.rows.push(run.rows[0].clone());
    assert_eq!(spoilt(again), [Wrong::Doubled]);
    let in_both = |run: &mut Run| run.rows[0].ballot = run.rows[2].ballot;
    assert!(spoilt(in_both).contains(&Wrong::Doubled));
    let strange = |run: &mut Run| run.rows[0].ballot = ballot(29);
    assert!(spoilt(strange).contains(&Wrong::NeverSent));
    let other = |run: &mut Run| run.rows[0].pick = Some(pick(3));
    assert_eq!(spoilt(other), [Wrong::NeverSent], "another choice than was sent");
    let of_another = |run: &mut Run| run.rows[0].voter = run.rows[1].voter;
    assert!(spoilt(of_another).contains(&Wrong::NeverSent));
}

#[test]
fn results_and_screens_end_with_what_sql_holds() {
    let end = shown(3, 1, &[3, 2, 2], true);
    assert_eq!(spoilt(|run| run.results[1].1 = end), [Wrong::Miscounted, Wrong::TwoFaces]);
    assert_eq!(spoilt(|run| run.history.frames[2].shown = end), [Wrong::Miscounted, Wrong::TwoFaces]);
    assert_eq!(spoilt(|run| run.results[0].1.is_final = false), [Wrong::NotFinal]);
    assert_eq!(spoilt(|run| run.history.frames[2].shown.is_final = false), [Wrong::NotFinal]);
    assert_eq!(spoilt(|run| run.history.frames.clear()), [Wrong::NotFinal]);
    let miscount = Miscount { at: 46, node: 0, shown: shown(2, 8, &[2], false), recount: Counted::default() };
    assert_eq!(spoilt(|run| run.history.miscounts.push(miscount)), [Wrong::Miscounted]);
}

#[test]
fn a_screen_never_goes_back_and_a_version_has_one_face() {
    let back = |connection| {
        move |run: &mut Run| {
            let shown = shown(2, 7, &[2], false);
            run.history.frames.insert(1, Frame { at: 46, screen: 0, connection, shown });
        }
    };
    assert_eq!(spoilt(back(0)), [Wrong::WentBack]);
    assert_eq!(spoilt(back(1)), [], "a connection made anew may show what another node knows");
    let other = |run: &mut Run| {
        let shown = shown(2, 8, &[1], false);
        run.history.frames.insert(1, Frame { at: 46, screen: 1, connection: 0, shown });
    };
    assert_eq!(spoilt(other), [Wrong::TwoFaces]);
}

#[test]
fn nothing_counts_while_closed() {
    let late = |at, counted| {
        move |run: &mut Run| {
            let casts = &mut run.history.casts;
            (casts[5].first_sent, casts[5].recorded) = (at, Some(counted));
        }
    };
    assert_eq!(spoilt(late(55, 58)), [Wrong::CountedWhileClosed]);
    assert_eq!(spoilt(late(55, 65)), [], "it came after the poll was opened again");
    assert_eq!(spoilt(late(81, 99)), [Wrong::CountedWhileClosed], "and never after the last close");
    let more = shown(2, 10, &[2, 2, 3], false);
    let on_screen = |run: &mut Run| {
        run.history.frames.insert(2, Frame { at: 55, screen: 0, connection: 0, shown: more });
    };
    assert_eq!(spoilt(on_screen), [Wrong::ChangedWhileClosed]);
    assert_eq!(spoilt(|run| run.history.closings[0].last = Some(more)), [Wrong::ChangedWhileClosed]);
    let rebuilt = shown(3, 0, &[2], false);
    assert_eq!(
        spoilt(|run| run.history.closings[0].last = Some(rebuilt)),
        [],
        "what was only accepted is lost"
    );
}

#[test]
fn what_was_told_must_hold_and_everything_must_end() {
    let refused = |run: &mut Run| {
        run.history.sent(5, 90);
        tell(&mut run.history, ballot(70), Status::Refused, Some(Reason::Closed), 91);
    };
    assert_eq!(spoilt(refused), [Wrong::Forgotten]);
    let silence = |run: &mut Run| run.history.casts[0].recorded = None;
    assert_eq!(spoilt(silence), [Wrong::Unsettled]);
    assert_eq!(spoilt(|run| run.history.commands[3].agreed = Some(false)), [Wrong::NotCarriedOut]);
    assert_eq!(spoilt(|run| run.history.troubles.push("a node ended".into())), [Wrong::Trouble]);
}
