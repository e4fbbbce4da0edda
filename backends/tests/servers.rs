//! The real servers, treated badly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use backends::{MariaDb, Redis};

#[test]
fn mariadb_keeps_its_data_over_a_kill_and_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = MariaDb::start(folder.path()).unwrap();
    let (port, url) = (server.port(), server.url("votes"));
    assert_eq!(url, format!("mysql://root@127.0.0.1:{port}/votes"));
    server.create_database("votes").unwrap();
    server.create_database("votes").unwrap();
    server.create_database("no`such").unwrap_err();
    sql(&server, "CREATE TABLE t (n INT); INSERT INTO t VALUES (1)");

    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.start_again().unwrap();
    sql(&server, "INSERT INTO t VALUES (2)");
    server.stop().unwrap();
    server.start_again().unwrap();

    assert_eq!(server.port(), port);
    assert_eq!(sql(&server, "SELECT SUM(n) FROM t"), "3");
    let settings = "SELECT @@innodb_flush_log_at_trx_commit, @@max_connections, @@collation_database";
    assert_eq!(sql(&server, settings), "1\t2000\tutf8mb4_bin");
    drop(server);
    let server = MariaDb::start(folder.path()).unwrap();
    assert_eq!(sql(&server, "SELECT COUNT(*) FROM t"), "2");
}

#[test]
fn redis_keeps_its_data_over_a_kill_and_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Redis::start(folder.path()).unwrap();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
    redis(&server, "INCR n");
    server.kill();
    server.start_again().unwrap();
    redis(&server, "INCR n");
    server.stop().unwrap();
    server.start_again().unwrap();
    assert_eq!(redis(&server, "INCR n"), ":3\r\n");
    assert!(redis(&server, "CONFIG GET appendfsync").contains("always"));
    assert!(redis(&server, "CONFIG GET maxmemory-policy").contains("noeviction"));
}

#[test]
fn an_older_copy_takes_redis_back_in_time() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = Redis::start(folder.path()).unwrap();
    let copy = copies.path().join("copy");
    redis(&server, "SET when before");
    server.copy_data(&copy).unwrap();
    redis(&server, "SET when later");
    // The files in a new order, as they are after a while of work.
    redis(&server, "BGREWRITEAOF");
    server.replace_data(&copy).unwrap();
    assert_eq!(redis(&server, "GET when"), "$6\r\nbefore\r\n");
    server.copy_data(&copy).unwrap();
}

#[test]
fn a_paused_server_answers_when_it_goes_on_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Redis::start(folder.path()).unwrap();
    server.pause();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap_err();
    server.resume();
    stream.set_read_timeout(None).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    server.pause();
    server.stop().unwrap();
}

#[test]
fn a_folder_that_is_no_database_is_told_with_the_log() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let error = MariaDb::start(folder.path()).unwrap_err().to_string();
    assert!(error.contains("[ERROR]"), "{error}");
}

/// Set in the process that a test starts and kills: the folder of its server.
const HELD: &str = "BACKENDS_TEST_HELD";

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    if let Some(folder) = env::var_os(HELD) {
        return hold_a_server(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Command::new(env::current_exe().unwrap());
    holder.args(["--exact", "a_server_ends_with_the_process_that_started_it"]).env(HELD, folder.path());
    let mut holder = holder.spawn().unwrap();
    let port = eventually(|| fs::read_to_string(folder.path().join("port")).ok()?.parse::<u16>().ok());
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually(|| TcpStream::connect(("127.0.0.1", port)).err());
}

/// The thread that asked for the server ends; the server does not.
fn hold_a_server(folder: &Path) {
    let owned = folder.to_owned();
    let server = thread::spawn(move || Redis::start(&owned).unwrap()).join().unwrap();
    redis(&server, "PING");
    fs::write(folder.join("port"), server.port().to_string()).unwrap();
    loop {
        thread::park();
    }
}

#[expect(clippy::disallowed_methods, reason = "a look at a time, until a deadline")]
fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

fn sql(server: &MariaDb, statements: &str) -> String {
    let mut client = Command::new("mariadb");
    client.args([
        "--no-defaults",
        "--protocol=tcp",
        "--host=127.0.0.1",
        "--user=root",
        "--skip-column-names",
    ]);
    client.args([&format!("--port={}", server.port()), "votes", "--execute", statements]);
    let output = client.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn redis(server: &Redis, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers.trim_end_matches("+OK\r\n").to_owned()
}
