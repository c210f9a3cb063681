//! `ao issue edit`: changes what an issue says, by options or in an editor.

use std::process::ExitCode;

use ao_core::model::IssueId;
use ao_core::slots::tracker::{Issue, IssueChange, relabelled};
use ao_core::{Code, Error};

use super::desk::{Desk, Whose};
use super::editor;
use super::words::Body;
use crate::edge::Edge;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Change what an issue says
///
/// Without options, in a terminal, its title and text are opened in `$VISUAL` or `$EDITOR`. A list that is given replaces the
/// one that the issue has; an empty text, such as `--label ''`, stands for none.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The issue, as the tracker calls it
    #[arg(value_name = "ISSUE")]
    issue: IssueId,
    /// What it is about, in one line
    #[arg(short, long)]
    title: Option<String>,
    #[command(flatten)]
    body: Body,
    /// A label that it is to have, and no others but those given here
    #[arg(short, long = "label", value_name = "LABEL", conflicts_with_all = ["add_labels", "remove_labels"])]
    labels: Vec<String>,
    /// A label that it is to have besides the others
    #[arg(long = "add-label", value_name = "LABEL")]
    add_labels: Vec<String>,
    /// A label that it is not to have
    #[arg(long = "remove-label", value_name = "LABEL")]
    remove_labels: Vec<String>,
    /// Who is to do it, and nobody else but those given here
    #[arg(short, long = "assign", value_name = "NAME")]
    assignees: Vec<String>,
    /// An issue that must be done first, and no others but those given here
    #[arg(long, value_name = "ISSUE")]
    blocked_by: Vec<String>,
    #[command(flatten)]
    whose: Whose,
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let body = self.body.read(edge)?;
        let desk = self.whose.open(edge)?;
        let issue = desk.get(self.issue.as_str())?;
        let changes = self.changes(body);
        if changes.is_empty() {
            return in_editor(edge, &desk, &issue);
        }
        for change in changes {
            apply(&issue.id, change, |change| desk.update(edge, &issue.id, change), |id| desk.get(id))?;
        }
        told(&issue);
        Ok(ExitCode::SUCCESS)
    }

    /// What the options ask for.
    fn changes(self, body: Option<String>) -> Vec<IssueChange> {
        let mut changes = Vec::new();
        if self.title.is_some() || body.is_some() {
            changes.push(IssueChange::Edit { title: self.title, body });
        }
        if !self.labels.is_empty() {
            changes.push(IssueChange::Labels { labels: without_empty(self.labels) });
        } else if !self.add_labels.is_empty() || !self.remove_labels.is_empty() {
            changes.push(IssueChange::Relabel { add: without_empty(self.add_labels), remove: self.remove_labels });
        }
        if !self.assignees.is_empty() {
            changes.push(IssueChange::Assign { assignees: without_empty(self.assignees) });
        }
        if !self.blocked_by.is_empty() {
            changes.push(IssueChange::BlockedBy { issues: without_empty(self.blocked_by) });
        }
        changes
    }
}

/// Has it changed. For a tracker that cannot add and remove labels, they are read and all of them set.
fn apply(
    id: &str,
    change: IssueChange,
    update: impl Fn(IssueChange) -> Result<Issue, Failure>,
    get: impl Fn(&str) -> Result<Issue, Failure>,
) -> Result<Issue, Failure> {
    match (update(change.clone()), change) {
        (Err(Failure::Error(error)), IssueChange::Relabel { add, remove }) if error.code == Code::UNSUPPORTED => {
            let labels = relabelled(&get(id)?.labels, &add, &remove);
            update(IssueChange::Labels { labels })
        }
        (changed, _) => changed,
    }
}

fn without_empty(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| !word.trim().is_empty()).collect()
}

fn told(issue: &Issue) {
    output::note(format_args!("changed {}", output::printable(&issue.id)));
}

fn in_editor(edge: &Edge, desk: &Desk, issue: &Issue) -> Outcome {
    if !editor::can_ask() {
        let message = "nothing is to be changed; say what, such as `--title`, `--body` or `--add-label`";
        return Err(Error::invalid_input(message).into());
    }
    let edited = editor::edit(edge, &edge.environment.current_directory, &issue.title, &issue.body)?;
    let title = Some(edited.title.clone()).filter(|title| *title != issue.title);
    let body = Some(edited.body.clone()).filter(|body| *body != issue.body.trim_end());
    if title.is_none() && body.is_none() {
        output::note("nothing was changed");
        edited.discard();
        return Ok(ExitCode::SUCCESS);
    }
    let now = desk.get(&issue.id)?;
    if (&now.title, &now.body) != (&issue.title, &issue.body) {
        let message = format!("somebody else has changed the issue `{}`, so it is left as it is", issue.id);
        let error = Error::conflict(message);
        return Err(edited.kept(error).into());
    }
    match desk.update(edge, &issue.id, IssueChange::Edit { title, body }) {
        Ok(issue) => {
            told(&issue);
            edited.discard();
            Ok(ExitCode::SUCCESS)
        }
        Err(Failure::Error(error)) => Err(edited.kept(error).into()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use ao_core::slots::tracker::IssueState;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn labels_are_added_and_removed_by_the_tracker_else_here() {
        let line = Line::try_parse_from(["edit", "1", "--add-label", "c", "--remove-label", "a"])
            .unwrap_or_else(|error| panic!("{error}"));
        let changes = line.arguments.changes(None);
        let relabel = IssueChange::Relabel { add: words(&["c"]), remove: words(&["a"]) };
        assert_eq!(changes.as_slice(), std::slice::from_ref(&relabel));
        let issue = || {
            let mut issue = Issue::new("1", "A title", IssueState::Open);
            issue.labels = words(&["a", "b"]);
            issue
        };
        let all = IssueChange::Labels { labels: words(&["b", "c"]) };
        for (code, expected) in [
            (None, vec![relabel.clone()]),
            (Some(Code::UNSUPPORTED), vec![relabel.clone(), all]),
            (Some(Code::NOT_FOUND), vec![relabel.clone()]),
        ] {
            let asked = RefCell::new(Vec::new());
            let update = |change: IssueChange| {
                let refused = code.clone().filter(|_| asked.borrow().is_empty());
                asked.borrow_mut().push(change);
                refused.map_or_else(|| Ok(issue()), |code| Err(Error::new(code, "no").into()))
            };
            let changed = apply("1", relabel.clone(), update, |_| Ok(issue()));
            assert_eq!(changed.is_err(), code == Some(Code::NOT_FOUND));
            assert_eq!(asked.into_inner(), expected);
        }
    }
}
