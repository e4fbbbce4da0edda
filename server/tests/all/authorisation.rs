//! Every way in, tried by everybody: nobody, a guest, another host, and the owner. A route, a server function or a message of
//! the socket that is not in the tables here fails the test.

use std::collections::BTreeSet;

use domain::ClientMessage;
use serde_json::{Value, json};

use crate::support::client::{Person, TestServer};
use crate::support::socket::{Socket, ballot};

/// What nobody, a guest, another host and the owner are answered.
type Statuses = [u16; 4];

/// A route, what is sent there, and the answers. In path and body `CODE`, `POLL` and `DRAFT` stand for the owner's room, an
/// open poll in it and a draft; `NAME` for a user name that nobody has.
struct Row(&'static str, &'static str, Sent, Statuses);

enum Sent {
    Nothing,
    Json(Value),
    Form(&'static [(&'static str, &'static str)]),
}

use Sent::{Form, Json, Nothing};

/// Where `{id}` is a draft's.
const ABOUT_DRAFTS: [(&str, &str); 1] = [("PATCH", "/api/v1/polls/{id}")];

const ALL: fn(u16) -> Statuses = |status| [status; 4];
/// For the owner alone.
const OWNER: fn(u16) -> Statuses = |status| [401, 403, 403, status];
/// For accounts.
const ACCOUNTS: fn(u16) -> Statuses = |status| [401, 403, status, status];
/// For whoever is somebody.
const SOMEBODY: fn(u16) -> Statuses = |status| [401, status, status, status];

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let poll = || json!({"question": "?", "kind": {"type": "rating", "max": 5}});
    vec![
        Row("POST", "/api/v1/auth/register", Json(json!({"username": "NAME", "password": "correct horse"})), ALL(201)),
        Row("POST", "/api/v1/auth/login", Json(json!({"username": "NAME", "password": "correct horse"})), ALL(401)),
        Row("POST", "/api/v1/auth/refresh", Nothing, ALL(401)),
        Row("POST", "/api/v1/auth/logout", Nothing, ALL(204)),
        Row("POST", "/api/v1/auth/guest", Nothing, [201, 200, 200, 200]),
        Row("GET", "/api/v1/me", Nothing, SOMEBODY(200)),
        Row("PATCH", "/api/v1/me", Json(json!({"display_name": "X"})), SOMEBODY(200)),
        Row("DELETE", "/api/v1/me", Nothing, SOMEBODY(204)),
        Row("POST", "/api/v1/me/password", Json(json!({"current": "correct horse", "new": "another staple"})), ACCOUNTS(204)),
        Row("GET", "/api/v1/me/export", Nothing, SOMEBODY(200)),
        Row("GET", "/api/v1/me/sessions", Nothing, ACCOUNTS(200)),
        Row("DELETE", "/api/v1/me/sessions", Nothing, ACCOUNTS(204)),
        Row("DELETE", "/api/v1/me/sessions/{id}", Nothing, ACCOUNTS(404)),
        Row("POST", "/api/v1/rooms", Json(json!({"title": "X"})), ACCOUNTS(201)),
        Row("GET", "/api/v1/rooms", Nothing, ACCOUNTS(200)),
        Row("GET", "/api/v1/rooms/{code}", Nothing, ALL(200)),
        Row("PATCH", "/api/v1/rooms/{code}", Json(json!({"title": "X"})), OWNER(200)),
        Row("DELETE", "/api/v1/rooms/{code}", Nothing, OWNER(204)),
        Row("POST", "/api/v1/rooms/{code}/duplicate", Nothing, OWNER(201)),
        Row("PUT", "/api/v1/rooms/{code}/current", Json(json!({"poll": "DRAFT"})), OWNER(200)),
        Row("POST", "/api/v1/rooms/{code}/tickets", Json(json!({"count": 1})), OWNER(201)),
        Row("GET", "/api/v1/rooms/{code}/tickets", Nothing, OWNER(200)),
        Row("DELETE", "/api/v1/rooms/{code}/tickets", Nothing, OWNER(204)),
        Row("POST", "/api/v1/rooms/{code}/ticket", Json(json!({"ticket": "22222-22222"})), SOMEBODY(404)),
        Row("GET", "/api/v1/rooms/{code}/qr.svg", Nothing, ALL(200)),
        Row("POST", "/api/v1/rooms/{code}/polls", Json(poll()), OWNER(201)),
        Row("PATCH", "/api/v1/polls/{id}", Json(json!({"question": "X"})), [401, 404, 404, 200]),
        Row("DELETE", "/api/v1/polls/{id}", Nothing, OWNER(204)),
        Row("POST", "/api/v1/polls/{id}/open", Nothing, OWNER(200)),
        Row("POST", "/api/v1/polls/{id}/close", Nothing, OWNER(200)),
        Row("POST", "/api/v1/polls/{id}/reveal", Nothing, OWNER(200)),
        Row("POST", "/api/v1/polls/{id}/hide", Nothing, OWNER(200)),
        Row("POST", "/api/v1/polls/{id}/reset", Nothing, OWNER(200)),
        Row("POST", "/api/v1/polls/{id}/votes", Json(json!({"choice": {"option": 0}})), SOMEBODY(200)),
        Row("GET", "/api/v1/polls/{id}/results", Nothing, [403, 403, 403, 200]),
        Row("GET", "/api/v1/openapi.json", Nothing, ALL(200)),
        Row("GET", "/api/docs", Nothing, ALL(200)),

        Row("GET", "/", Nothing, ALL(200)),
        Row("GET", "/join", Nothing, ALL(200)),
        Row("GET", "/start", Nothing, ALL(200)),
        Row("POST", "/start", Form(&[("question", "?"), ("options", "a\nb"), ("username", "NAME"), ("password", "correct horse"), ("intent", "login")]), [401, 401, 303, 303]),
        Row("GET", "/login", Nothing, [200, 200, 303, 303]),
        Row("POST", "/login", Form(&[("username", "NAME"), ("password", "correct horse")]), ALL(401)),
        Row("GET", "/register", Nothing, [200, 200, 303, 303]),
        Row("POST", "/register", Form(&[("username", "NAME"), ("password", "short")]), ALL(422)),
        Row("POST", "/logout", Nothing, ALL(303)),
        Row("GET", "/rooms", Nothing, [303, 303, 200, 200]),
        Row("POST", "/rooms", Form(&[("action", "create"), ("title", "X")]), ACCOUNTS(303)),
        Row("POST", "/rooms", Form(&[("action", "duplicate"), ("code", "CODE")]), OWNER(303)),
        Row("POST", "/rooms", Form(&[("action", "delete"), ("code", "CODE")]), OWNER(303)),
        Row("GET", "/account", Nothing, [303, 200, 200, 200]),
        Row("POST", "/account", Form(&[("action", "rename"), ("display_name", "X")]), SOMEBODY(303)),
        Row("POST", "/account", Form(&[("action", "password"), ("current", "correct horse"), ("new", "another staple")]), ACCOUNTS(303)),
        Row("POST", "/account", Form(&[("action", "end"), ("session", "019a9f3e-0000-7000-8000-000000000001")]), ACCOUNTS(404)),
        Row("POST", "/account", Form(&[("action", "end_others")]), ACCOUNTS(303)),
        Row("POST", "/account", Form(&[("action", "delete"), ("confirm", "NAME")]), SOMEBODY(422)),
        Row("POST", "/account", Form(&[("action", "forget")]), [401, 303, 422, 422]),
        Row("GET", "/rooms/{code}/tickets", Nothing, [303, 303, 403, 200]),
        Row("POST", "/rooms/{code}/tickets", Form(&[("action", "make"), ("count", "2")]), OWNER(303)),
        Row("POST", "/rooms/{code}/tickets", Form(&[("action", "delete_unused")]), OWNER(303)),
        Row("GET", "/rooms/{code}/edit", Nothing, [303, 303, 403, 200]),
        Row("POST", "/rooms/{code}/edit", Form(&[("action", "add_poll"), ("question", "?"), ("options", "a\nb")]), OWNER(303)),
        Row("POST", "/rooms/{code}/edit", Form(&[("action", "settings"), ("title", "X"), ("voters", "ticket")]), OWNER(303)),
        Row("POST", "/rooms/{code}/edit", Form(&[("action", "edit_poll"), ("poll", "DRAFT"), ("question", "X"), ("options", "a\nb")]), [401, 404, 404, 303]),
        Row("POST", "/rooms/{code}/edit", Form(&[("action", "delete_poll"), ("poll", "POLL")]), OWNER(303)),
        Row("POST", "/rooms/{code}/edit", Form(&[("action", "move_poll"), ("poll", "POLL"), ("direction", "down")]), OWNER(303)),
        Row("GET", "/r/{code}", Nothing, ALL(200)),
        Row("POST", "/r/{code}", Form(&[("action", "vote"), ("poll", "POLL"), ("option", "0")]), SOMEBODY(303)),
        Row("POST", "/r/{code}", Form(&[("action", "withdraw"), ("poll", "POLL")]), SOMEBODY(303)),
        Row("POST", "/r/{code}", Form(&[("action", "ticket"), ("ticket", "22222-22222")]), SOMEBODY(404)),
        Row("GET", "/r/{code}/host", Nothing, [303, 303, 403, 200]),
        Row("POST", "/r/{code}/host", Form(&[("action", "open"), ("poll", "DRAFT")]), [401, 404, 404, 303]),
        Row("POST", "/r/{code}/host", Form(&[("action", "close"), ("poll", "POLL")]), OWNER(303)),
        Row("POST", "/r/{code}/host", Form(&[("action", "reveal"), ("poll", "POLL")]), OWNER(303)),
        Row("POST", "/r/{code}/host", Form(&[("action", "hide"), ("poll", "POLL")]), OWNER(303)),
        Row("POST", "/r/{code}/host", Form(&[("action", "reset"), ("poll", "POLL")]), OWNER(303)),
        Row("POST", "/r/{code}/host", Form(&[("action", "show"), ("poll", "DRAFT")]), OWNER(303)),
        Row("GET", "/r/{code}/screen", Nothing, ALL(200)),

        Row("POST", "/fn/load_visitor", Json(json!({})), ALL(200)),
        Row("POST", "/fn/load_room", Json(json!({"code": "CODE"})), SOMEBODY(200)),
        Row("POST", "/fn/load_rooms", Json(json!({"search": null, "cursor": null})), ACCOUNTS(200)),
        Row("POST", "/fn/create_room", Json(json!({"room": {"title": "X"}})), ACCOUNTS(200)),
        Row("POST", "/fn/change_room", Json(json!({"code": "CODE", "patch": {"title": "X"}})), OWNER(200)),
        Row("POST", "/fn/delete_room", Json(json!({"code": "CODE"})), OWNER(200)),
        Row("POST", "/fn/duplicate_room", Json(json!({"code": "CODE"})), OWNER(200)),
        Row("POST", "/fn/set_current", Json(json!({"code": "CODE", "poll": "POLL"})), OWNER(200)),
        Row("POST", "/fn/add_poll", Json(json!({"code": "CODE", "poll": poll()})), OWNER(200)),
        Row("POST", "/fn/change_poll", Json(json!({"poll": "DRAFT", "patch": {"question": "X"}})), [401, 404, 404, 200]),
        Row("POST", "/fn/delete_poll", Json(json!({"poll": "POLL"})), OWNER(200)),
        Row("POST", "/fn/act", Json(json!({"poll": "DRAFT", "action": {"open": 60}})), [401, 404, 404, 200]),
        Row("POST", "/fn/act", Json(json!({"poll": "POLL", "action": "close"})), OWNER(200)),
        Row("POST", "/fn/act", Json(json!({"poll": "POLL", "action": "reveal"})), OWNER(200)),
        Row("POST", "/fn/act", Json(json!({"poll": "POLL", "action": "hide"})), OWNER(200)),
        Row("POST", "/fn/act", Json(json!({"poll": "POLL", "action": "reset"})), OWNER(200)),

        Row("GET", "/ws", Nothing, ALL(426)),
        Row("GET", "/healthz", Nothing, ALL(200)),
        Row("GET", "/readyz", Nothing, ALL(200)),
        Row("GET", "/favicon.svg", Nothing, ALL(404)),
        Row("GET", "/pkg/{file}", Nothing, ALL(404)),
    ]
}

/// What nobody but the owner may find in any answer: what a draft asks and offers, and a hidden result.
const SECRETS: [&str; 3] = ["secret question", "secret option", "\"marks\":{\"1\":1}"];

/// A room with an open poll that has one vote, and a draft.
struct Ground {
    people: [Person; 4],
    code: String,
    poll: String,
    draft: String,
    number: usize,
}

/// Nobody, a guest, another host and the owner.
async fn everybody(server: &TestServer, number: usize) -> [Person; 4] {
    let other = server.host(&format!("other{number}")).await;
    [server.nobody(), server.guest().await, other, server.host(&format!("owner{number}")).await]
}

/// Whether somebody may be nobody any more after this, or have another password.
fn ends_people(path: &str) -> bool {
    ["/api/v1/me", "/api/v1/auth", "/logout", "/account"].iter().any(|begin| path.starts_with(begin))
}

impl Ground {
    async fn new(server: &TestServer, number: usize, people: [Person; 4]) -> Self {
        let owner = &people[3];
        let (code, poll) = owner.open_poll().await;
        let draft = json!({"question": "secret question", "kind": {"type": "single"}, "options": ["secret option", "b"]});
        let (_, draft) = owner.post(&format!("/rooms/{code}/polls"), &draft).await;
        server.guest().await.vote(&poll, json!({"option": 1})).await;
        let draft = draft["id"].as_str().unwrap().to_owned();
        Self { people, code, poll, draft, number }
    }

    fn filled(&self, text: &str, id: &str) -> String {
        let name = format!("fresh{}", self.number);
        let with =
            [("CODE", self.code.as_str()), ("POLL", &self.poll), ("DRAFT", &self.draft), ("NAME", &name)];
        let text = with.into_iter().fold(text.to_owned(), |text, (place, with)| text.replace(place, with));
        text.replace("{code}", &self.code).replace("{id}", id).replace("{file}", "nothing.js")
    }

    async fn try_it(&self, Row(method, path, sent, _): &Row, who: usize) -> (u16, String) {
        let id = if ABOUT_DRAFTS.contains(&(method, path)) { &self.draft } else { &self.poll };
        let request = self.people[who].request(method.parse().unwrap(), &self.filled(path, id));
        let request = match sent {
            Nothing => request,
            Json(body) => {
                request.header("content-type", "application/json").body(self.filled(&body.to_string(), id))
            }
            Form(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| (*name, self.filled(value, id))).collect();
                request.form(&fields)
            }
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_everybody_as_the_table_says_and_tells_no_secrets() {
    let server = TestServer::start().await;
    let rows = rows();
    let known: BTreeSet<(&str, &str)> = rows.iter().map(|Row(method, path, ..)| (*method, *path)).collect();
    let listed = server::http::list();
    for (method, path) in &listed {
        assert!(
            known.contains(&(*method, path.as_str())),
            "a way in that is not in the table: {method} {path}"
        );
    }
    assert_eq!(known.len(), listed.len(), "the table knows ways that are not there");

    let mut wrong = Vec::new();
    let mut number = 0;
    let people = everybody(&server, number).await;
    for row in &rows {
        for (who, expected) in row.3.into_iter().enumerate() {
            number += 1;
            let theirs = if ends_people(row.1) { everybody(&server, number).await } else { people.clone() };
            let ground = Ground::new(&server, number, theirs).await;
            let (status, answer) = ground.try_it(row, who).await;
            let name = ["nobody", "guest", "another host", "owner"][who];
            if status != expected {
                wrong.push(format!("{} {} as {name}: {status}, not {expected}: {answer:.200}", row.0, row.1));
            }
            let told = SECRETS.iter().find(|secret| who < 3 && answer.contains(**secret));
            if let Some(secret) = told {
                wrong.push(format!("{} {} tells {name}: {secret}", row.0, row.1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many kinds of messages a socket takes.
const KINDS: usize = 5;

/// The number of a message's kind. A new one has none, and the test is no program until it has.
fn kind(message: &Value) -> usize {
    match ClientMessage::parse(&message.to_string()).unwrap() {
        ClientMessage::Auth { .. } => 0,
        ClientMessage::Join { .. } => 1,
        ClientMessage::Leave { .. } => 2,
        ClientMessage::Vote { .. } => 3,
        ClientMessage::Ping => KINDS - 1,
    }
}

#[tokio::test]
async fn every_message_of_the_socket_answers_everybody_as_it_should() {
    let server = TestServer::start().await;
    let ground = Ground::new(&server, 0, everybody(&server, 0).await).await;
    let (code, poll, draft) = (&ground.code, &ground.poll, &ground.draft);
    let vote = |poll: &str, millis| json!({"type": "vote", "poll": poll, "ballot": ballot(millis), "choice": {"option": 0}});
    // Of nobody only who it is and whether it is there is heard.
    let mut nobody = Socket::open(&server, &[]).await.unwrap();
    let mut tried = BTreeSet::new();
    for (message, answer, about) in [
        (json!({"type": "join", "room": code}), "error", "forbidden"),
        (json!({"type": "leave", "room": code}), "error", "forbidden"),
        (vote(poll, 0), "error", "forbidden"),
        (json!({"type": "ping"}), "pong", ""),
        (json!({"type": "auth", "token": "nonsense"}), "", ""),
    ] {
        tried.insert(kind(&message));
        nobody.say(&message).await;
        match answer {
            "" => assert_eq!(nobody.closed_with().await, Some(4401)),
            _ => assert_eq!(
                nobody.hear_a(answer).await["code"].as_str().unwrap_or_default(),
                about,
                "{message}"
            ),
        }
    }
    assert_eq!(tried.len(), KINDS);

    for (who, person) in ground.people.iter().enumerate().skip(1) {
        let is_owner = who == 3;
        let mut socket = Socket::of(&server, &person.token).await;
        let other = &ground.people[if is_owner { 2 } else { 3 }];
        let mut tried = BTreeSet::new();
        for (message, expected) in [
            // Nobody becomes somebody else.
            (json!({"type": "auth", "token": other.token}), "forbidden"),
            (vote(poll, 1), "not_joined"),
            (vote(draft, 2), if is_owner { "not_joined" } else { "no_such_poll" }),
            (json!({"type": "leave", "room": code}), "not_joined"),
            (json!({"type": "join", "room": "222222"}), "no_such_room"),
            (json!({"type": "ping"}), ""),
        ] {
            tried.insert(kind(&message));
            socket.say(&message).await;
            let heard = socket.hear_until(|heard| heard["type"] == "error" || heard["type"] == "pong").await;
            assert_eq!(heard["code"].as_str().unwrap_or_default(), expected, "{message}");
        }
        assert_eq!(tried.len(), KINDS);
        let (room, tallies) = socket.join(code).await;
        let told = format!("{room}{tallies:?}");
        assert_eq!(told.contains("secret question"), is_owner, "{told}");
        assert_eq!(tallies[0].get("marks").is_some(), is_owner, "{told}");
        socket.say(&vote(draft, 3)).await;
        let refused =
            socket.hear_until(|message| message["type"] == "receipt" || message["type"] == "error").await;
        assert_eq!(refused["reason"], "not_open", "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
        let receipt = socket.vote(poll, ballot(4), json!({"option": 0})).await;
        assert_eq!(receipt["status"], "recorded");
        socket.say(&json!({"type": "leave", "room": code})).await;
        socket.hear_a("left").await;
    }
}
