//! What SECURITY.md claims is tested by the tests that it names: each of them is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of every source file below a folder.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "node_modules" {
            sources(&path, all);
        } else if name.ends_with(".rs") || name.ends_with(".ts") {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let mut all = String::new();
    for folder in ["server", "domain/src", "app/src", "end2end/tests"] {
        sources(&root().join(folder), &mut all);
    }
    let document = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (_, table) = document.split_once("## Claims and their tests").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut named = 0;
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap_or_default();
        for test in tests.split('`').skip(1).step_by(2).filter(|test| !test.starts_with("make ")) {
            named += 1;
            // In a browser some tests run with and without scripts, and say so after a comma.
            let written = [format!("fn {test}("), format!("test('{test}'"), format!("test(`{test}, ${{")];
            let there = written.iter().any(|written| all.contains(written));
            assert!(there, "SECURITY.md names a test that is not there: {test}\n{row}");
        }
    }
    assert!(named > 30, "the table was read: {named}");
}
