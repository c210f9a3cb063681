//! Whose a clone is: in the project's repository as for worktrees, and in the clone's own git directory, which goes with it
//! wherever it is moved.

use ao_plugin_sdk::prelude::*;

use super::marker;
use crate::identify;
use crate::identities::{self, Main};
use ao_git_command::Git;

pub(super) async fn identify(git: &Git, mut request: IdentifySession) -> Result<Identified> {
    let (copy, change) = (request.copy.take(), request.change.clone());
    let identified = identify::identify(git, request).await?;
    match (copy, change) {
        (Some(copy), IdentityChange::Write { blob }) => mark(&copy, blob).await?,
        (Some(copy), IdentityChange::Remove { blob }) => unmark(&copy, blob).await?,
        _ => {}
    }
    Ok(identified)
}

/// Leaves the identity with a clone.
pub(super) async fn mark(clone: &Utf8Path, blob: String) -> Result<()> {
    let clone = clone.to_owned();
    blocking(move || {
        ao_plugin_sdk::files::write_atomically(&file(&clone), blob.as_bytes())
            .map_err(|error| Error::wrap(Code::OTHER, format!("cannot write down whose `{clone}` is"), &error))
    })
    .await
}

/// Takes it from there, if it is what was left.
async fn unmark(clone: &Utf8Path, blob: String) -> Result<()> {
    let clone = clone.to_owned();
    blocking(move || match fs_err::read_to_string(file(&clone)) {
        Ok(found) if found == blob => fs_err::remove_file(file(&clone))
            .map_err(|error| Error::wrap(Code::OTHER, format!("cannot take the mark from `{clone}`"), &error)),
        _ => Ok(()),
    })
    .await
}

pub(super) async fn find(git: &Git, mut request: FindIdentities) -> Result<Identities> {
    let copies = std::mem::take(&mut request.copies);
    let mut found = identities::find(git, request).await?;
    for path in copies {
        let marker = blocking({
            let path = path.clone();
            move || Ok(marker::read(&path))
        });
        // Not one of ours: a worktree, or somebody's own repository.
        let Some(marker) = marker.await? else { continue };
        found.copies.extend(identities::said_of_copy(git, &path, Main::Is(marker.project)).await);
    }
    Ok(found)
}

fn file(clone: &Utf8Path) -> Utf8PathBuf {
    clone.join(".git").join(identify::FILE)
}
