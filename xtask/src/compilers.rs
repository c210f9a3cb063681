//! Two compilers for real: libraries that another compiler built in a host that ours built, and the other way round.
//!
//! Whoever ships a plugin library has another compiler than whoever built `ao`. These stages build the test libraries and
//! the host's tests once more, each with its own compiler, and run the boundary's tests across.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::environment::{self, Place};
use crate::process::{Failure, Program};
use crate::report::{Outcome, Report};

/// What the absence of a second compiler is called in `AO_OPTIONAL_ENGINES`.
const ENGINE: &str = "second-rustc";

/// Where Debian and its relatives have theirs, beside whatever rustup manages.
const SYSTEM: &str = "/usr/bin/rustc";

/// One directory for every second compiler: cargo keeps their outputs apart, and what they share is built once.
const TARGET: &str = "target/second";

/// The libraries that the boundary's tests load.
const LIBRARIES: &[&str] = &["ao-plugin-fixture", "ao-faulty", "ao-faulty-abi"];

/// The boundary's tests, by the beginning of their names.
const TESTS: &str = "boundary::";

/// The tests that run the conformance kit over libraries.
const KIT: &str = "certify::";

/// Tells the tests where to look for libraries first.
const PLACE_OF_LIBRARIES: &str = "AO_TEST_LIBRARIES";

/// A compiler that is not the one of this workspace.
#[derive(Debug, PartialEq, Eq)]
struct Compiler {
    rustc: PathBuf,
    cargo: OsString,
    version: String,
}

/// Runs the boundary's tests across every second compiler that is there.
pub(crate) fn run(report: &mut Report) {
    report.stage("compilers", || across(&found(), environment::place()));
}

/// The compilers of this machine, without those that are our own in another place.
fn found() -> Vec<Compiler> {
    let own = version(Path::new("rustc"));
    let named = environment::second_compilers().into_iter().chain([PathBuf::from(SYSTEM)]);
    let mut compilers: Vec<Compiler> = Vec::new();
    for rustc in named {
        let Some(version) = version(&rustc).filter(|version| Some(version) != own.as_ref()) else { continue };
        if release(&version) < release(OLDEST) {
            anstream::eprintln!("{version} is too old: this workspace needs {OLDEST}");
            continue;
        }
        if compilers.iter().all(|known| known.version != version) {
            let beside = rustc.with_file_name("cargo");
            let cargo = if beside.is_file() { beside.into_os_string() } else { environment::cargo() };
            compilers.push(Compiler { rustc, cargo, version });
        }
    }
    compilers
}

/// The first compiler that can build this workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The numbers in `rustc 1.96.0 (…)`, or in `1.96`.
fn release(version: &str) -> Option<(u32, u32)> {
    let number = version.trim_start_matches("rustc ").split([' ', '-']).next()?;
    let mut parts = number.split('.').map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn version(rustc: &Path) -> Option<String> {
    Program::new(rustc).args(["--version"]).probe()
}

fn across(compilers: &[Compiler], place: Place) -> Outcome {
    if compilers.is_empty() {
        let why = format!(
            "there is no second compiler: install Debian's `rustc`, or name one in {}",
            environment::SECOND_COMPILERS
        );
        let optional = environment::optional_engines().iter().any(|name| name == ENGINE);
        return if place == Place::Ci && !optional { Outcome::Failed(why) } else { Outcome::Skipped(why) };
    }
    compilers.iter().try_for_each(both_ways).into()
}

fn both_ways(compiler: &Compiler) -> Result<(), Failure> {
    anstream::eprintln!("{}", compiler.version);
    let libraries = LIBRARIES.iter().flat_map(|package| ["--package", package]);
    let build = compiler.cargo(&["build", "--locked", "--package", "ao-host", "--lib", "--bins", "--tests"]);
    build.args(libraries).run()?;
    // Their libraries, our host.
    let theirs = environment::root().join(TARGET).join("debug/deps");
    Program::cargo()
        .args(["test", "--locked", "--package", "ao-host", "--test", "it", "--", TESTS])
        .env(PLACE_OF_LIBRARIES, &theirs)
        .run()?;
    // The conformance kit over them, as a user runs it.
    Program::cargo()
        .args(["test", "--locked", "--package", "ao-cli", "--test", "e2e", "--", KIT])
        .env(PLACE_OF_LIBRARIES, theirs)
        .run()?;
    // Our libraries, their host.
    let ours = crate::packages::workspace()?.target.join("debug/deps");
    compiler
        .cargo(&["test", "--locked", "--package", "ao-host", "--test", "it"])
        .args(["--", TESTS])
        .env(PLACE_OF_LIBRARIES, ours)
        .run()
}

impl Compiler {
    /// Its cargo, building into the directory of second compilers.
    fn cargo(&self, arguments: &[&str]) -> Program {
        let program = Program::new(&self.cargo).env("RUSTC", &self.rustc).env("CARGO_TARGET_DIR", TARGET);
        program.args(arguments.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_second_compiler_a_desk_skips_and_ci_fails() {
        assert!(matches!(across(&[], Place::Desk), Outcome::Skipped(why) if why.contains("AO_SECOND_RUSTC")));
        assert!(matches!(across(&[], Place::Ci), Outcome::Failed(_)));
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(release("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some((1, 96)));
        assert_eq!(release("rustc 1.97.0-nightly (e50aa6fba 2026-05-19)"), Some((1, 97)));
        assert_eq!(release("1.95"), Some((1, 95)));
        assert!(release("rustc 1.100.0") > release("1.95") && release("gcc") < release("1.95"));
    }

    #[test]
    fn what_is_no_compiler_has_no_version() {
        assert_eq!(version(Path::new("/no/such/rustc")), None);
    }
}
