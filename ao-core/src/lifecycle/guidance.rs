//! What an agent is told of `ao` itself: how it is heard, and how its work gets to others.

/// What an agent can do with `ao` in its project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Say how it gets on.
    Reports,
    /// That, and open pull requests.
    Pulls,
}

/// The text for the end of a prompt. It is short: whatever stands here is read with every task.
#[must_use]
pub fn guidance(means: Means) -> &'static str {
    match means {
        Means::Reports => {
            "You are heard by these commands: `ao acknowledge` once you have understood the task, and `ao report STATE --note \
             TEXT` when that changes: working, waiting, needs_input (say in the note what you need) or completed."
        }
        Means::Pulls => {
            "You are heard by these commands: `ao acknowledge` once you have understood the task, and `ao report STATE --note \
             TEXT` when that changes: working, waiting, needs_input (say in the note what you need) or completed. When the \
             work is committed on your branch, `ao pr create` opens its pull request; `ao pr show NUMBER` shows what checks \
             and reviewers say of it. You cannot approve or merge it yourself."
        }
    }
}
