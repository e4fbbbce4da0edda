//! The `voxpop` command.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use server::config::Config;
use server::telemetry::{self, LogConfig};
use tokio::net::TcpListener;

/// Live polls: a host asks, a room votes, every screen shows the bars move.
#[derive(Parser)]
#[command(name = "voxpop", version)]
struct Cli {
    #[command(flatten)]
    log: LogConfig,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve Voxpop.
    Serve(Box<Config>),
    /// Make accounts, reset their passwords, disable them.
    #[command(subcommand)]
    User(command::user::User),
    /// Invite somebody to make an account.
    Invite(command::invite::Invite),
    /// Take a room down, or put it back.
    #[command(subcommand)]
    Room(command::room::Room),
    /// Print the trail of security events.
    Audit(command::audit::Audit),
    /// Replace the keys that sign tokens.
    #[command(subcommand)]
    Keys(command::keys::Keys),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match telemetry::start(&cli.log) {
        Ok(()) => match cli.command {
            Command::Serve(config) => serve(*config).await,
            Command::User(user) => command::user::run(user).await,
            Command::Invite(invite) => command::invite::run(invite).await,
            Command::Room(room) => command::room::run(room).await,
            Command::Audit(audit) => command::audit::run(audit).await,
            Command::Keys(keys) => command::keys::run(keys).await,
        },
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("voxpop: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Result<(), String> {
    let address = config.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    server::run(config, listener, stop_signal()).await.map_err(|error| error.to_string())
}

/// Ctrl-C, or the signal that service managers send.
async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be heard");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(error) => {
                tracing::error!(%error, "SIGTERM cannot be heard");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
