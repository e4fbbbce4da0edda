//! Voting tickets over HTTP.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::TestServer;
use crate::support::socket::Socket;

#[tokio::test]
async fn a_host_makes_tickets_and_nobody_else_sees_them() {
    let server = TestServer::start().await;
    let (host, eve) = (server.host("ada").await, server.host("eve").await);
    let (code, _) = host.open_poll_with(&json!({"voters": "ticket"})).await;
    let path = format!("/rooms/{code}/tickets");
    let (status, made) = host.post(&path, &json!({"count": 2})).await;
    assert_eq!((status, made["tickets"].as_array().map(Vec::len)), (201, Some(2)), "{made}");
    let ticket = &made["tickets"][0];
    let written = ticket["code"].as_str().unwrap();
    assert!(ticket["url"].as_str().unwrap().ends_with(&format!("/r/{code}#ticket={written}")), "{ticket}");
    assert_eq!(
        (host.get(&path).await.1["tickets"].as_array().map(Vec::len), &ticket["used"]),
        (Some(2), &json!(false))
    );
    for (count, expected) in [(0, 422), (2_001, 422), (1_999, 409)] {
        assert_eq!(host.post(&path, &json!({"count": count})).await.0, expected, "{count}");
    }
    for (who, expected) in [(&eve, 403), (&server.guest().await, 403), (&server.nobody(), 401)] {
        assert_eq!(who.get(&path).await.0, expected);
        assert_eq!(who.post(&path, &json!({"count": 1})).await.0, expected);
        assert_eq!(who.delete(&path).await.0, expected);
    }
    assert_eq!(host.delete(&path).await.0, 204);
    assert_eq!(host.get(&path).await.1, json!({"tickets": []}));
}

#[tokio::test]
async fn a_ticket_lets_its_holder_vote_and_says_so() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll_with(&json!({"voters": "ticket"})).await;
    let (_, made) = host.post(&format!("/rooms/{code}/tickets"), &json!({"count": 1})).await;
    let written = made["tickets"][0]["code"].as_str().unwrap().to_lowercase();
    let (voter, late) = (server.guest().await, server.guest().await);
    let has = async |who: &crate::support::client::Person| {
        who.get(&format!("/rooms/{code}")).await.1["has_ticket"].clone()
    };
    assert_eq!((has(&voter).await, has(&server.nobody()).await), (json!(false), Value::Null));
    assert_eq!(voter.vote(&poll, json!({"option": 0})).await["reason"], "not_eligible");
    let take = format!("/rooms/{code}/ticket");
    assert_eq!(voter.post(&take, &json!({"ticket": "22222-22222"})).await.1["code"], "no_such_ticket");
    assert_eq!(server.nobody().post(&take, &json!({"ticket": written})).await.0, 401);
    let typed = json!({"ticket": format!(" {}-{} ", &written[..5], &written[5..])});
    assert_eq!(voter.post(&take, &typed).await, (200, json!({"status": "held"})));
    assert_eq!(voter.post(&take, &typed).await.0, 200);
    let (status, used) = late.post(&take, &typed).await;
    assert_eq!((status, &used["code"]), (409, &json!("ticket_used")));
    assert_eq!(has(&voter).await, json!(true));
    let mut socket = Socket::of(&server, &voter.token).await;
    assert_eq!(socket.join(&code).await.0["room"]["has_ticket"], true);
    assert_eq!(voter.vote(&poll, json!({"option": 0})).await["status"], "recorded");
    // A form without scripts counts as well.
    let form = [("action", "vote"), ("poll", poll.as_str()), ("option", "1")];
    let answer = voter.request(Method::POST, &format!("/r/{code}")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(host.get(&format!("/rooms/{code}/tickets")).await.1["tickets"][0]["used"], true);
}

#[tokio::test]
async fn pages_that_are_open_know_who_has_a_ticket_when_the_room_begins_to_ask() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    let (_, made) = host.post(&format!("/rooms/{code}/tickets"), &json!({"count": 1})).await;
    let (holder, other) = (server.guest().await, server.guest().await);
    let ticket = json!({"ticket": made["tickets"][0]["code"]});
    assert_eq!(holder.post(&format!("/rooms/{code}/ticket"), &ticket).await.0, 200);
    let mut pages = [Socket::of(&server, &holder.token).await, Socket::of(&server, &other.token).await];
    for page in &mut pages {
        assert_eq!(page.join(&code).await.0["room"]["has_ticket"], Value::Null);
    }
    for (voters, expected) in [
        ("ticket", [json!(true), json!(false)]),
        ("guest", [Value::Null, Value::Null]),
        ("ticket", [json!(true), json!(false)]),
    ] {
        host.patch(&format!("/rooms/{code}"), &json!({"settings": {"voters": voters}})).await;
        for (page, has_ticket) in pages.iter_mut().zip(expected) {
            let told = page.hear_until(|message| message["room"]["settings"]["voters"] == voters).await;
            assert_eq!(told["room"]["has_ticket"], has_ticket, "{voters}");
        }
    }
}

#[tokio::test]
async fn a_ticket_is_used_by_a_form_and_not_by_following_its_link() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll_with(&json!({"voters": "ticket"})).await;
    let path = format!("/rooms/{code}/tickets");
    let (_, made) = host.post(&path, &json!({"count": 1})).await;
    let written = made["tickets"][0]["code"].as_str().unwrap();
    let (voter, late) = (server.guest().await, server.guest().await);
    let page = format!("/r/{code}");
    let looked = voter.request(Method::GET, &format!("{page}?ticket={written}")).send().await.unwrap();
    assert!(looked.text().await.unwrap().contains(&format!("value=\"{written}\"")));
    assert_eq!(host.get(&path).await.1["tickets"][0]["used"], false);

    let send = async |who: &crate::support::client::Person, ticket: &str| {
        let form = [("action", "ticket"), ("ticket", ticket)];
        let answer = who.request(Method::POST, &page).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, refused) = send(&voter, "22222-22222").await;
    assert_eq!(status, 404);
    assert!(refused.contains("is none of this room") && refused.contains("value=\"22222-22222\""));
    assert_eq!(send(&voter, written).await.0, 303);
    assert_eq!(host.get(&path).await.1["tickets"][0]["used"], true);
    let (status, refused) = send(&late, written).await;
    assert!(status == 409 && refused.contains("was used already"), "{status}");
}

/// A link as a code on paper.
fn drawn(link: &str) -> String {
    let code = QrCode::with_error_correction_level(link, EcLevel::M).unwrap();
    let mut render = code.render::<svg::Color<'_>>();
    render.module_dimensions(1, 1);
    let picture = render.dark_color(svg::Color("#000")).light_color(svg::Color("#fff")).build();
    picture[picture.find("<svg").unwrap()..].to_owned()
}

#[tokio::test]
async fn the_code_on_paper_keeps_its_ticket_behind_the_hash() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll_with(&json!({"voters": "ticket"})).await;
    let page = format!("/rooms/{code}/tickets");
    let (_, made) = host.post(&page, &json!({"count": 1})).await;
    let written = made["tickets"][0]["code"].as_str().unwrap();
    let shown = host.request(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let link = |mark: &str| server.url(&format!("/r/{code}{mark}ticket={written}"));
    assert!(shown.contains(&drawn(&link("#"))), "the link that its QR code holds");
    assert!(!shown.contains(&drawn(&link("?"))));
    assert!(shown.contains("type it at"), "and what to do without");
}

#[tokio::test]
async fn the_hosts_page_makes_lists_and_deletes_tickets() {
    let server = TestServer::start().await;
    let (host, eve) = (server.host("ada").await, server.host("eve").await);
    let (code, _) = host.open_poll_with(&json!({"voters": "ticket"})).await;
    let page = format!("/rooms/{code}/tickets");
    let send = async |who: &crate::support::client::Person, form: &[(&str, &str)]| {
        who.request(Method::POST, &page).form(form).send().await.unwrap().status().as_u16()
    };
    for (count, expected) in [("0", 422), ("many", 422), ("2001", 422), ("101", 303), ("1900", 409)] {
        assert_eq!(send(&host, &[("action", "make"), ("count", count)]).await, expected, "{count}");
    }
    assert_eq!(send(&eve, &[("action", "make"), ("count", "1")]).await, 403);
    assert_eq!(eve.request(Method::GET, &page).send().await.unwrap().status(), 403);
    let used = host.get(&page).await.1["tickets"][0]["code"].as_str().unwrap().to_owned();
    server.guest().await.post(&format!("/rooms/{code}/ticket"), &json!({"ticket": used})).await;
    for (sheet, tickets) in [("1", 100), ("2", 0), ("99", 0), ("x", 100)] {
        let shown = host.request(Method::GET, &format!("{page}?page={sheet}")).send().await.unwrap();
        let shown = shown.text().await.unwrap();
        assert_eq!(shown.matches("class=\"ticket\"").count(), tickets, "{sheet}");
        assert_eq!(shown.matches("<svg xmlns").count(), tickets, "{sheet}");
        assert!(!shown.contains("<?xml") && shown.contains(&format!("{}-{}", &used[..5], &used[5..])));
    }
    assert_eq!(send(&host, &[("action", "delete_unused")]).await, 303);
    let left = host.get(&page).await.1;
    assert_eq!(left["tickets"].as_array().map(Vec::len), Some(1), "{left}");
}
