//! Where everything of a run stands: `checks/<run>/<attempt>/` in the state directory.

use ao_core::model::{CheckName, CheckRun};
use camino::{Utf8Path, Utf8PathBuf};

use crate::world::Places;

/// The file that says what to run; it goes when it is read.
const SPEC_FILE: &str = "spec.json";
/// Written last: everything that is to be known is there.
pub(super) const ENDED_FILE: &str = "ended.json";
/// What the program that runs the checks complained about itself.
pub(super) const COMPLAINTS_FILE: &str = "check.stderr";
/// The folder, beside the runs, of what is kept between them.
pub(super) const CACHE: &str = ".cache";
/// The folder, beside the runs, of what is about to be removed.
const TRASH: &str = ".trash";

/// One attempt of a run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    name: String,
    /// Its directory.
    pub(crate) directory: Utf8PathBuf,
}

impl Place {
    /// That of the run's present attempt.
    pub(crate) fn of(places: &Places, run: &CheckRun) -> Self {
        Self::attempt(places, run, run.attempt)
    }

    /// That of another one.
    pub(crate) fn attempt(places: &Places, run: &CheckRun, attempt: u32) -> Self {
        let directory = places.checks().join(&run.id).join(attempt.to_string());
        Self { name: format!("{}.{attempt}", run.id), directory }
    }

    /// What is needed while it runs, and goes when it has ended.
    pub(crate) fn work(&self) -> Utf8PathBuf {
        self.directory.join("work")
    }

    /// The copy of the commit; no other has this name.
    pub(crate) fn tree(&self) -> Utf8PathBuf {
        self.work().join(&self.name)
    }

    /// The commands' home directory.
    pub(crate) fn home(&self) -> Utf8PathBuf {
        self.work().join("home")
    }

    /// Where the commands put temporary files.
    pub(crate) fn temporary(&self) -> Utf8PathBuf {
        self.work().join("tmp")
    }

    /// What to run.
    pub(crate) fn spec(&self) -> Utf8PathBuf {
        self.directory.join(SPEC_FILE)
    }

    /// What the program that runs the checks says of itself when it cannot.
    pub(crate) fn complaints(&self) -> Utf8PathBuf {
        self.directory.join(COMPLAINTS_FILE)
    }

    /// Where a part of it goes before it is removed.
    pub(crate) fn trashed(&self, places: &Places) -> Utf8PathBuf {
        trash(places).join(&self.name)
    }

    /// What marks every process of it. No session can be called so.
    pub(crate) fn marker(&self, places: &Places) -> String {
        format!("{}/check:{}", places.owner().id, self.name)
    }
}

/// What a check found, in the directory of an attempt.
pub(super) fn result_file(directory: &Utf8Path, name: &CheckName) -> Utf8PathBuf {
    directory.join(format!("result-{name}.json"))
}

/// What a check printed.
pub(super) fn log_file(directory: &Utf8Path, name: &str) -> Utf8PathBuf {
    directory.join(format!("{name}.log"))
}

/// The trash of checks, beside that of sessions: nothing in it is anybody's work.
pub(crate) fn trash(places: &Places) -> Utf8PathBuf {
    places.checks().join(TRASH)
}

/// Where what is kept between runs of a project stands.
pub(crate) fn cache(places: &Places, project: &Utf8Path) -> Utf8PathBuf {
    let digest = crate::hash::sha256(project.as_str().as_bytes());
    places.checks().join(CACHE).join(&digest[..16])
}
