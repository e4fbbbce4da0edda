//! What breaks around nodes: Redis forgets, SQL goes away, a row is refused. Nothing that was recorded is lost.

use std::time::Duration;

use domain::{BallotId, PollState};
use serde_json::{Value, json};
use server::clock::Clock;

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::services::Breakable;
use crate::support::socket::Socket;

fn ballot() -> BallotId {
    let clock = Clock::system();
    BallotId::after(None, clock.now(), clock.random())
}

/// A node on services that may be broken, and on it a host with an open poll.
struct Stage {
    services: Breakable,
    node: TestServer,
    host: Person,
    code: String,
    poll: String,
}

impl Stage {
    async fn set() -> Self {
        let services = Breakable::start().await;
        let node = TestServer::node(&services.place()).await;
        let host = node.host("ada").await;
        let (code, poll) = host.open_poll().await;
        Self { services, node, host, code, poll }
    }
}

/// A new guest's socket in a room.
async fn a_phone(node: &TestServer, code: &str) -> Socket {
    let mut phone = Socket::of(node, &node.guest().await.token).await;
    phone.join(code).await;
    phone
}

/// Has SQL refuse ballots for the second option for what they are.
async fn refuse_second_option(services: &Breakable) {
    let refuse = "ALTER TABLE ballots ADD CONSTRAINT no_second CHECK (choice <> '{\"option\":1}')";
    sqlx::query(refuse).execute(&services.sql().await).await.unwrap();
}

/// Sends a ballot until it is not refused for the moment only.
async fn cast(person: &Person, poll: &str, ballot: BallotId, option: i64) -> Value {
    let body = json!({"ballot": ballot, "choice": {"option": option}});
    eventually("a ballot is settled", async || {
        let (status, receipt) = person.post(&format!("/polls/{poll}/votes"), &body).await;
        let is_temporary = matches!(receipt["reason"].as_str(), Some("rebuilding" | "overloaded"));
        (status == 200 && !is_temporary).then_some(receipt)
    })
    .await
}

async fn results(person: &Person, poll: &str) -> Value {
    eventually("results can be read", async || {
        let (status, tally) = person.get(&format!("/polls/{poll}/results")).await;
        (status == 200).then_some(tally)
    })
    .await
}

#[tokio::test]
async fn a_redis_that_forgets_everything_is_filled_from_sql_and_lets_nobody_vote_twice() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    let mut screen = Socket::of(&node, &host.token).await;
    screen.join(&code).await;
    let (voter, first) = (node.guest().await, ballot());
    assert_eq!(cast(&voter, &poll, first, 1).await["status"], "recorded");
    let before = results(&host, &poll).await;

    services.tell_redis(&["FLUSHALL"]).await;

    assert_eq!(cast(&voter, &poll, first, 1).await["status"], "recorded", "the same answer as before");
    let after = results(&host, &poll).await;
    assert_eq!((&after["ballots"], &after["marks"]), (&json!(1), &json!({"1": 1})));
    assert!(after["epoch"].as_u64() > before["epoch"].as_u64());
    cast(&node.guest().await, &poll, ballot(), 0).await;
    let shown = screen.hear_until(|message| message["type"] == "tally" && message["ballots"] == 2).await;
    assert_eq!(shown["marks"], json!({"0": 1, "1": 1}));
}

#[tokio::test]
async fn a_redis_that_is_replaced_by_an_older_copy_of_itself_takes_nothing_back() {
    let Stage { mut services, node, host, poll, .. } = Stage::set().await;
    let (early, late) = (node.guest().await, node.guest().await);
    let (first, second) = (ballot(), ballot());
    cast(&early, &poll, first, 0).await;
    let copy = services.folder.path().join("copy");
    services.redis.copy_data(&copy).unwrap();
    cast(&late, &poll, second, 1).await;
    let changed = ballot();
    cast(&early, &poll, changed, 1).await;

    services.redis.replace_data(&copy).unwrap();

    assert_eq!(cast(&late, &poll, second, 1).await["status"], "recorded");
    let old = cast(&early, &poll, first, 0).await;
    assert_eq!((&old["reason"], &old["choice"]), (&json!("superseded"), &json!({"option": 1})));
    let tally = results(&host, &poll).await;
    assert_eq!((&tally["ballots"], &tally["marks"]), (&json!(2), &json!({"1": 2})));
}

#[tokio::test]
async fn while_sql_is_away_votes_are_accepted_up_to_a_bound_and_results_say_that_they_are_provisional() {
    let mut services = Breakable::start().await;
    let node = TestServer::node_with(&services.place(), |config| config.limits.backlog = 5).await;
    let host = node.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut screen = Socket::of(&node, &host.token).await;
    screen.join(&code).await;
    let mut phones = Vec::new();
    let last = node.guest().await;
    for _ in 0..6 {
        let voter = if phones.len() < 5 { node.guest().await } else { last.clone() };
        let mut phone = Socket::of(&node, &voter.token).await;
        phone.join(&code).await;
        phones.push(phone);
    }
    services.mariadb.stop().unwrap();

    for phone in &mut phones[..5] {
        assert_eq!(phone.vote(&poll, ballot(), json!({"option": 0})).await["status"], "accepted");
    }
    let kept = ballot();
    let refused = phones[5].vote(&poll, kept, json!({"option": 1})).await;
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("refused"), &json!("overloaded")));
    let shown =
        screen.hear_until(|message| message["type"] == "tally" && message["provisional"] == true).await;
    assert_eq!((&shown["ballots"], &shown["final"]), (&json!(5), &json!(false)));

    services.mariadb.start_again().unwrap();
    for phone in &mut phones[..5] {
        phone.hear_until(|message| message["type"] == "receipt" && message["status"] == "recorded").await;
    }
    assert_eq!(cast(&last, &poll, kept, 1).await["status"], "recorded");
    let shown = screen.hear_until(|message| message["type"] == "tally" && message["ballots"] == 6).await;
    assert_eq!((&shown["marks"], &shown["provisional"]), (&json!({"0": 5, "1": 1}), &json!(false)));
}

#[tokio::test]
async fn a_close_that_redis_was_not_told_of_is_told_later() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    let mut phone = a_phone(&node, &code).await;
    cast(&node.guest().await, &poll, ballot(), 0).await;
    services.redis.pause();
    let (status, answer) = host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    assert_eq!(status, 503, "{answer}");
    let id = poll.parse().unwrap();
    let stored = node.state.services.store.poll(id).await.unwrap().unwrap();
    assert_eq!(stored.lifecycle.state, PollState::Closed, "the intent is kept");
    services.redis.resume();
    phone.hear_until(|message| message["type"] == "poll" && message["poll"]["state"] == "closed").await;
    phone.hear_until(|message| message["type"] == "tally" && message["final"] == true).await;
    assert_eq!(cast(&node.guest().await, &poll, ballot(), 0).await["reason"], "closed");
}

#[tokio::test]
async fn a_ballot_that_sql_will_not_take_is_set_aside_and_keeps_its_poll_from_being_final() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    refuse_second_option(&services).await;
    let mut phone = a_phone(&node, &code).await;
    let poisonous = ballot();
    assert_eq!(phone.vote(&poll, poisonous, json!({"option": 1})).await["status"], "accepted");
    assert_eq!(cast(&node.guest().await, &poll, ballot(), 0).await["status"], "recorded", "others go on");
    assert_eq!(phone.vote(&poll, poisonous, json!({"option": 1})).await["status"], "accepted");
    host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    let id = poll.parse().unwrap();
    eventually("the close is recorded", async || {
        let mut reading = node.state.services.store.begin_ballots().await.unwrap();
        (!server::store::outbox::has(&mut reading, id).await.unwrap()).then_some(())
    })
    .await;
    let tally = results(&host, &poll).await;
    assert_eq!((&tally["ballots"], &tally["final"]), (&json!(2), &json!(false)));
    services.tell_redis(&["FLUSHALL"]).await;
    let anew = results(&host, &poll).await;
    assert_eq!(
        (&anew["ballots"], &anew["final"]),
        (&json!(1), &json!(false)),
        "as SQL has it, and still not final"
    );
}

#[tokio::test]
async fn a_countdown_ends_though_sql_is_away() {
    let Stage { mut services, node, host, code, poll } = Stage::set().await;
    let mut phone = a_phone(&node, &code).await;
    host.post(&format!("/polls/{poll}/open"), &json!({"duration_secs": 2})).await;
    services.mariadb.stop().unwrap();
    phone.hear_until(|message| message["type"] == "poll" && message["poll"]["state"] == "closed").await;
    assert_eq!(phone.vote(&poll, ballot(), json!({"option": 0})).await["reason"], "closed");
    services.mariadb.start_again().unwrap();
    phone.hear_until(|message| message["type"] == "tally" && message["final"] == true).await;
    let stored =
        eventually("SQL answers", async || node.state.services.store.poll(poll.parse().unwrap()).await.ok());
    assert_eq!(stored.await.unwrap().lifecycle.state, PollState::Closed);
}

#[tokio::test]
async fn another_node_records_what_a_node_that_stopped_has_counted() {
    let services = Breakable::start().await;
    let mut first = TestServer::node(&services.place()).await;
    let second = TestServer::node(&services.place()).await;
    let host = second.host("ada").await;
    let (_, poll) = host.open_poll().await;
    assert_eq!(cast(&first.guest().await, &poll, ballot(), 0).await["status"], "recorded");
    first.stop();
    let receipt = eventually("a vote is recorded without the first node", async || {
        let receipt = cast(&second.guest().await, &poll, ballot(), 1).await;
        (receipt["status"] == "recorded").then_some(receipt)
    });
    assert_eq!(receipt.await["choice"], json!({"option": 1}));
    tokio::time::timeout(Duration::from_secs(60), async {
        host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    })
    .await
    .unwrap();
    eventually("the result is final", async || (results(&host, &poll).await["final"] == true).then_some(()))
        .await;
}

#[tokio::test]
async fn votes_behind_an_entry_that_vanished_from_the_queue_are_asked_for_again() {
    let Stage { mut services, node, host, code, poll } = Stage::set().await;
    cast(&node.guest().await, &poll, ballot(), 0).await;
    let mut phones = Vec::new();
    for _ in 0..3 {
        phones.push((a_phone(&node, &code).await, ballot()));
    }
    services.mariadb.stop().unwrap();
    for (phone, ballot) in &mut phones {
        assert_eq!(phone.vote(&poll, *ballot, json!({"option": 1})).await["status"], "accepted");
    }
    services.lose_second_entry().await;
    services.mariadb.start_again().unwrap();

    let (first, ballot) = &mut phones[0];
    let recorded = |message: &Value| message["type"] == "receipt" && message["status"] == "recorded";
    assert_eq!(first.hear_until(recorded).await["ballot"], json!(ballot));
    for (phone, ballot) in &mut phones[1..] {
        let lost = phone.hear_until(|message| message["status"] == "refused").await;
        assert_eq!((&lost["reason"], &lost["ballot"]), (&json!("rebuilding"), &json!(ballot)));
        phone.say(&json!({"type": "vote", "poll": poll, "ballot": ballot, "choice": {"option": 1}})).await;
        phone.hear_until(recorded).await;
    }
    assert_eq!(results(&host, &poll).await["marks"], json!({"0": 1, "1": 3}));
}

#[tokio::test]
async fn a_ballot_that_sql_refuses_does_not_take_the_voters_earlier_one_along() {
    let Stage { mut services, node, code, poll, .. } = Stage::set().await;
    refuse_second_option(&services).await;
    let mut phone = a_phone(&node, &code).await;
    services.mariadb.stop().unwrap();
    let (good, bad) = (ballot(), ballot());
    let (good, bad) = (good.min(bad), good.max(bad));
    assert_eq!(phone.vote(&poll, good, json!({"option": 0})).await["status"], "accepted");
    assert_eq!(phone.vote(&poll, bad, json!({"option": 1})).await["status"], "accepted");
    services.mariadb.start_again().unwrap();
    let told =
        phone.hear_until(|message| message["type"] == "receipt" && message["status"] == "recorded").await;
    assert_eq!(told["ballot"], json!(good));
    let rows = sqlx::query("SELECT ballot_id FROM ballots").fetch_all(&services.sql().await).await.unwrap();
    let kept: Vec<Vec<u8>> = rows.iter().map(|row| sqlx::Row::get(row, "ballot_id")).collect();
    assert_eq!(kept, [good.as_bytes().to_vec()]);
}

#[tokio::test]
async fn a_delete_that_redis_was_not_told_of_is_told_later_whatever_was_told_before() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    let mut phone = a_phone(&node, &code).await;
    cast(&node.guest().await, &poll, ballot(), 0).await;
    // The entry of the reveal is on its way to SQL when the poll is deleted and Redis cannot be told.
    let sql = services.sql().await;
    let mut holding = sql.begin().await.unwrap();
    sqlx::query("SELECT id FROM shards FOR UPDATE").fetch_all(&mut *holding).await.unwrap();
    assert_eq!(host.post(&format!("/polls/{poll}/reveal"), &Value::Null).await.0, 200);
    services.redis.pause();
    assert_eq!(host.delete(&format!("/polls/{poll}")).await.0, 503);
    holding.commit().await.unwrap();
    services.redis.resume();
    phone.hear_a("poll_removed").await;
    eventually("nobody can vote there", async || {
        let (status, _) = host.post(&format!("/polls/{poll}/votes"), &json!({"choice": {"option": 0}})).await;
        (status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_vote_that_counted_unheard_shows_its_voter_the_results_when_it_is_sent_again() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    cast(&node.guest().await, &poll, ballot(), 0).await;
    let mut phone = a_phone(&node, &code).await;
    let vote = json!({"type": "vote", "poll": poll, "ballot": ballot(), "choice": {"option": 1}});
    services.redis.pause();
    phone.say(&vote).await;
    assert_eq!(phone.hear_a("receipt").await["reason"], "rebuilding", "nobody answered in time");
    services.redis.resume();
    eventually("it counted all the same, and is recorded", async || {
        let tally = results(&host, &poll).await;
        (tally["ballots"] == 2 && tally["provisional"] != true).then_some(())
    })
    .await;
    phone.say(&vote).await;
    let yours =
        phone.hear_until(|message| message["type"] == "yours" && message["poll"] == json!(poll)).await;
    assert_eq!((&yours["choice"], &yours["results_visible"]), (&json!({"option": 1}), &json!(true)));
    let tally =
        phone.hear_until(|message| message["type"] == "tally" && message.get("marks").is_some()).await;
    assert_eq!(tally["marks"], json!({"0": 1, "1": 1}));
}

#[tokio::test]
async fn a_poll_whose_deletion_was_not_heard_of_goes_from_screens() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    let other = TestServer::node(&services.place()).await;
    let mut phone = a_phone(&other, &code).await;
    // The next message to the other node is lost.
    services.tell_redis(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(host.delete(&format!("/polls/{poll}")).await.0, 204);
    assert_eq!(phone.hear_a("poll_removed").await["poll"], json!(poll));
    drop(node);
}

#[tokio::test]
async fn what_redis_was_not_told_of_is_in_the_trail_all_the_same_and_answered_with_503() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    cast(&node.guest().await, &poll, ballot(), 0).await;
    let room = format!("/rooms/{code}");
    let (another, _) = host.open_poll().await;
    services.redis.pause();
    let settings = json!({"voters": "account"});
    for title in ["Tea", "Coffee"] {
        let answer = host.patch(&room, &json!({"title": title, "settings": settings})).await;
        assert_eq!(answer.0, 503, "{title}: {}", answer.1);
    }
    assert_eq!(host.post(&format!("/polls/{poll}/reset"), &Value::Null).await.0, 503);
    assert_eq!(host.delete(&format!("/polls/{poll}")).await.0, 503);
    assert_eq!(host.delete(&format!("/rooms/{another}")).await.0, 503);
    services.redis.resume();
    assert_eq!(host.delete(&format!("/rooms/{another}")).await.0, 204);
    let trail = node.trail_with("room_deleted").await;
    assert!(trail.contains("poll_reset") && trail.matches("poll_deleted").count() == 2, "{trail}");
    assert!(trail.matches("settings_changed").count() == 1, "{trail}");
}

#[tokio::test]
async fn a_takedown_holds_though_redis_was_away_until_the_room_was_back() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    let mut phone = a_phone(&node, &code).await;
    cast(&node.guest().await, &poll, ballot(), 0).await;
    services.redis.pause();
    node.command(&["room", "takedown", &code], "").await.unwrap();
    phone.hear_a("room_closed").await;
    node.command(&["room", "restore", &code], "").await.unwrap();
    services.redis.resume();
    eventually("nothing is counted any more", async || {
        let receipt = cast(&node.guest().await, &poll, ballot(), 1).await;
        (receipt["reason"] == "closed").then_some(())
    })
    .await;
    let stored = node.state.services.store.poll(poll.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.lifecycle.state, PollState::Closed);
    assert_eq!(host.post(&format!("/polls/{poll}/open"), &Value::Null).await.0, 200);
    assert_eq!(cast(&node.guest().await, &poll, ballot(), 1).await["status"], "recorded");
}

#[tokio::test]
async fn a_redis_that_forgets_a_room_that_is_down_counts_nothing_in_it() {
    let Stage { services, node, host, code, poll } = Stage::set().await;
    let voter = node.guest().await;
    cast(&voter, &poll, ballot(), 0).await;
    node.command(&["room", "takedown", &code], "").await.unwrap();
    services.tell_redis(&["FLUSHALL"]).await;
    assert_eq!(cast(&node.guest().await, &poll, ballot(), 1).await["reason"], "closed");
    for person in [&host, &voter] {
        assert_eq!(person.get(&format!("/polls/{poll}/results")).await.0, 404);
    }
    node.command(&["room", "restore", &code], "").await.unwrap();
    let tally = results(&host, &poll).await;
    assert_eq!((&tally["ballots"], &tally["marks"]), (&json!(1), &json!({"0": 1})));
}
