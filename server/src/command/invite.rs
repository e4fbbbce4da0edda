//! `voxpop invite`: who may make an account where registration is by invitation.

use std::io::{Write, stdout};

use clap::Args;

use super::{Database, told};

/// Print invitations, each good for one account.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// For how many days.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// How many.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// Where people reach the server: prints links in place of codes.
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    database: Database,
}

/// Carries it out.
pub(crate) async fn run(invite: Invite) -> Result<(), String> {
    let operator = invite.database.open().await?;
    for _ in 0..invite.count {
        let code = operator.invite(invite.days).await.map_err(told)?;
        match &invite.public_url {
            Some(url) => writeln!(stdout(), "{}/register?invitation={code}", url.trim_end_matches('/')),
            None => writeln!(stdout(), "{code}"),
        }
        .map_err(told)?;
    }
    Ok(())
}
