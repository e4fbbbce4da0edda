//! What a failed statement means: whether the same again may succeed, and whom to tell.

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::mysql::MySqlDatabaseError;

/// Why the database did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The values are such that it never will.
    Data,
    /// Others were in the way. The same again may succeed.
    Busy,
    /// It cannot be reached, or does not write now. The same again may succeed, later.
    Away,
    /// Something that should not happen.
    Other,
}

impl Fault {
    /// Why this failed.
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Away,
            sqlx::Error::Encode(_) => Self::Data,
            sqlx::Error::Database(error) if error.kind() != ErrorKind::Other => Self::Data,
            sqlx::Error::Database(error) => Self::of_reply(error.as_ref()),
            _ => Self::Other,
        }
    }

    fn of_reply(error: &dyn DatabaseError) -> Self {
        match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => Self::of_number(error.number(), error.code().unwrap_or_default()),
            None => Self::of_sqlite(error.code().and_then(|code| code.parse().ok()).unwrap_or_default()),
        }
    }

    /// By SQLite's extended result code, whose last byte is the primary one (sqlite.org/rescode.html).
    fn of_sqlite(code: u32) -> Self {
        match code & 0xff {
            // Another process writes for longer than is waited, as a backup or a command may: BUSY, LOCKED.
            5 | 6 => Self::Busy,
            // READONLY, IOERR, FULL, CANTOPEN: the disk.
            8 | 10 | 13 | 14 => Self::Away,
            // TOOBIG.
            18 => Self::Data,
            _ => Self::Other,
        }
    }

    /// By a MySQL or MariaDB server's number, which is the finer, and its SQLSTATE's class.
    fn of_number(number: u16, state: &str) -> Self {
        match (number, state.get(..2)) {
            // Too many connections: 1040, 1203, 1226. Locks: 1205, 1206, 1213. Took too long: 1969, 3024.
            (1040 | 1203 | 1205 | 1206 | 1213 | 1226 | 1969 | 3024, _) => Self::Busy,
            // Stopping: 1053. Read-only: 1290, 1836. Interrupted: 1317. Killed: 1927. Offline: 3032.
            (1053 | 1290 | 1317 | 1836 | 1927 | 3032, _) => Self::Away,
            // Values that do not fit their column, without a class of their own.
            (1265 | 1300 | 1366, _) => Self::Data,
            (_, Some("08")) => Self::Away,
            (_, Some("22" | "23")) => Self::Data,
            (_, Some("40")) => Self::Busy,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn replies_mean_what_their_numbers_say() {
        for (number, state, fault) in [
            (1205, "HY000", Fault::Busy),
            (1213, "40001", Fault::Busy),
            (1040, "08004", Fault::Busy),
            (1053, "08S01", Fault::Away),
            (1927, "70100", Fault::Away),
            (1047, "08S01", Fault::Away),
            (1406, "22001", Fault::Data),
            (1264, "22003", Fault::Data),
            (1366, "HY000", Fault::Data),
            (1062, "23000", Fault::Data),
            (1146, "42S02", Fault::Other),
            (1064, "42000", Fault::Other),
            (1021, "HY000", Fault::Other),
            (1105, "", Fault::Other),
        ] {
            assert_eq!(Fault::of_number(number, state), fault, "{number} {state}");
        }
    }

    #[test]
    fn sqlite_says_busy_where_another_process_writes_and_away_where_the_disk_fails() {
        for (code, fault) in [
            (5, Fault::Busy),
            (261, Fault::Busy),
            (517, Fault::Busy),
            (6, Fault::Busy),
            (13, Fault::Away),
            (778, Fault::Away),
            (1032, Fault::Away),
            (14, Fault::Away),
            (18, Fault::Data),
            (1, Fault::Other),
            (11, Fault::Other),
            (0, Fault::Other),
        ] {
            assert_eq!(Fault::of_sqlite(code), fault, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_is_no_fault_of_the_data() {
        let lost = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        assert_eq!(Fault::of(&sqlx::Error::Io(lost)), Fault::Away);
        assert_eq!(Fault::of(&sqlx::Error::PoolTimedOut), Fault::Busy);
    }
}
