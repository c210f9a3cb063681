//! `ao issue show`: one issue, and what was said about it.

use std::process::ExitCode;

use ao_core::Code;
use ao_core::model::{IssueId, Timestamp};
use ao_core::slots::tracker::{Issue, IssueComment};
use ao_core::text::one_line;
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::Whose;
use super::list::word;
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::Page;
use crate::session_view::age;
use crate::view::{Format, View};

/// Show an issue, with its comments
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The issue, as the tracker calls it
    #[arg(value_name = "ISSUE")]
    issue: IssueId,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

/// An issue with its comments.
#[derive(Serialize, JsonSchema)]
pub(crate) struct IssueView {
    /// The issue.
    issue: Issue,
    /// What was said about it, in its order; none where the tracker cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    comments: Option<Vec<IssueComment>>,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = self.whose.open(edge)?;
        let issue = desk.get(self.issue.as_str())?;
        let comments = match block_on(desk.tracker.instance.comments(desk.request(self.issue.as_str())))? {
            Ok(comments) => Some(comments),
            Err(error) if error.code == Code::UNSUPPORTED => None,
            Err(error) => {
                return Err(desk.failed(format_args!("get the comments on `{}` from", self.issue), error).into());
            }
        };
        self.format.show(&IssueView { issue, comments, at: World::system().now() })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl View for IssueView {
    fn write(&self, page: &mut Page) {
        let issue = &self.issue;
        let mut fields = vec![
            ("issue", issue.id.clone()),
            ("title", one_line(&issue.title, 500)),
            ("state", word(issue.state).to_owned()),
        ];
        for (name, words) in
            [("labels", &issue.labels), ("assigned", &issue.assignees), ("waits for", &issue.blocked_by)]
        {
            fields.extend((!words.is_empty()).then(|| (name, one_line(&words.join(", "), 500))));
        }
        fields.extend(issue.url.clone().map(|url| ("url", url)));
        fields.extend(issue.branch.as_ref().map(|branch| ("branch", branch.to_string())));
        fields.extend(issue.updated_at.map(|then| ("changed", format!("{} ago", age(self.at, then)))));
        page.fields(fields);
        if !issue.body.trim().is_empty() {
            page.gap();
            page.line(&issue.body);
        }
        for comment in self.comments.iter().flatten() {
            page.gap();
            page.line(format_args!("{}, {} ago:", one_line(&comment.author, 100), age(self.at, comment.at)));
            page.line(&comment.body);
        }
    }
}
