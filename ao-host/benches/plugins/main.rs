//! What the plugin boundary costs, as the Markdown of `docs/reference/performance.md`: each number beside a floor that was
//! measured in the same run.
//!
//! `cargo bench -p ao-host --bench plugins`, or `cargo xtask bench plugins`, which also writes the page.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints its tables and fails loudly"
)]

mod calls;
mod loads;
mod rig;
mod streams;

use camino::Utf8Path;

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let scratch = Utf8Path::from_path(scratch.path()).unwrap();
    // First, while nothing else has used memory or started threads.
    loads::run(scratch);
    calls::run(scratch);
    streams::run(scratch);
}
