//! Keeps everything of a clone in the project's repository, and makes a clone again from there.

use ao_plugin_sdk::prelude::*;

use super::discard::missing;
use super::make::Plan;
use super::marker::{self, Made};
use super::record::{self, Record};
use crate::links;
use crate::preserve::copy::Copy;
use crate::preserve::{self, TRASH};
use crate::restore::{self as worktrees, fill, free};
use crate::{refs, repository, retire};
use ao_git_command::Git;

/// Refs of a clone that are not its own: the project's, and pins.
const OTHERS: [&str; 2] = ["refs/remotes/", "refs/ao/"];

/// As of a worktree, within the clone. Then all of it, and every branch, tag and stash with something that the project has
/// not, is fetched into the project.
pub(super) async fn preserve(git: &Git, request: PreserveWorkspace) -> Result<Receipt> {
    let project = request.project.clone();
    let project = project.ok_or_else(|| Error::invalid_input("a clone is kept in its project").at_field("project"))?;
    let (folder, path) = (preserve::folder(&request)?, request.path.clone());
    let mut receipt = preserve::preserve(git, request).await?;
    let is_there = blocking({
        let path = path.clone();
        move || Ok(path.join(".git").is_dir())
    });
    if !is_there.await? {
        return Ok(receipt);
    }
    let Some(copy) = Copy::find(git, None, &path).await? else { return Ok(receipt) };
    let others = others(git, &copy, &project).await?;
    let changes: String =
        others.iter().flat_map(|(name, object)| ["update ", &folder, name, "\0", object, "\0\0"]).collect();
    if !changes.is_empty() {
        copy.at(["update-ref", "-m", "ao: kept", "--stdin", "-z"]).input(changes).run().await?;
    }
    fetch(git, &project, &copy.private, &folder).await?;
    let of_clone = copy.at(["for-each-ref", "--format=%(refname)"]).arg(&folder).run().await?.text();
    let kept = git.at(&project, ["for-each-ref", "--format=%(refname)"]).arg(&folder).run().await?.text();
    if let Some(lost) = of_clone.lines().find(|name| !kept.lines().any(|kept| kept == *name)) {
        return Err(Error::other(format!("`{lost}` of the clone `{path}` did not arrive in `{project}`")));
    }
    receipt.refs = kept.lines().map(str::to_owned).collect();
    // In the clone they have done their duty.
    let done: Vec<_> = of_clone.lines().map(str::to_owned).collect();
    retire::unpin(git, &path, &done).await?;
    Ok(receipt)
}

/// What only the clone has, by its name within the receipt: other branches, tags, stashes.
async fn others(git: &Git, copy: &Copy<'_>, project: &Utf8Path) -> Result<Vec<(String, String)>> {
    let listed = copy.at(["for-each-ref", "--format=%(objectname) %(refname)"]).looking().run().await?.text();
    let named = listed.lines().filter_map(|line| line.split_once(' '));
    let own = named.filter(|(_, name)| *name != "refs/stash" && !OTHERS.iter().any(|other| name.starts_with(other)));
    let mut found: Vec<_> = own.map(|(object, name)| (name.to_owned(), object.to_owned())).collect();
    let stashes = copy.ask(["stash", "list", "--format=%H"]).await?.unwrap_or_default();
    let numbered = stashes.lines().enumerate();
    found.extend(numbered.map(|(number, object)| (format!("stash/{number}"), object.to_owned())));
    let objects: Vec<_> = found.iter().map(|(_, object)| object.clone()).collect();
    let missing = missing(git, project, &objects).await?;
    Ok(found.into_iter().zip(missing).filter(|(_, missing)| *missing).map(|(found, _)| found).collect())
}

/// Brings the refs below a folder from one repository into another, under the same names.
async fn fetch(git: &Git, into: &Utf8Path, from: &Utf8Path, folder: &str) -> Result<()> {
    let call =
        git.at(into, ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--"]);
    call.arg(from.as_str()).arg(format!("+{folder}*:{folder}*")).run().await.map(drop)
}

/// A clone is whole in itself: all there is to follow is what the project knows of its place.
pub(super) async fn relocate(git: &Git, request: RelocateWorkspace) -> Result<Relocated> {
    if request.purpose == Purpose::Unknown {
        return Err(Error::unsupported("this version of the plugin does not know this purpose of a moved copy"));
    }
    let (project, path) = (&request.project, &request.path);
    let marker = blocking({
        let path = path.clone();
        move || Ok(marker::read(&path))
    });
    let Some(marker) = marker.await? else { return Ok(Relocated::new()) };
    let Some(record) = record::of(git, project, &marker.session).await? else { return Ok(Relocated::new()) };
    let (before, now) = (record.path.clone(), path.clone());
    // An agent may have written another session's name: what is known of a clone that is there stays.
    let moved = blocking(move || Ok(!record::is_same(&before, &now) && before.symlink_metadata().is_err()));
    if moved.await? {
        record::write(git, project, &Record { path: path.clone(), ..record }).await?;
    }
    Ok(Relocated::new())
}

/// Drops what the project knows of a clone that is going for good, and the pins of its receipt.
pub(super) async fn forget(git: &Git, request: ForgetWorkspace) -> Result<Forgotten> {
    retire::only_pins(&request.refs)?;
    let project = &repository::open(git, &request.project).await?.project;
    if let Some(record) = record::at(git, project, &request.path).await? {
        record::forget(git, project, &record.session).await?;
    }
    retire::unpin(git, project, &request.refs).await?;
    Ok(Forgotten::new())
}

/// A clone anew, on what a receipt kept, or on the branch as the project has it.
pub(super) async fn restore(git: &Git, request: RestoreWorkspace) -> Result<WorkspaceInfo> {
    let RestoreWorkspace { project, target, branch, .. } = &request;
    if !target.is_absolute() {
        return Err(Error::invalid_input(format!("the clone's path `{target}` is not absolute")));
    }
    let repository = repository::open(git, project).await?;
    let links = links::plan(&repository, &request.symlinks)?;
    let receipt = request.receipt.as_ref();
    let head = match receipt {
        Some(receipt) => receipt.head.clone(),
        None => refs::look(git, project, branch).await?.commit,
    };
    let Some(head) = head else {
        return Err(Error::not_found(format!("neither a clone nor the branch `{branch}` is left in `{project}`")));
    };
    let folder = receipt.and_then(|receipt| receipt.refs.iter().find_map(|name| folder_of(name)));
    let known = record::at(git, project, target).await?.map(|record| record.session);
    let session = known.or_else(|| folder.as_ref().and_then(|(session, _)| session.parse().ok()));
    let session = session.or_else(|| target.file_name()?.parse().ok());
    let session = session.ok_or_else(|| Error::invalid_input(format!("`{target}` names no session")))?;
    blocking({
        let target = target.clone();
        move || {
            free(&target)?;
            let made = fs_err::create_dir_all(&target);
            made.map_err(|error| Error::wrap(Code::OTHER, format!("cannot make `{target}` again"), &error))
        }
    })
    .await?;
    let (path, own) = (target.clone(), branch.clone());
    record::write(git, project, &Record { session: session.clone(), path, branch: own, created_at: None }).await?;
    let plan = Plan { git, repository: &repository, session, target, links: &links, identity: None };
    plan.make_repository().await?;
    if let Some((_, folder)) = &folder {
        fetch(git, target, &repository.common, folder).await?;
        bring_back(&plan, folder).await?;
    }
    stand(&plan, &request, folder.as_ref().map(|(_, folder)| folder.as_str()), &head).await?;
    plan.mark(Made::Repository).await?;
    let Some(copy) = Copy::find(git, None, target).await? else {
        return Err(Error::other(format!("git made no clone at `{target}`")));
    };
    copy.at(["read-tree"]).arg(&head).run().await?;
    fill(&copy, receipt, &worktrees::Record::None).await?;
    // What they lead to may be gone by now; the copy is worth having all the same.
    let _ = plan.link().await;
    if let Some((_, folder)) = &folder {
        let pins = copy.at(["for-each-ref", "--format=%(refname)"]).arg(folder).run().await?.text();
        retire::unpin(git, target, &pins.lines().map(str::to_owned).collect::<Vec<_>>()).await?;
    }
    plan.mark(Made::Whole).await?;
    let on = copy.ask(["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
    let mut info = WorkspaceInfo::new(target.clone(), head);
    info.branch = on.and_then(|on| on.parse().ok());
    Ok(info)
}

/// The session and the folder of a receipt's ref: `refs/ao/trash/<session>/<key>/`.
fn folder_of(name: &str) -> Option<(String, String)> {
    let mut parts = name.strip_prefix(TRASH)?.split('/');
    let (session, key) = (parts.next()?, parts.next()?);
    Some((session.to_owned(), format!("{TRASH}{session}/{key}/")))
}

/// Stands on the branch that the clone stood on, or on the commit alone; the session's branch is there either way.
async fn stand(plan: &Plan<'_>, request: &RestoreWorkspace, folder: Option<&str>, head: &str) -> Result<()> {
    let on = match &request.receipt {
        Some(receipt) => receipt.branch.as_ref(),
        None => Some(&request.branch),
    };
    if on != Some(&request.branch) {
        let pin = folder.map(|folder| format!("{folder}branch")).unwrap_or_default();
        let pinned = plan.here(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(&pin).output().await?;
        let commit = if pinned.status.success() { pinned.text() } else { head.to_owned() };
        plan.stand_on(&request.branch, &commit).await?;
    }
    if let Some(branch) = on {
        return plan.stand_on(branch, head).await;
    }
    plan.here(["update-ref", "--no-deref", "HEAD"]).arg(head).run().await?;
    plan.forget_the_way_here().await
}

/// Puts branches, tags and stashes back that only the clone had.
async fn bring_back(plan: &Plan<'_>, folder: &str) -> Result<()> {
    let listed = plan.here(["for-each-ref", "--format=%(objectname) %(refname)"]).arg(folder).run().await?.text();
    let named = listed.lines().filter_map(|line| line.split_once(' '));
    let kept: Vec<_> = named.filter_map(|(object, name)| Some((object, name.strip_prefix(folder)?))).collect();
    let own = kept.iter().filter(|(_, name)| name.starts_with("refs/"));
    let changes: String = own.flat_map(|(object, name)| ["update ", name, "\0", object, "\0\0"]).collect();
    if !changes.is_empty() {
        plan.here(["update-ref", "-m", "ao: restored", "--stdin", "-z"]).input(changes).run().await?;
    }
    let mut stashes: Vec<(usize, &str)> =
        kept.iter().filter_map(|(object, name)| Some((name.strip_prefix("stash/")?.parse().ok()?, *object))).collect();
    // The oldest first, so that the newest is on top again.
    stashes.sort_unstable_by(|one, other| other.cmp(one));
    for (_, object) in stashes {
        plan.here(["stash", "store", "--quiet", "-m", "restored by ao"]).arg(object).run().await?;
    }
    Ok(())
}
