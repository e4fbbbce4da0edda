//! Whether the time that a refused sign-in takes tells if there is an account with that name.

use std::path::Path;
use std::time::Instant;

use reqwest::Client;
use serde_json::json;

use crate::Outcome;
use crate::driver::median;
use crate::target::{Target, Way};

/// How many accounts, and how often each is tried: as often as costs nothing.
const ACCOUNTS: usize = 80;
const TRIES: usize = 4;

/// How far the medians may be apart: 10 in 100 of one another.
const BOUND: f64 = 0.1;

/// Prints the medians, tried in turn. Further apart than the bound is an error.
pub(crate) async fn compare(binary: &Path) -> Outcome<()> {
    let target = Target::voxpop(binary, &Way::Alone, 1).await?;
    let client = Client::new();
    let url = |path: &str| format!("http://{}/api/v1/auth/{path}", target.address);
    for number in 0..ACCOUNTS {
        let body = json!({"username": format!("known{number}"), "password": "correct horse"});
        client.post(url("register")).json(&body).send().await?.error_for_status()?;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..ACCOUNTS * TRIES {
        let from = format!("198.19.{}.{}", number / 256, number % 256);
        let account = number % ACCOUNTS;
        for (name, times) in
            [(format!("known{account}"), &mut known), (format!("other{account}"), &mut unknown)]
        {
            let body = json!({"username": name, "password": "a wrong password"});
            let began = Instant::now();
            let answer =
                client.post(url("login")).header("x-forwarded-for", &from).json(&body).send().await?;
            if answer.status() != 401 {
                return Err(format!("answered {}", answer.status()).into());
            }
            times.push(began.elapsed());
        }
    }
    let (known, unknown) = (median(known), median(unknown));
    println!(
        "| refused sign-in, median, ms | known name | unknown name | known / unknown |\n|---|---|---|---|"
    );
    let ratio = known / unknown;
    println!("| {} each | {known:.2} | {unknown:.2} | {ratio:.3} |", ACCOUNTS * TRIES);
    if (ratio - 1.0).abs() > BOUND {
        return Err("the time of an answer tells whether there is an account".into());
    }
    Ok(())
}
