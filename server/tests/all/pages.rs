//! Pages without scripts: plain forms, the guest that a visitor becomes, the QR code.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use reqwest::Method;
use serde_json::json;

use crate::support::client::{Person, TestServer};

#[tokio::test]
async fn the_plain_forms_work_from_the_front_page_to_a_vote() {
    let server = TestServer::start().await;
    let browser = reqwest::Client::builder()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let post = async |path: &str, form: &[(&str, &str)]| {
        let response =
            browser.post(server.url(path)).header("origin", server.url("")).form(form).send().await.unwrap();
        let to = response.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (response.status().as_u16(), to, response.text().await.unwrap())
    };
    let draft = [("question", "Tea & cake?"), ("options", "Yes\r\n\r\nNo\r\n")];
    let (status, _, page) = post("/start", &draft).await;
    assert_eq!(status, 200);
    assert!(page.contains("Tea &amp; cake?") && page.contains("name=\"password\""), "the draft survives");
    let account = [("username", "ada"), ("password", "short"), ("intent", "register")];
    let (status, _, page) = post("/start", &[draft.as_slice(), &account].concat()).await;
    assert_eq!(status, 422);
    assert!(page.contains("Tea &amp; cake?") && page.contains("ada") && !page.contains("short\""));
    let account = [("username", "ada"), ("password", "correct horse"), ("intent", "register")];
    let (status, to, _) = post("/start", &[draft.as_slice(), &account].concat()).await;
    let to = to.unwrap();
    assert_eq!(status, 303, "{to}");
    let code = to.strip_prefix("/r/").and_then(|rest| rest.strip_suffix("/host")).unwrap().to_owned();

    let (_, room) = server.nobody().get(&format!("/rooms/{code}")).await;
    let poll = room["polls"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(room["polls"][0]["state"], "open");
    let (status, to, _) =
        post(&format!("/r/{code}"), &[("action", "vote"), ("poll", &poll), ("option", "1")]).await;
    assert_eq!((status, to), (303, Some(format!("/r/{code}"))));
    let page = browser.get(server.url(&format!("/r/{code}"))).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("100%"), "the bar is there after a reload");
    let (status, _, _) =
        post(&format!("/r/{code}"), &[("action", "vote"), ("poll", &poll), ("option", "9")]).await;
    assert_eq!(status, 422);
    let joined =
        browser.get(server.url(&format!("/join?code={}", code.to_lowercase()))).send().await.unwrap();
    assert_eq!(joined.headers()["location"], format!("/r/{code}"));
    let missed = browser.get(server.url("/join?code=222222")).send().await.unwrap();
    assert_eq!(missed.status(), 404);
    assert!(missed.text().await.unwrap().contains("222222"));
}

#[tokio::test]
async fn a_visitor_becomes_a_guest_by_opening_a_room() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let phone: Person = server.nobody();
    let opened = phone.request(Method::GET, &format!("/r/{code}")).send().await.unwrap();
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("voxpop_guest=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax")
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let again =
        phone.request(Method::GET, &format!("/r/{code}")).header("cookie", &cookie).send().await.unwrap();
    assert!(again.headers().get("set-cookie").is_none(), "the same device stays the same guest");
    let form = [("action", "vote"), ("poll", poll.as_str()), ("option", "0")];
    let voted = phone
        .request(Method::POST, &format!("/r/{code}"))
        .header("cookie", &cookie)
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(voted.status(), 303);
    assert_eq!(host.get(&format!("/polls/{poll}/results")).await.1["marks"], json!({"0": 1}));
}

#[tokio::test]
async fn the_qr_code_leads_to_where_phones_can_follow() {
    let server =
        TestServer::start_with(|config| config.public_url = Some("https://vote.example/".into())).await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    let response =
        server.nobody().request(Method::GET, &format!("/api/v1/rooms/{code}/qr.svg")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    let link =
        QrCode::with_error_correction_level(format!("https://vote.example/r/{code}"), EcLevel::M).unwrap();
    let mut expected = link.render::<svg::Color<'_>>();
    expected.module_dimensions(8, 8).dark_color(svg::Color("#000")).light_color(svg::Color("#fff"));
    assert_eq!(response.text().await.unwrap(), expected.build());
    let page =
        host.request(Method::GET, &format!("/r/{code}/host")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("vote.example"), "the join address is the public one");
    let missing = server.nobody().get("/rooms/222222/qr.svg").await;
    assert_eq!(missing.0, 404);
}
