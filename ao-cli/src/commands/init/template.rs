//! The text of a new configuration: what was found out, and the rest as comments.

use super::Forge;
use super::repository::Repository;

/// What a project says of its forge where nothing is asked for.
const UNSET: &str = "    # Issues and pull requests in the repository itself, without an account or a network.
    # tracker: local
    # scm: local
";

/// What it says where they are to be in the repository.
const LOCAL: &str =
    "    # Issues and pull requests are in the repository itself, under `refs/ao/`: no account, no network.
    tracker: local
    scm: local
    # What `ao` runs for each pull request, in a clean copy of its commit.
    # checks:
    #   commands:
    #     test: [cargo, test]
";

/// The file for a repository, with those agents that are usable here: the first of them is whom sessions get.
pub(super) fn text(repository: &Repository, forge: Forge, usable: &[String]) -> String {
    let repo = match (&repository.hosted, forge) {
        (Some(name), Forge::Unset) => format!("repo: {}", scalar(name.as_str())),
        // What is local is found by its directory.
        (Some(name), Forge::Local) => format!("# repo: {}   # its name where it is hosted", scalar(name.as_str())),
        (None, _) => "# repo: owner/name             # its name where it is hosted".to_owned(),
    };
    let forge = match forge {
        Forge::Unset => UNSET,
        Forge::Local => LOCAL,
    };
    format!(
        r#"# How `ao` works on this repository. After a change: `ao config check`, then `ao trust`.
version: 1

# Agents get a task and a worktree to do it in. `ao agent list` names those that need no entry here, and says which are
# installed. To use one of these, or one of your own, remove the `# ` in front of it and name it in `defaults`.
#
# agents:
#   claude:
#     plugin: claude-code
#     permissions: auto-edit      # what it does without asking
#   gemini:
#     plugin: acp                 # any program that speaks the Agent Client Protocol
#     argv: [gemini, --acp]
#   fixer:
#     plugin: command             # any program: `{{prompt_file}}` is the path of a file with the task
#     argv: [./fix.py, --file, "{{prompt_file}}"]   # `./` is the directory of this file

{defaults}
projects:
  {project}:
    path: .
    {repo}
    # The branch that sessions start from.
    defaultBranch: {branch}
{forge}    # What each worktree gets a symbolic link to, and what runs in it before the agent starts.
    # symlinks: [.env]
    # postCreate:
    #   - [npm, ci]
"#,
        defaults = defaults(usable),
        project = scalar(repository.project().as_str()),
        branch = scalar(repository.default_branch.as_str()),
    )
}

/// What every project uses.
fn defaults(usable: &[String]) -> String {
    let runtime = "runtime: tmux                 # where agents live; unset, `pty` stands in where tmux is missing";
    let Some((first, others)) = usable.split_first() else {
        return format!("# defaults:\n#   agent: claude\n#   {runtime}\n");
    };
    let others = if others.is_empty() { String::new() } else { format!(", as is {}", others.join(", ")) };
    format!("defaults:\n  agent: {}   # it is usable here{others}\n  # {runtime}\n", scalar(first))
}

/// A text as YAML reads it back: plain where it cannot be taken for anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !words.contains(&text.to_ascii_lowercase().as_str());
    // JSON's strings are YAML's too.
    if safe { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use ao_core::config::{Config, Document};
    use camino::Utf8Path;

    use super::*;

    fn repository(directory: &str, branch: &str) -> Repository {
        Repository {
            root: format!("/src/{directory}").into(),
            default_branch: branch.parse().unwrap(),
            hosted: Some("acme/app".parse().unwrap()),
            has_commit: true,
        }
    }

    fn config(text: &str) -> Config {
        let document = Document::parse(Utf8Path::new("/src/app/agent-orchestrator.yaml"), text.as_bytes());
        Config::layered([document.unwrap()], None).unwrap()
    }

    #[test]
    fn it_says_what_was_found_whatever_that_is_called() {
        for (directory, branch) in
            [("app", "main"), ("true", "feature/#1"), ("1e3", "yes"), ("日本", "x: y"), ("null", "a'b\"c")]
        {
            let Ok(branch_name) = branch.parse::<ao_core::model::BranchName>() else { continue };
            let repository = repository(directory, branch);
            let config = config(&text(&repository, Forge::Unset, &[]));
            let project = config.project(&repository.project()).unwrap();
            assert_eq!((project.path.as_str(), &project.default_branch), ("/src/app", &branch_name), "{directory}");
            assert_eq!(project.repo.as_ref().unwrap().as_str(), "acme/app");
        }
    }

    #[test]
    fn what_is_local_is_found_by_its_directory() {
        let repository = repository("app", "main");
        let config = config(&text(&repository, Forge::Local, &[]));
        let project = config.project(&repository.project()).unwrap();
        assert_eq!(project.repository(), "/src/app");
        let plugins = [&project.tracker, &project.scm].map(|slot| slot.as_ref().unwrap().plugin.as_str());
        assert_eq!(plugins, ["local", "local"]);
    }

    #[test]
    fn what_is_commented_out_works_when_it_is_not() {
        let names = ["codex", "opencode"].map(str::to_owned);
        for (usable, agent) in [(&names[..0], "claude-code"), (&names[..1], "codex"), (&names[..], "codex")] {
            let text = text(&repository("app", "main"), Forge::Unset, usable);
            let key = |line: &str| {
                let Some(content) = line.trim_start().strip_prefix("# ").map(str::trim_start) else { return false };
                content.starts_with("- ") || content.split(' ').next().is_some_and(|word| word.ends_with(':'))
            };
            let lines = text.lines().map(|line| if key(line) { line.replacen("# ", "", 1) } else { line.to_owned() });
            let config = config(&lines.collect::<Vec<_>>().join("\n"));
            let project = config.project(&"app".parse().unwrap()).unwrap();
            assert_eq!(project.agent.as_ref().unwrap().plugin.as_str(), agent);
            assert_eq!(project.runtime.plugin.as_str(), "tmux");
            assert_eq!((project.symlinks.len(), project.post_create.len(), config.agents().len()), (1, 1, 3));
        }
    }
}
