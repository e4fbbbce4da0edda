//! The project's build tool: what cargo alone can't do to turn the sources into a running site.
//!
//! Run it as `cargo run -q -p xtask -- <command>`, or through the `Makefile`, which is friendlier.
#![expect(clippy::print_stdout, reason = "telling what it does is this program's job")]

mod bindgen;
mod brotli;
mod cluster;
mod common_passwords;
mod css;
mod error;
mod files;
mod page;
mod server;
mod site;
mod toolchain;
mod watch;
mod weight;

use std::process::ExitCode;

use crate::error::Result;
use crate::site::Mode;

const USAGE: &str = "\
usage: cargo run -q -p xtask -- <command>

  site [--release-wasm|--dev]   build what browsers download into target/site
                                (--release-wasm, the default: small; --dev: quick to build)
  watch                         build for development, serve, and again after every save
  weight [URL]                  what a page weighs on the wire; without a URL, pages of the server
                                in target/debug, started for the purpose
  cluster [--ports PROXY,NODE,…] [--folder DIR] [--voxpop PROGRAM]
                                MariaDB, Redis, nodes and a proxy in front of them, until Ctrl-C;
                                `--ports 0` takes free ones
  common-passwords LIST OUT     the list of passwords that nobody may choose; see server/src/auth/common
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["site"] | ["site", "--release-wasm"] => site::build(Mode::Release),
        ["site", "--dev"] => site::build(Mode::Dev),
        ["watch"] => watch::run(),
        ["weight"] => weight::of_own_server(),
        ["weight", url] => weight::of(url),
        ["cluster", options @ ..] => cluster::run(options),
        ["common-passwords", list, out] => common_passwords::make(list, out),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("no such command\n\n{USAGE}").into()),
    }
}
