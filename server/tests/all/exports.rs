//! What is held about somebody, written out: all of it, nothing of others, and not more at once than a server can take.

use std::collections::BTreeMap;
use std::net::IpAddr;

use app::data::HostAction;
use domain::{
    BallotId, Choice, Definition, Lifecycle, NewRoom, PollId, PollPatch, PollState, RoomId, SettingsPatch,
    Standing, VoterId, VotersPolicy,
};
use futures_util::StreamExt;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use server::auth::Asker;
use server::doors::Who;
use server::store::ballots::{self, BallotRow};
use server::store::polls::{self, PollRecord};

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::rig::{Rig, single};

on_every_backend! {
    an_export_brings_no_poll_into_memory_and_counts_what_is_recorded,
    a_question_that_the_voter_may_not_see_now_is_not_told,
    guests_that_became_an_account_and_tickets_are_told,
    a_voter_of_very_many_ballots_has_them_all,
}

async fn export(rig: &Rig, asker: &Asker) -> Value {
    let parts = rig.services.export(asker).await.unwrap();
    let parts: Vec<_> = parts.map(Result::unwrap).collect().await;
    serde_json::from_slice(&parts.concat()).unwrap()
}

async fn an_export_brings_no_poll_into_memory_and_counts_what_is_recorded(rig: Rig) {
    let host = rig.host("ada").await;
    let (_, open) = rig.open_poll(&host).await;
    let (_, closed) = rig.open_poll(&host).await;
    for poll in [open, closed] {
        for (option, voter) in [(0, rig.guest()), (2, rig.guest()), (2, rig.guest())] {
            rig.vote(&voter, poll, rig.ballot(), option).await;
        }
        let gone = rig.guest();
        rig.vote(&gone, poll, rig.ballot(), 1).await;
        rig.cast(&gone, poll, rig.ballot(), None).await;
    }
    rig.services.act(&host, closed, HostAction::Close).await.unwrap();
    rig.final_tally(closed).await;
    let rig = rig.restart().await;
    let epochs = async || {
        let mut reader = rig.services.store.reader().await.unwrap();
        [polls::epoch(&mut reader, open).await.unwrap(), polls::epoch(&mut reader, closed).await.unwrap()]
    };
    let before = epochs().await;
    let held = export(&rig, &host).await;
    assert!(held["registered_at"].is_string(), "{held}");
    assert_eq!(epochs().await, before, "who loads a poll raises its epoch");
    let rooms = held["rooms"].as_array().unwrap();
    for poll in [closed, open] {
        let tally = json!([{"poll": poll, "round": 0, "ballots": 3, "marks": {"0": 1, "2": 2}}]);
        assert!(rooms.iter().any(|room| room["tallies"] == tally), "{poll}: {held}");
    }
}

async fn a_question_that_the_voter_may_not_see_now_is_not_told(rig: Rig) {
    let (host, voter) = (rig.host("ada").await, rig.guest());
    let (_, rewritten) = rig.open_poll(&host).await;
    let (_, reopened) = rig.open_poll(&host).await;
    let (code, down) = rig.open_poll(&host).await;
    let (_, plain) = rig.open_poll(&host).await;
    for poll in [rewritten, reopened, down, plain] {
        rig.vote(&voter, poll, rig.ballot(), 0).await;
    }
    for poll in [rewritten, reopened] {
        rig.services.act(&host, poll, HostAction::Reset).await.unwrap();
        let patch = PollPatch { question: Some("A secret for later?".into()), ..PollPatch::default() };
        rig.services.change_poll(&host, poll, patch).await.unwrap();
    }
    rig.services.act(&host, reopened, HostAction::Open(None)).await.unwrap();
    rig.take_down(code).await;
    for asker in [&voter, &host] {
        if asker == &host {
            rig.vote(&host, plain, rig.ballot(), 0).await;
        }
        let held = export(&rig, asker).await;
        let told = held["ballots"].as_array().unwrap();
        let told: BTreeMap<_, _> =
            told.iter().map(|ballot| (ballot["poll"].to_string(), &ballot["question"])).collect();
        let question = |poll: PollId| told.get(&json!(poll).to_string()).copied();
        assert_eq!(question(plain), Some(&json!("What do you want?")));
        if asker == &voter {
            assert_eq!(
                [rewritten, reopened, down].map(question),
                [Some(&Value::Null); 3],
                "it is a draft again, it asks something else, it is gone"
            );
            assert!(!held.to_string().contains("secret"), "{held}");
        }
    }
}

async fn guests_that_became_an_account_and_tickets_are_told(rig: Rig) {
    let (host, guest, account) = (rig.host("ada").await, rig.guest(), rig.host("bob").await);
    let settings = SettingsPatch { voters: Some(VotersPolicy::Ticket), ..SettingsPatch::default() };
    let room = NewRoom { title: "Lunch".into(), settings, polls: Vec::new() };
    let room = rig.services.create_room(&host, room).await.unwrap();
    let code = room.code.as_str();
    let ticket = rig.services.make_tickets(&host, code, 2).await.unwrap()[0].code;
    rig.services.use_ticket(&guest, code, ticket.as_str()).await.unwrap();
    let of = |held: &Value| (held["tickets"][0]["ticket"].clone(), held["tickets"][0]["room"].clone());
    let held = export(&rig, &guest).await;
    assert_eq!((of(&held), &held["adoptions"]), ((json!(ticket), json!(code)), &json!([])));
    let (voter, user) = (guest.voter().unwrap(), account.user().unwrap());
    rig.adopt(room.id, voter, user).await;
    let held = export(&rig, &account).await;
    assert_eq!(of(&held), (json!(ticket), json!(code)));
    for held in [held, export(&rig, &guest).await] {
        let told = &held["adoptions"][0];
        assert_eq!((&told["room"], &told["guest"]), (&json!(code), &json!(voter)), "{held}");
        assert!(told["at"].is_string());
    }
    let held = export(&rig, &host).await;
    assert_eq!((&held["adoptions"], &held["tickets"]), (&json!([]), &json!([])));
}

/// More than one turn in the queue reads, over more polls than one statement looks through.
async fn a_voter_of_very_many_ballots_has_them_all(rig: Rig) {
    const ROUNDS: u32 = 2_500;
    const FAR: i64 = 4_000_000_000_000;
    const POLLS: u32 = 600;
    let voter = rig.guest();
    let (now, random) = (rig.hands.now(), rig.services.clock.random());
    let room = RoomId::new(now, random);
    let host = rig.host("ada").await;
    let (code, _) = rig.open_poll(&host).await;
    let room = rig.services.store.room_by_code(code).await.unwrap().map_or(room, |found| found.id);
    let mut transaction = rig.services.store.begin().await.unwrap();
    let mut cast = Vec::new();
    for position in 0..POLLS {
        // The first and the last have rounds of more than one turn.
        let rounds = if position % (POLLS - 1) == 0 { ROUNDS } else { 1 };
        let mut bytes = [0; 10];
        bytes[6..].copy_from_slice(&position.to_be_bytes());
        let poll = PollRecord {
            // The first are older than any other, the last is newer.
            id: PollId::new(
                domain::Timestamp::from_millis(if position == POLLS - 1 { FAR } else { 1 }),
                bytes,
            ),
            room,
            position,
            definition: Definition::parse(single(&["Soup", "Salad"])).unwrap(),
            lifecycle: Lifecycle { state: PollState::Closed, round: rounds - 1, ..Lifecycle::DRAFT },
        };
        polls::insert(&mut transaction, &poll).await.unwrap();
        polls::set_lifecycle(&mut transaction, poll.id, &poll.lifecycle).await.unwrap();
        let ballot = BallotId::after(None, now, random);
        let standing = Standing { ballot, choice: Some(Choice::Option(1)) };
        let voter = voter.voter().unwrap();
        cast.extend((0..rounds).map(|round| BallotRow {
            poll: poll.id,
            round,
            voter,
            standing: standing.clone(),
        }));
    }
    ballots::upsert(&mut transaction, &cast, now).await.unwrap();
    transaction.commit().await.unwrap();
    let held = export(&rig, &voter).await;
    let told = held["ballots"].as_array().unwrap();
    assert_eq!(told.len(), cast.len());
    let known = told.iter().filter(|ballot| ballot["question"] == "What do you want?").count();
    assert_eq!(known, 600, "what was asked in the present rounds");
}

fn elsewhere() -> Who {
    IpAddr::from([192, 0, 2, 9]).into()
}

#[tokio::test]
async fn an_export_ends_with_the_session_that_asked_for_it() {
    let server = TestServer::start().await;
    let (ada, guest) = (server.host("ada").await, server.guest().await);
    let services = &server.state.services;
    let somebody = VoterId::new(services.clock.now(), services.clock.random());
    let first = services.exports.enter(somebody, elsewhere()).unwrap();
    let turn = first.turn().await.unwrap();
    let mut waiting = Vec::new();
    for who in [&ada, &guest] {
        waiting.push(who.request(Method::GET, "/api/v1/me/export").send().await.unwrap());
    }
    assert_eq!(ada.post("/auth/logout", &Value::Null).await.0, 204);
    assert_eq!(guest.delete("/me").await.0, 204);
    drop(turn);
    for answer in waiting {
        assert_eq!(answer.text().await.unwrap_or_default(), "", "nothing is told any more");
    }
}

#[tokio::test]
async fn exports_are_limited_by_address_too_since_guests_cost_nothing() {
    let server =
        TestServer::start_with(|config| config.doors.limit_exports_from = "3/1h".parse().unwrap()).await;
    for _ in 0..3 {
        assert_eq!(server.guest().await.get("/me/export").await.0, 200);
    }
    let (status, refused) = server.guest().await.get("/me/export").await;
    assert_eq!((status, &refused["code"]), (429, &json!("rate_limited")));
    assert!(refused["retry_after_secs"].as_u64().is_some_and(|secs| secs > 600), "{refused}");
}

#[tokio::test]
async fn one_export_at_a_time_looks_through_the_ballots_eight_wait_and_who_goes_leaves_a_place() {
    let server = TestServer::start().await;
    let export_of = async |who: &Person| who.request(Method::GET, "/api/v1/me/export").send().await.unwrap();
    let ask = async || export_of(&server.guest().await).await;
    let services = &server.state.services;
    let somebody = VoterId::new(services.clock.now(), services.clock.random());
    let first = services.exports.enter(somebody, elsewhere()).unwrap();
    let turn = first.turn().await.unwrap();
    let mut waiting = join_all((0..8).map(|_| ask())).await;
    assert!(waiting.iter().all(|answer| answer.status() == 200));
    let refused = ask().await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"10".parse().unwrap()));
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "overloaded");
    // Dropped before it is read to its end, its connection is closed.
    waiting.pop();
    let in_place = async || Some(ask().await).filter(|answer| answer.status() == 200);
    waiting.push(eventually("the place of who went is free", in_place).await);
    drop(turn);
    for answer in waiting {
        let held: Value = answer.json().await.unwrap();
        assert_eq!(held["about"]["kind"], "guest");
    }
    assert_eq!(ask().await.status(), 200);
}

#[tokio::test]
async fn nobody_has_two_exports_written_out_at_once() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let services = &server.state.services;
    let somebody = VoterId::new(services.clock.now(), services.clock.random());
    let first = services.exports.enter(somebody, elsewhere()).unwrap();
    let turn = first.turn().await.unwrap();
    let waiting = guest.request(Method::GET, "/api/v1/me/export").send().await.unwrap();
    let (status, refused) = guest.get("/me/export").await;
    assert_eq!((status, &refused["code"]), (429, &json!("rate_limited")));
    drop(turn);
    assert_eq!(waiting.json::<Value>().await.unwrap()["about"]["kind"], "guest");
    let again = async || Some(guest.get("/me/export").await).filter(|answer| answer.0 == 200);
    eventually("it has ended", again).await;
}
