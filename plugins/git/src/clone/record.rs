//! What the project's repository knows of its clones: a blob for each at `refs/ao/clones/<session>`.

use ao_plugin_sdk::prelude::*;

use crate::preserve::files::next_content;
use ao_git_command::Git;

const CLONES: &str = "refs/ao/clones/";

/// One clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Whose it is.
    pub(super) session: SessionId,
    /// Where it stands, or stood last.
    pub(super) path: Utf8PathBuf,
    /// The session's branch.
    pub(super) branch: BranchName,
    /// The commit that `create` made the branch at; none where the branch was there before.
    pub(super) created_at: Option<String>,
}

fn name(session: &SessionId) -> String {
    format!("{CLONES}{session}")
}

/// Every clone of a project. What cannot be read is none of ours.
pub(super) async fn all(git: &Git, project: &Utf8Path) -> Result<Vec<Record>> {
    let objects = git.at(project, ["for-each-ref", "--format=%(objectname)", CLONES]).looking().run().await?.text();
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let count = objects.lines().count();
    let call = git.at(project, ["cat-file", "--batch=%(objectsize)"]).input(format!("{objects}\n"));
    let contents = call.looking().run().await?.stdout;
    let mut rest = contents.as_slice();
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(content) = next_content(&mut rest) else { break };
        found.extend(ao_plugin_sdk::serde_json::from_slice::<Record>(content));
    }
    Ok(found)
}

/// The clone that stands, or stood last, at a path.
pub(super) async fn at(git: &Git, project: &Utf8Path, path: &Utf8Path) -> Result<Option<Record>> {
    let records = all(git, project).await?;
    let path = path.to_owned();
    blocking(move || Ok(records.into_iter().find(|record| is_same(&record.path, &path)))).await
}

/// The clone of a session.
pub(super) async fn of(git: &Git, project: &Utf8Path, session: &SessionId) -> Result<Option<Record>> {
    Ok(all(git, project).await?.into_iter().find(|record| record.session == *session))
}

/// Writes it down, in place of what was there of the session.
pub(super) async fn write(git: &Git, project: &Utf8Path, record: &Record) -> Result<()> {
    let text = ao_plugin_sdk::serde_json::to_vec(record).map_err(|error| Error::other(error.to_string()))?;
    let object = git.at(project, ["hash-object", "-w", "--stdin"]).input(text).run().await?.text();
    let update = git.at(project, ["update-ref", "--end-of-options"]).arg(name(&record.session)).arg(object);
    update.run().await.map(drop)
}

/// Drops what is written down of a session's clone.
pub(super) async fn forget(git: &Git, project: &Utf8Path, session: &SessionId) -> Result<()> {
    let delete = git.at(project, ["update-ref", "-d", "--end-of-options"]).arg(name(session));
    delete.run().await.map(drop)
}

/// Whether two paths are one place, whatever links lead there. Blocks its thread.
pub(super) fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    one == other || real(one) == real(other)
}

/// A path that need not exist, with every link above it followed.
pub(super) fn real(path: &Utf8Path) -> Utf8PathBuf {
    match (path.parent().map(Utf8Path::canonicalize_utf8), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}
