//! Puts together what browsers download: `target/site`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::{bindgen, brotli, css, files};

/// Names the files: `pkg/voxpop.js`, `pkg/voxpop_bg.wasm`, `pkg/voxpop.css`.
pub(crate) const NAME: &str = "voxpop";

/// Lists the files of `pkg/` with a hash of each, so that a server can write `voxpop.css?v=<hash>` and let
/// browsers keep the file for good.
const MANIFEST: &str = "manifest.json";

/// Small to download, or quick to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Release,
    Dev,
}

impl Mode {
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Self::Release => "wasm-release",
            Self::Dev => "dev",
        }
    }

    /// Where cargo puts what it builds with [`Mode::profile`].
    pub(crate) fn profile_dir(self) -> &'static str {
        match self {
            Self::Release => "wasm-release",
            Self::Dev => "debug",
        }
    }

    /// Debug info would make the file several times as big to write, bind and download.
    pub(crate) fn cargo_options(self) -> &'static [&'static str] {
        match self {
            Self::Release => &[],
            Self::Dev => &["--config", "profile.dev.debug=false"],
        }
    }

    fn brotli_quality(self) -> i32 {
        match self {
            Self::Release => 11,
            Self::Dev => 5,
        }
    }
}

/// The site's files by their path below `target/site`.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Builds the site. What is up to date is left alone, so doing it again is quick.
pub(crate) fn build(mode: Mode) -> Result<()> {
    let root = files::root();
    let mut site = Files::new();
    add_folder(&mut site, &bindgen::build(mode)?, Path::new("pkg"))?;
    let style = css::bundle(&root.join("style"))?;
    site.insert(PathBuf::from(format!("pkg/{NAME}.css")), style.into_bytes());
    add_folder(&mut site, &root.join("style/assets"), Path::new(""))?;
    let manifest = manifest(&site);
    site.insert(PathBuf::from(MANIFEST), manifest.into_bytes());

    write_changed(&site, &root.join("target/site"), mode)?;
    println!("{}", summary(&site, &root.join("target/site")));
    Ok(())
}

fn add_folder(site: &mut Files, folder: &Path, at: &Path) -> Result<()> {
    for path in files::below(folder)? {
        let name = path.strip_prefix(folder).doing("naming a file")?;
        site.insert(at.join(name), files::read(&path)?);
    }
    Ok(())
}

fn manifest(site: &Files) -> String {
    let lines: Vec<String> = site
        .iter()
        .filter_map(|(path, bytes)| {
            let name = path.strip_prefix("pkg").ok()?.to_str()?;
            Some(format!("  {name:?}: {:?}", files::hash(bytes)))
        })
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// Makes `dir` hold just these files, each with a `.br` beside it where compressing helps.
fn write_changed(site: &Files, dir: &Path, mode: Mode) -> Result<()> {
    // The quality that all of `dir` was compressed with; written last, when that is true again.
    let stamp = dir.with_extension("quality");
    let quality = mode.brotli_quality().to_string();
    let same_quality = fs::read_to_string(&stamp).is_ok_and(|last| last == quality);
    if !same_quality {
        files::remove_dir(dir)?;
    }
    remove_others(site, dir)?;
    for (name, bytes) in site {
        let path = dir.join(name);
        if fs::read(&path).is_ok_and(|old| old == *bytes) {
            continue;
        }
        // The plain file comes last: it is what says that both are up to date.
        if compressible(name) {
            files::write(&compressed_name(&path), &brotli::compress(bytes, mode.brotli_quality())?)?;
        }
        files::write(&path, bytes)?;
    }
    files::write(&stamp, quality.as_bytes())
}

fn remove_others(site: &Files, dir: &Path) -> Result<()> {
    let wanted = |name: &Path| {
        site.contains_key(name)
            || name.extension().is_some_and(|e| e == "br") && site.contains_key(&name.with_extension(""))
    };
    for path in files::below(dir)? {
        if !wanted(path.strip_prefix(dir).doing("naming a file")?) {
            fs::remove_file(&path).doing(format_args!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

fn compressible(name: &Path) -> bool {
    let text = ["css", "js", "json", "svg", "txt", "wasm", "webmanifest"];
    name != Path::new(MANIFEST) && name.extension().is_some_and(|e| text.iter().any(|t| e == *t))
}

fn compressed_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".br");
    name.into()
}

fn summary(site: &Files, dir: &Path) -> String {
    let (mut plain, mut small) = (0, 0);
    for (name, bytes) in site {
        plain += bytes.len();
        small += fs::metadata(compressed_name(&dir.join(name))).map_or(bytes.len() as u64, |m| m.len());
    }
    format!("target/site: {} files, {} KB, compressed {} KB", site.len(), plain / 1024, small / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn manifest_lists_pkg_only() {
        let text = manifest(&site(&[("favicon.svg", "x"), ("pkg/voxpop.css", "a"), ("pkg/voxpop.js", "b")]));
        let expected = format!(
            "{{\n  \"voxpop.css\": \"{}\",\n  \"voxpop.js\": \"{}\"\n}}\n",
            files::hash(b"a"),
            files::hash(b"b")
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn holds_just_what_it_should() {
        let dir = files::root().join("target/xtask-test/site");
        files::remove_dir(&dir).unwrap();
        let first = site(&[("pkg/voxpop.css", "body {}"), ("old.svg", "<svg/>"), ("icon.png", "png")]);
        write_changed(&first, &dir, Mode::Dev).unwrap();
        let second = site(&[("pkg/voxpop.css", "p {}"), ("icon.png", "png")]);
        write_changed(&second, &dir, Mode::Dev).unwrap();

        let names: Vec<_> =
            files::below(&dir).unwrap().iter().map(|p| p.strip_prefix(&dir).unwrap().to_path_buf()).collect();
        assert_eq!(names, ["icon.png", "pkg/voxpop.css", "pkg/voxpop.css.br"].map(PathBuf::from));
        let compressed = files::read(&dir.join("pkg/voxpop.css.br")).unwrap();
        assert_eq!(brotli::decompress(&compressed).unwrap(), b"p {}");
    }
}
