//! Audits during the run. At its end a later vote of the same voter may hide that one was lost: so what was recorded is
//! looked for in SQL all the time, and when voters pause, counts are compared, too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{BallotId, PollId, VoterId};
use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::check::Row;
use crate::history::{Counted, Miscount, Missing};
use crate::host::Host;
use crate::pick::Pick;
use crate::store::Store;
use crate::world::World;

/// How often SQL is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// How long counts may take to settle: a late repeat may still be on its way to SQL.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks for what was recorded, for as long as the task runs.
pub(crate) async fn keep(world: Arc<World>, store: Store) {
    loop {
        sleep(LOOK).await;
        // SQL may be away: then the next look finds the same.
        let _away = look(&world, &store).await;
    }
}

/// Looks for each voter's highest recorded ballot in SQL.
pub(crate) async fn look(world: &World, store: &Store) -> Outcome<()> {
    let known: Vec<(u32, PollId, VoterId, BallotId)> = {
        let history = world.history();
        let name = |(number, cast): (u32, &crate::history::Cast)| {
            let (poll, voter) = (usize::from(cast.poll), usize::from(cast.voter));
            Some((number, *history.polls.get(poll)?, *history.voters.get(voter)?, cast.ballot))
        };
        history.recorded().into_iter().filter_map(name).collect()
    };
    let stored: HashMap<_, _> =
        store.highest().await?.into_iter().map(|(poll, voter, ballot)| ((poll, voter), ballot)).collect();
    for (cast, poll, voter, ballot) in known {
        let found = stored.get(&(poll, voter)).copied();
        if found < Some(ballot) {
            let at = world.now();
            let mut history = world.history();
            if history.missing.iter().all(|missing| missing.cast != cast) {
                history.missing.push(Missing { cast, at, found });
            }
        }
    }
    Ok(())
}

/// Compares what nodes show with what SQL holds, while nobody votes.
pub(crate) async fn compare(world: &World, store: &Store, host: &Host) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    look(world, store).await?;
    loop {
        let rows = store.rows().await?;
        let found = differing(world, host, &rows).await;
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            world.history().miscounts.extend(found);
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

async fn differing(world: &World, host: &Host, rows: &[Row]) -> Vec<Miscount> {
    let mut found = Vec::new();
    for poll in &world.polls {
        for node in 0..world.nodes.len() {
            let Some(shown) = host.results(world, node, poll.number).await else { continue };
            let mut recount = Counted::default();
            rows.iter()
                .filter(|row| (row.poll, row.round) == (poll.id, shown.round))
                .for_each(|row| recount.put(row.pick.unwrap_or(Pick::WITHDRAWN)));
            if shown.counted != recount {
                found.push(Miscount { at: world.now(), node, shown, recount });
            }
        }
    }
    found
}
