//! `ao reactions test`: whether the rules do what their author means.

use std::process::ExitCode;

use ao_core::cases::{CaseFile, CaseResult, Mismatch};
use ao_core::config::{Diagnostics, MAX_BYTES, Project};
use ao_core::model::ProjectName;
use ao_core::{Code, Error};
use ao_host::setup::Setup;
use ao_host::world::files;
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use super::junit;
use crate::completion;
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::manager;
use crate::output::{self, Page, Tone};
use crate::view::{Format, View};

/// Run cases against the rules: what is so, what happens, and what is expected to be done
///
/// Nothing is done and nothing is stored; time passes at once. The rules are those of the project, unless a file has
/// `reactions` of its own. Exits with 1 when a case does not come out as expected.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Files with cases, as YAML or JSON; `ao reactions schema` says what may stand in them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    /// Whose rules; the only project, or the one around the current directory, unless given
    #[arg(short, long, value_name = "NAME", add = completion::projects())]
    project: Option<ProjectName>,
    /// Also write the result as `JUnit` XML; `-` writes it to standard output in place of the rest
    #[arg(long, value_name = "FILE|-")]
    junit: Option<Utf8PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What came of cases.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestView {
    /// Whether every case came out as expected.
    passed: bool,
    /// The files, in the order in which they were given.
    files: Vec<FileResult>,
}

/// What came of the cases of a file.
#[derive(Serialize, JsonSchema)]
pub(super) struct FileResult {
    /// The file.
    pub(super) file: String,
    /// The project whose rules were tested; absent where they stand in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectName>,
    /// Its cases, in order.
    pub(super) cases: Vec<CaseResult>,
}

impl FileResult {
    /// How many cases did not come out as expected.
    pub(super) fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.is_passed()).count()
    }

    /// A mismatch in one line.
    pub(super) fn words(&self, mismatch: &Mismatch) -> String {
        let nothing = || "nothing".to_owned();
        let (expected, got) = (mismatch.expected.clone(), mismatch.got.clone());
        format!(
            "{}: expected {}; got {}",
            self.head(mismatch),
            expected.unwrap_or_else(nothing),
            got.unwrap_or_else(nothing)
        )
    }

    fn head(&self, mismatch: &Mismatch) -> String {
        let Mismatch { look, line, column, at, status, .. } = mismatch;
        format!("look {look} at {}:{line}:{column}, {at} in, {status}", self.file)
    }
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let is_to_stdout = self.junit.as_ref().is_some_and(|file| file == "-");
        if is_to_stdout && self.format.is_json() {
            return Err(Error::invalid_input("`--json` and `--junit -` both want standard output").into());
        }
        let files = self.read(edge)?;
        let setup = if self.project.is_none() && files.iter().all(|(_, file)| file.has_rules()) {
            None
        } else {
            Some(edge.setup_of(edge.config_files()?)?)
        };
        let project = match &setup {
            Some(setup) => Some(self.project(edge, setup)?),
            None => None,
        };
        let results = files.iter().map(|(name, file)| {
            let project = project.filter(|_| !file.has_rules());
            let cases = file.run(project);
            FileResult { file: name.to_string(), project: project.map(|project| project.name.clone()), cases }
        });
        let files: Vec<_> = results.collect();
        let view = TestView { passed: files.iter().all(|file| file.failed() == 0), files };
        match &self.junit {
            Some(_) if is_to_stdout => output::text(&junit::write(&view.files))?,
            Some(file) => {
                let path = edge.absolute(file);
                let failed = |error| Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error);
                files::write_atomic(&path, junit::write(&view.files).as_bytes(), 0o644).map_err(failed)?;
                self.format.show(&view)?;
            }
            None => self.format.show(&view)?,
        }
        Ok(if view.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn project<'a>(&self, edge: &Edge, setup: &'a Setup) -> Result<&'a Project, Failure> {
        manager::project(edge, setup, self.project.as_ref())
    }

    /// The files, or everything that is wrong with any of them.
    fn read(&self, edge: &Edge) -> Result<Vec<(&Utf8Path, CaseFile)>, Failure> {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for name in &self.files {
            let path = edge.absolute(name);
            let failed = |error| Error::wrap(Code::NOT_FOUND, format!("cannot read `{path}`"), &error);
            // One byte more than the parser accepts is enough for it to refuse.
            let bytes = files::read_at_most(&path, MAX_BYTES + 1).map_err(failed)?;
            match CaseFile::parse(name, &bytes) {
                Ok(file) => read.push((name.as_path(), file)),
                Err(found) => problems.extend(found),
            }
        }
        let problems: Diagnostics = problems.into_iter().collect();
        if problems.is_empty() { Ok(read) } else { Err(problems.into()) }
    }
}

impl View for TestView {
    fn write(&self, page: &mut Page) {
        for file in &self.files {
            for case in &file.cases {
                let title = format!("{}:{}: {}", file.file, case.line, case.name);
                if case.is_passed() {
                    page.marked(Tone::Good, "ok    ", title);
                    continue;
                }
                page.marked(Tone::Bad, "failed", title);
                for mismatch in &case.mismatches {
                    page.line(format_args!("          {}", file.head(mismatch)));
                    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
                    page.line(format_args!("            expected: {}", side(&mismatch.expected)));
                    page.line(format_args!("            got:      {}", side(&mismatch.got)));
                }
            }
        }
        let all: usize = self.files.iter().map(|file| file.cases.len()).sum();
        let failed: usize = self.files.iter().map(FileResult::failed).sum();
        page.gap();
        page.line(match failed {
            0 => format!("all {all} cases are as expected"),
            failed => format!("{failed} of {all} cases are not as expected"),
        });
    }
}
