//! The real program, as a process of its own.

use std::net::SocketAddr;

use tokio::process::{Child, Command};

use super::eventually;

/// The program with a database, and with no settings but what is added.
pub fn voxpop(database_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxpop"));
    command.env_clear().env("DATABASE_URL", database_url).kill_on_drop(true);
    command
}

/// Lets it serve, and waits until it is ready.
pub async fn serve(mut command: Command, address: SocketAddr) -> Child {
    let child = command.arg("serve").env("VOXPOP_LISTEN", address.to_string()).spawn().unwrap();
    eventually("the server answers", async || {
        reqwest::get(format!("http://{address}/readyz")).await.ok().map(|_| ())
    })
    .await;
    child
}
