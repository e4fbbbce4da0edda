//! Looks at start whether the database server and Redis are set up to keep what they are told. A recorded
//! vote lasts only as well as they do.

use std::collections::HashMap;

use domain::Timestamp;
use redis::aio::ConnectionManager;
use redis::{ErrorKind, ServerErrorKind, cmd};

use crate::error::{Error, Result};
use crate::store::Store;

/// The least `max_allowed_packet`: a batch of ballots has to fit.
const PACKET: u64 = 4 * 1024 * 1024;

/// How far Redis's clock may be from this machine's. A node goes by Redis's from then on
/// (`ballot_box/redis/time.rs`), but clocks further apart say that one of them is not kept right.
const DRIFT_MS: u64 = 1_000;

/// Findings are logged as warnings; a strict server does not start with any.
pub fn judge(findings: &[String], strict: bool) -> Result<()> {
    if strict && !findings.is_empty() {
        return Err(Error::Internal(format!("refused because of --strict: {}", findings.join("; "))));
    }
    for finding in findings {
        tracing::warn!("a recorded vote could be lost: {finding}");
    }
    Ok(())
}

/// What is wrong with the database server's settings. An SQLite file has none.
pub async fn sql(store: &Store) -> Result<Vec<String>> {
    let variables = store.variables().await?;
    Ok(if variables.is_empty() { Vec::new() } else { sql_findings(&variables) })
}

fn sql_findings(variables: &HashMap<String, String>) -> Vec<String> {
    let value = |name: &str| variables.get(name).map_or("", String::as_str);
    let is_on = |name: &str| matches!(value(name), "ON" | "1");
    let mut findings = Vec::new();
    let version = value("version");
    let (least, product) = match version.contains("MariaDB") {
        true => ((10, 11), "MariaDB 10.11"),
        false => ((8, 0), "MySQL 8.0"),
    };
    if numbers(version) < least {
        findings.push(format!("the database server is {version}, older than {product}"));
    }
    let mut expect = |name: &str, wanted: &str| {
        if value(name) != wanted {
            findings
                .push(format!("{name} of the database server is {:?}, and should be {wanted}", value(name)));
        }
    };
    expect("innodb_flush_log_at_trx_commit", "1");
    if is_on("log_bin") {
        expect("sync_binlog", "1");
        if value("binlog_format") == "STATEMENT" {
            expect("binlog_format", "ROW");
        }
    }
    if is_on("wsrep_on") {
        findings.push(
            "wsrep_on of the database server is ON: Galera's nodes do not wait for each other's locks".into(),
        );
    }
    if value("max_allowed_packet").parse().is_ok_and(|bytes: u64| bytes < PACKET) {
        findings.push(format!("max_allowed_packet of the database server is below {PACKET}"));
    }
    findings
}

/// What is wrong with Redis's settings and clock.
pub async fn redis(connection: &mut ConnectionManager, now: Timestamp) -> Result<Vec<String>> {
    let (seconds, micros): (i64, i64) = cmd("TIME").query_async(connection).await?;
    let info: String = cmd("INFO").arg("server").query_async(connection).await?;
    let wanted = [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")];
    let mut findings = Vec::new();
    findings.extend(drift(Timestamp::from_millis(seconds * 1_000 + micros / 1_000), now));
    findings.extend(old_redis(&info));
    for (name, wanted) in wanted {
        let found: redis::RedisResult<HashMap<String, String>> =
            cmd("CONFIG").arg("GET").arg(name).query_async(connection).await;
        match found {
            Ok(found) => findings.extend(redis_setting(name, found.get(name).map(String::as_str), wanted)),
            Err(error) if is_refusal(error.kind()) => findings.extend(redis_setting(name, None, wanted)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(findings)
}

fn drift(theirs: Timestamp, ours: Timestamp) -> Option<String> {
    let apart = theirs.millis().abs_diff(ours.millis());
    (apart > DRIFT_MS).then(|| format!("the clocks of Redis and of this machine are {apart} ms apart"))
}

fn old_redis(info: &str) -> Option<String> {
    let version =
        info.lines().find_map(|line| line.trim().strip_prefix("redis_version:")).unwrap_or_default();
    (numbers(version) < (7, 0)).then(|| format!("Redis is {version:?}, older than 7.0"))
}

fn redis_setting(name: &str, found: Option<&str>, wanted: &str) -> Option<String> {
    match found {
        Some(found) if found == wanted => None,
        Some(found) => Some(format!("{name} of Redis is {found:?}, and should be {wanted}")),
        None => Some(format!(
            "{name} of Redis could not be checked, since CONFIG GET is not permitted; it should be {wanted}"
        )),
    }
}

/// Redis answered, and the answer is no: the user has no right to it, or the command was renamed.
fn is_refusal(kind: ErrorKind) -> bool {
    use ServerErrorKind::{NoPerm, ResponseError};
    matches!(kind, ErrorKind::Server(NoPerm | ResponseError) | ErrorKind::Extension)
}

/// The first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts =
        version.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql_with(changed: &[(&str, &str)]) -> String {
        let good = [
            ("version", "10.11.14-MariaDB-0+deb12u2"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("log_bin", "OFF"),
            ("sync_binlog", "0"),
            ("wsrep_on", "OFF"),
            ("max_allowed_packet", "16777216"),
        ];
        let pairs = good.iter().chain(changed).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        sql_findings(&pairs.collect()).join("; ")
    }

    #[test]
    fn a_database_server_that_could_lose_a_commit_is_found() {
        for good in [
            &[][..],
            &[("version", "8.0.36")],
            &[("version", "11.4.2-MariaDB-log")],
            &[("log_bin", "ON"), ("sync_binlog", "1"), ("binlog_format", "MIXED")],
        ] {
            assert_eq!(sql_with(good), "", "{good:?}");
        }
        for (changed, named) in [
            (&[("version", "10.5.9-MariaDB")][..], "MariaDB 10.11"),
            (&[("version", "5.7.44-log")], "MySQL 8.0"),
            (&[("innodb_flush_log_at_trx_commit", "2")], "innodb_flush_log_at_trx_commit"),
            (&[("log_bin", "ON")], "sync_binlog"),
            (&[("log_bin", "ON"), ("sync_binlog", "1"), ("binlog_format", "STATEMENT")], "binlog_format"),
            (&[("wsrep_on", "ON")], "wsrep_on"),
            (&[("max_allowed_packet", "1048576")], "max_allowed_packet"),
        ] {
            assert!(sql_with(changed).contains(named), "{changed:?}");
        }
    }

    #[test]
    fn a_redis_that_could_forget_is_found() {
        assert_eq!(old_redis("# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n"), None);
        assert!(old_redis("# Server\r\nredis_version:6.2.14\r\n").is_some());
        assert_eq!(redis_setting("appendfsync", Some("always"), "always"), None);
        assert!(redis_setting("appendfsync", Some("everysec"), "always").is_some());
        assert!(redis_setting("appendfsync", None, "always").unwrap().contains("could not be checked"));
        let at = Timestamp::from_millis;
        assert_eq!(drift(at(10_000), at(10_999)), None);
        assert!(drift(at(10_000), at(8_500)).is_some());
    }

    #[test]
    fn only_a_strict_server_refuses_to_start() {
        let findings = ["appendonly of Redis is \"no\"".to_owned()];
        assert!(judge(&findings, false).is_ok());
        assert!(judge(&findings, true).unwrap_err().to_string().contains("appendonly"));
        assert!(judge(&[], true).is_ok());
    }
}
