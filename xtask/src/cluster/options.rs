//! Where a cluster lives, and of what.

use std::path::{self, PathBuf};

use crate::error::{Doing, Result};
use crate::files;

/// The proxy's port, where a server alone has its own.
const PROXY: u16 = 3000;

/// The nodes' ports.
const NODES: [u16; 2] = [3001, 3002];

/// What can be chosen on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Data and logs.
    pub(super) folder: PathBuf,
    /// The server program.
    pub(super) voxpop: PathBuf,
    /// 0 is any free port.
    pub(super) proxy: u16,
    /// One port a node.
    pub(super) nodes: Vec<u16>,
}

impl Options {
    pub(super) fn parse(args: &[&str]) -> Result<Self> {
        let root = files::root();
        let mut options = Self {
            folder: root.join("target/cluster"),
            voxpop: root.join("target/debug/voxpop"),
            proxy: PROXY,
            nodes: NODES.to_vec(),
        };
        for pair in args.chunks(2) {
            match pair {
                ["--folder", folder] => options.folder = path::absolute(folder).doing("--folder")?,
                ["--voxpop", file] => options.voxpop = path::absolute(file).doing("--voxpop")?,
                ["--ports", "0"] => (options.proxy, options.nodes) = (0, vec![0; NODES.len()]),
                ["--ports", list] => (options.proxy, options.nodes) = ports(list)?,
                _ => return Err(format!("{} is no option of cluster", pair.join(" ")).into()),
            }
        }
        Ok(options)
    }
}

/// The proxy's port, and one or more for nodes.
fn ports(list: &str) -> Result<(u16, Vec<u16>)> {
    let ports: std::result::Result<Vec<u16>, _> = list.split(',').map(str::parse).collect();
    match ports.as_deref().doing("--ports")? {
        [proxy, nodes @ ..] if !nodes.is_empty() => Ok((*proxy, nodes.to_vec())),
        _ => Err("--ports takes the proxy's port and one or more for nodes".to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(args: &[&str]) -> Option<(u16, Vec<u16>)> {
        Options::parse(args).ok().map(|options| (options.proxy, options.nodes))
    }

    #[test]
    fn ports_and_folder_can_be_chosen() {
        assert_eq!(ports(&[]), Some((3000, vec![3001, 3002])));
        assert_eq!(ports(&["--ports", "0"]), Some((0, vec![0, 0])));
        assert_eq!(ports(&["--folder", "/x", "--ports", "80,0,81,82"]), Some((80, vec![0, 81, 82])));
        let folder = Options::parse(&["--ports", "0", "--folder", "/x"]).unwrap().folder;
        assert_eq!(folder, PathBuf::from("/x"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for args in
            [&["--ports"][..], &["--ports", "80"], &["--ports", "80,x"], &["--port", "0"], &["--folder"]]
        {
            assert_eq!(ports(args), None, "{args:?}");
        }
    }
}
