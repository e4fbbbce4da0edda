//! The limits of the public contract. Lengths count characters (Unicode scalar values), not bytes.

use std::ops::RangeInclusive;

/// A room's title and a poll's question.
pub const TITLE: RangeInclusive<usize> = 1..=300;
/// An option's label.
pub const OPTION: RangeInclusive<usize> = 1..=120;
/// How many options a single or multiple choice has.
pub const OPTIONS: RangeInclusive<usize> = 2..=100;
/// The highest value of a rating.
pub const RATING_MAX: RangeInclusive<u8> = 2..=10;
/// How many polls a room holds.
pub const POLLS_IN_ROOM: usize = 200;
/// How many rooms one account holds.
pub const ROOMS_OF_HOST: usize = 1_000;
/// How many voting tickets a room has.
pub const TICKETS_IN_ROOM: usize = 2_000;
/// A user name.
pub const USERNAME: RangeInclusive<usize> = 3..=32;
/// A password.
pub const PASSWORD: RangeInclusive<usize> = 10..=128;
/// A display name.
pub const DISPLAY_NAME: RangeInclusive<usize> = 1..=60;
/// A countdown, in seconds: up to a week.
pub const DURATION_SECS: RangeInclusive<u64> = 1..=604_800;
/// The most marks that a tally sends, the most counted first.
pub const MARKS_SENT: usize = 100;
/// A socket frame from a client, in bytes.
pub const FRAME_BYTES: usize = 4096;
/// A room with all its polls as JSON, in bytes: what a joiner is sent at once.
pub const SNAPSHOT_BYTES: usize = 256 * 1024;
