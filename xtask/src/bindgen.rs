//! The browser's half of the program: compiles `frontend` to WASM and makes its JavaScript loader.

use std::fs;
use std::path::{Path, PathBuf};

use wasm_bindgen_cli_support::Bindgen;

use crate::error::{Doing, Result};
use crate::files;
use crate::site::{Mode, NAME};
use crate::toolchain::{TARGET, Toolchain};

/// Compiles, and returns the folder with the `.wasm`, the `.js` and whatever they import.
pub(crate) fn build(mode: Mode) -> Result<PathBuf> {
    let wasm = compile(mode)?;
    let out = files::root().join("target/wasm/bindgen").join(mode.profile());
    bind_if_changed(mode, &wasm, &out)?;
    Ok(out)
}

/// Runs cargo each time, since only cargo knows whether anything changed. The target folder is its own,
/// so that a server build and a WASM build neither wait for each other nor undo each other's work.
fn compile(mode: Mode) -> Result<PathBuf> {
    let target_dir = files::root().join("target/wasm");
    let mut cargo = Toolchain::pick()?.cargo_build();
    cargo.current_dir(files::root()).args(["-p", "frontend", "--profile", mode.profile()]);
    cargo.arg("--target-dir").arg(&target_dir).args(mode.cargo_options());
    files::run(&mut cargo)?;
    Ok(target_dir.join(TARGET).join(mode.profile_dir()).join("frontend.wasm"))
}

fn bind_if_changed(mode: Mode, wasm: &Path, out: &Path) -> Result<()> {
    let bytes = files::read(wasm)?;
    let hash = files::hash(&bytes);
    let stamp = out.with_extension("from");
    if fs::read_to_string(&stamp).is_ok_and(|last| last == hash) && out.is_dir() {
        return Ok(());
    }
    files::remove_dir(out)?;
    Bindgen::new()
        .input_bytes(NAME, bytes)
        .web(true)
        .doing("setting up wasm-bindgen")?
        .typescript(false)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(mode == Mode::Release)
        .generate(out)
        .doing("running wasm-bindgen")?;
    files::write(&stamp, hash.as_bytes())
}
