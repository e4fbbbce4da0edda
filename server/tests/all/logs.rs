//! What the real server writes to its log, and what it must not.

use std::fs;
use std::process::Stdio;

use reqwest::Client;
use serde_json::json;
use tokio::process::Command;

use crate::support::eventually;

/// An address for documentation (RFC 5737): no machine has it.
const ADDRESS: &str = "203.0.113.77";

#[tokio::test]
async fn the_log_has_security_events_and_no_addresses_passwords_or_names_that_were_tried() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let voxpop = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voxpop"));
        command.current_dir(folder.path()).env_clear().env("DATABASE_URL", "sqlite://voxpop.db");
        let log = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        command.stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        command
    };
    let written = || fs::read_to_string(&log).unwrap();
    let mut serve = voxpop();
    serve.arg("serve").env("VOXPOP_LISTEN", format!("127.0.0.1:{port}"));
    serve
        .env("VOXPOP_TRUSTED_PROXIES", "127.0.0.1")
        .env("VOXPOP_LOG", "debug")
        .env("VOXPOP_LOG_FORMAT", "json");
    let _server = serve.spawn().unwrap();
    let client = Client::new();
    let post = async |path: &str, body| {
        let asked = client.post(format!("http://127.0.0.1:{port}/api/v1/auth/{path}")).json(&body);
        asked.header("x-forwarded-for", ADDRESS).send().await.ok().map(|answer| answer.status().as_u16())
    };
    let known = json!({"username": "ada", "password": "correct horse"});
    let answered = eventually("an account is made", async || post("register", known.clone()).await).await;
    assert_eq!(answered, 201);
    let tried = json!({"username": "triednames", "password": "tried password"});
    assert_eq!(post("login", tried).await, Some(401));
    eventually("the failure is in the log", async || written().contains("sign_in_failed").then_some(()))
        .await;
    assert!(voxpop().args(["user", "disable", "ada"]).status().await.unwrap().success());
    let written = written();
    for event in ["registered", "sign_in_failed", "account_disabled"] {
        assert!(written.contains(event), "{event}: {written}");
    }
    for secret in [ADDRESS, "correct horse", "tried password", "triednames", "argon2id$"] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
}
