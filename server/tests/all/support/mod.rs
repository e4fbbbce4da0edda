//! What the tests share: a server of their own, people, and sockets.

/// Runs each test on every backend.
macro_rules! on_every_backend {
    ($($name:ident,)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::rig::Rig::open(crate::support::rig::Backend::Sqlite).await).await;
            })*
        }
        mod cluster {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::rig::Rig::open(crate::support::rig::Backend::Cluster).await).await;
            })*
        }
    };
}

pub mod client;
pub mod process;
pub mod rig;
pub mod services;
pub mod socket;

use std::future::Future;
use std::time::Duration;

/// How long anything that should happen may take. Generous: a slow machine is no failure.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Waits until something holds.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(DEADLINE, waiting).await {
        Ok(found) => found,
        Err(_) => panic!("waited in vain: {what}"),
    }
}
