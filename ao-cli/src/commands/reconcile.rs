//! `ao reconcile`: one look at every session, for a machine that nobody sits at.

use std::fmt::Write as _;
use std::process::ExitCode;

use ao_core::Code;
use ao_core::model::Timestamp;
use ao_host::host::{CheckMode, OnceReport};
use ao_host::store::{Reader, SessionFilter};
use ao_host::world::{World, files};
use ao_plugin_sdk::conformance::junit::escape as escape_xml;
use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::hosting::{Hosting, Predecessor, Voice};
use crate::manager;
use crate::output::Page;
use crate::session_view::{Full, Row, decided_by, is_over, status_word};
use crate::view::{Format, View};

/// Look at every session once, bring to an end what was interrupted, and say what is left
///
/// Exits with 0 when nothing is left to do, with 1 when a session waits for a human, and with 75 when something could not
/// be asked, or a host runs, which does this by itself.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write a `JUnit` report, a test case for each session
    #[arg(long, value_name = "FILE")]
    junit: Option<Utf8PathBuf>,
    /// Run the checks of pull requests that `ao` runs itself to their end; else they are only named
    #[arg(long)]
    checks: bool,
    #[command(flatten)]
    format: Format,
}

/// What one look found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReconcileView {
    /// The sessions that were not ended, in the order of their creation.
    sessions: Vec<Row>,
    /// The ids of those that wait for a human.
    needs_human: Vec<String>,
    /// What could not be asked, a line each.
    unavailable: Vec<String>,
    /// Checks that something is still to come of, a line each.
    checks: Vec<String>,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(crate) fn run(self, edge: &Edge) -> Outcome {
        let setup = edge.setup_of(edge.config_files_if_any())?;
        setup.require_trust()?;
        let files = setup.loaded.files.clone();
        drop(setup);
        let hosting = Hosting { files, predecessor: Predecessor::Respected, voice: Voice::terminal(), log: None };
        let mode = if self.checks { CheckMode::Run } else { CheckMode::Leave };
        let OnceReport { needs_human, unavailable, checks, .. } = hosting.run_once(edge, mode)?;
        let world = World::system();
        let stored = manager::reader(edge)?.sessions(&SessionFilter::default()).map_err(ao_core::Error::from)?;
        let rows = stored.iter().map(|session| Full::now(session, &world).row());
        let view = ReconcileView {
            sessions: rows.filter(|row| !is_over(row.status.name)).collect(),
            needs_human: needs_human.iter().map(ToString::to_string).collect(),
            unavailable,
            checks,
            at: world.now(),
        };
        if let Some(file) = &self.junit {
            write_junit(&edge.absolute(file), &view)?;
        }
        self.format.show(&view)?;
        Ok(match (view.unavailable.is_empty(), view.needs_human.is_empty()) {
            (false, _) => ExitCode::from(Code::UNAVAILABLE.exit_code()),
            (true, false) => ExitCode::FAILURE,
            (true, true) => ExitCode::SUCCESS,
        })
    }
}

fn write_junit(path: &Utf8Path, view: &ReconcileView) -> Result<(), Failure> {
    let failed = |error| ao_core::Error::wrap(Code::OTHER, format!("cannot write `{path}`"), &error);
    Ok(files::write_atomic(path, junit(view).as_bytes(), 0o644).map_err(failed)?)
}

/// A test suite with a case for each session, which fails where it waits for a human, and one for what could not be asked.
fn junit(view: &ReconcileView) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ao reconcile\">\n");
    let (tests, failures, errors) =
        (view.sessions.len() + view.unavailable.len(), view.needs_human.len(), view.unavailable.len());
    // Writing to a string cannot fail.
    let _ =
        writeln!(xml, "  <testsuite name=\"sessions\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">");
    for row in &view.sessions {
        let (project, id) = (escape_xml(&row.project), escape_xml(&row.id));
        let _ = write!(xml, "    <testcase classname=\"{project}\" name=\"{id}\"");
        if view.needs_human.contains(&row.id) {
            let (name, reason) = (row.status.name, escape_xml(&row.status.reason));
            let _ = writeln!(xml, ">\n      <failure type=\"{name}\" message=\"{reason}\"/>\n    </testcase>");
        } else {
            xml.push_str("/>\n");
        }
    }
    for why in &view.unavailable {
        let why = escape_xml(why);
        let _ = writeln!(
            xml,
            "    <testcase classname=\"ao\" name=\"plugins\">\n      <error message=\"{why}\"/>\n    </testcase>"
        );
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

impl View for ReconcileView {
    fn write(&self, page: &mut Page) {
        let rows: Vec<_> = self
            .sessions
            .iter()
            .map(|row| {
                let needed = if self.needs_human.contains(&row.id) { "you" } else { "" };
                let (status, by) = (status_word(&row.status), decided_by(&row.status, self.at));
                [row.id.clone(), status, needed.to_owned(), by, row.status.reason.clone()]
            })
            .collect();
        if rows.is_empty() {
            page.line("no session is running");
        } else {
            page.table(["SESSION", "STATUS", "WAITS FOR", "DECIDED BY", "WHY"], &rows);
        }
        for why in &self.unavailable {
            page.line(format_args!("not asked: {why}"));
        }
        for line in &self.checks {
            page.line(format_args!("not checked yet: {line}"));
        }
    }
}
