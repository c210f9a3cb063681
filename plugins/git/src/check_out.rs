//! Clean copies of one commit, for running something in: a repository of its own that reads the project's objects and writes
//! none of the project's refs, settings and hooks.
//!
//! - The commit is pinned by `refs/ao/checks/<name of the copy>` before anything is made: so objects stay while they are
//!   needed, and so a directory at the copy's place is known to be of an earlier attempt. Such a half-made one is moved
//!   beside the new one, where the host removes both.
//! - The copy knows the project's branches and tags, and no remote: there is nothing to push to.
//! - No hook of anybody's runs. Files of Git LFS stay pointers and submodules stay empty; the notes say so.

use ao_plugin_sdk::prelude::*;

use ao_git_command::{Call, Git, complaint};

/// The folder of the pins.
const PINS: &str = "refs/ao/checks/";
/// In the copy's git directory: the commit, once the copy is whole.
const WHOLE: &str = ".git/ao-check-out";
/// How many paths a note names.
const NAMED: usize = 5;
/// What stands for no hooks.
const NO_HOOKS: &str = "core.hooksPath=/dev/null";

/// Makes the copy, unless it is there.
pub(crate) async fn check_out(git: &Git, request: CheckOutCommit) -> Result<CheckedOut> {
    let CheckOutCommit { project, commit, target, .. } = &request;
    check_commit(commit)?;
    let pin = pin(target)?;
    let common = common_directory(git, project).await?;
    let found = git.at(&common, ["cat-file", "-e"]).arg(format!("{commit}^{{commit}}")).looking().output().await?;
    if !found.status.success() {
        let message = format!("`{project}` has no commit {commit}: fetch it first");
        return Err(Error::not_found(message).at_field("commit"));
    }
    let pinned = pinned(git, &common, &pin).await?;
    match state(target.clone(), commit.clone()).await? {
        Standing::Whole if pinned.as_ref() == Some(commit) => return notes(git, target).await,
        Standing::Nothing => {}
        Standing::Whole | Standing::Other if pinned.is_some() => set_aside(target.clone()).await?,
        Standing::Whole | Standing::Other => {
            let message = format!("`{target}` is there already, and it is no copy that was begun; move it away");
            return Err(Error::conflict(message).at_field("target"));
        }
    }
    let keep =
        git.at(&common, ["update-ref", "-m", "ao: checked out", "--end-of-options"]).to_its_end().arg(&pin).arg(commit);
    unhooked(keep).run().await?;
    make(git, &common, target, commit).await?;
    let (place, text) = (target.join(WHOLE), commit.clone());
    blocking(move || {
        let failed = |error: std::io::Error| Error::wrap(Code::OTHER, format!("cannot write `{place}`"), &error);
        ao_plugin_sdk::files::write_atomically(&place, text.as_bytes()).map_err(failed)
    })
    .await?;
    notes(git, target).await
}

/// Lets go of the commit.
pub(crate) async fn release(git: &Git, request: ReleaseCommit) -> Result<Released> {
    let pin = pin(&request.target)?;
    let common = common_directory(git, &request.project).await?;
    let mut released = Released::new();
    released.commit = pinned(git, &common, &pin).await?;
    if released.commit.is_some() {
        unhooked(git.at(&common, ["update-ref", "-d", "--end-of-options"]).to_its_end().arg(&pin)).run().await?;
    }
    Ok(released)
}

/// A command that runs nobody's hooks: also a change of a ref has one, `reference-transaction`.
fn unhooked(call: Call<'_>) -> Call<'_> {
    call.set("core.hooksPath", "/dev/null")
}

fn check_commit(commit: &str) -> Result<()> {
    let is_whole = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_whole {
        return Ok(());
    }
    let message = format!("`{}` is not the whole id of a commit", commit.escape_debug());
    Err(Error::invalid_input(message).at_field("commit"))
}

/// The pin of a copy, by the last part of its path.
fn pin(target: &Utf8Path) -> Result<String> {
    let refuse = |why: &str| Err(Error::invalid_input(format!("the copy's path `{target}` {why}")).at_field("target"));
    let Some(name) = target.file_name().filter(|_| target.is_absolute()) else { return refuse("is not absolute") };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain = name.chars().all(is_plain) && !name.starts_with('.') && !name.ends_with('.');
    if !plain || name.contains("..") || Utf8Path::new(name).extension() == Some("lock") {
        return refuse("must end in a name of letters, digits, `.`, `-` and `_`");
    }
    Ok(format!("{PINS}{name}"))
}

/// Where the objects and refs of a project are, whether it has a checkout or not.
async fn common_directory(git: &Git, project: &Utf8Path) -> Result<Utf8PathBuf> {
    let there = project.to_owned();
    if !project.is_absolute() || !blocking(move || Ok(there.is_dir())).await? {
        let message = format!("the project's directory `{project}` does not exist; correct its `path`");
        return Err(Error::not_found(message).at_field("project"));
    }
    let call = git.at(project, ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    let output = call.looking().output().await?;
    if !output.status.success() {
        let message = format!("`{project}` is no git repository: {}", complaint(&output));
        return Err(Error::invalid_input(message).at_field("project"));
    }
    Ok(output.text().into())
}

async fn pinned(git: &Git, common: &Utf8Path, pin: &str) -> Result<Option<String>> {
    let found = git.at(common, ["rev-parse", "--quiet", "--verify"]).arg(pin).looking().output().await?.text();
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// What stands where the copy goes.
enum Standing {
    Nothing,
    /// A copy of this commit, to its end.
    Whole,
    Other,
}

async fn state(target: Utf8PathBuf, commit: String) -> Result<Standing> {
    blocking(move || {
        Ok(match fs_err::symlink_metadata(&target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Standing::Nothing,
            Ok(found)
                if found.is_dir() && fs_err::read(target.join(WHOLE)).is_ok_and(|text| text == commit.as_bytes()) =>
            {
                Standing::Whole
            }
            _ => Standing::Other,
        })
    })
    .await
}

/// Moves what an earlier attempt left beside the place where it stood.
async fn set_aside(target: Utf8PathBuf) -> Result<()> {
    blocking(move || {
        let free = (1..1000).map(|number| Utf8PathBuf::from(format!("{target}.left-{number}")));
        let free = free.into_iter().find(|place| fs_err::symlink_metadata(place).is_err());
        let free = free.ok_or_else(|| Error::conflict(format!("too much was left beside `{target}`; move it away")))?;
        let failed = |error| Error::wrap(Code::OTHER, format!("cannot move `{target}` aside"), &error);
        fs_err::rename(&target, &free).map_err(failed)
    })
    .await
}

async fn make(git: &Git, common: &Utf8Path, target: &Utf8Path, commit: &str) -> Result<()> {
    // No template: it may bring hooks along.
    let clone = git.at(common, ["clone", "--quiet", "--shared", "--no-checkout", "--template=", "--origin", "origin"]);
    let output = unhooked(quiet(clone.arg("--").arg(common.as_str()).arg(target.as_str()))).output().await?;
    if !output.status.success() {
        let message = format!("cannot make a copy of `{common}` in `{target}`: {}", complaint(&output));
        return Err(Error::other(message));
    }
    share(common.to_owned(), target.to_owned()).await?;
    // Whatever runs there has nowhere to push to. The branches that were copied stay.
    quiet(git.at(target, ["config", "--remove-section", "remote.origin"])).run().await?;
    let to = git.at(target, ["-c", NO_HOOKS, "-c", "advice.detachedHead=false", "-c", "core.fsmonitor=false"]);
    // The whole content of big files may be anywhere; what is there are pointers.
    let to = to.arg("-c").arg("filter.lfs.process=").arg("-c").arg("filter.lfs.smudge=");
    let to = to.arg("-c").arg("filter.lfs.required=false").env("GIT_LFS_SKIP_SMUDGE", "1");
    let to =
        to.arg("checkout").arg("--quiet").arg("--force").arg("--no-recurse-submodules").arg("--detach").arg(commit);
    let output = quiet(to).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let message = format!("cannot check {commit} out in `{target}`: {}", complaint(&output));
    Err(Error::other(message))
}

/// Nobody is asked for a password, and nothing is fetched.
fn quiet(call: Call<'_>) -> Call<'_> {
    call.env("GIT_ASKPASS", "/bin/false").env("SSH_ASKPASS", "/bin/false").env("GIT_NO_LAZY_FETCH", "1")
}

/// Has the copy read the project's objects where git made it otherwise, as it does where history is cut short.
async fn share(common: Utf8PathBuf, target: Utf8PathBuf) -> Result<()> {
    blocking(move || {
        let failed = |error: std::io::Error| Error::wrap(Code::OTHER, format!("cannot prepare `{target}`"), &error);
        let shallow = match fs_err::read(common.join("shallow")) {
            Ok(shallow) => shallow,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let objects = format!("{}\n", common.join("objects"));
        let own = target.join(".git");
        ao_plugin_sdk::files::write_atomically(&own.join("objects/info/alternates"), objects.as_bytes())
            .map_err(failed)?;
        ao_plugin_sdk::files::write_atomically(&own.join("shallow"), &shallow).map_err(failed)
    })
    .await
}

/// What is not as in the commit.
async fn notes(git: &Git, target: &Utf8Path) -> Result<CheckedOut> {
    let mut checked = CheckedOut::new();
    let staged = git.at(target, ["ls-files", "--stage", "-z"]).looking().run().await?.stdout;
    let of_submodule = |entry: &&[u8]| entry.starts_with(b"160000 ");
    let path = |entry: &[u8]| {
        let tab = entry.iter().position(|byte| *byte == b'\t').map_or(0, |tab| tab + 1);
        String::from_utf8_lossy(&entry[tab..]).into_owned()
    };
    let submodules: Vec<_> = staged.split(|byte| *byte == 0).filter(of_submodule).map(path).collect();
    if !submodules.is_empty() {
        checked.notes.push(format!("submodules are empty: {}", named(&submodules)));
    }
    let pointers = git.at(target, ["ls-files", "-z", "--", ":(attr:filter=lfs)"]).looking().output().await?.stdout;
    let pointers: Vec<_> = pointers.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
    let pointers: Vec<_> = pointers.into_iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    if !pointers.is_empty() {
        checked.notes.push(format!("files of Git LFS are pointers: {}", named(&pointers)));
    }
    Ok(checked)
}

fn named(paths: &[String]) -> String {
    let shown: Vec<_> = paths.iter().take(NAMED).map(|path| path.escape_debug().to_string()).collect();
    let more = paths.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_becomes_a_ref() {
        assert_eq!(pin("/s/checks/01.1".into()).expect("plain"), "refs/ao/checks/01.1");
        for path in ["01", "/", "/s/..", "/s/a b", "/s/.a", "/s/a.lock", "/s/a..b", "/s/a~1", "/s/a."] {
            assert_eq!(pin(path.into()).expect_err(path).field.as_deref(), Some("target"));
        }
        assert!(
            check_commit(&"a".repeat(40)).is_ok() && check_commit("HEAD").is_err() && check_commit("--all").is_err()
        );
    }

    #[test]
    fn a_note_names_a_few() {
        let paths: Vec<_> = (0..7).map(|number| format!("p{number}")).collect();
        assert_eq!(named(&paths), "p0, p1, p2, p3, p4 and 2 more");
    }
}
