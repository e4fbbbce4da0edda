//! The faults, each carried out and undone.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::api::Failure;
use crate::gate::{self, TooLong};
use crate::history::{Act, Command, PollNo, Struck};
use crate::host::Host;
use crate::nodes::Node;
use crate::plan::{Fault, Kind};
use crate::proxy::{Mode, Proxy};
use crate::site::{Backing, Site};
use crate::store::Store;
use crate::world::World;
use crate::{Outcome, audit};

/// Longer than a recorder holds a shard without saying so again.
const LEASE: Duration = Duration::from_millis(4_500);
/// How long anything may take that a fault waits for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it takes to see that a stalled link holds a lock: nobody else needs one for so long.
const STALLED: Duration = Duration::from_millis(150);
/// How often to look.
const LOOK: Duration = Duration::from_millis(20);
/// How long after a fault, with everybody voting, before a lull.
const AFTER: Duration = Duration::from_secs(1);

/// Whatever strikes.
pub(crate) struct Faults {
    pub(crate) site: Site,
    pub(crate) world: Arc<World>,
    pub(crate) host: Host,
    pub(crate) store: Store,
}

impl Faults {
    /// Strikes, undoes it, and in a lull compares counts.
    pub(crate) async fn strike(&self, fault: &Fault) -> Outcome<()> {
        sleep(fault.pause).await;
        let from = self.world.now();
        let what = match fault.kind {
            Kind::Close | Kind::Reset => format!("{} ({})", fault.kind, fault.poll),
            _ => format!("{} ({})", fault.kind, fault.node),
        };
        self.world.say(&what);
        self.carry_out(fault).await?;
        self.world.history().faults.push(Struck { what, from, until: self.world.now() });
        if fault.lull {
            sleep(AFTER).await;
            self.compare().await?;
        }
        Ok(())
    }

    async fn carry_out(&self, fault: &Fault) -> Outcome<()> {
        let Some(node) = self.site.nodes.get(fault.node) else { return Ok(()) };
        let poll = PollNo::try_from(fault.poll)?;
        match (fault.kind, &self.site.backing) {
            (Kind::KillNode, _) => {
                node.kill().await?;
                sleep(fault.lasts).await;
                node.start().await?;
            }
            (Kind::Close, _) => {
                self.host.tell(&self.world, poll, Act::Close).await;
                sleep(fault.lasts).await;
                self.host.reopen(&self.world, poll).await;
            }
            (Kind::Reset, _) => {
                self.host.tell(&self.world, poll, Act::Reset).await;
                self.host.tell(&self.world, poll, Act::Open).await;
            }
            (Kind::AbortAfterCommit, _) => self.abort_after_commit().await?,
            (Kind::AbortAfterIntent, _) => self.abort_after_intent(node, poll).await?,
            (_, Some(backing)) => self.strike_backing(fault, node, backing).await?,
            (_, None) => {}
        }
        Ok(())
    }

    async fn strike_backing(&self, fault: &Fault, node: &Arc<Node>, backing: &Backing) -> Outcome<()> {
        let Backing { sql, redis, .. } = backing;
        match fault.kind {
            Kind::KillRedis => {
                redis.act(|redis| redis.kill()).await?;
                sleep(fault.lasts).await;
                redis.act(|redis| redis.start_again()).await??;
            }
            Kind::FlushRedis => flush(backing.redis_port).await?,
            Kind::OldRedis => {
                let copy = self.site.folder.join("older");
                let to = copy.clone();
                redis.act(move |redis| redis.copy_data(&to)).await??;
                sleep(fault.lasts).await;
                redis.act(move |redis| redis.replace_data(&copy)).await??;
            }
            Kind::PauseRedis => {
                redis.act(|redis| redis.pause()).await?;
                sleep(fault.lasts).await;
                redis.act(|redis| redis.resume()).await?;
            }
            Kind::KillSql => {
                sql.act(|sql| sql.kill()).await?;
                sleep(fault.lasts).await;
                sql.act(|sql| sql.start_again()).await??;
            }
            Kind::StopSql => {
                sql.act(|sql| sql.stop()).await??;
                sleep(fault.lasts).await;
                sql.act(|sql| sql.start_again()).await??;
            }
            Kind::CutRedis => {
                backing.redis_links[node.number].set(Mode::Cut);
                sleep(fault.lasts).await;
                backing.redis_links[node.number].set(Mode::Open);
            }
            Kind::StallSql => self.stall_sql(fault, node, backing).await?,
            Kind::StallSqlLong => self.stall_sql_long(node, backing).await?,
            Kind::KillNode | Kind::Close | Kind::Reset | Kind::AbortAfterCommit | Kind::AbortAfterIntent => {}
        }
        Ok(())
    }

    /// A recorder's batch arrives after another recorder took over and voters have voted again. It is let through in a
    /// lull, so that nothing hides what it overwrites.
    async fn stall_sql(&self, fault: &Fault, node: &Arc<Node>, backing: &Backing) -> Outcome<()> {
        self.make_recorder(node).await?;
        self.stall(&backing.sql_links[node.number]).await?;
        sleep(LEASE + fault.lasts).await;
        // Who talks to that node may have to wait for it.
        let _settled = self.world.gate.hush(PATIENCE / 2).await;
        backing.sql_links[node.number].set(Mode::Open);
        sleep(AFTER).await;
        self.compare().await
    }

    /// A recorder's batch of one queue arrives when another recorder has begun the next queue, and that one ends before
    /// it can put right what the batch says of how far the queue is recorded.
    async fn stall_sql_long(&self, node: &Arc<Node>, backing: &Backing) -> Outcome<()> {
        self.make_recorder(node).await?;
        let others: Vec<_> = self.site.nodes.iter().filter(|other| other.number != node.number).collect();
        let epochs = self.store.epochs().await?;
        self.restart_redis(backing).await?;
        let epochs = self.later_epochs(epochs).await?;
        self.stall(&backing.sql_links[node.number]).await?;
        self.restart_redis(backing).await?;
        self.later_epochs(epochs).await?;
        for other in &others {
            other.kill().await?;
        }
        backing.sql_links[node.number].set(Mode::Open);
        sleep(LEASE).await;
        for other in others {
            other.start().await?;
        }
        Ok(())
    }

    /// Stalls a recorder's link to MariaDB at a moment in which it holds no lock there: who does keeps others from taking
    /// over.
    async fn stall(&self, link: &Proxy) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            link.set(Mode::Stalled);
            sleep(STALLED).await;
            if !self.store.is_locked().await? {
                return Ok(());
            }
            link.set(Mode::Open);
            if Instant::now() >= deadline {
                return Err("a recorder seems to hold locks all the time".into());
            }
            sleep(LOOK).await;
        }
    }

    /// Has a node's recorder hold all shards: there is no other for as long as others could hold them.
    async fn make_recorder(&self, node: &Arc<Node>) -> Outcome<()> {
        let others: Vec<_> = self.site.nodes.iter().filter(|other| other.number != node.number).collect();
        for other in &others {
            other.kill().await?;
        }
        sleep(LEASE).await;
        for other in others {
            other.start().await?;
        }
        self.ready().await
    }

    async fn restart_redis(&self, backing: &Backing) -> Outcome<()> {
        backing.redis.act(|redis| redis.kill()).await?;
        backing.redis.act(|redis| redis.start_again()).await??;
        Ok(())
    }

    /// Waits until every shard has a later epoch.
    async fn later_epochs(&self, before: Vec<i64>) -> Outcome<Vec<i64>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.store.epochs().await?;
            if now.iter().zip(&before).all(|(now, before)| now > before) {
                return Ok(now);
            }
            if Instant::now() >= deadline {
                return Err(format!("shards are not made anew: {before:?}, {now:?}").into());
            }
            sleep(LOOK).await;
        }
    }

    /// All nodes start again and hold no shard for a while; whoever then records ends at the worst moment.
    async fn abort_after_commit(&self) -> Outcome<()> {
        for node in &self.site.nodes {
            node.start_doomed(vec![("VOXPOP_FAULT_ABORT_AFTER_COMMIT", "0.2".into())]).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.site.nodes.iter().all(|node| node.runs()) && Instant::now() < deadline {
            sleep(LOOK).await;
        }
        let ended = self.site.nodes.iter().filter(|node| !node.runs()).count();
        if ended == 0 {
            self.world.trouble("no node aborted: was the server built with its feature `faults`?".into());
        }
        for node in &self.site.nodes {
            node.start().await?;
        }
        Ok(())
    }

    /// A node ends when a close is in SQL and not in Redis. Nobody asks for it again: it has to happen all the same.
    async fn abort_after_intent(&self, node: &Arc<Node>, poll: PollNo) -> Outcome<()> {
        node.start_doomed(vec![("VOXPOP_FAULT_ABORT_AFTER_INTENT", "1".into())]).await?;
        self.ready().await?;
        let command = Command {
            poll,
            act: Act::Close,
            asked: self.world.now(),
            times: 1,
            answered: None,
            agreed: None,
        };
        let answer = self.host.ask(&self.world, node.number, poll, Act::Close).await;
        if !matches!(answer, Err(Failure::Silence(_))) {
            self.world.trouble(format!("a node did not abort but said {answer:?}"));
        }
        node.start().await?;
        let is_closed = self.store.state(self.world.polls[usize::from(poll)].id).await? == "closed";
        let agreed = match is_closed {
            true => Some(self.host.sees_final(&self.world, poll, PATIENCE).await),
            false => None,
        };
        self.world.history().commands.push(Command { agreed, ..command });
        self.host.tell(&self.world, poll, Act::Open).await;
        Ok(())
    }

    /// Waits until every node can serve.
    async fn ready(&self) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        for node in &self.site.nodes {
            while !self.world.api.is_ready(node.number).await {
                if Instant::now() >= deadline {
                    return Err(format!("node {} does not become ready", node.number).into());
                }
                sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// Compares counts in a lull.
    async fn compare(&self) -> Outcome<()> {
        let gate = &self.world.gate;
        gate.hush(gate::PATIENCE).await.map_err(|TooLong| "ballots are not settled, long after a fault")?;
        audit::compare(&self.world, &self.store, &self.host).await?;
        gate.go_on();
        Ok(())
    }
}

/// Has Redis forget everything.
async fn flush(port: u16) -> io::Result<()> {
    let mut redis = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    redis.write_all(b"FLUSHALL\r\n").await?;
    let mut answer = [0; 5];
    redis.read_exact(&mut answer).await?;
    match &answer {
        b"+OK\r\n" => Ok(()),
        other => Err(io::Error::other(format!("Redis answered {:?}", String::from_utf8_lossy(other)))),
    }
}
