//! A guest that signs in inside a room: its votes become the account's, each counts once, and the guest votes no more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use app::data::HostAction;
use domain::{PollId, Reason, RoomCode, Status, UserId, VoterId};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use server::auth::{Asker, Sender};
use server::bus::{Event, Listener};
use server::store::adoptions;
use sqlx::{AssertSqlSafe, Row};

use crate::support::client::TestServer;
use crate::support::eventually;
use crate::support::rig::{Backend, Rig, single};
use crate::support::socket::{Socket, ballot};

on_every_backend! {
    a_guests_vote_becomes_the_accounts,
    the_accounts_own_vote_stands_and_the_guests_goes,
    a_closed_poll_keeps_what_it_counted,
    a_poll_that_is_opened_again_counts_somebody_once,
    a_guest_that_became_an_account_votes_no_more_in_any_poll_of_the_room,
    a_guest_belongs_to_the_first_account,
    becoming_an_account_again_and_while_voting_counts_nobody_twice,
    a_ballot_from_the_end_of_time_spoils_no_poll,
    a_vote_without_an_id_after_one_from_the_end_of_time_spoils_no_poll,
    only_so_many_guests_become_one_account,
    guests_that_bring_nothing_leave_places_to_others,
    becoming_an_account_is_in_the_trail_once,
    nobody_becomes_an_account_in_a_room_that_is_gone,
    a_deleted_account_is_counted_once_and_votes_no_more_as_the_guest_it_was,
}

fn user(asker: &Asker) -> UserId {
    asker.user().unwrap()
}

pub fn voter(asker: &Asker) -> VoterId {
    asker.voter().unwrap()
}

async fn adopt(rig: &Rig, code: RoomCode, guest: &Asker, account: &Asker) {
    let room = rig.services.room_id(guest, code.as_str()).await.unwrap();
    rig.adopt(room, voter(guest), user(account)).await;
}

/// What stands of somebody in a poll.
pub async fn choice(rig: &Rig, who: &Asker, poll: PollId) -> Option<i64> {
    let standing = rig.services.ballots.standings(&[poll], voter(who)).await.unwrap().pop()?.1.standing;
    match standing.choice? {
        domain::Choice::Option(option) => Some(option),
        other => panic!("{other:?}"),
    }
}

pub async fn counts(rig: &Rig, poll: PollId) -> ([u64; 3], u64) {
    let tally = rig.tally(poll).await;
    ([0, 1, 2].map(|option| tally.of(option).unwrap()), tally.ballots)
}

async fn close(rig: &Rig, host: &Asker, poll: PollId) {
    rig.services.act(host, poll, HostAction::Close).await.unwrap();
    let tally = rig.final_tally(poll).await;
    // What SQL holds, counted anew by a server that starts.
    let rows = rig.recount(poll).await;
    assert_eq!(rows, [0, 1, 2].map(|option| tally.of(option).unwrap()), "final means what SQL holds");
}

async fn a_guests_vote_becomes_the_accounts(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let (guest, other) = (rig.guest(), rig.guest());
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    rig.vote(&other, poll, rig.ballot(), 0).await;
    adopt(&rig, code, &guest, &ada).await;
    assert_eq!(counts(&rig, poll).await, ([1, 1, 0], 2));
    assert_eq!((choice(&rig, &ada, poll).await, choice(&rig, &guest, poll).await), (Some(1), None));
    adopt(&rig, code, &guest, &ada).await;
    assert_eq!(counts(&rig, poll).await, ([1, 1, 0], 2), "again changes nothing");
    assert_eq!(rig.vote(&ada, poll, rig.ballot(), 2).await.status, Status::Recorded, "it can be changed");
    assert_eq!(counts(&rig, poll).await, ([1, 0, 1], 2));
    close(&rig, &host, poll).await;
    let rig = rig.restart().await;
    assert_eq!(counts(&rig, poll).await, ([1, 0, 1], 2));
}

async fn the_accounts_own_vote_stands_and_the_guests_goes(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&ada, poll, rig.ballot(), 2).await;
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    assert_eq!(counts(&rig, poll).await, ([0, 1, 1], 2));
    adopt(&rig, code, &guest, &ada).await;
    assert_eq!(counts(&rig, poll).await, ([0, 0, 1], 1));
    assert_eq!(choice(&rig, &ada, poll).await, Some(2));
    close(&rig, &host, poll).await;
}

async fn a_closed_poll_keeps_what_it_counted(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    close(&rig, &host, poll).await;
    let before = rig.tally(poll).await;
    adopt(&rig, code, &guest, &ada).await;
    let after = rig.tally(poll).await;
    assert_eq!((counts(&rig, poll).await, before.is_final, after.is_final), (([0, 1, 0], 1), true, true));
    assert_eq!((choice(&rig, &guest, poll).await, choice(&rig, &ada, poll).await), (Some(1), None));
}

async fn a_poll_that_is_opened_again_counts_somebody_once(rig: Rig) {
    let (host, ada, eve) = (rig.host("host").await, rig.host("ada").await, rig.host("eve").await);
    let (code, poll) = rig.open_poll(&host).await;
    let (guest, other) = (rig.guest(), rig.guest());
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    rig.vote(&other, poll, rig.ballot(), 0).await;
    rig.vote(&eve, poll, rig.ballot(), 2).await;
    close(&rig, &host, poll).await;
    adopt(&rig, code, &guest, &ada).await;
    adopt(&rig, code, &other, &eve).await;
    assert_eq!(counts(&rig, poll).await, ([1, 1, 1], 3), "what a closed poll counted stays");
    rig.services.act(&host, poll, HostAction::Open(None)).await.unwrap();
    assert_eq!(counts(&rig, poll).await, ([0, 1, 1], 2));
    assert_eq!((choice(&rig, &ada, poll).await, choice(&rig, &guest, poll).await), (Some(1), None));
    assert_eq!((choice(&rig, &eve, poll).await, choice(&rig, &other, poll).await), (Some(2), None));
    rig.vote(&ada, poll, rig.ballot(), 0).await;
    assert_eq!(counts(&rig, poll).await, ([1, 0, 1], 2));
    close(&rig, &host, poll).await;
    let rig = rig.restart().await;
    assert_eq!(counts(&rig, poll).await, ([1, 0, 1], 2));
}

async fn a_guest_that_became_an_account_votes_no_more_in_any_poll_of_the_room(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let (_, elsewhere) = rig.open_poll(&host).await;
    let second = rig.services.add_poll(&host, code.as_str(), single(&["a", "b", "c"])).await.unwrap().id;
    let guest = rig.guest();
    let id = rig.ballot();
    rig.vote(&guest, poll, id, 1).await;
    adopt(&rig, code, &guest, &ada).await;
    for repeated in [id, rig.ballot()] {
        assert_eq!(rig.vote(&guest, poll, repeated, 1).await.reason, Some(Reason::NotEligible));
    }
    let third = rig.services.add_poll(&host, code.as_str(), single(&["a", "b", "c"])).await.unwrap().id;
    rig.services.act(&host, second, HostAction::Open(None)).await.unwrap();
    let rig = rig.restart().await;
    rig.services.act(&host, third, HostAction::Open(None)).await.unwrap();
    rig.services.act(&host, poll, HostAction::Reset).await.unwrap();
    rig.services.act(&host, poll, HostAction::Open(None)).await.unwrap();
    for poll in [poll, second, third] {
        assert_eq!(rig.vote(&guest, poll, rig.ballot(), 0).await.reason, Some(Reason::NotEligible));
        assert_eq!(rig.vote(&ada, poll, rig.ballot(), 0).await.status, Status::Recorded);
    }
    assert_eq!(rig.vote(&guest, elsewhere, rig.ballot(), 0).await.status, Status::Recorded, "another room");
}

async fn a_guest_belongs_to_the_first_account(rig: Rig) {
    let (host, ada, eve) = (rig.host("host").await, rig.host("ada").await, rig.host("eve").await);
    let (code, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    adopt(&rig, code, &guest, &ada).await;
    adopt(&rig, code, &guest, &eve).await;
    assert_eq!((choice(&rig, &ada, poll).await, choice(&rig, &eve, poll).await), (Some(1), None));
    assert_eq!(counts(&rig, poll).await, ([0, 1, 0], 1));
}

async fn becoming_an_account_again_and_while_voting_counts_nobody_twice(rig: Rig) {
    const PEOPLE: usize = 12;
    let host = rig.host("host").await;
    let (code, poll) = rig.open_poll(&host).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push((rig.host(&format!("user{number}")).await, rig.guest()));
    }
    let rig = &rig;
    join_all(people.iter().enumerate().map(async |(number, (account, guest))| {
        let voting = async {
            for turn in 0..6 {
                rig.vote(guest, poll, rig.ballot(), turn % 3).await;
            }
        };
        let becoming = async {
            adopt(rig, code, guest, account).await;
            adopt(rig, code, guest, account).await;
        };
        let as_account = async {
            if number % 2 == 0 {
                rig.vote(account, poll, rig.ballot(), 2).await;
            }
        };
        tokio::join!(voting, becoming, as_account);
    }))
    .await;
    for (_, guest) in &people {
        assert_eq!(choice(rig, guest, poll).await, None);
    }
    let (counted, ballots) = counts(rig, poll).await;
    let standing = join_all(people.iter().map(async |(account, _)| choice(rig, account, poll).await)).await;
    let voted = standing.iter().flatten().count();
    assert_eq!((usize::try_from(ballots).unwrap(), counted.iter().sum::<u64>()), (voted, ballots));
    assert!((PEOPLE / 2..=PEOPLE).contains(&voted), "{standing:?}");
    close(rig, &host, poll).await;
}

/// The latest id that a client may make.
fn latest() -> domain::BallotId {
    "c9c467c9-0400-7000-bfff-ffffffffffff".parse().unwrap()
}

async fn a_ballot_from_the_end_of_time_spoils_no_poll(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&guest, poll, latest(), 1).await;
    adopt(&rig, code, &guest, &ada).await;
    close(&rig, &host, poll).await;
    let rig = rig.restart().await;
    assert_eq!(counts(&rig, poll).await, ([0, 1, 0], 1));
}

async fn a_vote_without_an_id_after_one_from_the_end_of_time_spoils_no_poll(rig: Rig) {
    let host = rig.host("host").await;
    let (_, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&guest, poll, latest(), 1).await;
    rig.cast(&guest, poll, None, Some(domain::Choice::Option(2))).await;
    close(&rig, &host, poll).await;
    let rig = rig.restart().await;
    assert_eq!(counts(&rig, poll).await, ([0, 0, 1], 1));
}

async fn only_so_many_guests_become_one_account(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let room = rig.services.room_id(&host, code.as_str()).await.unwrap();
    let guests: Vec<Asker> = (0..21).map(|_| rig.guest()).collect();
    let mut became = 0;
    for guest in &guests {
        rig.vote(guest, poll, rig.ballot(), 1).await;
        became += u32::from(rig.adopt(room, voter(guest), user(&ada)).await);
    }
    assert_eq!(became, 20);
    let last = guests.last().unwrap();
    assert_eq!(rig.vote(last, poll, rig.ballot(), 2).await.status, Status::Recorded, "it stays a guest");
    assert!(!rig.adopt(room, voter(&guests[0]), user(&ada)).await, "it was before");
    assert_eq!(counts(&rig, poll).await, ([0, 1, 1], 2));
}

async fn guests_that_bring_nothing_leave_places_to_others(rig: Rig) {
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let room = rig.services.room_id(&host, code.as_str()).await.unwrap();
    let (now, services) = (rig.hands.now(), &rig.services);
    let mut transaction = services.store.begin().await.unwrap();
    for number in 0..1_000_u32 {
        let mut of = [0; 10];
        of[..4].copy_from_slice(&(number / 20).to_be_bytes());
        let (guest, account) = (VoterId::new(now, services.clock.random()), UserId::new(now, of));
        let noted = adoptions::put(&mut transaction, room, guest, account, now).await.unwrap();
        assert_eq!(noted, adoptions::Noted::Now, "{number}");
    }
    transaction.commit().await.unwrap();
    let [idle, voted, held] = [(); 3].map(|()| rig.guest());
    rig.vote(&voted, poll, rig.ballot(), 1).await;
    let ticket = services.make_tickets(&host, code.as_str(), 1).await.unwrap()[0].code;
    services.use_ticket(&held, code.as_str(), ticket.as_str()).await.unwrap();
    for (guest, becomes) in [(&idle, false), (&voted, true), (&held, true)] {
        assert_eq!(rig.adopt(room, voter(guest), user(&ada)).await, becomes);
    }
}

async fn becoming_an_account_is_in_the_trail_once(rig: Rig) {
    let host = rig.host("host").await;
    let (code, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    let (ada, eve) = (rig.sign_up("ada").await, rig.sign_up("eve").await);
    for signed in [&ada, &ada, &eve] {
        rig.services.adopt(&guest, signed, Some(code.as_str())).await;
    }
    let trail = rig.trail().await;
    let adopted: Vec<_> = trail.iter().filter(|row| row.event == "guest_adopted").collect();
    assert_eq!(adopted.len(), 1, "{adopted:?}");
    assert_eq!(adopted[0].account, ada.principal.user());
}

async fn nobody_becomes_an_account_in_a_room_that_is_gone(rig: Rig) {
    let (host, ada, guest) = (rig.host("host").await, rig.host("ada").await, rig.guest());
    let (code, poll) = rig.open_poll(&host).await;
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    let room = rig.services.room_id(&host, code.as_str()).await.unwrap();
    rig.take_down(code).await;
    let refused = rig.services.ballots.adopt(room, voter(&guest), user(&ada)).await.unwrap_err();
    assert_eq!(refused.into_problem().code, "no_such_room");
    let mut reading = rig.services.store.reader().await.unwrap();
    assert!(adoptions::of_room(&mut reading, room).await.unwrap().is_empty());
}

async fn a_deleted_account_is_counted_once_and_votes_no_more_as_the_guest_it_was(rig: Rig) {
    let host = rig.host("host").await;
    let (code, poll) = rig.open_poll(&host).await;
    let (guest, signed) = (rig.guest(), rig.sign_up("ada").await);
    let ada = Asker::new(signed.principal.clone(), Sender::default());
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    rig.vote(&ada, poll, rig.ballot(), 0).await;
    close(&rig, &host, poll).await;
    rig.services.adopt(&guest, &signed, Some(code.as_str())).await;
    eventually("all that happened is in the trail", async || {
        let trail = rig.services.store.audit(Some(user(&ada)), 100).await.unwrap();
        trail.iter().any(|row| row.event == "guest_adopted").then_some(())
    })
    .await;
    rig.services.delete_me(&ada).await.unwrap();
    for (table, column) in
        [("users", "id"), ("sessions", "user_id"), ("audit", "account_id"), ("invitations", "used_by")]
    {
        assert_eq!(rows_of(&rig, table, column, user(&ada)).await, 0, "{table}");
    }
    assert_eq!(rows_of(&rig, "adoptions", "user_id", user(&ada)).await, 1, "or it would count twice");
    let rig = rig.restart().await;
    rig.services.act(&host, poll, HostAction::Open(None)).await.unwrap();
    assert_eq!(counts(&rig, poll).await, ([1, 0, 0], 1));
    assert_eq!(rig.vote(&guest, poll, rig.ballot(), 1).await.reason, Some(Reason::NotEligible));
}

/// In how many rows of a table an account is named.
async fn rows_of(rig: &Rig, table: &str, column: &str, account: UserId) -> i64 {
    let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} = ?");
    let counting = sqlx::query(AssertSqlSafe(sql)).bind(account.as_bytes().to_vec());
    let mut reading = rig.services.store.reader().await.unwrap();
    counting.fetch_one(&mut *reading).await.unwrap().get("n")
}

/// The highest number of ballots that anybody was told of in a poll.
#[derive(Default)]
struct Highest(AtomicU64);

impl Listener for Highest {
    fn hear(&self, event: Event) {
        if let Event::PollChanged { now: Some(now), .. } | Event::Counted { now: Some(now), .. } = event {
            self.0.fetch_max(now.tally.ballots, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_poll_that_is_opened_again_never_shows_a_guest_beside_its_account() {
    let rig = Rig::open(Backend::Sqlite).await;
    let (host, ada) = (rig.host("host").await, rig.host("ada").await);
    let (code, poll) = rig.open_poll(&host).await;
    let guest = rig.guest();
    rig.vote(&guest, poll, rig.ballot(), 1).await;
    rig.vote(&ada, poll, rig.ballot(), 0).await;
    close(&rig, &host, poll).await;
    adopt(&rig, code, &guest, &ada).await;
    let highest = Arc::new(Highest::default());
    let listener: Weak<dyn Listener> = Arc::downgrade(&highest) as _;
    rig.services.bus.subscribe(listener);
    rig.services.act(&host, poll, HostAction::Open(None)).await.unwrap();
    assert_eq!(counts(&rig, poll).await, ([1, 0, 0], 1));
    assert_eq!(highest.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn signing_in_on_the_way_back_to_a_room_takes_the_vote_along_and_every_screen_is_told() {
    let server = TestServer::start().await;
    let host = server.host("host").await;
    let (code, poll) = host.open_poll().await;
    server.host("ada").await;
    let guest = server.guest().await;
    let mut phone = Socket::of(&server, &guest.token).await;
    phone.join(&code).await;
    phone.vote(&poll, ballot(0), json!({"option": 0})).await;
    let jar = format!("voxpop_guest={}", guest.token.as_ref().unwrap());
    let sign_in = |next: &str| {
        let form = [("username", "ada"), ("password", "correct horse"), ("next", next)];
        let asked = server.nobody().request(Method::POST, "/login").header("cookie", &jar).form(&form);
        async move { asked.send().await.unwrap() }
    };
    assert_eq!(sign_in("/rooms").await.status(), 303);
    assert_eq!(guest.get(&format!("/rooms/{code}")).await.1["polls"][0]["your_choice"], json!({"option": 0}));
    let next = format!("/r/{code}");
    let answer = sign_in(&next).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (303, next.as_str())
    );
    let told = phone.hear_until(|message| message["type"] == "yours" && message["choice"].is_null()).await;
    assert_eq!(told["poll"], json!(poll));
    assert_eq!(guest.vote(&poll, json!({"option": 1})).await["reason"], "not_eligible");
    let (_, tally) = host.get(&format!("/polls/{poll}/results")).await;
    assert_eq!((&tally["ballots"], &tally["marks"]), (&json!(1), &json!({"0": 1})));
}
