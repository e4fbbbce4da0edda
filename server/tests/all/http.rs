//! The API, as the public contract says.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Person, TestServer};

#[tokio::test]
async fn a_program_alone_can_register_ask_vote_and_read_results() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;

    let (_, room) = server.nobody().get(&format!("/rooms/{}", code.to_lowercase())).await;
    assert_eq!((&room["is_host"], &room["current"]), (&json!(false), &json!(poll)));
    assert_eq!(room["settings"], json!({"results": "after_vote", "change_vote": true, "voters": "guest"}));
    let shown = &room["polls"][0];
    assert_eq!(shown["options"], json!([{"label": "Yes"}, {"label": "No"}]));
    assert_eq!((&shown["revealed"], &shown["results_visible"]), (&Value::Null, &json!(false)));
    assert!(
        shown["server_time"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24),
        "{shown}"
    );

    let voter = server.guest().await;
    let receipt = voter.vote(&poll, json!({"option": 1})).await;
    assert_eq!(
        (&receipt["status"], &receipt["choice"], &receipt["poll"]),
        (&json!("recorded"), &json!({"option": 1}), &json!(poll))
    );
    let again = json!({"ballot": receipt["ballot"], "choice": {"option": 1}});
    assert_eq!(voter.post(&format!("/polls/{poll}/votes"), &again).await, (200, receipt.clone()));

    let (status, tally) = voter.get(&format!("/polls/{poll}/results")).await;
    assert_eq!((status, &tally["marks"], &tally["ballots"]), (200, &json!({"1": 1}), &json!(1)));
    assert_eq!((&tally["provisional"], &tally["final"]), (&json!(false), &json!(false)));
    let (_, mine) = voter.get(&format!("/rooms/{code}")).await;
    assert_eq!(mine["polls"][0]["your_choice"], json!({"option": 1}));
    assert_eq!(mine["polls"][0]["your_ballot"], receipt["ballot"]);

    host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    let (_, last) = host.get(&format!("/polls/{poll}/results")).await;
    assert_eq!(last["final"], true);
}

#[tokio::test]
async fn accounts_come_and_go() {
    let server = TestServer::start().await;
    let nobody = server.nobody();
    let taken = json!({"username": "Ada", "password": "correct horse", "display_name": "Ada L."});
    let (status, ada) = nobody.post("/auth/register", &taken).await;
    assert_eq!((status, &ada["user"]["username"], &ada["expires_in"]), (201, &json!("ada"), &json!(600)));
    assert_eq!(nobody.post("/auth/register", &taken).await.1["code"], "username_taken");
    let short = json!({"username": "a", "password": "short"});
    let (status, invalid) = nobody.post("/auth/register", &short).await;
    assert_eq!((status, invalid["errors"].as_array().map(Vec::len)), (422, Some(2)), "{invalid}");

    for (name, password) in [("ada", "wrong horses"), ("nobody", "correct horse"), ("", "")] {
        let (status, answer) =
            nobody.post("/auth/login", &json!({"username": name, "password": password})).await;
        assert_eq!((status, &answer["code"]), (401, &json!("invalid_credentials")));
    }
    let ada = nobody.clone().with_token(&ada["access_token"]);
    let (_, me) = ada.get("/me").await;
    assert_eq!((&me["kind"], &me["display_name"]), (&json!("user"), &json!("Ada L.")));
    assert_eq!(ada.patch("/me", &json!({"display_name": "Countess"})).await.1["display_name"], "Countess");

    let (code, _) = ada.open_poll().await;
    assert_eq!(ada.delete("/me").await.0, 204);
    assert_eq!(ada.get("/me").await.0, 401);
    assert_eq!(nobody.get(&format!("/rooms/{code}")).await.0, 404);
    assert_eq!(nobody.post("/auth/register", &taken).await.0, 201, "the name is free again");
}

#[tokio::test]
async fn a_guest_stays_the_same_and_may_have_a_name() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let (_, me) = guest.get("/me").await;
    assert_eq!(me["kind"], "guest");
    let (status, again) = guest.post("/auth/guest", &Value::Null).await;
    assert_eq!((status, &again["guest"]["id"]), (200, &me["id"]));
    guest.patch("/me", &json!({"display_name": "Row 7"})).await;
    assert_eq!(guest.get("/me").await.1["display_name"], "Row 7");
    assert_eq!(guest.post("/rooms", &json!({"title": "Mine"})).await.1["code"], "account_required");
    assert_eq!(guest.delete("/me").await.0, 204);
    assert_eq!(guest.get("/me").await.0, 401);
}

#[tokio::test]
async fn closed_registration_lets_nobody_in() {
    let server =
        TestServer::start_with(|config| config.registration = server::config::Registration::Closed).await;
    let body = json!({"username": "ada", "password": "correct horse"});
    let (status, answer) = server.nobody().post("/auth/register", &body).await;
    assert_eq!((status, &answer["code"]), (403, &json!("registration_closed")));
    for (path, is_form_kept) in [("/register", false), ("/start", true)] {
        let page = server.nobody().request(Method::GET, path).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("Accounts are made by the operator here"), "{path}");
        assert!(!page.contains("A user name and a password are all it takes"), "{path}");
        assert_eq!(page.contains("name=\"password\""), is_form_kept, "{path}");
        assert!(!page.contains("value=\"register\""), "{path}");
    }
}

#[tokio::test]
async fn a_page_of_large_rooms_ends_early_and_no_room_is_left_out() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let options: Vec<String> = (0..100).map(|number| format!("{number:0>120}")).collect();
    let poll = json!({"question": "?", "kind": {"type": "single"}, "options": options});
    let large = json!({"title": "Large", "polls": vec![poll; 12]});
    let mut made = Vec::new();
    for _ in 0..4 {
        let (status, room) = host.post("/rooms", &large).await;
        assert_eq!(status, 201, "{room}");
        made.insert(0, room["code"].clone());
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = host.get(&format!("/rooms?limit=100&cursor={cursor}")).await;
        assert!(page.to_string().len() <= 2 * domain::limits::SNAPSHOT_BYTES);
        listed.extend(page["rooms"].as_array().unwrap().iter().map(|room| room["code"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn rooms_are_listed_changed_copied_and_deleted_by_their_host() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    for title in ["First", "Second 100%", "Third"] {
        assert_eq!(host.post("/rooms", &json!({"title": title})).await.0, 201);
    }
    let titles = |list: &Value| -> Vec<String> {
        list["rooms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|room| room["title"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, page) = host.get("/rooms?limit=2").await;
    assert_eq!(titles(&page), ["Third", "Second 100%"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, rest) = host.get(&format!("/rooms?limit=2&cursor={cursor}")).await;
    assert_eq!((titles(&rest), rest.get("next_cursor")), (vec!["First".to_owned()], None));
    assert_eq!(titles(&host.get("/rooms?q=100%25").await.1), ["Second 100%"]);
    assert_eq!(titles(&host.get("/rooms?q=_").await.1), Vec::<String>::new());
    assert_eq!(host.get("/rooms?cursor=x").await.0, 422);

    let (code, poll) = host.open_poll().await;
    let second =
        json!({"question": "Then?", "kind": {"type": "multiple", "min": 1, "max": 2}, "options": ["a", "b"]});
    let (status, second) = host.post(&format!("/rooms/{code}/polls"), &second).await;
    assert_eq!((status, &second["position"], &second["state"]), (201, &json!(1), &json!("draft")));
    let order = json!({"title": "Renamed", "poll_order": [second["id"], poll]});
    let (_, room) = host.patch(&format!("/rooms/{code}"), &order).await;
    assert_eq!((&room["title"], &room["polls"][0]["id"]), (&json!("Renamed"), &second["id"]));
    let (status, answer) = host.patch(&format!("/rooms/{code}"), &json!({"poll_order": [poll]})).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("poll_order")));

    let (_, room) = host.call(Method::PUT, &format!("/rooms/{code}/current"), &json!({"poll": null})).await;
    assert_eq!(room["current"], Value::Null);
    let (_, room) = host.call(Method::PUT, &format!("/rooms/{code}/current"), &json!({"poll": poll})).await;
    assert_eq!(room["current"], json!(poll));

    host.delete(&format!("/polls/{}", second["id"].as_str().unwrap())).await;
    let (_, room) = host.get(&format!("/rooms/{code}")).await;
    assert_eq!(room["polls"][0]["position"], 0, "a deleted poll leaves no gap");
    let third = json!({"question": "Or?", "kind": {"type": "rating", "max": 3}});
    assert_eq!(host.post(&format!("/rooms/{code}/polls"), &third).await.1["position"], 1);

    let (status, copy) = host.post(&format!("/rooms/{code}/duplicate"), &Value::Null).await;
    assert_eq!((status, copy["polls"].as_array().map(Vec::len)), (201, Some(2)));
    assert!(copy["polls"].as_array().unwrap().iter().all(|poll| poll["state"] == "draft"));
    assert_ne!(copy["code"], json!(code));

    assert_eq!(host.delete(&format!("/rooms/{code}")).await.0, 204);
    assert_eq!(host.get(&format!("/rooms/{code}")).await.1["code"], "no_such_room");
    assert_eq!(host.get(&format!("/polls/{poll}/results")).await.1["code"], "no_such_poll");
}

#[tokio::test]
async fn only_a_draft_can_be_rewritten() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (_, poll) = host.open_poll().await;
    let change = json!({"question": "Coffee?"});
    assert_eq!(host.patch(&format!("/polls/{poll}"), &change).await.1["code"], "not_draft");
    host.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
    let (status, changed) = host.patch(&format!("/polls/{poll}"), &change).await;
    assert_eq!((status, &changed["question"], &changed["round"]), (200, &json!("Coffee?"), &json!(1)));
    let (status, answer) = host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    assert_eq!((status, &answer["code"]), (409, &json!("not_open")));
    let (status, _) = host.post(&format!("/polls/{poll}/open"), &json!({"duration_secs": 0})).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn a_hidden_result_leaves_the_server_nowhere() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    for results in ["host_only", "after_close", "after_vote"] {
        let (code, poll) = host.open_poll_with(&json!({"results": results})).await;
        server.guest().await.vote(&poll, json!({"option": 1})).await;
        let looker = server.guest().await;
        let (status, answer) = looker.get(&format!("/polls/{poll}/results")).await;
        assert_eq!((status, &answer["code"]), (403, &json!("results_hidden")), "{results}");
        assert!(!looker.get(&format!("/rooms/{code}")).await.1.to_string().contains("marks"));
        let page_of = async |person: &Person| {
            let page = person.request(Method::GET, &format!("/r/{code}")).send().await.unwrap();
            page.text().await.unwrap()
        };
        let full_bar = r#"width="100.0%""#;
        assert!(page_of(&host).await.contains(full_bar), "{results}");
        let page = page_of(&looker).await;
        assert!(!page.contains(r#""marks""#) && !page.contains(full_bar), "{results}");
        assert_eq!(host.get(&format!("/polls/{poll}/results")).await.1["marks"], json!({"1": 1}));
    }
}

#[tokio::test]
async fn others_rooms_are_out_of_reach() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let draft = json!({"question": "Secret?", "kind": {"type": "rating", "max": 5}});
    let (_, draft) = host.post(&format!("/rooms/{code}/polls"), &draft).await;
    let draft = draft["id"].as_str().unwrap();
    let strangers = [(server.nobody(), 401), (server.guest().await, 403), (server.host("eve").await, 403)];
    for (stranger, expected) in strangers {
        for (method, path, body) in [
            (Method::PATCH, format!("/rooms/{code}"), json!({"title": "Mine"})),
            (Method::DELETE, format!("/rooms/{code}"), Value::Null),
            (Method::POST, format!("/rooms/{code}/duplicate"), Value::Null),
            (Method::PUT, format!("/rooms/{code}/current"), json!({"poll": null})),
            (
                Method::POST,
                format!("/rooms/{code}/polls"),
                json!({"question": "?", "kind": {"type": "rating", "max": 5}}),
            ),
            (Method::PATCH, format!("/polls/{poll}"), json!({"question": "?"})),
            (Method::DELETE, format!("/polls/{poll}"), Value::Null),
            (Method::POST, format!("/polls/{poll}/close"), Value::Null),
            (Method::POST, format!("/polls/{poll}/reveal"), Value::Null),
            (Method::POST, format!("/polls/{poll}/reset"), Value::Null),
        ] {
            assert_eq!(stranger.call(method, &path, &body).await.0, expected, "{path}");
        }
        let (_, room) = stranger.get(&format!("/rooms/{code}")).await;
        assert_eq!(room["polls"].as_array().map(Vec::len), Some(1), "drafts are the host's alone");
        assert_eq!(stranger.get(&format!("/polls/{draft}/results")).await.0, 404);
    }
}

#[tokio::test]
async fn bad_input_has_a_clear_answer_and_changes_nothing() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let polls = format!("/rooms/{code}/polls");
    let options = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    for (body, field) in [
        (json!({"question": "", "kind": {"type": "single"}, "options": options(2)}), "question"),
        (json!({"question": "x".repeat(301), "kind": {"type": "single"}, "options": options(2)}), "question"),
        (json!({"question": "?", "kind": {"type": "single"}, "options": options(101)}), "options"),
        (
            json!({"question": "?", "kind": {"type": "single"}, "options": ["a", "x".repeat(121)]}),
            "options[1]",
        ),
        (json!({"question": "?", "kind": {"type": "rating", "max": 11}}), "kind.max"),
    ] {
        let (status, answer) = host.post(&polls, &body).await;
        assert_eq!(
            (status, &answer["code"], &answer["errors"][0]["field"]),
            (422, &json!("invalid_input"), &json!(field))
        );
    }
    for body in [
        json!({"question": 7, "kind": {"type": "single"}}),
        json!({}),
        json!({"question": "?", "kind": {"type": "poem"}}),
        json!([]),
    ] {
        assert_eq!(host.post(&polls, &body).await.0, 422, "{body}");
    }
    let multiple =
        json!({"question": "?", "kind": {"type": "multiple", "min": 1, "max": 2}, "options": options(3)});
    let (_, multiple) = host.post(&polls, &multiple).await;
    let multiple = multiple["id"].as_str().unwrap();
    host.post(&format!("/polls/{multiple}/open"), &Value::Null).await;
    let voter = server.guest().await;
    for (poll, choice) in [
        (poll.as_str(), json!({"option": 2})),
        (poll.as_str(), json!({"option": -1})),
        (poll.as_str(), json!({"rating": 1})),
        (poll.as_str(), json!({"text": "blue"})),
        (poll.as_str(), json!({"ranking": [1, 0]})),
        (multiple, json!({"options": [1, 1]})),
        (multiple, json!({"options": []})),
        (multiple, json!({"options": [0, 1, 2]})),
    ] {
        let receipt = voter.vote(poll, choice).await;
        assert_eq!((&receipt["status"], &receipt["reason"]), (&json!("refused"), &json!("invalid_choice")));
    }
    let votes = format!("/polls/{poll}/votes");
    for body in [
        json!({}),
        json!({"choice": {"option": "x"}}),
        json!({"choice": null, "ballot": "7f3b5f52-9a0e-4d1c-8f63-0f6f7f3a2b11"}),
    ] {
        assert_eq!(voter.post(&votes, &body).await.0, 422, "{body}");
    }
    assert_eq!(server.nobody().post(&votes, &json!({"choice": {"option": 0}})).await.0, 401);
    let unknown = "019a9f3e-0000-7000-8000-000000000001";
    for path in [format!("/polls/{unknown}/votes"), "/polls/nonsense/votes".into()] {
        let (status, answer) = voter.post(&path, &json!({"choice": {"option": 0}})).await;
        assert_eq!((status, &answer["code"]), (404, &json!("no_such_poll")));
    }
    assert_eq!(host.get(&format!("/polls/{poll}/results")).await.1["ballots"], 0);
    assert_eq!(host.get("/nowhere").await.1["code"], "not_found");
    assert_eq!(host.call(Method::DELETE, "/rooms", &Value::Null).await.1["code"], "method_not_allowed");
}

#[tokio::test]
async fn broken_bodies_are_told_apart() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let send = async |content_type: &str, body: String| {
        let request =
            host.request(Method::POST, "/api/v1/rooms").header("content-type", content_type).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        (response.status().as_u16(), response.json::<Value>().await.unwrap()["code"].clone())
    };
    assert_eq!(send("application/json", "{".into()).await, (400, json!("malformed_json")));
    assert_eq!(send("text/plain", "{}".into()).await, (415, json!("unsupported_media_type")));
    let large = json!({"title": "x".repeat(600 * 1024)}).to_string();
    assert_eq!(send("application/json", large).await, (413, json!("too_large")));
}

#[tokio::test]
async fn a_room_too_large_to_send_is_refused() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let options: Vec<String> = (0..100).map(|_| "x".repeat(120)).collect();
    let poll = json!({"question": "?", "kind": {"type": "single"}, "options": options});
    let (status, answer) = host.post("/rooms", &json!({"title": "Large", "polls": vec![poll; 25]})).await;
    assert_eq!((status, &answer["code"]), (422, &json!("room_too_large")));
    let (_, list) = host.get("/rooms").await;
    assert_eq!(list["rooms"], json!([]), "nothing of it was kept");
}

#[tokio::test]
async fn tokens_that_are_not_ours_open_nothing() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let good = host.token.clone().unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for bad in [format!("{none}.{}.", parts[1]), format!("{}.{}.AAAA", parts[0], parts[1]), "x".into()] {
        let (status, answer) = server.nobody().with_token(&json!(bad)).get("/me").await;
        assert_eq!((status, &answer["code"]), (401, &json!("invalid_token")));
    }
    assert_eq!(server.nobody().get("/me").await.1["code"], "not_authenticated");
}
