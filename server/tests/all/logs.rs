//! What the real server writes to its log, and what it must not.

use std::fs;
use std::process::Stdio;

use backends::Port;
use reqwest::Client;
use serde_json::json;

use crate::support::eventually;
use crate::support::process::{serve, voxpop};

/// An address for documentation (RFC 5737): no machine has it.
const ADDRESS: &str = "203.0.113.77";

#[tokio::test]
async fn the_log_has_security_events_and_no_addresses_passwords_or_names_that_were_tried() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let port = Port::free().unwrap();
    let logged = || {
        let mut command = voxpop("sqlite://voxpop.db");
        let log = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        command.current_dir(folder.path()).stdout(Stdio::null()).stderr(log);
        command
    };
    let written = || fs::read_to_string(&log).unwrap();
    let mut command = logged();
    command
        .env("VOXPOP_TRUSTED_PROXIES", "127.0.0.1")
        .env("VOXPOP_LOG", "debug")
        .env("VOXPOP_LOG_FORMAT", "json");
    let _server = serve(command, port.address()).await;
    let client = Client::new();
    let post = async |path: &str, body| {
        let asked = client.post(format!("http://{}/api/v1/auth/{path}", port.address())).json(&body);
        asked.header("x-forwarded-for", ADDRESS).send().await.unwrap().status().as_u16()
    };
    let known = json!({"username": "ada", "password": "correct horse"});
    assert_eq!(post("register", known).await, 201);
    let tried = json!({"username": "triednames", "password": "tried password"});
    assert_eq!(post("login", tried).await, 401);
    eventually("the failure is in the log", async || written().contains("sign_in_failed").then_some(()))
        .await;
    assert!(logged().args(["user", "disable", "ada"]).status().await.unwrap().success());
    let written = written();
    for event in ["registered", "sign_in_failed", "account_disabled"] {
        assert!(written.contains(event), "{event}: {written}");
    }
    for secret in [ADDRESS, "correct horse", "tried password", "triednames", "argon2id$"] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
}
