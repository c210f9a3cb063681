//! The tracker `local`: issues that live in a git repository, as Markdown files with front matter.
//!
//! - They stand in the ref `refs/ao/issues`, or in a directory of the main worktree; [`Store`] says what speaks for each.
//! - A file is read leniently, and one that cannot be read hides no other. A change rewrites only what it changes.
//! - Whoever changes something holds a lock, and writes only if everything still is as it was when it looked.
//! - A file remembers its last effects by their keys, so what is asked for twice happens once.

mod change;
mod desk;
mod document;
mod fields;
mod files;
mod marker;
mod name;
mod place;
mod problem;
mod quote;
mod reference;
mod shelf;
mod yaml;

use std::collections::BTreeSet;

use ao_git_command::{Environment, Git};
use ao_plugin_sdk::camino::Utf8Component;
use ao_plugin_sdk::prelude::*;

use desk::Desk;
use files::{DIRECTORY, Files};
use reference::Reference;
use shelf::Shelf;

/// The configuration of the tracker `local`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// What issues are kept in.
    pub store: Store,
    /// The directory with `store: files`, below the project's; `.ao/issues` unless set.
    #[schemars(with = "Option<String>")]
    pub directory: Option<Utf8PathBuf>,
    /// The repository's directory, an absolute path; the project's unless set.
    #[schemars(with = "Option<String>")]
    pub repository: Option<Utf8PathBuf>,
}

/// What issues are kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// The ref `refs/ao/issues`: the same from every worktree and in a bare repository, and never in the way of anybody's
    /// files or branches.
    #[default]
    Ref,
    /// Files in the main worktree: edited by hand, reviewed and committed with everything else.
    Files,
}

/// Issues that live in a git repository.
#[derive(Debug)]
pub struct LocalTracker {
    config: Config,
    git: Git,
}

impl LocalTracker {
    /// The plugin with this environment for every git process, and nothing of its own process's.
    pub fn with_environment(config: Config, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        Self::made(config, Git::new(Environment::Only(variables.into_iter().collect())))
    }

    fn made(config: Config, git: Git) -> Result<Self> {
        check(&config)?;
        Ok(Self { config, git })
    }

    /// The issues of the repository that a request names.
    async fn desk(&self, repository: Option<&str>) -> Result<Desk> {
        let directory = place::directory(self.config.repository.as_ref(), repository)?;
        self.desk_of(&directory).await
    }

    async fn desk_of(&self, directory: &Utf8Path) -> Result<Desk> {
        let place = place::find(&self.git, directory).await?;
        let shelf: Box<dyn Shelf> = match self.config.store {
            Store::Ref => Box::new(Reference { git: self.git.clone(), directory: place.directory }),
            Store::Files => {
                let root = place.main.ok_or_else(|| {
                    Error::invalid_input(format!(
                        "`{directory}` has no worktree to keep files in; write `store: ref` in the tracker's configuration"
                    ))
                    .at_field("store")
                })?;
                let below = self.config.directory.clone().unwrap_or_else(|| DIRECTORY.into());
                Box::new(Files { root, below })
            }
        };
        Ok(Desk { shelf, common: place.common })
    }
}

impl Plugin for LocalTracker {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Self::made(config, Git::new(Environment::Inherited))
    }
}

#[async_trait]
impl Tracker for LocalTracker {
    async fn get(&self, request: GetIssue) -> Result<Issue> {
        Ok(self.desk(request.repository.as_deref()).await?.get(&request.id).await?.0)
    }

    async fn list(&self, request: ListIssues) -> Result<IssuePage> {
        self.desk(request.repository.as_deref()).await?.list(&request).await
    }

    async fn comments(&self, request: GetIssue) -> Result<Vec<IssueComment>> {
        Ok(self.desk(request.repository.as_deref()).await?.get(&request.id).await?.1)
    }

    async fn create(&self, request: CreateIssue) -> Result<Issue> {
        self.desk(request.repository.as_deref()).await?.create(&request).await
    }

    async fn update(&self, request: UpdateIssue) -> Result<Issue> {
        self.desk(request.repository.as_deref()).await?.update(&request).await
    }

    async fn find_effect(&self, request: FindEffect) -> Result<Proof> {
        if request.repository.is_none() && self.config.repository.is_none() {
            return Ok(Proof::Unknown);
        }
        let issue = self.desk(request.repository.as_deref()).await?.effect(&request.key).await?;
        Ok(issue.map_or(Proof::Absent, |issue| Proof::Found { reference: issue.id }))
    }

    async fn doctor(&self, request: Doctor) -> Result<Vec<Finding>> {
        let failed = |error: Error| {
            let mut finding = Finding::new(FindingLevel::Fail, "issues", error.to_string());
            finding.remedy = error.field.map(|field| format!("see `{field}` in the tracker's configuration"));
            finding
        };
        let mut findings = Vec::new();
        let mut directories: BTreeSet<_> = self.config.repository.iter().cloned().collect();
        for repository in &request.repositories {
            match place::directory(self.config.repository.as_ref(), Some(repository)) {
                Ok(directory) => drop(directories.insert(directory)),
                Err(error) => findings.push(failed(error)),
            }
        }
        for directory in directories {
            let looked = async { self.desk_of(&directory).await?.problems().await };
            match looked.await {
                Ok((problems, sound)) => {
                    findings.push(Finding::new(FindingLevel::Ok, "issues", format!("{sound} in `{directory}`")));
                    findings.extend(problems.iter().map(problem::Problem::finding));
                }
                Err(error) => findings.push(failed(error)),
            }
        }
        Ok(findings)
    }
}

/// Refuses paths that lead elsewhere than they seem to.
fn check(config: &Config) -> Result<()> {
    if let Some(path) = &config.repository
        && !path.is_absolute()
    {
        let message = format!("the path `{path}` is not absolute; write it out, or `${{HOME}}/…`");
        return Err(Error::invalid_input(message).at_field("repository"));
    }
    let Some(directory) = &config.directory else { return Ok(()) };
    let refuse = |why: &str| {
        let message =
            format!("the directory `{directory}` {why}; write one below the project's, such as `{DIRECTORY}`");
        Err(Error::invalid_input(message).at_field("directory"))
    };
    let plain = |part: Utf8Component<'_>| matches!(part, Utf8Component::Normal(name) if name != ".git");
    if config.store == Store::Ref {
        return refuse("has no meaning without `store: files`");
    }
    if directory.as_str().is_empty() || !directory.components().all(plain) {
        return refuse("leads out of the project, or into git's own");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let files =
            |directory: &str| Config { store: Store::Files, directory: Some(directory.into()), repository: None };
        for directory in ["", "/tmp", "../x", "a/../../x", ".git/issues", "a/.git"] {
            let error = LocalTracker::new(files(directory)).unwrap_err();
            assert_eq!((&error.code, error.field.as_deref()), (&Code::INVALID_INPUT, Some("directory")), "{directory}");
        }
        assert!(LocalTracker::new(files("docs/issues")).is_ok());
        assert!(LocalTracker::new(Config { directory: Some("x".into()), ..Config::default() }).is_err());
        assert!(LocalTracker::new(Config { repository: Some("x".into()), ..Config::default() }).is_err());
    }
}
