//! A run from its start to its verdict.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::Api;
use crate::check::{Evidence, Screen, Violation, check};
use crate::faults::Faults;
use crate::gate::{Gate, TooLong};
use crate::history::{Act, History, Shown, VoterNo};
use crate::host::Host;
use crate::options::Options;
use crate::pick::Pick;
use crate::plan::Plan;
use crate::site::Site;
use crate::store::Store;
use crate::voter::Voter;
use crate::world::{PollInfo, World};
use crate::{Outcome, audit, nodes, screen};

/// How long everything may take to start, and to show the final result at the end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look.
const LOOK: Duration = Duration::from_millis(50);
/// How many try each poll after its last close.
const LATE: usize = 5;

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) violations: Vec<Violation>,
    pub(crate) faults: usize,
    pub(crate) ballots: usize,
}

/// Carries a plan out.
pub(crate) async fn run(options: &Options, plan: &Plan, folder: PathBuf) -> Outcome<Ended> {
    let site = Site::start(options, folder).await?;
    let api = Api::new(site.nodes.iter().map(|node| node.address()).collect())?;
    wait_ready(&api).await?;
    let store = Store::open(&site.database)?;
    let host = Host::register(&api).await?;
    let (rooms, polls) = host.make_rooms(&api, plan).await?;
    let (voters, tokens) = guests(&api, plan).await?;
    let history = History::new(polls.iter().map(|poll| poll.id).collect(), voters);
    let gate = Gate::new(plan.ballots, plan.faults.len());
    let world = Arc::new(World::new(rooms, polls, api, gate, history));
    for poll in &world.polls {
        host.tell(&world, poll.number, Act::Open).await;
    }

    let screens = screen::all(&world);
    let mut around = JoinSet::new();
    around.spawn(nodes::watch(site.nodes.clone(), world.clone()));
    around.spawn(audit::keep(world.clone(), store.clone()));
    for (room, screen) in screens.clone() {
        around.spawn(screen::show(world.clone(), host.clone(), room, screen));
    }
    let mut flood = JoinSet::new();
    for ((number, plan), token) in (0..).zip(&plan.voters).zip(tokens.clone()) {
        flood.spawn(Voter::new(number, plan.clone(), token, world.clone()).run());
    }

    let faults = Faults { site, world: world.clone(), host: host.clone(), store: store.clone() };
    let struck = strike_all(&faults, plan, options.sabotage.is_some()).await;
    if let Err(error) = &struck {
        world.trouble(format!("the faults ended early: {error}"));
        world.gate.end();
    } else if world.gate.all_settled().await == Err(TooLong) {
        world.trouble("ballots are not settled, long after the last fault".into());
    }
    flood.abort_all();
    while let Some(ended) = flood.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            world.trouble("a voter panicked".into());
        }
    }

    let screens: Vec<Screen> = screens.into_iter().map(|(_, screen)| screen).collect();
    let results = close_all(&world, &host, &tokens, &screens).await;
    around.abort_all();
    while around.join_next().await.is_some() {}
    let rows = store.rows().await?;
    let history = world.history();
    world.say(&format!("{} of {} ballots were recorded", history.count_recorded(), history.casts.len()));
    let violations =
        check(&Evidence { history: &history, rows: &rows, results: &results, screens: &screens });
    Ok(Ended { violations, faults: history.faults.len(), ballots: history.casts.len() })
}

/// Strikes one after another. A proof ends where it is given.
async fn strike_all(faults: &Faults, plan: &Plan, is_proof: bool) -> Outcome<()> {
    let gate = &faults.world.gate;
    for fault in &plan.faults {
        gate.next_fault().await.map_err(|TooLong| "nobody can vote any more")?;
        let struck = faults.strike(fault).await;
        gate.go_on();
        struck.map_err(|error| format!("{}: {error}", fault.kind))?;
        gate.struck();
        if is_proof && faults.world.history().is_caught() {
            gate.end();
            break;
        }
    }
    Ok(())
}

/// Closes all polls, has some try to vote all the same, and waits until every node and every screen shows final results.
/// What nodes say then.
async fn close_all(
    world: &Arc<World>,
    host: &Host,
    tokens: &[String],
    screens: &[Screen],
) -> Vec<(usize, Shown)> {
    for poll in &world.polls {
        host.tell(world, poll.number, Act::Close).await;
    }
    for poll in &world.polls {
        come_late(world, tokens, poll).await;
    }
    let mut results = Vec::new();
    for poll in &world.polls {
        host.sees_final(world, poll.number, PATIENCE).await;
        for node in 0..world.nodes.len() {
            match host.results(world, node, poll.number).await {
                Some(shown) => results.push((node, shown)),
                None => world.trouble(format!("node {node} does not say how poll {} ended", poll.number)),
            }
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while !screens.iter().all(|screen| shows_final(world, screen)) && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    results
}

/// Some voters whose first ballot comes after the close.
async fn come_late(world: &World, tokens: &[String], poll: &PollInfo) {
    let rooms = world.rooms.len();
    let late = (0..VoterNo::MAX)
        .skip(poll.room)
        .step_by(rooms.max(1))
        .zip(tokens.iter().skip(poll.room).step_by(rooms));
    for (voter, token) in late.take(LATE) {
        let ballot = domain::BallotId::after(None, world.timestamp(), rand::random());
        let cast = world.history().cast(voter, poll.number, ballot, Pick::WITHDRAWN, world.now());
        let deadline = Instant::now() + PATIENCE;
        loop {
            world.history().sent(cast, world.now());
            match world.api.vote(usize::from(voter) % world.nodes.len(), token, poll.id, ballot, None).await {
                Ok(receipt) if receipt.reason.is_none_or(|reason| !reason.is_temporary()) => {
                    break world.told(&receipt);
                }
                _ if Instant::now() >= deadline => break,
                _ => sleep(LOOK).await,
            }
        }
    }
}

fn shows_final(world: &World, screen: &Screen) -> bool {
    let history = world.history();
    screen.polls.iter().all(|poll| {
        let is_last =
            |frame: &&crate::history::Frame| (frame.screen, frame.shown.poll) == (screen.number, *poll);
        history.frames.iter().rfind(is_last).is_some_and(|frame| frame.shown.is_final)
    })
}

async fn wait_ready(api: &Api) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    for node in 0..api.nodes.len() {
        while !api.is_ready(node).await {
            if Instant::now() >= deadline {
                return Err(format!("node {node} does not start").into());
            }
            sleep(LOOK).await;
        }
    }
    Ok(())
}

/// A guest for every voter, while all is quiet.
async fn guests(api: &Api, plan: &Plan) -> Outcome<(Vec<domain::VoterId>, Vec<String>)> {
    let (mut voters, mut tokens) = (Vec::new(), Vec::new());
    for _ in &plan.voters {
        let (voter, token) = api.guest(0).await.map_err(|failure| format!("{failure:?}"))?;
        voters.push(voter);
        tokens.push(token);
    }
    Ok((voters, tokens))
}
