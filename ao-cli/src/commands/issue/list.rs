//! `ao issue list`: the issues of a project.

use std::collections::BTreeSet;
use std::process::ExitCode;

use ao_core::slots::tracker::{Issue, IssueState, ListIssues};
use ao_core::text::one_line;
use ao_core::{Code, Error};
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Desk, Whose};
use crate::edge::{Edge, block_on};
use crate::failure::{Failure, Outcome};
use crate::output::Page;
use crate::view::{Format, View};

/// List issues, the open ones unless told otherwise
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Those in this state
    #[arg(short, long, default_value = "open")]
    state: Wanted,
    /// Only those with this label; with all of them, if given more than once
    #[arg(short, long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

/// Which issues are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Wanted {
    /// Not done
    Open,
    /// Done
    Closed,
    /// Both
    All,
}

/// Issues.
#[derive(Serialize, JsonSchema)]
pub(crate) struct IssueList {
    /// In the tracker's order.
    issues: Vec<Issue>,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = self.whose.open(edge)?;
        let mut request = ListIssues::new();
        request.repository = Some(desk.repository.clone());
        request.labels = self.labels;
        request.state = match self.state {
            Wanted::Open => Some(IssueState::Open),
            Wanted::Closed => Some(IssueState::Closed),
            Wanted::All => None,
        };
        self.format.show(&IssueList { issues: every_page(&desk, request)? })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn every_page(desk: &Desk, mut request: ListIssues) -> Result<Vec<Issue>, Failure> {
    let (mut issues, mut seen) = (Vec::new(), BTreeSet::new());
    loop {
        let page = block_on(desk.tracker.instance.list(request.clone()))?;
        let page = page.map_err(|error| desk.failed(format_args!("list the issues of"), error))?;
        issues.extend(page.issues);
        let Some(next) = page.next else { return Ok(issues) };
        if !seen.insert(next.clone()) {
            let error = Error::new(Code::PROTOCOL, "its pages come to no end");
            return Err(desk.failed(format_args!("list the issues of"), error).into());
        }
        request.page = Some(next);
    }
}

/// A state in one word.
pub(super) fn word(state: IssueState) -> &'static str {
    match state {
        IssueState::Open => "open",
        IssueState::Closed => "closed",
        _ => "unknown",
    }
}

impl View for IssueList {
    fn write(&self, page: &mut Page) {
        if self.issues.is_empty() {
            return page.line("no issues");
        }
        let row = |issue: &Issue| {
            [
                issue.id.clone(),
                word(issue.state).to_owned(),
                one_line(&issue.title, 100),
                one_line(&issue.labels.join(", "), 40),
                one_line(&issue.assignees.join(", "), 40),
                one_line(&issue.blocked_by.join(", "), 40),
            ]
        };
        let rows: Vec<_> = self.issues.iter().map(row).collect();
        page.table(["ISSUE", "STATE", "TITLE", "LABELS", "ASSIGNED", "WAITS FOR"], &rows);
    }
}
