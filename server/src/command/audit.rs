//! `voxpop audit`: the trail of security events.

use std::io::{Write, stdout};

use clap::Args;

use super::{Database, told};

/// Print security events, the newest first.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// How many.
    #[arg(long, default_value_t = 50)]
    last: u32,
    /// Of this account only.
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    database: Database,
}

/// Carries it out: time, event, account, room, address hash, device, detail, a tab between.
pub(crate) async fn run(audit: Audit) -> Result<(), String> {
    let operator = audit.database.open().await?;
    for row in operator.audit(audit.account.as_deref(), audit.last).await.map_err(told)? {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let columns = [
            row.at.to_string(),
            row.event,
            or_dash(row.account.map(|id| id.to_string())),
            or_dash(row.room.map(|id| id.to_string())),
            or_dash(row.address_hash),
            row.device,
            row.detail,
        ];
        writeln!(stdout(), "{}", columns.join("\t")).map_err(told)?;
    }
    Ok(())
}
