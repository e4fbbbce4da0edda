//! Who asks: passwords, tokens, sessions and guests.

pub mod asker;
mod common;
pub mod key;
pub mod password;
pub mod refresh;
pub mod sender;
pub mod token;

pub use asker::{Asker, Principal};
pub use sender::Sender;
