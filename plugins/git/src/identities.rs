//! Finds what `identify` and `create` have left of sessions: in repositories, and in worktrees.

use ao_plugin_sdk::prelude::*;

use crate::clone::is_clone;
use crate::identify::{FILE, SESSIONS};
use crate::porcelain;
use crate::preserve::copy::Copy;
use ao_git_command::Git;

const HEADS: &str = "refs/heads/";

/// A repository or a worktree that cannot be looked at is left out, and said in the log: the others are worth having.
pub(crate) async fn find(git: &Git, request: FindIdentities) -> Result<Identities> {
    let mut found = Identities::new();
    for project in request.projects {
        match of_project(git, &project).await {
            Ok(identities) => found.projects.push(identities),
            Err(error) => tracing::warn!(%project, %error, "cannot look for sessions in the repository"),
        }
    }
    for path in request.copies {
        if is_clone(&path).await? {
            continue;
        }
        found.copies.extend(said_of_copy(git, &path, Main::Looked).await);
    }
    Ok(found)
}

/// Which project a copy belongs to.
pub(crate) enum Main {
    /// The one whose worktree it is.
    Looked,
    /// This one.
    Is(Utf8PathBuf),
}

/// What a copy says of itself. One that cannot be looked at says nothing, and the log says why.
pub(crate) async fn said_of_copy(git: &Git, path: &Utf8Path, main: Main) -> Option<CopyIdentity> {
    of_copy(git, path, main).await.unwrap_or_else(|error| {
        tracing::warn!(%path, %error, "cannot tell whose this is");
        None
    })
}

async fn of_project(git: &Git, project: &Utf8Path) -> Result<ProjectIdentities> {
    let call = git.at(project, ["for-each-ref", "--format=%(objectname) %(refname)", SESSIONS, HEADS]).looking();
    let refs = call.run().await?.text();
    let mut found = ProjectIdentities::new(project);
    let mut written = Vec::new();
    for (object, name) in refs.lines().filter_map(|line| line.split_once(' ')) {
        if let Some(branch) = name.strip_prefix(HEADS) {
            // A name that is not one of ours is no session's either.
            found.branches.extend(branch.parse::<BranchName>().ok());
        } else if let Some(session) = name.strip_prefix(SESSIONS).and_then(|name| name.parse::<SessionId>().ok()) {
            written.push((session, object));
        }
    }
    if written.is_empty() {
        return Ok(found);
    }
    let wanted: Vec<_> = written.iter().map(|(_, object)| *object).collect();
    let wanted = wanted.join("\n") + "\n";
    let objects = git.at(project, ["cat-file", "--batch"]).input(wanted).run().await?;
    let mut objects = blobs(&objects.stdout).into_iter();
    for (session, _) in written {
        // One that is no blob was put there by somebody else; its number is taken all the same.
        let blob = objects.next().flatten().unwrap_or_default();
        found.sessions.push(WrittenIdentity::new(session, blob));
    }
    Ok(found)
}

/// Reads the answers of `git cat-file --batch`: a line `<object> <type> <size>`, the object, a line feed. None for what is
/// missing, or no text.
fn blobs(mut answers: &[u8]) -> Vec<Option<String>> {
    let mut found = Vec::new();
    while let Some(end) = answers.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = (String::from_utf8_lossy(&answers[..end]).into_owned(), &answers[end + 1..]);
        let mut words = line.split(' ').skip(1);
        let (kind, size) = (words.next(), words.next().and_then(|size| size.parse::<usize>().ok()));
        let Some(size) = size.filter(|size| *size <= rest.len()) else {
            found.push(None);
            answers = rest;
            continue;
        };
        found.push(
            Some(&rest[..size]).filter(|_| kind == Some("blob")).and_then(|text| String::from_utf8(text.to_vec()).ok()),
        );
        answers = rest.get(size + 1..).unwrap_or_default();
    }
    found
}

async fn of_copy(git: &Git, path: &Utf8Path, main: Main) -> Result<Option<CopyIdentity>> {
    // git would go on looking above it.
    let Some(copy) = Copy::find(git, None, path).await?.filter(|copy| copy.files.is_some()) else { return Ok(None) };
    let project = match main {
        Main::Is(project) => project,
        Main::Looked => {
            let listed = copy.at(["worktree", "list", "--porcelain", "-z"]).looking().run().await?;
            let Some(main) = porcelain::worktrees(&listed.stdout).into_iter().next() else { return Ok(None) };
            main.path
        }
    };
    let mut found = CopyIdentity::new(path, project);
    found.head = copy.ask(["rev-parse", "--verify", "--quiet", "HEAD"]).await?;
    let branch = copy.ask(["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
    found.branch = branch.and_then(|branch| branch.parse().ok());
    let file = copy.private.join(FILE);
    found.blob = blocking(move || Ok(fs_err::read_to_string(file).ok())).await?;
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whatever_is_in_them() {
        let text = b"aa blob 3\n{\n}\nbb missing\ncc tree 2\nxx\ndd blob 2\n\xff\xfe\nee blob 0\n\n";
        let found = blobs(text);
        assert_eq!(found, [Some("{\n}".to_owned()), None, None, None, Some(String::new())]);
        assert_eq!(blobs(b"aa blob 99\nshort"), [None]);
    }
}
