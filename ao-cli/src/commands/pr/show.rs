//! `ao pr show`: everything that is known of a pull request.

use std::process::ExitCode;

use ao_core::lifecycle::{Blocker, merge_gate};
use ao_core::model::{SessionId, Timestamp};
use ao_core::slots::scm::{
    Check, CheckState, Conversation, ConversationRequest, PullSnapshot, PullState, Remark, ReviewDecision, Thread,
    Verdict,
};
use ao_core::{Code, Error};
use ao_host::world::World;
use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Desk, Which};
use super::list::state_word;
use crate::edge::{Edge, block_on};
use crate::failure::Outcome;
use crate::output::{Page, Tone};
use crate::session_view::age;
use crate::view::{Format, View};

/// Show a pull request: how it stands, its checks, and what was said about it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    format: Format,
}

/// Everything that is known of a pull request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PullView {
    /// The pull request, with its checks and unresolved threads.
    pull: PullSnapshot,
    /// The session whose work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    /// What stands in the way of a merge.
    blockers: Vec<Blocker>,
    /// What was said, in its order; nothing where the scm plugin cannot tell.
    remarks: Vec<Remark>,
    /// When this was put together.
    at: Timestamp,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let desk = Desk::open(edge, &self.which.whose)?;
        let pull = desk.look(self.which.number)?;
        let session = desk.worker(&pull)?.map(|session| session.id);
        let remarks = remarks(&desk, &pull)?;
        let blockers = if pull.state == PullState::Open { merge_gate(&pull) } else { Vec::new() };
        self.format.show(&PullView { pull, session, blockers, remarks, at: World::system().now() })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn remarks(desk: &Desk<'_>, pull: &PullSnapshot) -> Result<Vec<Remark>, Error> {
    let request = ConversationRequest::new(desk.forge.repository.as_str(), pull.pull.clone());
    match block_on(desk.forge.scm.instance.conversation(request))? {
        Ok(Conversation { remarks, .. }) => Ok(remarks),
        Err(error) if error.code == Code::UNSUPPORTED => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl View for PullView {
    fn write(&self, page: &mut Page) {
        let pull = &self.pull;
        page.line(format_args!("#{} {}", pull.pull.number, pull.title.as_deref().unwrap_or("(no title)")));
        page.fields(self.fields());
        if let Some(body) = pull.body.as_deref().filter(|body| !body.trim().is_empty()) {
            page.gap();
            page.line(body.trim_end());
        }
        if !pull.checks.is_empty() {
            page.gap();
            pull.checks.iter().for_each(|check| write_check(page, check));
        }
        self.remarks.iter().for_each(|remark| self.write_remark(page, remark));
        if self.remarks.is_empty() {
            pull.threads.iter().for_each(|thread| write_thread(page, thread));
        }
    }
}

impl PullView {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let pull = &self.pull;
        let mut fields = vec![("state", state_word(pull).to_owned())];
        let mut optional = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
        let name = |branch: &Option<ao_core::model::BranchName>| branch.as_ref().map(ToString::to_string);
        optional("branch", name(&pull.branch));
        optional("base", name(&pull.base));
        optional("head", Some(pull.head.clone()));
        optional("merged as", pull.merged_as.clone());
        optional("author", pull.author.clone());
        optional("session", self.session.as_ref().map(ToString::to_string));
        optional("url", pull.pull.url.clone());
        optional("changed", pull.updated_at.map(|then| format!("{} ago", age(self.at, then))));
        optional("decision", decision(pull.decision).map(str::to_owned));
        let blockers: Vec<_> = self.blockers.iter().map(ToString::to_string).collect();
        let merge = if blockers.is_empty() { "nothing stands in the way".to_owned() } else { blockers.join("; ") };
        optional("merge", (pull.state == PullState::Open).then_some(merge));
        fields
    }

    fn write_remark(&self, page: &mut Page, remark: &Remark) {
        page.gap();
        let verdict = remark.verdict.and_then(verdict).map(|verdict| format!(" {verdict}")).unwrap_or_default();
        let place = place(remark.path.as_deref(), remark.line);
        let thread = remark.thread.as_ref().map(|thread| {
            let resolved = if remark.resolved { ", resolved" } else { "" };
            format!(" (thread {thread}{resolved})")
        });
        let ago = age(self.at, remark.at);
        page.line(format_args!("{}{verdict}{place}, {ago} ago{}", remark.author, thread.unwrap_or_default()));
        remark.body.lines().for_each(|line| page.line(format_args!("  {line}")));
    }
}

fn write_check(page: &mut Page, check: &Check) {
    let (tone, word) = match check.state {
        CheckState::Passed => (Tone::Good, "passed "),
        CheckState::Failed => (Tone::Bad, "failed "),
        CheckState::Pending => (Tone::Doubtful, "pending"),
        CheckState::Skipped => (Tone::Good, "skipped"),
        _ => (Tone::Doubtful, "unknown"),
    };
    let optional = if check.required { "" } else { " (not required)" };
    page.marked(tone, word, format_args!("{}{optional}", check.name));
}

fn write_thread(page: &mut Page, thread: &Thread) {
    page.gap();
    page.line(format_args!("{}{} (thread {})", thread.author, place(thread.path.as_deref(), thread.line), thread.id));
    thread.body.lines().for_each(|line| page.line(format_args!("  {line}")));
}

fn place(path: Option<&str>, line: Option<u64>) -> String {
    match (path, line) {
        (Some(path), Some(line)) => format!(" on {path}:{line}"),
        (Some(path), None) => format!(" on {path}"),
        (None, _) => String::new(),
    }
}

const fn decision(decision: ReviewDecision) -> Option<&'static str> {
    match decision {
        ReviewDecision::None => None,
        ReviewDecision::Wanted => Some("a review is wanted"),
        ReviewDecision::ChangesRequested => Some("changes are wanted"),
        ReviewDecision::Approved => Some("approved"),
        _ => Some("unknown"),
    }
}

const fn verdict(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Approve => Some("approved"),
        Verdict::RequestChanges => Some("wants changes"),
        _ => None,
    }
}
