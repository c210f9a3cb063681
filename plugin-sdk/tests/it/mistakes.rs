//! The mistakes that authors make, and what the compiler says to each: `tests/ui/<mistake>.rs` with its `.stderr`.
//!
//! Compilers differ in their words, so only the one that this workspace pins is compared.

#![expect(clippy::disallowed_methods, reason = "asks the compiler for its version")]

use std::io::Write;

/// What the tests of this workspace are built with.
const PINNED: &str = include_str!("../../../rust-toolchain.toml");

#[test]
fn mistakes_are_told_readably() {
    if is_pinned_compiler() {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    }
}

fn is_pinned_compiler() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("--version").output().expect("there is a compiler");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let pinned = PINNED.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a channel");
    let is_pinned = version.split(' ').nth(1) == Some(pinned.trim_matches('"'));
    if !is_pinned {
        skip(&format!("the messages are those of rustc {pinned}, this is {}", version.trim()));
    }
    is_pinned
}

fn skip(why: &str) {
    #[expect(clippy::print_stdout, reason = "whoever reads the output of the tests sees it there")]
    {
        println!("SKIPPED (engine missing): {why}");
    }
    if let Some(file) = std::env::var_os("AO_TEST_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect("the file of skips");
        file.write_all(format!("pinned-rustc\tmistakes_are_told_readably\t{why}\n").as_bytes()).expect("a line");
    }
}
