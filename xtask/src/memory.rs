//! Memory errors at the plugin boundary: the address sanitizer over the loader's tests where a nightly compiler is
//! installed, else valgrind.

use std::path::Path;

use crate::environment;
use crate::process::{Failure, Program};
use crate::report::{Outcome, Report};

/// The tests in which a library is loaded and used in the test's own process.
const TESTS: &[&str] = &["boundary::loader", "boundary::streams", "boundary::reload", "boundary::plugin_host"];

/// The one triple that is tested; the sanitizer wants it named.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Where the sanitizer's build goes.
const TARGET: &str = "target/asan";

/// Runs the tests under what is there.
pub(crate) fn run(report: &mut Report) {
    report.stage("memory", || {
        if has_sanitizer() {
            sanitizer().into()
        } else if Program::new("valgrind").args(["--version"]).probe().is_some() {
            valgrind().into()
        } else {
            Outcome::Skipped("neither a nightly compiler with the address sanitizer nor valgrind is here".to_owned())
        }
    });
}

fn has_sanitizer() -> bool {
    let sysroot = Program::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]).probe();
    sysroot.is_some_and(|sysroot| {
        let runtime = format!("lib/rustlib/{TRIPLE}/lib/librustc-nightly_rt.asan.a");
        Path::new(&sysroot).join(runtime).is_file()
    })
}

fn sanitizer() -> Result<(), Failure> {
    Program::new("rustup")
        .args(["run", "nightly", "cargo", "test", "--locked", "--package", "ao-host", "--test", "it"])
        .args(["--target", TRIPLE, "--"])
        .args(TESTS.iter().copied())
        // The sanitizer's runtime is in the test binary, and the libraries that it loads must find it there.
        .env("RUSTFLAGS", "-Zsanitizer=address -Clink-arg=-Wl,--export-dynamic")
        .env("CARGO_TARGET_DIR", TARGET)
        // A library stays mapped for good, and what it owns with it.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .run()
}

fn valgrind() -> Result<(), Failure> {
    let list = Program::cargo()
        .args(["test", "--package", "ao-host", "--test", "it", "--no-run", "--message-format", "json"])
        .capture()?;
    let program = executable(&list).ok_or_else(|| Failure::new("cargo names no test binary of ao-host"))?;
    let places = environment::root();
    Program::new("valgrind")
        .args(["--quiet", "--error-exitcode=99", "--leak-check=no"])
        .args([places.join(program)])
        .args(TESTS.iter().copied())
        .args(["--test-threads=1"])
        .run()
}

/// The test binary in what cargo prints.
fn executable(messages: &str) -> Option<String> {
    let message = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
    let of_test = |message: serde_json::Value| {
        let is_test = message["target"]["name"] == "it" && message["profile"]["test"] == true;
        is_test.then(|| message["executable"].as_str().map(str::to_owned)).flatten()
    };
    messages.lines().filter_map(message).find_map(of_test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_binary_is_found_among_cargos_messages() {
        let messages = "not json\n{\"reason\":\"x\",\"target\":{\"name\":\"it\"},\"profile\":{\"test\":false},\"executable\":\"/no\"}\n\
                        {\"target\":{\"name\":\"it\"},\"profile\":{\"test\":true},\"executable\":\"/t/it-1\"}\n";
        assert_eq!(executable(messages).as_deref(), Some("/t/it-1"));
        assert_eq!(executable(""), None);
    }
}
