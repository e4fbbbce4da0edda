//! The proxy in front of the nodes: haproxy, from Debian.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use backends::Port;

use super::member::Member;
use crate::error::{Doing, Result};
use crate::files;

/// Writes its settings into the folder. It listens on every address of this machine, for phones.
pub(super) fn command(folder: &Path, port: &Port, nodes: &[Member]) -> Result<Command> {
    let file = folder.join("haproxy.cfg");
    let nodes = nodes.iter().map(|node| (node.name.as_str(), node.port.address()));
    files::write(&file, config(port.number(), nodes).as_bytes())?;
    let mut haproxy = backends::command("haproxy").doing("looking for the proxy")?;
    // In the foreground.
    haproxy.arg("-db").arg("-f").arg(file);
    Ok(haproxy)
}

fn config<'n>(port: u16, nodes: impl Iterator<Item = (&'n str, SocketAddr)>) -> String {
    let servers: Vec<String> = nodes.map(|(name, address)| format!("    server {name} {address}")).collect();
    include_str!("haproxy.cfg").replace("{port}", &port.to_string()).replace("{servers}", &servers.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn haproxy_takes_its_settings() {
        let nodes = [("node1", 3001), ("node2", 3002)];
        let nodes = nodes.map(|(name, port)| (name, SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        let folder = files::root().join("target/proxy-test");
        let file = folder.join("haproxy.cfg");
        files::write(&file, config(3000, nodes.into_iter()).as_bytes()).unwrap();
        let mut haproxy = backends::command("haproxy").unwrap();
        let output = haproxy.arg("-c").arg("-f").arg(&file).output().unwrap();
        files::remove_dir(&folder).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("WARNING"), "{said}");
    }
}
