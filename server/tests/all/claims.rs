//! What SECURITY.md claims is tested by the tests that it names: each of them is there, and is a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tests in every source file below a folder.
fn tests_below(folder: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "node_modules" {
            tests_below(&path, all);
        } else if name.ends_with(".rs") {
            all.extend(tests_in_rust(&fs::read_to_string(&path).unwrap()));
        } else if name.ends_with(".ts") {
            all.extend(tests_in_a_browser(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Functions under an attribute that makes them tests, and those that are run on every backend.
fn tests_in_rust(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut is_test, mut is_left_out, mut is_list) = (false, false, false);
    for line in text.lines().map(str::trim) {
        if is_list {
            is_list = line != "}";
            found.extend(line.strip_suffix(',').map(str::to_owned));
        } else if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            is_left_out |= line.starts_with("#[ignore");
        } else if !line.is_empty() && !line.starts_with("//") {
            let name = line.split_once("fn ").and_then(|(_, rest)| rest.split(['(', '<']).next());
            found.extend(name.filter(|_| is_test && !is_left_out).map(str::to_owned));
            is_list = line == "on_every_backend! {";
            (is_test, is_left_out) = (false, false);
        }
    }
    found
}

/// Titles of tests in a browser. Some run with and without scripts, and say so after a comma.
fn tests_in_a_browser(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let plain = line.strip_prefix("test('").and_then(|rest| rest.split('\'').next());
        plain.or_else(|| line.strip_prefix("test(`")?.split_once(", ${").map(|(title, _)| title))
    });
    titles.map(str::to_owned).collect()
}

#[test]
fn only_what_is_run_as_a_test_counts() {
    let text = "on_every_backend! {\n    listed,\n}\n\n#[test]\nfn plain() {}\nfn helper() {}\n#[tokio::test(flavor = \"x\")]\n\
        // Why.\nasync fn waits(\n#[ignore]\n#[test]\nfn left_out() {}\n// fn told() is a test: #[test]\n#[derive(Clone)]\nfn derived() {}\n\
        async fn listed_no_more(rig: Rig) {}\nproptest! {\n    #[test]\n    fn tried(text in \"a\") {}\n}";
    assert_eq!(tests_in_rust(text), ["listed", "plain", "tried", "waits"].map(str::to_owned).into());
    let text = "test('is tried', async () => {\n  test(`both ways, ${scripts}`, async\ntest.skip('is not', \nconst a = 'test(';\n";
    assert_eq!(tests_in_a_browser(text), ["both ways", "is tried"].map(str::to_owned).into());
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let mut all = BTreeSet::new();
    for folder in ["server", "domain/src", "app/src", "end2end/tests"] {
        tests_below(&root().join(folder), &mut all);
    }
    let document = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (_, table) = document.split_once("## Claims and their tests").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut named = 0;
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap_or_default();
        for test in tests.split('`').skip(1).step_by(2).filter(|test| !test.starts_with("make ")) {
            named += 1;
            assert!(all.contains(test), "SECURITY.md names a test that is not there: {test}\n{row}");
        }
    }
    assert!(named > 30, "the table was read: {named}");
}
