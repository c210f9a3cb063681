//! Looking again at every library that may be loaded: whether it is still what was trusted, and whether nobody else can
//! change it. Reads only.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::installed;
use crate::loader::{LoadError, Vault};
use crate::trust::Trust;
use crate::world::{Places, files};

/// What a file is to `ao`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It was trusted where it stands.
    Trusted,
    /// It stands in the directory of installed libraries.
    Installed,
    /// The configuration lists it.
    Listed,
    /// It was asked for by its path.
    Asked,
    /// It is a copy of ours, which is what is loaded.
    Copy,
}

/// How a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It is what was trusted.
    Ok,
    /// It is not what was trusted, or not what its name says.
    Changed,
    /// It is not there.
    Missing,
    /// Somebody else can change it, or a directory above it.
    Exposed,
    /// It was never trusted.
    Untrusted,
    /// It could not be looked at.
    Unreadable,
}

/// One file that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The file.
    pub path: Utf8PathBuf,
    /// What it is.
    pub part: Part,
    /// How it is.
    pub condition: Condition,
    /// The SHA-256 of what is in it now, where that could be read.
    pub sha256: Option<String>,
    /// The SHA-256 that it should have, where that is known.
    pub expected: Option<String>,
    /// What is wrong and what to do, where something is.
    pub help: Option<String>,
}

/// What is looked at.
#[derive(Clone, Debug)]
pub enum Scope<'a> {
    /// Everything that is trusted or installed, these that the configuration lists, and every copy.
    Everything {
        /// The listed ones.
        listed: &'a [Utf8PathBuf],
    },
    /// Only these files, and our copies of what was trusted there.
    Files(&'a [Utf8PathBuf]),
}

/// Looks at libraries again. Each file is hashed, whatever its dates say.
#[must_use]
pub fn verify(scope: &Scope<'_>, trust: &Trust, places: &Places) -> Vec<Verified> {
    let vault = Vault::new(places.plugins_by_hash());
    let canonical = |path: &Utf8PathBuf| files::canonical(path).unwrap_or_else(|_| path.clone());
    let all = |paths: &[Utf8PathBuf], part| paths.iter().map(|path| (canonical(path), part)).collect::<Vec<_>>();
    let (mut wanted, copies) = match scope {
        Scope::Everything { listed } => {
            let mut wanted = all(&installed::libraries(places), Part::Installed);
            wanted.extend(all(listed, Part::Listed));
            wanted.extend(trust.libraries().iter().map(|library| (library.path.clone(), Part::Trusted)));
            (wanted, vault.copies())
        }
        Scope::Files(paths) => {
            let wanted = all(paths, Part::Asked);
            let is_of_these = |hash: &str| {
                let trusted = wanted.iter().filter_map(|(path, _)| trust.library_at(path));
                trusted.into_iter().any(|library| library.sha256 == hash)
            };
            let copies = vault.copies().into_iter().filter(|(hash, _)| is_of_these(hash)).collect();
            (wanted, copies)
        }
    };
    let mut seen = BTreeSet::new();
    wanted.retain(|(path, _)| seen.insert(path.clone()));
    let originals = wanted.into_iter().map(|(path, part)| original(path, part, trust));
    originals.chain(copies.into_iter().map(|(hash, path)| copy(path, hash))).collect()
}

/// The hash of a file, as far as it can be read, and whether the file is one to rely on.
fn examine(path: &Utf8Path) -> (Option<String>, Result<String, LoadError>) {
    let hash = Vault::hash(path);
    let sha256 = hash.as_ref().ok().cloned();
    (sha256, hash.and_then(|hash| Vault::check_exposure(path).map(|()| hash)))
}

/// A library of the user's.
fn original(path: Utf8PathBuf, part: Part, trust: &Trust) -> Verified {
    let expected = trust.library_at(&path).map(|library| library.sha256.clone());
    let (sha256, examined) = examine(&path);
    let (condition, help) = match (examined, &expected) {
        (Err(error), _) => broken(&error, &path, part),
        (Ok(found), _) if trust.trusts_library(&found) && expected.as_ref().is_none_or(|hash| *hash == found) => {
            (Condition::Ok, None)
        }
        (Ok(_), Some(_)) => (
            Condition::Changed,
            Some(format!("if you changed it, `ao plugin trust {path}`; if not, find out who did, and build it again")),
        ),
        (Ok(_), None) => {
            (Condition::Untrusted, Some(format!("look at where it comes from, then `ao plugin trust {path}`")))
        }
    };
    Verified { path, part, condition, sha256, expected, help }
}

/// A copy of ours.
fn copy(path: Utf8PathBuf, expected: String) -> Verified {
    let (sha256, examined) = examine(&path);
    let (condition, help) = match examined {
        Ok(found) if found == expected => (Condition::Ok, None),
        Ok(_) => {
            let directory = path.parent().unwrap_or(&path);
            let help =
                format!("nothing loads it; find out who changed it, then remove `{directory}`: a copy is made again");
            (Condition::Changed, Some(help))
        }
        Err(error) => broken(&error, &path, Part::Copy),
    };
    Verified { path, part: Part::Copy, condition, sha256, expected: Some(expected), help }
}

fn broken(error: &LoadError, path: &Utf8Path, part: Part) -> (Condition, Option<String>) {
    match error {
        LoadError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            let help = match part {
                Part::Listed => "put it there, or take it out of `plugins` in the configuration".to_owned(),
                _ => format!("put it back, or `ao plugin untrust {path}`"),
            };
            (Condition::Missing, Some(help))
        }
        LoadError::Exposed { .. } => (Condition::Exposed, Some(error.to_string())),
        _ => (Condition::Unreadable, Some(error.to_string())),
    }
}
