//! What only a database server needs: its schema brought up to date by one node at a time, under a collation
//! by which texts are equal when their characters are; and its settings, read.

use std::collections::HashMap;

use sqlx::{AnyConnection, AnyPool, Connection, Executor, query};

use super::{Dialect, Store, row};
use crate::error::{Error, Result};

/// Brings the schema up to date, while other nodes that start wait.
///
/// The lock is one of ours: the one that sqlx takes waits on MySQL, and does nothing on MariaDB, which
/// knows no endless time-out. The connection is closed in any case, and the lock goes with it.
pub(super) async fn set_up(pool: &AnyPool) -> Result<()> {
    let mut connection = pool.acquire().await?.detach();
    let done = make_ready(&mut connection).await;
    connection.close().await?;
    done
}

async fn make_ready(connection: &mut AnyConnection) -> Result<()> {
    lock(connection).await?;
    connection.execute("SET SESSION default_storage_engine = InnoDB").await?;
    adopt(connection).await?;
    check(connection).await?;
    super::migrate(connection).await
}

async fn lock(connection: &mut AnyConnection) -> Result<()> {
    let named = query("SELECT CAST(DATABASE() AS CHAR) AS found").fetch_one(&mut *connection).await?;
    if row::get::<Option<String>>(&named, "found")?.is_none() {
        return Err(refused("DATABASE_URL must name one, as in mysql://host/voxpop".into()));
    }
    let locked = "SELECT CAST(GET_LOCK(CONCAT('voxpop ', MD5(DATABASE())), 60) AS SIGNED) AS found";
    let locked = query(locked).fetch_one(connection).await?;
    match row::get::<Option<i64>>(&locked, "found")? {
        Some(1) => Ok(()),
        _ => Err(refused("another node has been changing its tables for a minute".into())),
    }
}

/// Sets the collation of a database that has no tables yet: what is made in it gets that.
async fn adopt(connection: &mut AnyConnection) -> Result<()> {
    if tables(connection).await?.is_empty() && !is_binary(&collation(connection).await?) {
        connection.execute("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin").await?;
    }
    Ok(())
}

async fn check(connection: &mut AnyConnection) -> Result<()> {
    let found = collation(connection).await?;
    if !is_binary(&found) {
        return Err(refused(format!("its collation is {found}, and must be utf8mb4_bin")));
    }
    for table in tables(connection).await? {
        let Table { name, collation, engine } = table;
        if !is_binary(&collation) {
            return Err(refused(format!(
                "the collation of its table {name} is {collation}, and must be utf8mb4_bin"
            )));
        }
        if !engine.eq_ignore_ascii_case("InnoDB") {
            return Err(refused(format!("the engine of its table {name} is {engine}, and must be InnoDB")));
        }
    }
    Ok(())
}

async fn collation(connection: &mut AnyConnection) -> Result<String> {
    let found = query(
        "SELECT CAST(DEFAULT_COLLATION_NAME AS CHAR) AS found FROM information_schema.SCHEMATA \
         WHERE SCHEMA_NAME = DATABASE()",
    )
    .fetch_one(connection)
    .await?;
    row::get(&found, "found")
}

struct Table {
    name: String,
    collation: String,
    engine: String,
}

async fn tables(connection: &mut AnyConnection) -> Result<Vec<Table>> {
    query(
        "SELECT CAST(TABLE_NAME AS CHAR) AS name, CAST(COALESCE(TABLE_COLLATION, '') AS CHAR) AS sorted, \
         CAST(COALESCE(ENGINE, '') AS CHAR) AS kept FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'",
    )
    .fetch_all(connection)
    .await?
    .iter()
    .map(|found| {
        let (name, collation) = (row::get(found, "name")?, row::get(found, "sorted")?);
        Ok(Table { name, collation, engine: row::get(found, "kept")? })
    })
    .collect()
}

/// Under any other, names that differ in case or accents would be one name.
fn is_binary(collation: &str) -> bool {
    collation.starts_with("utf8mb4_") && collation.ends_with("_bin")
}

fn refused(why: String) -> Error {
    Error::Internal(format!("the database cannot be used: {why}"))
}

impl Store {
    /// The server's settings, by their names in lower case. A file has none.
    pub(crate) async fn variables(&self) -> Result<HashMap<String, String>> {
        if self.dialect == Dialect::Sqlite {
            return Ok(HashMap::new());
        }
        let rows = query("SHOW VARIABLES").fetch_all(&self.read).await?;
        let pair = |found| {
            Ok((row::get::<String>(found, "Variable_name")?.to_lowercase(), row::get(found, "Value")?))
        };
        rows.iter().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::is_binary;

    #[test]
    fn only_collations_that_compare_characters_will_do() {
        for collation in ["utf8mb4_bin", "utf8mb4_0900_bin", "utf8mb4_nopad_bin"] {
            assert!(is_binary(collation), "{collation}");
        }
        for collation in
            ["utf8mb4_general_ci", "utf8mb4_0900_as_cs", "utf8mb3_bin", "latin1_bin", "binary", ""]
        {
            assert!(!is_binary(collation), "{collation}");
        }
    }
}
