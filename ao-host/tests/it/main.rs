//! Integration tests of the host, against the real things.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod boundary;
mod checks;
mod engine;
mod golden;
mod host;
mod isolation;
mod issues;
mod killed_senders;
mod letters;
mod proc;
mod registry;
mod runtimes;
mod scratch;
mod sessions;
mod store;
mod store_archive;
mod store_backup;
mod store_checks;
mod store_damage;
mod store_facts;
mod store_file;
mod store_host;
mod store_killed;
mod store_many;
mod store_notices;
mod support;
