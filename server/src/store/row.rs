//! Reading rows into domain types. What cannot be read is an error, never a panic.

use domain::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Decode, Row, Type};

use crate::error::{Error, Result};

/// A column as a plain value.
pub(super) fn get<'r, T>(row: &'r AnyRow, column: &str) -> Result<T>
where
    T: Decode<'r, sqlx::Any> + Type<sqlx::Any>,
{
    Ok(row.try_get(column)?)
}

/// A sixteen-byte id.
pub(super) fn id<T>(row: &AnyRow, column: &str, read: impl Fn(&[u8]) -> Option<T>) -> Result<T> {
    let bytes: Vec<u8> = get(row, column)?;
    read(&bytes).ok_or_else(|| unreadable(column))
}

/// A sixteen-byte id, where there is one.
pub(super) fn maybe_id<T>(
    row: &AnyRow,
    column: &str,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>> {
    let bytes: Option<Vec<u8>> = get(row, column)?;
    bytes.map(|bytes| read(&bytes).ok_or_else(|| unreadable(column))).transpose()
}

/// A time.
pub(super) fn time(row: &AnyRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(get(row, column)?))
}

/// A time, where there is one.
pub(super) fn maybe_time(row: &AnyRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

/// A count, stored signed.
pub(super) fn count<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> Result<T> {
    T::try_from(get::<i64>(row, column)?).map_err(|_| unreadable(column))
}

/// A value stored as JSON text.
pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text).map_err(|_| unreadable(column))
}

/// A value stored as JSON text, where there is one.
pub(super) fn maybe_json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Option<T>> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| unreadable(column))).transpose()
}

/// An enum stored as its word on the wire.
pub(super) fn word<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T> {
    let text: String = get(row, column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(|_| unreadable(column))
}

/// The word that an enum is stored as.
pub(crate) fn to_word<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The JSON text that a value is stored as.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Stored(error.to_string()))
}

fn unreadable(column: &str) -> Error {
    Error::Stored(format!("column {column} cannot be read"))
}
