//! The refs of a session: its branch, and the record that `create` made it.

use ao_plugin_sdk::prelude::*;

use ao_git_command::{Call, Git, complaint};

/// What is known of a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The commit that it stands on; none where there is no such branch.
    pub(crate) commit: Option<String>,
    /// The worktree that it is checked out in.
    pub(crate) checked_out: Option<String>,
    /// The commit that `create` made it at, if it did.
    pub(crate) created_at: Option<String>,
}

/// The branch's own ref.
pub(crate) fn head_ref(branch: &BranchName) -> String {
    format!("refs/heads/{branch}")
}

/// The folder of the records of `create`.
pub(crate) const CREATED: &str = "refs/ao/created/";

/// The record that `create` made a branch. One component, so that a left-over record of `a` is no obstacle to `a/b`.
pub(crate) fn created_ref(branch: &str) -> String {
    format!("{CREATED}{}", branch.replace('%', "%25").replace('/', "%2F"))
}

/// The branch that a record is about.
pub(crate) fn created_branch(reference: &str) -> Option<String> {
    Some(reference.strip_prefix(CREATED)?.replace("%2F", "/").replace("%25", "%"))
}

/// Looks at a branch.
pub(crate) async fn look(git: &Git, project: &Utf8Path, branch: &BranchName) -> Result<Branch> {
    let (head, created) = (head_ref(branch), created_ref(branch.as_str()));
    let call = git
        .at(project, ["for-each-ref", "--format=%(refname)%00%(objectname)%00%(worktreepath)", "--end-of-options"])
        .arg(&head)
        .arg(&created);
    let output = call.run().await?;
    let mut found = Branch::default();
    for line in output.text().lines() {
        let mut fields = line.split('\0');
        let (Some(name), Some(commit)) = (fields.next(), fields.next()) else { continue };
        if name == head {
            found.commit = Some(commit.to_owned());
            found.checked_out = fields.next().filter(|path| !path.is_empty()).map(str::to_owned);
        } else if name == created {
            found.created_at = Some(commit.to_owned());
        }
    }
    Ok(found)
}

/// The commit that `create` made a branch at, if it did. Asks for no worktree: one that was cut short stops git there.
pub(crate) async fn created_at(git: &Git, project: &Utf8Path, branch: &BranchName) -> Result<Option<String>> {
    let call = git.at(project, ["rev-parse", "--quiet", "--verify"]).arg(created_ref(branch.as_str()));
    let commit = call.output().await?.text();
    Ok(Some(commit).filter(|commit| !commit.is_empty()))
}

/// How making a branch ended.
#[derive(Debug)]
pub(crate) enum Made {
    /// It is there, and its record.
    Made,
    /// Nothing was changed, for this reason.
    Refused(String),
}

/// Makes a branch and its record, both or neither.
pub(crate) async fn make(git: &Git, project: &Utf8Path, branch: &BranchName, commit: &str) -> Result<Made> {
    let (head, created) = (head_ref(branch), created_ref(branch.as_str()));
    // git checks both, then writes them in this order: a branch of ours is never there without its record.
    let call = transaction(git, project).input(format!("update {created}\0{commit}\0\0create {head}\0{commit}\0"));
    let output = call.output().await?;
    Ok(if output.status.success() { Made::Made } else { Made::Refused(complaint(&output)) })
}

/// Drops a record, so that the branch counts as somebody's own.
pub(crate) async fn disown(git: &Git, project: &Utf8Path, branch: &BranchName) -> Result<()> {
    let created = created_ref(branch.as_str());
    transaction(git, project).input(format!("delete {created}\0\0")).run().await.map(drop)
}

/// Takes back a branch, if it still stands where it was made, and is checked out nowhere.
pub(crate) async fn take_back(
    git: &Git,
    project: &Utf8Path,
    branch: &BranchName,
    created_at: Option<&str>,
) -> Result<Discarded> {
    let found = look(git, project, branch).await?;
    let Some(commit) = &found.commit else {
        if found.created_at.is_some() {
            disown(git, project, branch).await?;
        }
        return Ok(Discarded::Gone);
    };
    let Some(created_at) = created_at.or(found.created_at.as_deref()) else {
        // Somebody else's: it stays, and nothing of `create` is left.
        return Ok(Discarded::Gone);
    };
    if commit != created_at {
        return Ok(kept(format!("the branch `{branch}` stands on {commit}, not on {created_at} where it was made")));
    }
    if let Some(path) = found.checked_out {
        return Ok(kept(format!("the branch `{branch}` is checked out in `{path}`")));
    }
    let refused = delete(git, project, branch, created_at).await?;
    Ok(refused.map_or(Discarded::Gone, kept))
}

/// Deletes a branch that stands on this commit, with its record. Says why not, where it stays.
pub(crate) async fn delete(git: &Git, project: &Utf8Path, branch: &BranchName, at: &str) -> Result<Option<String>> {
    let (head, created) = (head_ref(branch), created_ref(branch.as_str()));
    // The branch first, for the same reason.
    let call = transaction(git, project).input(format!("delete {head}\0{at}\0delete {created}\0\0"));
    let output = call.output().await?;
    if output.status.success() {
        return Ok(None);
    }
    let said = complaint(&output);
    if said.contains(".lock'") {
        // Another git, or one that was killed: nothing is decided about the branch, and a later try may find it free.
        return Err(Error::unavailable(format!("cannot remove the branch `{branch}` now: {said}")));
    }
    Ok(Some(format!("the branch `{branch}`: {said}")))
}

fn kept(why: String) -> Discarded {
    Discarded::Kept { why }
}

/// Changes refs: all or none (`git update-ref --stdin -z`).
fn transaction<'a>(git: &'a Git, project: &Utf8Path) -> Call<'a> {
    git.at(project, ["update-ref", "-m", "ao: session", "--stdin", "-z"]).to_its_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_names_its_branch(branch in "[a-z/%0-9F]{1,20}") {
            let reference = created_ref(&branch);
            prop_assert!(!reference[CREATED.len()..].contains('/'));
            prop_assert_eq!(created_branch(&reference), Some(branch));
        }
    }
}
