//! Which compiler makes the WASM. `scripts/wasm-toolchain` picks it (and says what to install if there
//! is none); here is only how to call what it picked.

use std::process::Command;

use crate::error::Result;
use crate::files;

/// The one target browsers run.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can build for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The active toolchain, which has the target's standard library.
    Native,
    /// Debian's `rustc-web`, which builds the standard library from source.
    Debian,
}

impl Toolchain {
    /// Asks the script, which may install the target on the way.
    pub(crate) fn pick() -> Result<Self> {
        let answer = files::output(&mut Command::new(files::root().join("scripts/wasm-toolchain")))?;
        match answer.trim_ascii() {
            b"native" => Ok(Self::Native),
            b"debian" => Ok(Self::Debian),
            other => {
                let other = String::from_utf8_lossy(other);
                Err(format!("scripts/wasm-toolchain answered {other:?}").into())
            }
        }
    }

    /// `cargo build` for the target; the caller adds package, profile and folder.
    pub(crate) fn cargo_build(self) -> Command {
        match self {
            Self::Native => {
                let mut cargo = Command::new("cargo");
                cargo.args(["build", "--target", TARGET]);
                cargo
            }
            Self::Debian => {
                let mut cargo = Command::new("/usr/bin/cargo");
                cargo
                    .args(["build", "--target", TARGET, "-Z", "build-std=std,panic_abort"])
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22")
                    // `-Z build-std` on a stable compiler.
                    .env("RUSTC_BOOTSTRAP", "1")
                    // `cargo run` points this at the libraries of its own compiler.
                    .env_remove("LD_LIBRARY_PATH");
                cargo
            }
        }
    }
}
