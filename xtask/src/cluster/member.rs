//! A node or the proxy: what serves pages and can be asked whether it is ready to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use backends::{Port, Process};

use crate::error::{Doing, Result};

pub(super) struct Member {
    pub(super) name: String,
    pub(super) port: Port,
    process: Process,
    ended: bool,
}

impl Member {
    /// Starts it, with a log in the folder, and waits until it is ready.
    pub(super) fn start(folder: &Path, name: String, command: Command, port: Port) -> Result<Self> {
        let mut process = Process::new(folder.join(format!("{name}.log")));
        process.start(command, |_| is_ready(port.address())).doing(format_args!("starting {name}"))?;
        Ok(Self { name, port, process, ended: false })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid().unwrap_or_default()
    }

    /// Whether it has ended by itself, or by somebody's hand. Says so once.
    pub(super) fn has_just_ended(&mut self) -> bool {
        !self.ended && {
            self.ended = !self.process.runs();
            self.ended
        }
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        self.process.stop().doing(format_args!("stopping {}", self.name))
    }
}

/// Whether what listens there can serve; through the proxy, whether it has found a node that can.
fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}
