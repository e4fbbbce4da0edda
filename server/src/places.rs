//! Places for connections and for sockets: how many there are, and how many of them one address may take.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::doors::Who;

/// All places. One address may take three in four, so that whoever fills them leaves some to others: a hall whose phones
/// share an address still finds room. Proxies that are trusted bring everybody, and may take all.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    most_of_one: usize,
    trusted: Vec<IpNet>,
    /// Who has how many. Nobody is kept here who has none.
    taken: Mutex<HashMap<Who, usize>>,
}

/// A place, free again when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    /// Whose it counts as.
    of: Option<(Who, Arc<Places>)>,
}

impl Places {
    /// So many places.
    pub(crate) fn new(all: usize, trusted: Vec<IpNet>) -> Arc<Self> {
        let all = all.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            free: Arc::new(Semaphore::new(all)),
            most_of_one: all - all / 4,
            trusted,
            taken: Mutex::default(),
        })
    }

    /// A place for somebody at an address; none when all are taken, or its share is.
    pub(crate) fn take(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let from = from.to_canonical();
        if self.trusted.iter().any(|net| net.contains(&from)) {
            return Some(Place { _permit: permit, of: None });
        }
        let who = Who::from(from);
        let mut taken = self.taken();
        let count = taken.get(&who).copied().unwrap_or(0);
        if count >= self.most_of_one {
            return None;
        }
        taken.insert(who.clone(), count + 1);
        Some(Place { _permit: permit, of: Some((who, self.clone())) })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Who, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((who, places)) = self.of.take() else { return };
        let mut taken = places.taken();
        if let Some(count) = taken.get_mut(&who) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn one_address_leaves_places_to_others() {
        let places = Places::new(8, Vec::new());
        let mut held: Vec<Place> = (0..6).map(|_| places.take(address(1)).unwrap()).collect();
        assert!(places.take(address(1)).is_none());
        let others = [places.take(address(2)).unwrap(), places.take(address(3)).unwrap()];
        assert!(places.take(address(4)).is_none(), "all are taken");
        held.pop();
        assert!(places.take(address(1)).is_some(), "what is given back can be taken again");
        drop((held, others));
        assert!(places.taken().is_empty(), "nobody is kept who has none");
    }

    #[test]
    fn a_trusted_proxy_may_take_all() {
        let places = Places::new(8, vec!["192.0.2.0/24".parse().unwrap()]);
        let held: Vec<Place> = std::iter::from_fn(|| places.take(address(1))).collect();
        assert_eq!(held.len(), 8);
    }
}
