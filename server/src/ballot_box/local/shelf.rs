//! The polls in memory: their counts, and what stands of every voter.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use domain::{
    BallotId, Choice, Count, Mark, PollId, PollState, RoomSettings, Standing, Tally, TallyVersion, UserId,
    VoterId,
};

use crate::ballot_box::PollNow;
use crate::store::ballots;
use crate::store::polls::PollRecord;

/// How many voters are kept in memory over all polls (about 200 bytes each), and how many polls. Beyond
/// either the polls that were used longest ago are dropped, to be loaded again when they are asked for.
const MOST_VOTERS: usize = 2_000_000;
const MOST_POLLS: usize = 5_000;

/// A poll in memory.
#[derive(Debug)]
pub(super) struct Loaded {
    /// What is stored of it.
    pub(super) record: PollRecord,
    /// Its room's settings, and how often they were changed.
    pub(super) settings: RoomSettings,
    pub(super) settings_revision: u64,
    version: TallyVersion,
    count: Count,
    standing: HashMap<VoterId, Standing>,
    earlier: HashMap<VoterId, BallotId>,
    /// Guests of the room that have become accounts.
    pub(super) retired: BTreeMap<VoterId, UserId>,
    used: AtomicU64,
}

impl Loaded {
    /// A poll with the ballots that SQL holds, counted.
    pub(super) fn new(
        record: PollRecord,
        (settings, settings_revision): (RoomSettings, u64),
        epoch: u64,
        ballots: ballots::Loaded,
        retired: BTreeMap<VoterId, UserId>,
    ) -> Self {
        let version = TallyVersion { epoch, version: 0 };
        let (standing, earlier) = (ballots.standing, ballots.earlier);
        let mut count = Count::default();
        for choice in standing.values().filter_map(|standing| standing.choice.as_ref()) {
            count.put(&marks(&record, choice));
        }
        Self {
            record,
            settings,
            settings_revision,
            version,
            count,
            standing,
            earlier,
            retired,
            used: AtomicU64::new(0),
        }
    }

    /// Its count.
    fn tally(&self) -> Tally {
        let life = &self.record.lifecycle;
        Tally::new(self.record.id, life.round, self.version, &self.count, life.state == PollState::Closed)
    }

    /// How it stands, and what decides who may see it.
    pub(super) fn now(&self) -> PollNow {
        let (life, settings, settings_revision) =
            (self.record.lifecycle, self.settings, self.settings_revision);
        PollNow { tally: self.tally(), life, settings, settings_revision }
    }

    /// How it stands, for whom drafts do not stand anyhow.
    pub(super) fn shown_now(&self) -> Option<PollNow> {
        (self.record.lifecycle.state != PollState::Draft).then(|| self.now())
    }

    /// What stands of a voter.
    pub(super) fn standing(&self, voter: VoterId) -> Option<&Standing> {
        self.standing.get(&voter)
    }

    /// The voter's highest ballot of earlier rounds.
    pub(super) fn earlier(&self, voter: VoterId) -> Option<BallotId> {
        self.earlier.get(&voter).copied()
    }

    /// Counts a recorded ballot in place of what stood.
    pub(super) fn put(&mut self, voter: VoterId, standing: Standing) {
        if let Some(choice) = &standing.choice {
            self.count.put(&marks(&self.record, choice));
        }
        let replaced = self.standing.insert(voter, standing);
        if let Some(choice) = replaced.and_then(|replaced| replaced.choice) {
            self.count.take(&marks(&self.record, &choice));
        }
        self.touch();
    }

    /// Raises the version: viewers take what comes next for newer.
    pub(super) fn touch(&mut self) {
        self.version.version += 1;
    }

    /// Takes over what is stored; a new round starts empty under its own epoch.
    pub(super) fn replace(&mut self, record: PollRecord, new_epoch: Option<u64>) {
        if let Some(epoch) = new_epoch {
            for (voter, standing) in self.standing.drain() {
                let highest = self.earlier.entry(voter).or_insert(standing.ballot);
                *highest = (*highest).max(standing.ballot);
            }
            self.count = Count::default();
            self.version = TallyVersion { epoch, version: 0 };
        }
        self.record = record;
        self.touch();
    }

    fn voters(&self) -> usize {
        self.standing.len() + self.earlier.len() + self.retired.len()
    }
}

fn marks(record: &PollRecord, choice: &Choice) -> Vec<Mark> {
    choice.marks(&record.definition).unwrap_or_default()
}

/// The polls in memory. The writer alone changes them; anybody reads.
#[derive(Default)]
pub(super) struct Shelf {
    polls: RwLock<HashMap<PollId, Loaded>>,
    uses: AtomicU64,
}

impl Shelf {
    /// Looks at a poll, if it is here.
    pub(super) fn read<T>(&self, poll: PollId, look: impl FnOnce(&Loaded) -> T) -> Option<T> {
        let polls = self.polls.read().unwrap_or_else(PoisonError::into_inner);
        let loaded = polls.get(&poll)?;
        loaded.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(look(loaded))
    }

    /// Changes a poll, if it is here.
    pub(super) fn write<T>(&self, poll: PollId, change: impl FnOnce(&mut Loaded) -> T) -> Option<T> {
        let mut polls = self.polls.write().unwrap_or_else(PoisonError::into_inner);
        polls.get_mut(&poll).map(change)
    }

    /// Changes every poll that is here.
    pub(super) fn each(&self, mut change: impl FnMut(&mut Loaded)) {
        let mut polls = self.polls.write().unwrap_or_else(PoisonError::into_inner);
        polls.values_mut().for_each(&mut change);
    }

    /// Puts a poll here, and drops others where there are too many.
    pub(super) fn insert(&self, loaded: Loaded) {
        let mut polls = self.polls.write().unwrap_or_else(PoisonError::into_inner);
        loaded.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let newest = loaded.record.id;
        polls.insert(newest, loaded);
        let mut voters: usize = polls.values().map(Loaded::voters).sum();
        while polls.len() > 1 && (polls.len() > MOST_POLLS || voters > MOST_VOTERS) {
            let others = polls.iter().filter(|(id, _)| **id != newest);
            let Some(oldest) =
                others.min_by_key(|(_, poll)| poll.used.load(Ordering::Relaxed)).map(|(id, _)| *id)
            else {
                break;
            };
            voters -= polls.remove(&oldest).map_or(0, |dropped| dropped.voters());
        }
    }

    /// Drops a poll.
    pub(super) fn remove(&self, poll: PollId) {
        self.polls.write().unwrap_or_else(PoisonError::into_inner).remove(&poll);
    }
}
