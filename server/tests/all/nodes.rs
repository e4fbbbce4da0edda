//! Two nodes on one MariaDB and one Redis are one Voxpop.

use std::sync::Arc;

use app::data::HostAction;
use domain::{BallotId, Choice, PollId, Status};
use futures_util::future::join_all;
use serde_json::{Value, json};
use server::background::Background;
use server::ballot_box::{BallotBox, CastBallot, Limits, Link, RedisBallotBox};
use server::bus::LocalBus;
use server::clock::Clock;
use server::store::Store;
use sqlx::Row;

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::rig::{Backend, Rig};
use crate::support::services::Place;
use crate::support::socket::Socket;

async fn two() -> (Place, TestServer, TestServer) {
    let place = Place::fresh().await;
    // At once, as they come up after an update: one of them makes the tables.
    let (one, other) = tokio::join!(TestServer::node(&place), TestServer::node(&place));
    (place, one, other)
}

async fn of(server: &TestServer, person: &Person) -> Socket {
    Socket::of(server, &person.token).await
}

fn ballot() -> BallotId {
    let clock = Clock::system();
    BallotId::after(None, clock.now(), clock.random())
}

#[tokio::test]
async fn a_vote_on_one_node_moves_the_bars_on_the_other_and_both_of_its_voters_sockets_hear_of_it() {
    let (_, here, there) = two().await;
    let host = here.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = here.guest().await;
    let (mut screen, mut phone, mut tablet) =
        (of(&there, &host).await, of(&here, &voter).await, of(&there, &voter).await);
    for socket in [&mut screen, &mut phone, &mut tablet] {
        socket.join(&code).await;
    }
    let ballot = ballot();
    phone.say(&json!({"type": "vote", "poll": poll, "ballot": ballot, "choice": {"option": 1}})).await;
    let shown = screen.hear_until(|message| message["type"] == "tally" && message["ballots"] == 1).await;
    assert_eq!(shown["marks"], json!({"1": 1}));
    for socket in [&mut phone, &mut tablet] {
        let receipt = socket
            .hear_until(|message| message["type"] == "receipt" && message["status"] == "recorded")
            .await;
        assert_eq!((&receipt["ballot"], &receipt["choice"]), (&json!(ballot), &json!({"option": 1})));
    }
    assert_eq!(there.visited_by(&voter).vote(&poll, json!({"option": 0})).await["status"], "recorded");
    let changed = phone.hear_until(|message| message["type"] == "tally" && message["marks"]["0"] == 1).await;
    assert_eq!(changed["ballots"], 1);
}

#[tokio::test]
async fn what_a_host_does_on_one_node_is_seen_on_the_other() {
    let (_, here, there) = two().await;
    let host = here.host("ada").await;
    let (code, poll) = host.open_poll_with(&json!({"results": "host_only"})).await;
    let mut phone = of(&there, &there.guest().await).await;
    phone.join(&code).await;
    host.post(&format!("/polls/{poll}/reveal"), &Value::Null).await;
    assert_eq!(phone.hear_a("yours").await["results_visible"], true);
    host.patch(&format!("/rooms/{code}"), &json!({"title": "Coffee"})).await;
    assert_eq!(phone.hear_a("room").await["room"]["title"], "Coffee");
    host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    assert_eq!(phone.hear_a("poll").await["poll"]["state"], "closed");
    phone.hear_until(|message| message["type"] == "tally" && message["final"] == true).await;
    host.delete(&format!("/polls/{poll}")).await;
    assert_eq!(phone.hear_a("poll_removed").await["poll"], json!(poll));
    host.delete(&format!("/rooms/{code}")).await;
    phone.hear_a("room_closed").await;
}

#[tokio::test]
async fn people_are_counted_over_all_nodes_and_a_node_that_goes_takes_its_own_along() {
    let (_, here, mut there) = two().await;
    let host = here.host("ada").await;
    let (code, _) = host.open_poll().await;
    let (mut phone, mut other) =
        (of(&here, &here.guest().await).await, of(&there, &there.guest().await).await);
    phone.join(&code).await;
    other.join(&code).await;
    phone.hear_until(|message| message["type"] == "presence" && message["participants"] == 2).await;
    there.stop();
    phone.hear_until(|message| message["type"] == "presence" && message["participants"] == 1).await;
}

#[tokio::test]
async fn a_logout_closes_sockets_on_every_node() {
    let (_, here, there) = two().await;
    let host = here.host("ada").await;
    let mut socket = of(&there, &host).await;
    assert_eq!(host.post("/auth/logout", &Value::Null).await.0, 204);
    assert_eq!(socket.hear_a("bye").await["reason"], "logout");
    assert_eq!(socket.closed_with().await, Some(4401));
    assert_eq!(there.visited_by(&host).get("/me").await.0, 401);
}

#[tokio::test]
async fn a_vote_that_no_message_tells_of_is_found_within_moments() {
    let (place, here, _there) = two().await;
    let host = here.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut screen = of(&here, &host).await;
    screen.join(&code).await;
    // A node whose messages nobody hears.
    let clock = Clock::system();
    let link = Link::open(&place.redis_url, &place.prefix).await.unwrap();
    let store = Store::open(&place.database_url).await.unwrap();
    let mut background = Background::default();
    let silent = RedisBallotBox::start(
        link,
        store,
        Arc::new(LocalBus::default()),
        clock.clone(),
        Limits::default(),
        &mut background,
    )
    .await
    .unwrap();
    let voter = domain::VoterId::new(clock.now(), clock.random());
    let cast = CastBallot {
        poll: poll.parse().unwrap(),
        voter,
        is_guest: true,
        has_ticket: false,
        ballot: None,
        choice: Some(Choice::Option(1)),
    };
    let cast = silent.cast(cast).await.unwrap();
    assert_eq!(cast.receipt.status, Status::Accepted);
    let found = screen.hear_until(|message| message["type"] == "tally" && message["ballots"] == 1).await;
    assert_eq!(found["marks"], json!({"1": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_votes_over_three_nodes_agree_in_sql_in_redis_and_on_screen() {
    const VOTES: u32 = 50_000;
    let place = Place::fresh().await;
    let nodes =
        [TestServer::node(&place).await, TestServer::node(&place).await, TestServer::node(&place).await];
    let host = nodes[0].host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut screens = Vec::new();
    for node in &nodes {
        let mut screen = of(node, &host).await;
        screen.join(&code).await;
        screens.push(screen);
    }
    let id: PollId = poll.parse().unwrap();
    let vote = async |number: u32| {
        let clock = Clock::system();
        let ballots = &nodes[number as usize % 3].state.services.ballots;
        let cast = CastBallot {
            poll: id,
            voter: domain::VoterId::new(clock.now(), clock.random()),
            is_guest: true,
            has_ticket: false,
            ballot: None,
            choice: Some(Choice::Option(i64::from(number % 2))),
        };
        eventually("a vote is accepted", async || {
            let cast = ballots.cast(cast.clone()).await.unwrap();
            (cast.receipt.status != Status::Refused).then_some(())
        })
        .await;
    };
    let lanes = (0..64).map(|lane| async move {
        for number in (lane..VOTES).step_by(64) {
            vote(number).await;
        }
    });
    join_all(lanes).await;
    assert_eq!(host.post(&format!("/polls/{poll}/close"), &Value::Null).await.0, 200);
    let expected = json!({"0": VOTES / 2, "1": VOTES / 2});
    for screen in &mut screens {
        let last = screen.hear_until(|message| message["type"] == "tally" && message["final"] == true).await;
        assert_eq!((&last["ballots"], &last["marks"]), (&json!(VOTES), &expected));
    }
    let (_, read) = nodes[2].visited_by(&host).get(&format!("/polls/{poll}/results")).await;
    assert_eq!((&read["marks"], &read["final"]), (&expected, &json!(true)));
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&place.database_url).await.unwrap();
    let counted = sqlx::query("SELECT choice, COUNT(*) AS n FROM ballots GROUP BY choice ORDER BY choice")
        .fetch_all(&pool)
        .await
        .unwrap();
    let rows: Vec<i64> = counted.iter().map(|row| row.get("n")).collect();
    assert_eq!(rows, [i64::from(VOTES / 2); 2]);
}

#[tokio::test]
async fn a_setting_that_changes_holds_at_once_for_votes_on_every_node() {
    let rig = Rig::open(Backend::Cluster).await;
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    let voter = rig.guest();
    rig.vote(&voter, poll, rig.ballot(), 0).await;
    rig.services.act(&host, poll, HostAction::Hide).await.unwrap();
    let now = rig.services.ballots.now(&[poll]).await.unwrap().pop().unwrap();
    assert_eq!(now.life.revealed, Some(false), "who may see a tally is read with it");
    let settings = domain::SettingsPatch { change_vote: Some(false), ..Default::default() };
    let patch = domain::RoomPatch { settings: Some(settings), ..Default::default() };
    rig.services.change_room(&host, code.as_str(), patch).await.unwrap();
    let now = rig.services.ballots.now(&[poll]).await.unwrap().pop().unwrap();
    assert!(!now.settings.change_vote);
    let second = rig.vote(&voter, poll, rig.ballot(), 1).await;
    assert_eq!(second.reason, Some(domain::Reason::AlreadyVoted));
}

#[tokio::test]
async fn a_room_that_was_deleted_unheard_closes_for_who_is_in_it() {
    let (place, here, _there) = two().await;
    let host = here.host("ada").await;
    let (code, _) = host.open_poll().await;
    let mut phone = of(&here, &here.guest().await).await;
    phone.join(&code).await;
    let store = Store::open(&place.database_url).await.unwrap();
    let room = store.room_by_code(code.parse().unwrap()).await.unwrap().unwrap();
    let mut deleting = store.begin().await.unwrap();
    server::store::rooms::delete(&mut deleting, room.id).await.unwrap();
    deleting.commit().await.unwrap();
    let link = Link::open(&place.redis_url, &place.prefix).await.unwrap();
    redis::cmd("INCR").arg(link.keys.tick(room.id)).exec_async(&mut link.calls()).await.unwrap();
    assert_eq!(phone.hear_a("room_closed").await["room"], json!(code));
}

#[tokio::test]
async fn a_ballot_that_comes_again_by_another_node_is_told_there_when_it_is_recorded() {
    let (place, here, there) = two().await;
    let host = here.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = here.guest().await;
    let mut phone = of(&here, &voter).await;
    phone.join(&code).await;
    sqlx::any::install_default_drivers();
    let sql = sqlx::AnyPool::connect(&place.database_url).await.unwrap();
    let mut holding = sql.begin().await.unwrap();
    sqlx::query("SELECT id FROM shards FOR UPDATE").fetch_all(&mut *holding).await.unwrap();
    let ballot = ballot();
    assert_eq!(phone.vote(&poll, ballot, json!({"option": 1})).await["status"], "accepted");
    drop(phone);

    let mut phone = of(&there, &voter).await;
    phone.join(&code).await;
    assert_eq!(phone.vote(&poll, ballot, json!({"option": 1})).await["status"], "accepted");
    holding.commit().await.unwrap();
    let recorded = |message: &Value| message["type"] == "receipt" && message["status"] == "recorded";
    assert_eq!(phone.hear_until(recorded).await["ballot"], json!(ballot));
}
