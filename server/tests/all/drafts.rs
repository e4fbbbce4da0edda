//! Drafts of others are not there: every way in answers their ids as it answers ids that nobody has given out.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Person, TestServer};
use crate::support::socket::{Socket, ballot};

/// An id like any poll's, of none.
const NOBODYS: &str = "019a9f3e-0000-7000-8000-000000000001";

/// A way in, and what is sent there; `ID` is the poll's. `CODE` is the room that the draft is in, `OWN` one of who asks.
struct Way(&'static str, &'static str, Sent);

enum Sent {
    Nothing,
    Json(Value),
    Form(&'static [(&'static str, &'static str)]),
}

use Sent::{Form, Json, Nothing};

#[rustfmt::skip]
fn ways() -> Vec<Way> {
    vec![
        Way("PATCH", "/api/v1/polls/ID", Json(json!({"question": "Mine?"}))),
        Way("DELETE", "/api/v1/polls/ID", Nothing),
        Way("POST", "/api/v1/polls/ID/open", Nothing),
        Way("POST", "/api/v1/polls/ID/open", Json(json!({"duration_secs": 0}))),
        Way("POST", "/api/v1/polls/ID/close", Nothing),
        Way("POST", "/api/v1/polls/ID/reveal", Nothing),
        Way("POST", "/api/v1/polls/ID/hide", Nothing),
        Way("POST", "/api/v1/polls/ID/reset", Nothing),
        Way("GET", "/api/v1/polls/ID/results", Nothing),
        Way("PUT", "/api/v1/rooms/CODE/current", Json(json!({"poll": "ID"}))),
        Way("PUT", "/api/v1/rooms/OWN/current", Json(json!({"poll": "ID"}))),
        Way("PATCH", "/api/v1/rooms/CODE", Json(json!({"poll_order": ["ID"]}))),
        Way("PATCH", "/api/v1/rooms/OWN", Json(json!({"poll_order": ["ID"]}))),
        Way("POST", "/r/CODE", Form(&[("action", "vote"), ("poll", "ID"), ("option", "0")])),
        Way("POST", "/r/CODE", Form(&[("action", "withdraw"), ("poll", "ID")])),
        Way("POST", "/r/OWN", Form(&[("action", "vote"), ("poll", "ID"), ("option", "0")])),
        Way("POST", "/r/CODE/host", Form(&[("action", "open"), ("poll", "ID")])),
        Way("POST", "/r/CODE/host", Form(&[("action", "close"), ("poll", "ID")])),
        Way("POST", "/r/OWN/host", Form(&[("action", "reset"), ("poll", "ID")])),
        Way("POST", "/r/CODE/host", Form(&[("action", "show"), ("poll", "ID")])),
        Way("POST", "/r/OWN/host", Form(&[("action", "show"), ("poll", "ID")])),
        Way("POST", "/rooms/CODE/edit", Form(&[("action", "edit_poll"), ("poll", "ID"), ("question", "Mine?")])),
        Way("POST", "/rooms/OWN/edit", Form(&[("action", "delete_poll"), ("poll", "ID")])),
        Way("POST", "/rooms/OWN/edit", Form(&[("action", "move_poll"), ("poll", "ID"), ("direction", "up")])),
        Way("POST", "/fn/set_current", Json(json!({"code": "OWN", "poll": "ID"}))),
        Way("POST", "/fn/change_poll", Json(json!({"poll": "ID", "patch": {"question": "Mine?"}}))),
        Way("POST", "/fn/delete_poll", Json(json!({"poll": "ID"}))),
        Way("POST", "/fn/act", Json(json!({"poll": "ID", "action": "open"}))),
        Way("POST", "/fn/act", Json(json!({"poll": "ID", "action": "reset"}))),
    ]
}

/// A room with an open poll and a draft that was never open, and one that was and is a draft again.
struct Ground {
    code: String,
    drafts: [String; 2],
}

async fn ground(owner: &Person) -> Ground {
    let (code, poll) = owner.open_poll().await;
    let draft = json!({"question": "secret question", "kind": {"type": "single"}, "options": ["a", "b"]});
    let add = async || {
        let (_, added) = owner.post(&format!("/rooms/{code}/polls"), &draft).await;
        added["id"].as_str().unwrap().to_owned()
    };
    let drafts = [add().await, add().await];
    for command in ["open", "reset"] {
        owner.post(&format!("/polls/{}/{command}", drafts[1]), &Value::Null).await;
    }
    owner.call(Method::PUT, &format!("/rooms/{code}/current"), &json!({"poll": poll})).await;
    Ground { code, drafts }
}

/// Status and words of the answer, without what differs from one to the next of the same: the id asked about, times and
/// the nonce of a page.
async fn answer(who: &Person, Way(method, path, sent): &Way, rooms: [&str; 2], id: &str) -> (u16, String) {
    let filled = |text: &str| text.replace("CODE", rooms[0]).replace("OWN", rooms[1]).replace("ID", id);
    let request = who.request(method.parse().unwrap(), &filled(path));
    let request = match sent {
        Nothing => request,
        Json(body) => request.header("content-type", "application/json").body(filled(&body.to_string())),
        Form(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, filled(value))).collect();
            request.form(&fields)
        }
    };
    let answer = request.send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).map(str::to_owned);
    let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let words = format!("{to:?} {}", answer.text().await.unwrap()).replace(id, "");
    let words = nonce.iter().fold(words, |words, nonce| words.replace(nonce.as_str(), ""));
    (status, words.chars().filter(|char| !char.is_ascii_digit()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_anothers_is_answered_like_an_id_of_nothing() {
    let server = TestServer::start().await;
    let owner = server.host("ada").await;
    let ground = ground(&owner).await;
    let other = server.host("eve").await;
    let (own, _) = other.open_poll().await;
    let rooms = [ground.code.as_str(), own.as_str()];
    let mut wrong = Vec::new();
    for (name, who) in [("nobody", server.nobody()), ("guest", server.guest().await), ("host", other)] {
        // Nobody becomes a guest by the form of a room, a new one each time, and is told so in both cases.
        let fits = |way: &Way| name != "nobody" || way.0 != "POST" || !matches!(way.1, "/r/CODE" | "/r/OWN");
        for way in ways().iter().filter(|way| fits(way)) {
            let expected = answer(&who, way, rooms, NOBODYS).await;
            assert!(
                (400..500).contains(&expected.0) || expected.0 == 303,
                "{} {}: {expected:?}",
                way.0,
                way.1
            );
            for draft in &ground.drafts {
                let answered = answer(&who, way, rooms, draft).await;
                if answered != expected {
                    let differs =
                        answered.1.bytes().zip(expected.1.bytes()).take_while(|(one, other)| one == other);
                    let words =
                        String::from_utf8_lossy(&answered.1.as_bytes()[differs.count()..]).into_owned();
                    let (is, should) = (answered.0, expected.0);
                    wrong.push(format!("{} {} as {name}: {is}, not {should}: …{words:.80}", way.0, way.1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (_, room) = owner.get(&format!("/rooms/{}", ground.code)).await;
    let states: Vec<&Value> = room["polls"].as_array().unwrap().iter().map(|poll| &poll["state"]).collect();
    assert_eq!(states, ["open", "draft", "draft"], "nothing happened to them");
}

/// The contract has a word for a vote in a draft, `not_open`, and it tells no more than that: ids of drafts are told to
/// their host alone, and nobody guesses 74 random bits.
#[tokio::test]
async fn a_vote_in_a_draft_is_not_open_as_the_contract_says_and_tells_no_more() {
    let server = TestServer::start().await;
    let ground = ground(&server.host("ada").await).await;
    let vote = json!({"choice": {"option": 0}});
    for voter in [server.guest().await, server.host("eve").await] {
        for draft in &ground.drafts {
            let (status, receipt) = voter.post(&format!("/polls/{draft}/votes"), &vote).await;
            assert_eq!(
                (status, &receipt["status"], &receipt["reason"]),
                (200, &json!("refused"), &json!("not_open"))
            );
            assert_eq!(receipt.as_object().unwrap().len(), 4, "{receipt}");
        }
        let (status, answer) = voter.post(&format!("/polls/{NOBODYS}/votes"), &vote).await;
        assert_eq!((status, &answer["code"]), (404, &json!("no_such_poll")));

        let mut socket = Socket::of(&server, &voter.token).await;
        let say = |poll: &str, millis| json!({"type": "vote", "poll": poll, "ballot": ballot(millis), "choice": {"option": 0}});
        // Who has not joined the room is told of neither.
        let mut told = Vec::new();
        for poll in [NOBODYS, &ground.drafts[0], &ground.drafts[1]] {
            socket.say(&say(poll, 1)).await;
            told.push(socket.hear_a("error").await);
        }
        assert!(told.iter().all(|error| *error == told[0] && error["code"] == "no_such_poll"), "{told:?}");
        socket.join(&ground.code).await;
        for draft in &ground.drafts {
            let receipt = socket.vote(draft, ballot(2), json!({"option": 0})).await;
            assert_eq!((&receipt["status"], &receipt["reason"]), (&json!("refused"), &json!("not_open")));
        }
        socket.say(&say(NOBODYS, 3)).await;
        assert_eq!(socket.hear_a("error").await["code"], "no_such_poll");
    }
    let nobody = server.nobody();
    let refused = nobody.post(&format!("/polls/{NOBODYS}/votes"), &vote).await;
    for draft in &ground.drafts {
        assert_eq!(nobody.post(&format!("/polls/{draft}/votes"), &vote).await, refused);
    }
    assert_eq!(refused.0, 401);
}
