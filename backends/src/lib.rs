//! Private MariaDB and Redis servers, for tests and for a cluster on one machine.
//!
//! Each has a folder and a port of its own, keeps what it is told as a production server must, and can be
//! killed, stopped, paused and started again in place. All of it blocks; nothing here needs an async runtime.

mod mariadb;
mod port;
mod process;
mod redis;
mod tied;
mod wait;

pub use mariadb::MariaDb;
pub use port::Port;
pub use process::Process;
pub use redis::Redis;
pub use tied::command;
