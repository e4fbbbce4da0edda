//! A screen: shows a room on one node, and notes every tally.

use std::sync::Arc;
use std::time::Duration;

use domain::wire::Role;
use domain::{ClientMessage, ServerMessage};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Outcome;
use crate::check::Screen;
use crate::history::{Frame, Shown};
use crate::host::Host;
use crate::socket::{Socket, TALLY};
use crate::world::World;

/// A node asks to hear from its clients more often than they are silent for.
const SILENCE: Duration = Duration::from_secs(25);
/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(100);

/// Every room on every node.
pub(crate) fn all(world: &World) -> Vec<(usize, Screen)> {
    let places = (0..world.rooms.len()).flat_map(|room| (0..world.nodes.len()).map(move |node| (room, node)));
    let screen = |(number, (room, node)): (u16, (usize, usize))| {
        let polls = world.polls_of(room).iter().map(|poll| poll.number).collect();
        (room, Screen { number, node, polls })
    };
    (0..).zip(places).map(screen).collect()
}

/// Shows a room for as long as the task runs.
pub(crate) async fn show(world: Arc<World>, host: Host, room: usize, screen: Screen) {
    for connection in 0.. {
        // A node that is down is tried again, and so is one that ends the connection.
        let _ended = watch(&world, &host, room, &screen, connection).await;
        sleep(PAUSE).await;
    }
}

async fn watch(world: &World, host: &Host, room: usize, screen: &Screen, connection: u32) -> Outcome<()> {
    let token = host.token(&world.api).await;
    let mut socket =
        Socket::open(world.nodes[screen.node], &token, world.rooms[room], Some(Role::Screen)).await?;
    let mut speak_at = Instant::now() + SILENCE;
    loop {
        tokio::select! {
            heard = socket.hear() => note(world, screen, connection, &heard?)?,
            () = sleep_until(speak_at) => {
                socket.say(&ClientMessage::Ping).await?;
                speak_at = Instant::now() + SILENCE;
            }
        }
    }
}

fn note(world: &World, screen: &Screen, connection: u32, heard: &str) -> Outcome<()> {
    if !heard.starts_with(TALLY) {
        return Ok(());
    }
    let ServerMessage::Tally(tally) = serde_json::from_str(heard)? else { return Ok(()) };
    let mut history = world.history();
    match Shown::of(&tally, &history.polls) {
        Some(shown) => {
            history.frames.push(Frame { at: world.now(), screen: screen.number, connection, shown });
        }
        None => history.troubles.push(format!("screen {} was shown {heard}", screen.number)),
    }
    Ok(())
}
