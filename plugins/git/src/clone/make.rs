//! Makes a clone and its branch; what a failure leaves half-made is taken back here.

use std::io::ErrorKind;

use ao_plugin_sdk::prelude::*;

use super::marker::{self, Made, Marker};
use super::record::{self, Record};
use super::{discard, identity};
use crate::create::{and, claim, unclaim, usable};
use crate::links::{self, Link};
use crate::refs;
use crate::repository::{self, Repository};
use ao_git_command::{Git, complaint};

/// Settings of the project that its clones have too: who commits and how, filters, and how text is written.
const SETTINGS: &str = "^(user|gpg|commit|tag|filter|diff|merge|lfs)\\.|^core\\.(autocrlf|eol|safecrlf|excludesfile|\
                        attributesfile|hookspath|symlinks|filemode|ignorecase|precomposeunicode|quotepath|longpaths)$";

/// Files of the project's git directory that its clones begin with.
const FILES: [&str; 2] = ["info/exclude", "info/attributes"];

/// What a clone is to be.
pub(super) struct Plan<'a> {
    pub(super) git: &'a Git,
    /// The project's.
    pub(super) repository: &'a Repository,
    pub(super) session: SessionId,
    pub(super) target: &'a Utf8Path,
    pub(super) links: &'a [Link],
    /// What is to be kept with the clone.
    pub(super) identity: Option<&'a str>,
}

pub(super) async fn create(git: &Git, request: CreateWorkspace) -> Result<WorkspaceInfo> {
    let CreateWorkspace { project, target, branch, session, .. } = &request;
    if !target.is_absolute() {
        return Err(Error::invalid_input(format!("the clone's path `{target}` is not absolute")));
    }
    let (repository, base) = repository::open_with_base(git, project, &request.base, request.freshness).await?;
    let links = links::plan(&repository, &request.symlinks)?;
    let continued = usable(&refs::look(git, project, branch).await?, branch, request.existing_branch)?;
    let created = continued.is_none();
    let commit = continued.unwrap_or_else(|| base.clone());
    blocking({
        let (repository, links, target) = (repository.clone(), links.clone(), target.clone());
        move || {
            links::check_sources(&repository, &links)?;
            claim(&target)
        }
    })
    .await?;
    // From here on the directory is ours, so everything found in it on failure was made by this call.
    let created_at = created.then(|| commit.clone());
    let (session, branch) = (session.clone(), branch.clone());
    let record = Record { session: session.clone(), path: target.clone(), branch: branch.clone(), created_at };
    if let Err(error) = write_down(git, project, &record).await {
        return Err(unclaim(target, error).await);
    }
    let plan =
        Plan { git, repository: &repository, session, target, links: &links, identity: request.identity.as_deref() };
    if let Err(error) = plan.build(&branch, &commit).await {
        return Err(take_back(git, &request, &record, error).await);
    }
    let mut info = WorkspaceInfo::new(target.clone(), commit);
    info.branch = Some(branch);
    info.branch_created = created;
    info.base = Some(base);
    Ok(info)
}

/// A session has one clone. What is written down of one that is gone is written over.
async fn write_down(git: &Git, project: &Utf8Path, record: &Record) -> Result<()> {
    if let Some(other) = record::of(git, project, &record.session).await? {
        let (theirs, ours) = (other.path.clone(), record.path.clone());
        let in_use = blocking(move || Ok(!record::is_same(&theirs, &ours) && theirs.symlink_metadata().is_ok()));
        if in_use.await? {
            let (session, path) = (&record.session, &other.path);
            return Err(Error::conflict(format!("`{session}` has a clone already, in `{path}`")));
        }
    }
    record::write(git, project, record).await
}

async fn take_back(git: &Git, request: &CreateWorkspace, record: &Record, error: Error) -> Error {
    let mut discard = DiscardWorkspace::new(request.project.clone(), request.target.clone(), request.branch.clone());
    discard.created_at.clone_from(&record.created_at);
    discard.symlinks.clone_from(&request.symlinks);
    let kept = match discard::discard(git, discard).await {
        Ok(Discarded::Kept { why }) => why,
        Ok(_) => return error,
        Err(failed) => failed.to_string(),
    };
    and(error, &format!("what it made is kept: {kept}"))
}

impl Plan<'_> {
    /// Everything, in a directory that is empty.
    async fn build(&self, branch: &BranchName, commit: &str) -> Result<()> {
        self.make_repository().await?;
        self.stand_on(branch, commit).await?;
        self.mark(Made::Repository).await?;
        if let Some(identity) = self.identity {
            identity::mark(self.target, identity.to_owned()).await?;
        }
        // Files and index only: nothing stands in the log that did not happen.
        self.here(["read-tree", "--reset", "-u", "HEAD"]).run().await?;
        self.link().await?;
        self.mark(Made::Whole).await
    }

    /// A command in the clone.
    pub(super) fn here<const N: usize>(&self, arguments: [&str; N]) -> ao_git_command::Call<'_> {
        self.git.at(self.target, arguments)
    }

    /// The repository, without files.
    pub(super) async fn make_repository(&self) -> Result<()> {
        let (project, common) = (&self.repository.project, &self.repository.common);
        let call = self.git.at(project, ["clone", "--quiet", "--local", "--no-checkout", "--origin", "origin", "--"]);
        let output = call.arg(common.as_str()).arg(self.target.as_str()).output().await?;
        if !output.status.success() {
            let message = format!("cannot clone `{project}` into `{}`: {}", self.target, complaint(&output));
            return Err(Error::other(message));
        }
        self.copy_settings().await?;
        let url = self.git.at(project, ["config", "--get", "remote.origin.url"]).output().await?.text();
        if !url.is_empty() {
            self.here(["config", "remote.origin.url"]).arg(absolute(project, &url)).run().await?;
            let fetch = self.here(["fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--"]);
            fetch.arg(common.as_str()).arg("+refs/remotes/origin/*:refs/remotes/origin/*").run().await?;
        }
        Ok(())
    }

    /// What the project says in its own configuration, as far as it is for every copy.
    async fn copy_settings(&self) -> Result<()> {
        let call = self.git.at(&self.repository.project, ["config", "--local", "--null", "--get-regexp", SETTINGS]);
        let listed = call.output().await?.stdout;
        let (common, target, settings) = (self.repository.common.clone(), self.target.to_owned(), written(&listed));
        blocking(move || {
            let own = target.join(".git");
            let failed =
                |error: &std::io::Error| Error::wrap(Code::OTHER, format!("cannot configure `{target}`"), error);
            if !settings.is_empty() {
                let file = own.join("config");
                let mut text = fs_err::read(&file).map_err(|error| failed(&error))?;
                text.extend_from_slice(&settings);
                ao_plugin_sdk::files::write_atomically(&file, &text).map_err(|error| failed(&error))?;
            }
            for name in FILES {
                let text = match fs_err::read(common.join(name)) {
                    Ok(text) => text,
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(&error)),
                };
                fs_err::create_dir_all(own.join("info")).map_err(|error| failed(&error))?;
                ao_plugin_sdk::files::write_atomically(&own.join(name), &text).map_err(|error| failed(&error))?;
            }
            Ok(())
        })
        .await
    }

    /// Makes the branch, and stands on it.
    pub(super) async fn stand_on(&self, branch: &BranchName, commit: &str) -> Result<()> {
        let head = refs::head_ref(branch);
        self.here(["update-ref", "-m", "ao: session", "--end-of-options"]).arg(&head).arg(commit).run().await?;
        self.here(["symbolic-ref", "HEAD"]).arg(&head).run().await?;
        self.forget_the_way_here().await
    }

    /// Where the source stood is no past of the clone's.
    pub(super) async fn forget_the_way_here(&self) -> Result<()> {
        let log = self.target.join(".git/logs/HEAD");
        blocking(move || match fs_err::remove_file(&log) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::wrap(Code::OTHER, "cannot begin a clone's log anew", &error))
            }
            _ => Ok(()),
        })
        .await
    }

    pub(super) async fn link(&self) -> Result<()> {
        if self.links.is_empty() {
            return Ok(());
        }
        // What is kept out of `git status` is kept out of the clone's.
        let repository = Repository { common: self.target.join(".git"), ..self.repository.clone() };
        let (target, links) = (self.target.to_owned(), self.links.to_vec());
        blocking(move || links::make(&repository, &target, &links)).await
    }

    pub(super) async fn mark(&self, made: Made) -> Result<()> {
        let (session, project) = (self.session.clone(), self.repository.project.clone());
        let (marker, target) = (Marker { session, project, made }, self.target.to_owned());
        blocking(move || marker::write(&target, &marker)).await
    }
}

/// A remote's address for somebody who stands elsewhere.
fn absolute(project: &Utf8Path, url: &str) -> String {
    let is_path = !url.contains("://") && url.split('/').next().is_none_or(|first| !first.contains(':'));
    if is_path { project.join(url).into_string() } else { url.to_owned() }
}

/// Settings as a configuration file has them, from `git config --null --get-regexp` (git-config(1), "SYNTAX").
fn written(listed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let (key, value) = match entry.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&entry[..end], Some(&entry[end + 1..])),
            None => (entry, None),
        };
        let Ok(key) = std::str::from_utf8(key) else { continue };
        let (Some((section, rest)), Some((_, name))) = (key.split_once('.'), key.rsplit_once('.')) else { continue };
        let below = rest.strip_suffix(name).and_then(|below| below.strip_suffix('.'));
        text.extend_from_slice(b"[");
        text.extend_from_slice(section.as_bytes());
        if let Some(below) = below {
            text.extend_from_slice(b" \"");
            below.bytes().for_each(|byte| push_quoted(&mut text, byte));
            text.extend_from_slice(b"\"");
        }
        text.extend_from_slice(b"]\n\t");
        text.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            text.extend_from_slice(b" = \"");
            for byte in value {
                match byte {
                    b'\n' => text.extend_from_slice(b"\\n"),
                    b'\t' => text.extend_from_slice(b"\\t"),
                    byte => push_quoted(&mut text, *byte),
                }
            }
            text.extend_from_slice(b"\"");
        }
        text.push(b'\n');
    }
    text
}

fn push_quoted(text: &mut Vec<u8>, byte: u8) {
    if matches!(byte, b'"' | b'\\') {
        text.push(b'\\');
    }
    text.push(byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_as_git_reads_them() {
        let listed = b"user.name\nA \"B\" \\ C\0filter.l f s.clean\na\nb\tc\0commit.gpgsign\0";
        let text = String::from_utf8(written(listed)).expect("text");
        let expected = "[user]\n\tname = \"A \\\"B\\\" \\\\ C\"\n[filter \"l f s\"]\n\tclean = \"a\\nb\\tc\"\n[commit]\n\tgpgsign\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_relative_remote_is_found_from_elsewhere() {
        let project = Utf8Path::new("/src/app");
        for (url, expected) in [
            ("../up.git", "/src/app/../up.git"),
            ("/srv/up.git", "/srv/up.git"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("https://host/a", "https://host/a"),
        ] {
            assert_eq!(absolute(project, url), expected);
        }
    }
}
