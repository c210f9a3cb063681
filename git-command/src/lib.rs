//! Runs git: argument vectors, a deliberate environment, patience where two git processes meet.

mod version;

use std::time::Duration;

use ao_plugin_sdk::prelude::*;

pub use version::{Need, doctor};

/// Variables by which git, when it runs a hook or an alias, points its children at its own repository
/// (`git rev-parse --local-env-vars`), and others that change what a command means. `GIT_CONFIG_COUNT` is left: it
/// carries what people set on purpose, such as `safe.directory` in containers.
const TAKEN_AWAY: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_REF_PARANOIA",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// No maintenance in the background that would outlive the call, and git's own waiting for locks of refs.
const SETTINGS: &[&str] = &[
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "core.filesRefLockTimeout=5000",
    "-c",
    "core.packedRefsTimeout=5000",
];

/// Attempts of a command that met another git process at work, and the pause before the next one.
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(15);

/// Which variables git processes see.
#[derive(Clone, Debug)]
pub enum Environment {
    /// Those of this process.
    Inherited,
    /// These.
    Only(Vec<(String, String)>),
}

/// How git is run.
#[derive(Clone, Debug)]
pub struct Git {
    environment: Environment,
}

/// One git command.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    git: &'a Git,
    directory: Utf8PathBuf,
    settings: Vec<String>,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    input: Option<Vec<u8>>,
    limit: Option<Duration>,
    ending: Ending,
}

/// What becomes of a command that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It is killed.
    WithTheCall,
    /// It goes on.
    ByItself,
}

impl Git {
    /// Runs git with these variables.
    pub fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// A command, such as `["worktree", "list"]`, run in a directory that exists.
    pub fn at<const N: usize>(&self, directory: &Utf8Path, arguments: [&str; N]) -> Call<'_> {
        Call {
            git: self,
            directory: directory.to_owned(),
            settings: Vec::new(),
            arguments: arguments.map(str::to_owned).to_vec(),
            variables: Vec::new(),
            input: None,
            limit: None,
            ending: Ending::WithTheCall,
        }
    }
}

impl Call<'_> {
    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a key of git's configuration for this command, such as `core.hooksPath`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.extend(["-c".to_owned(), format!("{key}={value}")]);
        self
    }

    /// Names the repository, instead of having git look for it: `safe.bareRepository` refuses bare ones that are found.
    pub fn of(mut self, repository: &Utf8Path) -> Self {
        self.settings.push(format!("--git-dir={repository}"));
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Only looks: takes no lock that another git process could stumble over.
    pub fn looking(self) -> Self {
        self.env("GIT_OPTIONAL_LOCKS", "0")
    }

    /// Gives it standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Ends it after this time.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Lets it end by itself, once it began, also when nobody waits any more: a git that is killed while it moves refs or
    /// files leaves locks that nobody takes away, and half of the files.
    pub fn to_its_end(mut self) -> Self {
        self.ending = Ending::ByItself;
        self
    }

    /// Runs it, whatever its exit status; again where it only met another git process.
    pub async fn output(&self) -> Result<CommandOutput> {
        for _ in 1..ATTEMPTS {
            let output = self.command().output().await?;
            if output.status.success() || !is_collision(&output.stderr) {
                return Ok(output);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.command().output().await
    }

    /// Runs it; an exit status other than 0 is an error.
    pub async fn run(&self) -> Result<CommandOutput> {
        let output = self.output().await?;
        if output.status.success() { Ok(output) } else { Err(self.failure(&output)) }
    }

    /// The error of an exit status other than 0: which command, where, and what git said.
    pub fn failure(&self, output: &CommandOutput) -> Error {
        let words: Vec<_> = self.arguments.iter().take(2).take_while(|word| !word.starts_with('-')).collect();
        let shown = words.into_iter().fold(String::from("git"), |shown, word| shown + " " + word);
        let said = format!("`{shown}` failed in `{}`: {}", self.directory, complaint(output));
        if is_collision(&output.stderr) {
            return Error::unavailable(format!(
                "{said}; a `git worktree add` runs there, or was cut short: in that case remove the directory that it names"
            ));
        }
        Error::other(said)
    }

    fn command(&self) -> Command {
        let mut git = command("git").current_dir(&self.directory);
        match &self.git.environment {
            Environment::Inherited => git = TAKEN_AWAY.iter().fold(git, Command::env_remove),
            Environment::Only(variables) => git = git.env_only(variables.iter().cloned()),
        }
        git = git.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        for (name, value) in &self.variables {
            git = git.env(name, value);
        }
        git = git.args(SETTINGS).args(&self.settings).args(&self.arguments);
        if let Some(input) = &self.input {
            git = git.input(input.clone());
        }
        if let Some(limit) = self.limit {
            git = git.timeout(limit);
        }
        match self.ending {
            Ending::WithTheCall => git,
            Ending::ByItself => git.to_its_end(),
        }
    }
}

/// What git complained, for a person: without its prefixes and its progress.
pub fn complaint(output: &CommandOutput) -> String {
    const KEPT: usize = 2000;
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("Preparing worktree"));
    let lines: Vec<_> =
        lines.map(|line| line.strip_prefix("fatal: ").or(line.strip_prefix("error: ")).unwrap_or(line)).collect();
    let said = lines.join("; ");
    match said.char_indices().nth(KEPT) {
        None if said.is_empty() => format!("it said nothing and ended with {}", output.status),
        None => said,
        Some((end, _)) => format!("{}…", &said[..end]),
    }
}

/// Whether git only met another git process at work in the same repository, and had done nothing yet.
///
/// git lists all worktrees to see where a branch is checked out, and does not expect to find one that is just being
/// made, whose `commondir` may still be empty, or one that is just being taken away. For the locks of refs git waits itself; a lock that outlives that is stale.
fn is_collision(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    let of_a_worktree = text.contains("worktrees/");
    let being_made = text.contains("failed to read") && text.contains("commondir");
    let being_removed = text.contains("Invalid path") && text.contains("No such file or directory");
    of_a_worktree && (being_made || being_removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_are_told_from_refusals() {
        assert!(is_collision(b"fatal: failed to read .git/worktrees/w1/commondir: Success"));
        assert!(is_collision(b"fatal: Invalid path '/r/.git/worktrees/w1': No such file or directory"));
        let refused = [
            "fatal: cannot lock ref 'refs/heads/a': reference already exists",
            "fatal: Unable to create '/r/.git/refs/heads/a.lock': File exists.",
        ];
        for text in refused {
            assert!(!is_collision(text.as_bytes()), "{text}");
        }
    }

    #[tokio::test]
    async fn git_names_no_variable_that_is_let_through() {
        let git = Git::new(Environment::Inherited);
        let output = git.at(Utf8Path::new("/"), ["rev-parse", "--local-env-vars"]).run().await.expect("git");
        for name in output.text().lines().filter(|name| *name != "GIT_CONFIG_COUNT") {
            assert!(TAKEN_AWAY.contains(&name), "{name} points git at another repository");
        }
    }
}
