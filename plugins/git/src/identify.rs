//! Writes a session's identity to `refs/ao/sessions/<id>` and into its worktree's private git directory, where it survives
//! the loss of the host's state.

use ao_plugin_sdk::prelude::*;

use crate::{place, repository};
use ao_git_command::Git;

/// The folder of all sessions' identities.
pub(crate) const SESSIONS: &str = "refs/ao/sessions/";

/// The file in a worktree's private git directory that says whose it is.
pub(crate) const FILE: &str = "ao-session";

pub(crate) async fn identify(git: &Git, request: IdentifySession) -> Result<Identified> {
    let reference = format!("{SESSIONS}{}", request.session);
    match request.change {
        IdentityChange::Write { blob } => {
            write(git, &request.project, &reference, blob.clone()).await?;
            if let Some(copy) = &request.copy {
                mark(&repository::open(git, &request.project).await?.common, copy, blob).await?;
            }
        }
        IdentityChange::Remove { blob } => {
            remove(git, &request.project, &reference, blob.clone()).await?;
            if let Some(copy) = &request.copy {
                unmark(&repository::open(git, &request.project).await?.common, copy, blob).await?;
            }
        }
        _ => return Err(Error::unsupported("this version of the plugin does not know this change of an identity")),
    }
    Ok(Identified::new())
}

/// Leaves the identity with a worktree. Whoever works in it does not see it.
pub(crate) async fn mark(common: &Utf8Path, copy: &Utf8Path, blob: String) -> Result<()> {
    let (common, copy) = (common.to_owned(), copy.to_owned());
    blocking(move || {
        let Some(private) = place::private_directory(&common, &copy)? else {
            return Err(Error::not_found(format!("git knows no worktree at `{copy}`")));
        };
        ao_plugin_sdk::files::write_atomically(&private.join(FILE), blob.as_bytes())
            .map_err(|error| Error::wrap(Code::OTHER, format!("cannot write down whose `{copy}` is"), &error))
    })
    .await
}

/// Takes it from there, if it is what was left.
async fn unmark(common: &Utf8Path, copy: &Utf8Path, blob: String) -> Result<()> {
    let (common, copy) = (common.to_owned(), copy.to_owned());
    blocking(move || {
        let Some(file) = place::private_directory(&common, &copy)?.map(|private| private.join(FILE)) else {
            return Ok(());
        };
        if fs_err::read_to_string(&file).is_ok_and(|found| found == blob) {
            fs_err::remove_file(&file)
                .map_err(|error| Error::wrap(Code::OTHER, format!("cannot take the mark from `{copy}`"), &error))?;
        }
        Ok(())
    })
    .await
}

/// Only where there is none yet: a ref that is there belongs to another installation, or to a state that was lost.
async fn write(git: &Git, project: &Utf8Path, reference: &str, blob: String) -> Result<()> {
    let object = git.at(project, ["hash-object", "-w", "--stdin"]).input(blob).run().await?.text();
    let absent = "0".repeat(object.len());
    let update = git.at(project, ["update-ref", "--end-of-options"]).arg(reference).arg(object.as_str()).arg(absent);
    let Err(error) = update.run().await else { return Ok(()) };
    match current(git, project, reference).await? {
        Some(found) if found == object => Ok(()),
        Some(_) => Err(Error::conflict(format!(
            "`{reference}` is another session's already, perhaps of another installation of `ao` or of a state that was \
             lost; the next spawn takes the next number"
        ))),
        None => Err(error),
    }
}

/// Only what was written: nothing is removed that another session has put there.
async fn remove(git: &Git, project: &Utf8Path, reference: &str, blob: String) -> Result<()> {
    let object = git.at(project, ["hash-object", "--stdin"]).input(blob).run().await?.text();
    if current(git, project, reference).await?.as_ref() == Some(&object) {
        git.at(project, ["update-ref", "-d", "--end-of-options"]).arg(reference).arg(object).run().await?;
    }
    Ok(())
}

async fn current(git: &Git, project: &Utf8Path, reference: &str) -> Result<Option<String>> {
    let look = git.at(project, ["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(reference);
    let found = look.output().await?;
    Ok(found.status.success().then(|| found.text()))
}
