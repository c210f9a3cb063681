//! The child's side: loads the library, runs the checks, and writes down each before it begins.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;

use ao_core::{Code, Error};
use ao_host::loader::{CreateRequest, Library, Vault};
use ao_plugin_sdk::conformance::{Door, Progress, Record, Subject};
use camino::Utf8Path;

use super::{Assignment, Entry, Plan, Task};

/// Does what a file says.
pub(crate) fn work(assignment: &Utf8Path) -> Result<(), Error> {
    let unreadable = |error: &dyn std::error::Error| Error::wrap(Code::OTHER, "cannot read the assignment", error);
    let bytes = fs_err::read(assignment).map_err(|error| unreadable(&error))?;
    let assignment: Assignment = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
    let file = OpenOptions::new().append(true).create(true).open(&assignment.diary);
    let mut diary = Diary(file.map_err(|error| unreadable(&error))?);
    let library = load(&assignment);
    match assignment.task {
        Task::Manifest => diary.write(&Entry::Manifest(library.map(|library| library.manifest().clone()))),
        Task::Check(plan) => match library {
            Ok(library) => {
                diary.write(&Entry::Loaded(Ok(())))?;
                check(library, &plan, &mut diary)
            }
            Err(error) => diary.write(&Entry::Loaded(Err(error))),
        },
    }
}

fn load(assignment: &Assignment) -> Result<Library, Error> {
    let stored = Vault::new(assignment.vault.clone()).open(&assignment.sha256, &assignment.copy)?;
    Ok(Library::load(&stored)?)
}

fn check(library: Library, plan: &Plan, diary: &mut Diary) -> Result<(), Error> {
    let (slot, name) = (plan.component.slot, plan.component.name.clone());
    let subject = Subject::transports(&plan.component, move |config, host| {
        library.connect(&CreateRequest { slot, name: name.as_str(), config, host: Arc::clone(&host) })
    });
    let _ = plan.kit(subject)?.run_following(&plan.done, diary);
    Ok(())
}

/// Lines that outlive the process, whatever ends it.
struct Diary(File);

impl Diary {
    fn write(&mut self, entry: &Entry) -> Result<(), Error> {
        let written = serde_json::to_string(entry).map_err(io::Error::from).and_then(|mut line| {
            line.push('\n');
            // In one piece: the page cache keeps it when the process dies.
            self.0.write_all(line.as_bytes())
        });
        written.map_err(|error| Error::wrap(Code::OTHER, "cannot write the diary", &error))
    }
}

impl Progress for Diary {
    fn begins(&mut self, check: &str, door: Door) {
        // A step that cannot be written down is missing from the diary, which the parent reports.
        let _ = self.write(&Entry::Begins { check: check.to_owned(), door });
    }

    fn ended(&mut self, record: &Record) {
        let _ = self.write(&Entry::Ended(record.clone()));
    }
}
