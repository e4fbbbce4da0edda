//! Voting by HTTP: one ballot at a time, sent again until it is recorded or refused for good.

use domain::Status;
use tokio::time::sleep;

use super::{Paper, Voter};
use crate::api::Failure;
use crate::gate::Turn;

/// Votes until no more ballots are wanted.
pub(super) async fn run(mut voter: Voter) {
    loop {
        match voter.world.gate.take() {
            Turn::Never => return,
            Turn::Later => sleep(voter.millis(30, 100)).await,
            Turn::Now => {
                if let Some(paper) = voter.fill_in() {
                    while !send(&mut voter, &paper).await {}
                    voter.put_away(paper);
                }
                if let Some(old) = voter.old_one() {
                    send(&mut voter, &old).await;
                }
                sleep(voter.thinks()).await;
            }
        }
    }
}

/// Sends a ballot, and says whether that was its end. Where it was not, some time has passed.
async fn send(voter: &mut Voter, paper: &Paper) -> bool {
    voter.note_sent(paper);
    let (node, world) = (voter.any_node(), voter.world.clone());
    let choice = paper.pick.choice(paper.poll.kind);
    let pause = match world.api.vote(node, &voter.token, paper.poll.id, paper.ballot, choice).await {
        Ok(receipt) => {
            world.told(&receipt);
            match (receipt.status, receipt.reason) {
                (Status::Recorded, _) => return true,
                (Status::Accepted, _) => voter.millis(200, 1_000),
                (Status::Refused, Some(reason)) if reason.is_temporary() => voter.millis(100, 600),
                (Status::Refused, _) => {
                    sleep(voter.millis(50, 300)).await;
                    return true;
                }
            }
        }
        Err(Failure::Status(status @ 400..500, body)) => {
            world.trouble(format!("a vote was answered with {status}: {body}"));
            voter.millis(1_000, 2_000)
        }
        Err(_) => voter.millis(50, 500),
    };
    sleep(pause).await;
    false
}
