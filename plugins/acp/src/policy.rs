//! Which permission is given: by the session's permission mode, or by a human. Answers are chosen by what they do (`kind`),
//! never by their id or place: every agent has its own.

use ao_plugin_sdk::prelude::*;

use ao_agent_conversation::choices::of_kind;
use ao_agent_conversation::journal::Choice;

/// What becomes of a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is answered so.
    Choose(Choice),
    /// It is refused, and the agent offers no answer that says so.
    Withdraw,
    /// A human is asked.
    Ask,
}

/// What a tool does, as far as a policy cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Looks at things.
    Looks,
    /// Changes files, all of them within the worktree as far as is said.
    Edits,
    /// Changes files elsewhere.
    EditsElsewhere,
    /// Runs a command.
    Runs,
    /// Something else, or it is not said.
    Other,
}

impl Tool {
    /// From the protocol's word and the files that are named.
    pub(crate) fn of(kind: Option<&str>, paths: Option<&[String]>, workspace: &Utf8Path) -> Self {
        let within = paths.unwrap_or_default().iter().all(|path| is_within(Utf8Path::new(path), workspace));
        match kind.unwrap_or_default() {
            "read" | "search" | "think" if within => Self::Looks,
            "edit" | "delete" | "move" if within && !paths.unwrap_or_default().iter().any(is_gits) => Self::Edits,
            "edit" | "delete" | "move" => Self::EditsElsewhere,
            "execute" => Self::Runs,
            _ => Self::Other,
        }
    }
}

/// Whether a path is git's own: what stands there decides what git runs for `ao`, and where.
pub(crate) fn is_gits(path: impl AsRef<Utf8Path>) -> bool {
    path.as_ref().components().any(|part| part.as_str().eq_ignore_ascii_case(".git"))
}

fn is_within(path: &Utf8Path, workspace: &Utf8Path) -> bool {
    use ao_plugin_sdk::camino::Utf8Component::ParentDir;
    !path.components().any(|part| part == ParentDir) && (path.is_relative() || path.starts_with(workspace))
}

/// Decides on a permission request.
pub(crate) fn decide(mode: PermissionMode, tool: Tool, choices: &[Choice]) -> Decision {
    let allow = || allowed(choices).map_or(Decision::Ask, |choice| Decision::Choose(choice.clone()));
    let reject = || rejected(choices).map_or(Decision::Withdraw, |choice| Decision::Choose(choice.clone()));
    // For good would be more than the mode gives.
    let once = || of_kind(choices, "allow_once").map_or(Decision::Ask, |choice| Decision::Choose(choice.clone()));
    match (mode, tool) {
        (PermissionMode::Permissionless, _) => allow(),
        (PermissionMode::AutoEdit, Tool::Looks | Tool::Edits) => once(),
        (PermissionMode::Suggest, Tool::Edits | Tool::EditsElsewhere | Tool::Runs) => reject(),
        _ => Decision::Ask,
    }
}

/// An answer that allows: this once, or for good where that is all there is.
fn allowed(choices: &[Choice]) -> Option<&Choice> {
    of_kind(choices, "allow_once").or_else(|| of_kind(choices, "allow_always"))
}

/// An answer that refuses.
fn rejected(choices: &[Choice]) -> Option<&Choice> {
    of_kind(choices, "reject_once").or_else(|| of_kind(choices, "reject_always"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(kinds: &[&str]) -> Vec<Choice> {
        let choice =
            |(at, kind): (usize, &&str)| Choice { id: format!("id{at}"), kind: (*kind).into(), label: (*kind).into() };
        kinds.iter().enumerate().map(choice).collect()
    }

    fn decided(mode: PermissionMode, tool: Tool, kinds: &[&str]) -> String {
        match decide(mode, tool, &choices(kinds)) {
            Decision::Choose(choice) => choice.kind,
            Decision::Withdraw => "withdraw".to_owned(),
            Decision::Ask => "ask".to_owned(),
        }
    }

    #[test]
    fn each_mode_gives_what_it_says() {
        use PermissionMode::{AutoEdit, Default, Permissionless, Suggest, Unknown};
        let all = ["allow_always", "allow_once", "reject_once"];
        for (mode, wanted) in [
            //              looks         edits          elsewhere      runs           other
            (Permissionless, ["allow_once"; 5]),
            (AutoEdit, ["allow_once", "allow_once", "ask", "ask", "ask"]),
            (Default, ["ask"; 5]),
            (Unknown, ["ask"; 5]),
            (Suggest, ["ask", "reject_once", "reject_once", "reject_once", "ask"]),
        ] {
            let tools = [Tool::Looks, Tool::Edits, Tool::EditsElsewhere, Tool::Runs, Tool::Other];
            assert_eq!(tools.map(|tool| decided(mode, tool, &all)), wanted, "{mode:?}");
        }
        assert_eq!(decided(Permissionless, Tool::Runs, &["reject_once", "allow_always"]), "allow_always");
        assert_eq!(decided(Permissionless, Tool::Runs, &["reject_once", "whatever"]), "ask");
        assert_eq!(decided(AutoEdit, Tool::Edits, &["reject_once", "allow_always"]), "ask");
        assert_eq!(decided(Suggest, Tool::Runs, &["allow_once", "reject_always"]), "reject_always");
        assert_eq!(decided(Suggest, Tool::Runs, &["allow_once"]), "withdraw");
    }

    #[test]
    fn an_edit_is_one_of_the_worktree_only_where_every_file_is() {
        let tool = |kind, paths: &[&str]| {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            Tool::of(Some(kind), Some(&paths), Utf8Path::new("/w/one"))
        };
        assert_eq!(tool("edit", &["/w/one/a", "b"]), Tool::Edits);
        assert_eq!(tool("edit", &[]), Tool::Edits);
        for path in ["/w/one-2/a", "/w/one/../two", "../a", "/etc/passwd"] {
            assert_eq!(tool("edit", &["/w/one/a", path]), Tool::EditsElsewhere, "{path}");
            assert_eq!(tool("read", &[path]), Tool::Other, "{path}");
        }
        for path in ["/w/one/.git/hooks/pre-commit", ".git", "sub/.GIT/config"] {
            assert_eq!(tool("edit", &[path]), Tool::EditsElsewhere, "{path}");
        }
        assert_eq!(tool("edit", &[".github/a", ".gitignore"]), Tool::Edits);
        assert_eq!(Tool::of(None, None, Utf8Path::new("/w")), Tool::Other);
    }
}
