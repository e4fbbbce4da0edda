//! `voxpop user`: accounts, since there is no mail server to help those who forget a password.

use std::io::{BufRead, Write, stdin, stdout};

use clap::{Args, Subcommand};
use server::error::Error;
use server::operator::Operator;

use super::{Database, told};

/// Accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make an account, whatever registration is set to, and print its password if one was made.
    Add {
        /// The user name.
        name: String,
        /// What others are shown.
        #[arg(long)]
        display_name: Option<String>,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        database: Database,
    },
    /// Give an account another password; it is signed out everywhere.
    ResetPassword {
        /// The user name.
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        database: Database,
    },
    /// Let an account sign in no more; it is signed out everywhere. Its rooms stay, and its open polls go on.
    Disable {
        /// The user name.
        name: String,
        /// Take its rooms down too, one after another, and print their codes: each can be put back with `voxpop room
        /// restore`. Should it fail half way, run it again: what is down stays down.
        #[arg(long)]
        rooms: bool,
        #[command(flatten)]
        database: Database,
    },
    /// Let an account sign in again.
    Enable {
        /// The user name.
        name: String,
        #[command(flatten)]
        database: Database,
    },
    /// List accounts.
    List {
        #[command(flatten)]
        database: Database,
    },
}

/// Where a password comes from. Arguments can be seen by every user of the machine, so it is none.
#[derive(Debug, Args)]
pub(crate) struct PasswordFrom {
    /// Read the password from standard input, one line; without this one is made and printed.
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordFrom {
    fn read(&self) -> Result<Option<String>, String> {
        if !self.password_stdin {
            return Ok(None);
        }
        let mut line = String::new();
        stdin().lock().read_line(&mut line).map_err(told)?;
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn tell(&self, password: &str) -> Result<(), String> {
        if self.password_stdin { Ok(()) } else { writeln!(stdout(), "{password}").map_err(told) }
    }
}

/// Carries it out.
pub(crate) async fn run(user: User) -> Result<(), String> {
    match user {
        User::Add { name, display_name, password, database } => {
            let made =
                database.open().await?.add_user(&name, display_name.as_deref(), password.read()?).await;
            password.tell(&made.map_err(told)?)
        }
        User::ResetPassword { name, password, database } => {
            let made = database.open().await?.reset_password(&name, password.read()?).await;
            password.tell(&made.map_err(told)?)
        }
        User::Disable { name, rooms, database } => {
            let operator = database.open().await?;
            operator.set_disabled(&name, true).await.map_err(told)?;
            if rooms { take_down(&operator, &name).await } else { Ok(()) }
        }
        User::Enable { name, database } => {
            database.open().await?.set_disabled(&name, false).await.map_err(told)
        }
        User::List { database } => {
            for user in database.open().await?.users().await.map_err(told)? {
                let state = if user.disabled { "disabled" } else { "" };
                let shown = user.display_name.unwrap_or_default();
                writeln!(stdout(), "{:32} {:8} {shown}", user.username, state).map_err(told)?;
            }
            Ok(())
        }
    }
}

/// Takes an account's rooms down until there are none: one may have been on its way.
async fn take_down(operator: &Operator, name: &str) -> Result<(), String> {
    loop {
        let codes = operator.rooms_of(name).await.map_err(told)?;
        if codes.is_empty() {
            return Ok(());
        }
        for code in codes {
            match operator.take_down(code.as_str()).await {
                Ok(()) => writeln!(stdout(), "{code}").map_err(told)?,
                // Its deletion was under way.
                Err(Error::Problem(problem)) if problem.status == 404 => {}
                Err(error) => return Err(told(error)),
            }
        }
    }
}
