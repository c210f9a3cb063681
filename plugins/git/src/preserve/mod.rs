//! Keeps everything of a worktree that git can keep, before the host moves the directory away: commits are pinned by
//! refs, files are saved byte for byte. The worktree, its index and its stashes are not touched.

pub(crate) mod copy;
pub(crate) mod files;
pub(crate) mod index;
mod pins;
pub(crate) mod snapshot;

use ao_plugin_sdk::prelude::*;

use crate::refs;
use ao_git_command::Git;
use copy::Copy;

/// Where the pins of all sessions are: `refs/ao/trash/<session>/<key>/<what>`.
pub(crate) const TRASH: &str = "refs/ao/trash/";

pub(crate) async fn preserve(git: &Git, request: PreserveWorkspace) -> Result<Receipt> {
    let folder = folder(&request)?;
    let Some(copy) = Copy::find(git, request.project.as_deref(), &request.path).await? else {
        return no_copy(git, &request, &folder).await;
    };
    let head = copy.ask(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?;
    let branch = copy.ask(["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
    let mut kept = pins::find(&copy, head.as_deref(), request.branch.as_ref()).await?;
    let saved = snapshot::take(&copy, head.as_deref(), &request.key).await?;
    kept.extend(saved.staged.iter().map(|commit| ("staged".to_owned(), commit.clone())));
    kept.extend(saved.files.iter().map(|commit| ("snapshot".to_owned(), commit.clone())));
    let mut receipt = Receipt::new(pin(&copy, &folder, kept).await?);
    receipt.head = head;
    receipt.branch = branch.and_then(|branch| branch.parse().ok());
    receipt.staged = saved.staged;
    receipt.snapshot = saved.files;
    receipt.only_there = saved.only_there;
    receipt.ignored = ignored(&copy).await?;
    Ok(receipt)
}

/// The folder of this receipt's refs.
pub(crate) fn folder(request: &PreserveWorkspace) -> Result<String> {
    let is_plain =
        !request.key.is_empty() && request.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain {
        let message = format!("the key `{}` cannot stand in a ref", request.key.escape_debug());
        return Err(Error::invalid_input(message).at_field("key"));
    }
    Ok(format!("{TRASH}{}/{}/", request.session, request.key))
}

/// Where git knows nothing of the directory, there is still the session's branch.
async fn no_copy(git: &Git, request: &PreserveWorkspace, folder: &str) -> Result<Receipt> {
    let (Some(project), Some(branch)) = (&request.project, &request.branch) else {
        return Ok(Receipt::new(Vec::new()));
    };
    let Some(commit) = refs::look(git, project, branch).await?.commit else { return Ok(Receipt::new(Vec::new())) };
    let name = format!("{folder}branch");
    git.at(project, ["update-ref", "--end-of-options"]).arg(&name).arg(&commit).to_its_end().run().await?;
    let mut receipt = Receipt::new(vec![name]);
    receipt.head = Some(commit);
    receipt.branch = Some(branch.clone());
    Ok(receipt)
}

/// What git ignores. A path that is not UTF-8 is left out: nobody could name it.
async fn ignored(copy: &Copy<'_>) -> Result<Vec<String>> {
    if copy.files.is_none() {
        return Ok(Vec::new());
    }
    let look = copy.at(["-c", "core.fsmonitor=false", "ls-files", "--others", "--ignored", "--exclude-standard", "-z"]);
    let listed = look.arg("--directory").looking().run().await?.stdout;
    let paths = listed.split(|byte| *byte == 0).filter_map(|path| std::str::from_utf8(path).ok());
    Ok(paths.map(|path| path.trim_end_matches('/').to_owned()).filter(|path| !path.is_empty()).collect())
}

/// Writes the refs: all or none.
async fn pin(copy: &Copy<'_>, folder: &str, kept: Vec<(String, String)>) -> Result<Vec<String>> {
    let named: Vec<_> = kept.into_iter().map(|(name, object)| (format!("{folder}{name}"), object)).collect();
    // An empty old value: whatever an earlier try has left there.
    let changes: String = named.iter().flat_map(|(name, object)| ["update ", name, "\0", object, "\0\0"]).collect();
    if !changes.is_empty() {
        copy.at(["update-ref", "-m", "ao: kept", "--stdin", "-z"]).input(changes).run().await?;
    }
    Ok(named.into_iter().map(|(name, _)| name).collect())
}
