//! `ao issue new`: makes an issue.

use std::process::ExitCode;

use ao_core::model::IssueId;
use ao_core::slots::tracker::CreateIssue;

use super::desk::{Whose, key};
use super::words::Body;
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::{self, Page};

/// Make an issue; prints its id
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What it is about, in one line
    title: String,
    #[command(flatten)]
    body: Body,
    /// A label; may be given more than once
    #[arg(short, long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Who is to do it; may be given more than once
    #[arg(short, long = "assign", value_name = "NAME")]
    assignees: Vec<String>,
    /// An issue that must be done first; may be given more than once
    #[arg(long, value_name = "ISSUE")]
    blocked_by: Vec<IssueId>,
    #[command(flatten)]
    whose: Whose,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let body = self.body.read(edge)?;
        let desk = self.whose.open(edge)?;
        let mut request = CreateIssue::new(key(), self.title);
        request.repository = Some(desk.repository.clone());
        request.body = body.unwrap_or_default();
        request.labels = self.labels;
        request.assignees = self.assignees;
        request.blocked_by = self.blocked_by.iter().map(ToString::to_string).collect();
        request.author = Some(desk.author(edge));
        let made = block_on(desk.tracker.instance.create(request))?;
        let issue = made.map_err(|error| desk.failed(format_args!("make an issue with"), error))?;
        output::note(output::printable(&issue.title));
        let mut page = Page::for_stdout();
        page.line(&issue.id);
        page.print()?;
        Ok(ExitCode::SUCCESS)
    }
}
