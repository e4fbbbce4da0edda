//! What an operator does, at the worst moment: while hosts act, while nodes look away, on a database that is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{EventId, PollState, Timestamp, UserId};
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::Clock;
use server::operator::Operator;
use server::store::audit::AuditRow;
use server::store::{Store, invitations};
use server::upkeep::sweep_once;

use crate::support::client::TestServer;
use crate::support::eventually;
use crate::support::rig::{Backend, Rig};
use crate::support::services::Place;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

on_every_backend! {
    nothing_opens_in_a_room_that_was_taken_down,
    opening_and_taking_down_at_once_leaves_nothing_open,
    nodes_that_sweep_at_once_note_each_room_once,
    a_takedown_closes_polls_in_one_step_with_itself,
    an_event_is_stored_once_however_often,
    events_of_an_account_that_is_no_more_are_nobodys,
    old_invitations_go,
}

async fn nothing_opens_in_a_room_that_was_taken_down(rig: Rig) {
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    rig.services.act(&host, poll, app::data::HostAction::Close).await.unwrap();
    rig.take_down(code).await;
    // As if the host had been let through just before.
    let open = domain::Command::Open { closes_at: None };
    let refused = rig.services.ballots.command(poll, open).await.unwrap_err();
    assert_eq!(refused.into_problem().code, "no_such_room");
    let stored = rig.services.store.poll(poll).await.unwrap().unwrap();
    assert_eq!(stored.lifecycle.state, PollState::Closed);
}

async fn opening_and_taking_down_at_once_leaves_nothing_open(rig: Rig) {
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    let operator = rig.operator().await;
    for _ in 0..20 {
        rig.services.ballots.command(poll, domain::Command::Close).await.unwrap();
        let open = domain::Command::Open { closes_at: None };
        let (opened, down) =
            tokio::join!(rig.services.ballots.command(poll, open), operator.take_down(code.as_str()));
        down.unwrap();
        if let Err(error) = opened {
            assert_eq!(error.into_problem().code, "no_such_room");
        }
        let stored = rig.services.store.poll(poll).await.unwrap().unwrap();
        assert_eq!(stored.lifecycle.state, PollState::Closed);
        operator.restore(code.as_str()).await.unwrap();
    }
}

async fn nodes_that_sweep_at_once_note_each_room_once(rig: Rig) {
    let host = rig.host("ada").await;
    for _ in 0..5 {
        let (_, poll) = rig.open_poll(&host).await;
        rig.services.act(&host, poll, app::data::HostAction::Close).await.unwrap();
    }
    rig.pass(Duration::from_millis(20)).await;
    let kept = Some(Duration::from_millis(10));
    let (one, two) = tokio::join!(sweep_once(&rig.services, kept), sweep_once(&rig.services, kept));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    let trail = rig.trail().await;
    assert_eq!(trail.iter().filter(|row| row.event == "room_deleted").count(), 5);
}

#[tokio::test]
async fn a_room_that_cannot_be_deleted_keeps_no_other() {
    let rig = Rig::open(Backend::Sqlite).await;
    let host = rig.host("ada").await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        let (code, poll) = rig.open_poll(&host).await;
        rig.services.act(&host, poll, app::data::HostAction::Close).await.unwrap();
        codes.push(code);
    }
    let mut writing = rig.services.store.begin().await.unwrap();
    let refuse = format!(
        "CREATE TRIGGER no BEFORE DELETE ON rooms WHEN OLD.code = '{}' BEGIN SELECT RAISE(ABORT, 'no'); END",
        codes[0].as_str()
    );
    sqlx::query(sqlx::AssertSqlSafe(refuse)).execute(&mut *writing).await.unwrap();
    writing.commit().await.unwrap();
    rig.pass(DAY * 2).await;
    sweep_once(&rig.services, Some(DAY)).await.unwrap();
    let mut left = Vec::new();
    for code in codes {
        left.push(rig.services.store.room_by_code(code).await.unwrap().is_some());
    }
    assert_eq!(left, [true, false, false]);
}

async fn a_takedown_closes_polls_in_one_step_with_itself(rig: Rig) {
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    rig.vote(&rig.guest(), poll, rig.ballot(), 1).await;
    let operator = rig.operator().await;
    operator.take_down(code.as_str()).await.unwrap();
    let stored = rig.services.store.poll(poll).await.unwrap().unwrap();
    assert_eq!(stored.lifecycle.state, PollState::Closed);
    let trail = operator.audit(None, 10).await.unwrap();
    assert!(trail.iter().any(|row| row.event == "room_taken_down" && row.room == Some(stored.room)));
    // Nobody restores it: a box that missed the close has to take it over while the room is down.
    rig.services.ballots.settings_changed(stored.room).await.unwrap();
    eventually("the box has closed it, too", async || {
        let now = rig.services.ballots.now(&[poll]).await.ok()?.pop()?;
        (now.life.state == PollState::Closed).then_some(())
    })
    .await;
    let cast = rig.cast(&rig.guest(), poll, rig.ballot(), Some(domain::Choice::Option(1))).await;
    assert_eq!(cast.reason, Some(domain::Reason::Closed));
    operator.restore(code.as_str()).await.unwrap();
    assert_eq!(rig.tally(poll).await.ballots, 1);
}

#[tokio::test]
async fn a_close_that_redis_missed_is_told_while_the_room_is_down() {
    let rig = Rig::open(Backend::Cluster).await;
    let host = rig.host("ada").await;
    let (code, poll) = rig.open_poll(&host).await;
    rig.vote(&rig.guest(), poll, rig.ballot(), 1).await;
    rig.take_down(code).await;
    // No server looks for takedowns here: the keeper tells what waits in the outbox.
    eventually("Redis has closed it", async || {
        let now = rig.services.ballots.now(&[poll]).await.ok()?.pop()?;
        (now.life.state == PollState::Closed).then_some(())
    })
    .await;
}

async fn is_restored_at_once(server: &TestServer) {
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = server.guest().await;
    voter.vote(&poll, json!({"option": 0})).await;
    server.command(&["room", "takedown", &code], "").await.unwrap();
    server.command(&["room", "restore", &code], "").await.unwrap();
    let (_, room) = host.get(&format!("/rooms/{code}")).await;
    assert_eq!(room["polls"][0]["state"], "closed");
    eventually("nothing is counted any more", async || {
        let receipt = voter.vote(&poll, json!({"option": 1})).await;
        (receipt["reason"] == "closed").then_some(())
    })
    .await;
    assert_eq!(host.post(&format!("/polls/{poll}/open"), &Value::Null).await.0, 200);
    assert_eq!(voter.vote(&poll, json!({"option": 0})).await["choice"], json!({"option": 0}));
}

#[tokio::test]
async fn a_room_that_is_put_back_at_once_has_its_polls_closed() {
    is_restored_at_once(&TestServer::start().await).await;
}

#[tokio::test]
async fn a_room_that_is_put_back_at_once_has_its_polls_closed_on_nodes_too() {
    is_restored_at_once(&TestServer::node(&Place::fresh().await).await).await;
}

#[tokio::test]
async fn rooms_in_which_something_was_written_or_voted_lately_stay() {
    let ahead = Arc::new(AtomicI64::new(0));
    let server = TestServer::start_by(Clock::system().ahead_by(ahead.clone())).await;
    let host = server.host("ada").await;
    let ((unused, first), (written, second), (voted, third)) =
        (host.open_poll().await, host.open_poll().await, host.open_poll().await);
    for poll in [&first, &second] {
        host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    }
    ahead.store(i64::try_from(DAY.as_millis() * 20).unwrap(), Ordering::SeqCst);
    let login = json!({"username": "ada", "password": "correct horse"});
    let (_, again) = server.nobody().post("/auth/login", &login).await;
    let host = server.nobody().with_token(&again["access_token"]);
    let draft = json!({"question": "Next?", "kind": {"type": "rating", "max": 5}});
    assert_eq!(host.post(&format!("/rooms/{written}/polls"), &draft).await.0, 201);
    server.guest().await.vote(&third, json!({"option": 0})).await;
    host.post(&format!("/polls/{third}/reset"), &Value::Null).await;
    ahead.store(i64::try_from(DAY.as_millis() * 31).unwrap(), Ordering::SeqCst);
    let services = &server.state.services;
    // Nodes may sweep at the same time.
    let (one, two) = tokio::join!(sweep_once(services, Some(DAY * 30)), sweep_once(services, Some(DAY * 30)));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    for (code, status) in [(unused, 404), (written, 200), (voted, 200)] {
        assert_eq!(server.nobody().get(&format!("/rooms/{code}")).await.0, status, "{code}");
    }
    eventually("the deletion is in the trail", async || {
        let trail = server.command(&["audit"], "").await.unwrap();
        (trail.contains("room_deleted") && trail.contains("unused for long")).then_some(())
    })
    .await;
}

fn event_id(number: u8) -> EventId {
    EventId::from_slice(&[number; 16]).unwrap()
}

fn event(number: u8, account: Option<UserId>) -> AuditRow {
    AuditRow {
        id: event_id(number),
        at: Timestamp::from_millis(1_000),
        event: "signed_in".into(),
        account,
        room: None,
        address_hash: None,
        device: String::new(),
        detail: String::new(),
    }
}

async fn an_event_is_stored_once_however_often(rig: Rig) {
    let store = &rig.services.store;
    // The server sweeps as it starts: by their ids these are not old.
    store.insert_audit(&[event(8, None)]).await.unwrap();
    // Whether that was committed its writer may not have heard.
    store.insert_audit(&[event(8, None), event(9, None)]).await.unwrap();
    assert_eq!(store.audit(None, 10).await.unwrap().len(), 2);
}

async fn events_of_an_account_that_is_no_more_are_nobodys(rig: Rig) {
    let ada = rig.host("ada").await.user().unwrap();
    let gone = UserId::new(rig.hands.now(), [9; 10]);
    let store = &rig.services.store;
    store.insert_audit(&[event(1, Some(gone)), event(2, Some(ada))]).await.unwrap();
    sweep_once(&rig.services, None).await.unwrap();
    // Old ones are swept, too: these were as old as could be.
    store.insert_audit(&[AuditRow { at: rig.hands.now(), ..event(3, Some(gone)) }]).await.unwrap();
    store.insert_audit(&[AuditRow { at: rig.hands.now(), ..event(4, Some(ada)) }]).await.unwrap();
    sweep_once(&rig.services, None).await.unwrap();
    let trail = store.audit(None, 10).await.unwrap();
    let of = |number: u8| trail.iter().find(|row| row.id == event_id(number)).unwrap().account;
    assert_eq!((of(3), of(4)), (None, Some(ada)));
}

async fn old_invitations_go(rig: Rig) {
    let (store, now) = (&rig.services.store, rig.services.clock.now());
    for (hash, expires_at) in
        [([1; 32], now.minus(DAY * 31)), ([2; 32], now.minus(DAY)), ([3; 32], now.plus(DAY))]
    {
        let mut transaction = store.begin().await.unwrap();
        invitations::insert(&mut transaction, hash, now.minus(DAY * 40), expires_at).await.unwrap();
        transaction.commit().await.unwrap();
    }
    sweep_once(&rig.services, None).await.unwrap();
    let mut left = Vec::new();
    for hash in [[1; 32], [2; 32], [3; 32]] {
        // At a time when all of them were good.
        left.push(store.is_invitation_good(hash, now.minus(DAY * 35)).await.unwrap());
    }
    assert_eq!(left, [false, true, true]);
}

#[tokio::test]
async fn that_tries_have_to_wait_is_noted_for_each_address() {
    let server =
        TestServer::start_with(|config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await;
    let body = json!({"username": "ada", "password": "wrong horses"});
    for number in 0..24 {
        let from = format!("192.0.2.{}", number % 3);
        let asked = server.nobody().request(Method::POST, "/api/v1/auth/login").json(&body);
        asked.header("x-forwarded-for", from).send().await.unwrap();
    }
    eventually("three addresses are in the trail", async || {
        let trail = server.command(&["audit"], "").await.unwrap();
        let mut noted: Vec<&str> = trail
            .lines()
            .filter(|line| line.contains("sign_in_throttled"))
            .filter_map(|line| line.split('\t').nth(4))
            .collect();
        noted.sort_unstable();
        noted.dedup();
        (noted.len() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_command_makes_no_database_and_changes_none_of_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mistyped.db");
    let url = format!("sqlite://{}", file.display());
    let refusal = async |url: &str| Operator::open(url).await.err().unwrap().to_string();
    assert!(refusal(&url).await.contains("no Voxpop database"));
    assert!(!file.exists());
    std::fs::write(&file, "").unwrap();
    assert!(refusal(&url).await.contains("no Voxpop database"));

    let real = format!("sqlite://{}", folder.path().join("real.db").display());
    Store::open(&real).await.unwrap().close().await;
    assert!(Operator::open(&real).await.is_ok());
    let pool = sqlx::AnyPool::connect(&real).await.unwrap();
    let change = async |sql: &'static str| sqlx::query(sql).execute(&pool).await.unwrap();
    change("UPDATE _sqlx_migrations SET version = 90000 WHERE version = 47").await;
    assert!(refusal(&real).await.contains("a newer version"));
    change("DELETE FROM _sqlx_migrations WHERE version = 90000").await;
    assert!(refusal(&real).await.contains("an older version"));
    pool.close().await;
    assert!(refusal(&Place::fresh().await.database_url).await.contains("no Voxpop database"));
}

#[tokio::test]
async fn a_command_leaves_what_is_no_database_of_voxpops_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    let url = format!("sqlite://{}", file.display());
    let missing = Operator::open(&format!("{url}?mode=rwc")).await.err().unwrap().to_string();
    assert!(missing.contains("no Voxpop database") && !file.exists(), "{missing}");

    sqlx::any::install_default_drivers();
    let other = sqlx::AnyPool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    sqlx::query("CREATE TABLE recipes (name TEXT)").execute(&other).await.unwrap();
    other.close().await;
    let before = std::fs::read(&file).unwrap();
    let refused = Operator::open(&url).await.err().unwrap().to_string();
    assert!(refused.contains("no Voxpop database"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn no_key_is_made_beside_a_database_that_is_not_there() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mistyped = format!("sqlite://{}", folder.path().join("mistyped.db").display());
    let words = ["keys", "rotate", "--database-url", &mistyped];
    let refused = server.command(&words, "").await.unwrap_err();
    assert!(refused.contains("check DATABASE_URL"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(server.command(&["keys", "rotate"], "").await.unwrap().contains("signs from the next start on"));
}
