//! A cluster on one machine: MariaDB, Redis, nodes, and a proxy in front of them, to try out and to test what
//! many nodes do together.

mod member;
mod options;
mod proxy;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use backends::{MariaDb, Port, Redis};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Doing, Result};
use crate::files;
use crate::server::pause;
use member::Member;
use options::Options;

/// The database's name.
const DATABASE: &str = "voxpop";

/// Where tests read what runs where. It is there while all of it runs.
const SUMMARY: &str = "cluster.json";

/// Runs until it is interrupted, then stops everything in order. Data stays for the next time. Nothing is
/// started again by itself: who kills a node wants to see what happens.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::parse(args)?;
    // An interrupt until all runs ends this process, and the kernel then kills the others.
    let mut cluster = Cluster::start(&options)?;
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).doing("listening to signals")?;
    let summary = options.folder.join(SUMMARY);
    write_at_once(&summary, &cluster.as_json())?;
    println!("{}", cluster.as_text(&options.folder));
    while signals.pending().next().is_none() {
        cluster.tell_who_ended();
        pause(Duration::from_millis(200));
    }
    println!("Stopping…");
    remove_file(&summary)?;
    cluster.stop()
}

/// All that runs; dropping it kills the rest in this order.
struct Cluster {
    nodes: Vec<Member>,
    proxy: Member,
    redis: Redis,
    mariadb: MariaDb,
}

impl Cluster {
    /// Takes the ports first: where one is in use, nothing is touched.
    fn start(options: &Options) -> Result<Self> {
        let proxy = take(options.proxy)?;
        let ports = options.nodes.iter().map(|port| take(*port)).collect::<Result<Vec<Port>>>()?;
        let folder = &options.folder;
        files::make_dir(folder)?;
        remove_file(&folder.join(SUMMARY))?;

        let mariadb = MariaDb::start(&folder.join("mariadb")).doing("starting MariaDB")?;
        mariadb.create_database(DATABASE).doing("making the database")?;
        let redis = Redis::start(&folder.join("redis")).doing("starting Redis")?;
        let settings = [
            ("DATABASE_URL", mariadb.url(DATABASE)),
            ("REDIS_URL", redis.url()),
            ("VOXPOP_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("VOXPOP_JWT_KEY", signing_key(&folder.join("key"))?),
            ("VOXPOP_SITE_ROOT", files::root().join("target/site").display().to_string()),
        ];
        let mut nodes = Vec::new();
        for port in ports {
            let name = format!("node{}", nodes.len() + 1);
            nodes.push(Member::start(folder, name, node(&options.voxpop, &settings, &port)?, port)?);
        }
        let haproxy = proxy::command(folder, &proxy, &nodes)?;
        let proxy = Member::start(folder, "haproxy".to_owned(), haproxy, proxy)?;
        Ok(Self { nodes, proxy, redis, mariadb })
    }

    /// Nodes first, so that they can say goodbye through the proxy and write what they hold.
    fn stop(mut self) -> Result<()> {
        self.nodes.iter_mut().chain([&mut self.proxy]).try_for_each(Member::stop)?;
        self.redis.stop().doing("stopping Redis")?;
        self.mariadb.stop().doing("stopping MariaDB")
    }

    fn tell_who_ended(&mut self) {
        for member in self.nodes.iter_mut().chain([&mut self.proxy]) {
            if member.has_just_ended() {
                println!("{} has ended; the others go on", member.name);
            }
        }
    }

    fn as_text(&self, folder: &Path) -> String {
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|node| format!("  {:9}{}   pid {}\n", node.name, node.url(), node.pid()));
        format!(
            "Voxpop runs on {} nodes; Ctrl-C stops all of it.\n\n  proxy    {}\n{}  MariaDB  {}\n  Redis    {}\n  logs     {}\n",
            self.nodes.len(),
            self.proxy.url(),
            nodes.collect::<String>(),
            self.mariadb.url(DATABASE),
            self.redis.url(),
            folder.display(),
        )
    }

    fn as_json(&self) -> String {
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|node| format!(r#"{{"url":"{}","pid":{}}}"#, node.url(), node.pid()));
        format!(
            r#"{{"proxy":"{}","nodes":[{}],"mysql":"{}","redis":"{}"}}"#,
            self.proxy.url(),
            nodes.collect::<Vec<_>>().join(","),
            self.mariadb.url(DATABASE),
            self.redis.url(),
        )
    }
}

fn take(port: u16) -> Result<Port> {
    Port::reserve(port).doing(format_args!("taking port {port} (others can be chosen with --ports)"))
}

/// The key that all nodes sign tokens with, made the first time.
fn signing_key(file: &Path) -> Result<String> {
    if !file.exists() {
        let mut random = [0; 32];
        let mut source = File::open("/dev/urandom").doing("opening /dev/urandom")?;
        source.read_exact(&mut random).doing("reading /dev/urandom")?;
        let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut options = File::options();
        let kept = options.write(true).create_new(true).mode(0o600).open(file);
        kept.and_then(|mut kept| kept.write_all(key.as_bytes())).doing("keeping the signing key")?;
    }
    Ok(String::from_utf8_lossy(&files::read(file)?).into_owned())
}

fn node(program: &Path, settings: &[(&str, String)], port: &Port) -> Result<Command> {
    let mut voxpop = backends::command(&program.display().to_string())
        .doing("looking for the server (cargo build -p server makes it)")?;
    voxpop.arg("serve").current_dir(files::root());
    voxpop.envs(settings.iter().map(|(name, value)| (name, value)));
    // Links are made from the address that a page was asked for at, which is the proxy's.
    voxpop.env("VOXPOP_LISTEN", port.address().to_string()).env_remove("PUBLIC_URL");
    Ok(voxpop)
}

/// Who waits for the file finds all of it.
fn write_at_once(file: &Path, text: &str) -> Result<()> {
    let unfinished = file.with_extension("new");
    files::write(&unfinished, text.as_bytes())?;
    fs::rename(&unfinished, file).doing(format_args!("writing {}", file.display()))
}

fn remove_file(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).doing(format_args!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}
