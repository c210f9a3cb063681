//! `cargo xtask golden`: libraries built with earlier SDKs, which every later host must load.
//!
//! A snapshot is what a plugin author's build consists of at some version: the island, the contract, the SDK and the
//! example library. Snapshots are git tags (`v…`) and, for what was never tagged, archives under `tests/golden/`. Each is
//! unpacked, its library built as it was then, and the host's golden tests are run over it.

use std::path::{Path, PathBuf};

use crate::process::{Failure, Program};
use crate::report::Report;
use crate::{environment, files};

/// Where the archives of versions without a tag are.
const ARCHIVES: &str = "tests/golden";
const ARCHIVE_SUFFIX: &str = ".tar.gz";

/// Where snapshots are unpacked, and the directory that all of them are built in, so that what they share is built once.
const UNPACKED: &str = "target/golden";
const TARGET: &str = "target/outside";

/// What a snapshot consists of.
const CONTENTS: &[&str] = &["Cargo.toml", "Cargo.lock", "ao-core", "plugin-sdk", "plugins/fixture"];
/// The packages among it.
const MEMBERS: &[&str] = &["ao-core/abi", "ao-core", "plugin-sdk", "plugins/fixture"];

/// A version of the SDK that libraries were built with.
#[derive(Debug, PartialEq, Eq)]
struct Snapshot {
    name: String,
    source: Source,
}

#[derive(Debug, PartialEq, Eq)]
enum Source {
    Archive(PathBuf),
    Tag,
}

/// Builds the library of every snapshot and runs the golden tests over it.
pub(crate) fn run(report: &mut Report) {
    report.stage("golden", || snapshots()?.iter().try_for_each(check));
}

/// Archives what the last commit has, as `tests/golden/<name>.tar.gz`. One that is there is never replaced: libraries
/// were built with it.
pub(crate) fn keep(report: &mut Report, name: &str) {
    report.stage("snapshot", || {
        let archive = format!("{ARCHIVES}/{name}{ARCHIVE_SUFFIX}");
        if environment::root().join(&archive).exists() {
            return Err(Failure::new(format!("`{archive}` exists, and what was built with it stays as it is")));
        }
        files::make_parent(&environment::root().join(&archive))?;
        Program::new("git")
            .args(["archive", "--format=tar.gz", "--output", &archive, "HEAD", "--"])
            .args(CONTENTS.iter().copied())
            .run()
    });
}

fn snapshots() -> Result<Vec<Snapshot>, Failure> {
    let archives = files::list(&environment::root().join(ARCHIVES))?;
    let archived = archives.iter().filter_map(|file| {
        let name = file.strip_suffix(ARCHIVE_SUFFIX)?.to_owned();
        Some(Snapshot { name, source: Source::Archive(Path::new(ARCHIVES).join(file)) })
    });
    let tags = Program::new("git").args(["tag", "--list", "v[0-9]*"]).probe().unwrap_or_default();
    let tagged = tags.lines().map(|tag| Snapshot { name: tag.to_owned(), source: Source::Tag });
    Ok(archived.chain(tagged).collect())
}

fn check(snapshot: &Snapshot) -> Result<(), Failure> {
    let folder = Path::new(UNPACKED).join(&snapshot.name);
    unpack(snapshot, &folder)?;
    let manifest = folder.join("Cargo.toml");
    Program::cargo()
        .args(["build", "--package", "ao-plugin-fixture", "--lib", "--manifest-path"])
        .args([&manifest])
        .env("CARGO_TARGET_DIR", TARGET)
        .run()?;
    let built = environment::root().join(TARGET).join("debug");
    let library = format!("{}ao_plugin_fixture{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    // The next snapshot's library gets the same name.
    let kept = environment::root().join(&folder).join(&library);
    files::copy(&built.join(&library), &kept)?;
    Program::cargo()
        .args(["test", "--package", "ao-host", "--test", "it", "--", "golden::"])
        .env("AO_GOLDEN_LIBRARY", kept)
        .run()
}

fn unpack(snapshot: &Snapshot, folder: &Path) -> Result<(), Failure> {
    let root = environment::root();
    let archive = match &snapshot.source {
        Source::Archive(path) => path.clone(),
        Source::Tag => {
            let path = Path::new(UNPACKED).join(format!("{}{ARCHIVE_SUFFIX}", snapshot.name));
            files::make_parent(&root.join(&path))?;
            let git = Program::new("git").args(["archive", "--format=tar.gz", "--output"]).args([&path]);
            git.args([snapshot.name.as_str(), "--"]).args(CONTENTS.iter().copied()).run()?;
            path
        }
    };
    files::make_parent(&root.join(folder).join("Cargo.toml"))?;
    Program::new("tar").args(["-xzf"]).args([&archive]).args(["-C"]).args([folder]).run()?;
    let manifest = root.join(folder).join("Cargo.toml");
    let text = files::read(&manifest)?.unwrap_or_default();
    let alone = alone(&text)
        .ok_or_else(|| Failure::new(format!("`{}` lists its members in another way", manifest.display())))?;
    files::replace(&manifest, &alone)
}

/// The workspace's manifest with none but the packages of a snapshot.
fn alone(manifest: &str) -> Option<String> {
    let members = MEMBERS.iter().flat_map(|member| ["  \"", member, "\",\n"]).collect::<String>();
    let (before, rest) = manifest.split_once("members = [\n")?;
    let (_, after) = rest.split_once("]\n")?;
    let after = after.lines().filter(|line| !line.starts_with("default-members"));
    Some(format!("{before}members = [\n{members}]\n{}\n", after.collect::<Vec<_>>().join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_a_workspace_of_its_own_packages() {
        let manifest =
            "[workspace]\nmembers = [\n  \"ao-cli\",\n  \"ao-core\",\n]\ndefault-members = [\"ao-cli\"]\n\n[x]\n";
        let alone = alone(manifest).unwrap();
        assert!(alone.starts_with("[workspace]\nmembers = [\n  \"ao-core/abi\",\n"), "{alone}");
        assert!(!alone.contains("ao-cli") && alone.ends_with("]\n\n[x]\n"), "{alone}");
        assert_eq!(super::alone("[workspace]\nmembers = []\n"), None);
    }
}
