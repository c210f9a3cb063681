//! The shelf in a ref: every state of all issues is a commit of `refs/ao/issues`, whose tree holds the files. It travels
//! with the repository, is the same from every worktree, and touches nobody's files.

use std::collections::BTreeMap;

use ao_git_command::{Git, complaint};
use ao_plugin_sdk::prelude::*;

use super::problem::Flaw;
use super::shelf::{Leaf, Listing, Shelf, Writing, Written, unreadable_name};
use crate::lock::Lock;

/// Where issues are.
pub(super) const REF: &str = "refs/ao/issues";

/// What may be asked of one `cat-file`, in bytes: a program's output is kept up to 16 MiB.
const MOST_AT_ONCE: u64 = 8 << 20;

/// A repository's `refs/ao/issues`.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// How git is run.
    pub(super) git: Git,
    /// Where git is run.
    pub(super) directory: Utf8PathBuf,
}

#[async_trait]
impl Shelf for Reference {
    async fn listing(&self) -> Result<Listing> {
        let call = self.git.at(&self.directory, ["rev-parse", "--verify", "--quiet", REF]).looking();
        let output = call.output().await?;
        let mut listing = Listing::default();
        if !output.status.success() {
            // It says nothing where there is no such ref.
            return if output.stderr.is_empty() { Ok(listing) } else { Err(call.failure(&output)) };
        }
        let revision = output.text();
        let list = self.git.at(&self.directory, ["ls-tree", "-z", "--long", "--full-tree"]).arg(&revision);
        for entry in entries(&list.looking().run().await?)? {
            let is_text = std::str::from_utf8(entry).is_ok();
            let text = String::from_utf8_lossy(entry);
            let Some((about, name)) = text.split_once('\t') else { continue };
            let mut about = about.split_ascii_whitespace();
            let (mode, kind, object, size) = (about.next(), about.next(), about.next(), about.next());
            let flaw = match (mode, kind) {
                (Some("120000"), _) => Some(Flaw::new("it is a symbolic link", "put a file in its place")),
                (_, Some("blob")) if !is_text => Some(unreadable_name()),
                (_, Some("blob")) => None,
                // Directories and submodules are nobody's issues.
                _ => continue,
            };
            let size = size.and_then(|size| size.parse().ok()).unwrap_or(u64::MAX);
            let leaf = Leaf { name: name.to_owned(), size, object: object.map(str::to_owned) };
            listing.add(self, leaf, flaw);
        }
        listing.revision = Some(revision);
        Ok(listing)
    }

    async fn contents(&self, leaves: &[Leaf]) -> Result<Vec<std::result::Result<Vec<u8>, Flaw>>> {
        let mut contents = Vec::with_capacity(leaves.len());
        let mut rest = leaves;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |leaf: &&Leaf| {
                bytes += leaf.size;
                bytes <= MOST_AT_ONCE
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            contents.extend(self.objects(now).await?.into_iter().map(Ok));
            rest = later;
        }
        Ok(contents)
    }

    async fn write(&self, listing: &Listing, writing: Writing, lock: Lock) -> Result<Written> {
        let commit = self.commit(listing, &writing).await?;
        let (own, before) = (self.clone(), listing.revision.clone().unwrap_or_default());
        // A git that is killed while it moves a ref leaves a lock that nobody takes away. In a task of its own, which knows
        // of no deadline, our lock is held until git has ended.
        #[expect(
            clippy::disallowed_methods,
            reason = "it is awaited here, and has to outlive who does not wait any more"
        )]
        let moving = tokio::spawn(async move {
            let _held = lock;
            let update = own.git.at(&own.directory, ["update-ref", "--no-deref", REF]).arg(commit).arg(before);
            let update = update.to_its_end();
            let output = update.output().await?;
            if output.status.success() {
                return Ok(Written::Done);
            }
            let said = complaint(&output);
            let moved = said.contains("but expected") || said.contains("already exists");
            if moved { Ok(Written::Moved) } else { Err(update.failure(&output)) }
        });
        moving.await.map_err(|error| Error::wrap(Code::OTHER, format!("cannot follow how `{REF}` is moved"), &error))?
    }

    fn shown(&self, name: &str) -> String {
        format!("{REF}:{name}")
    }
}

impl Reference {
    async fn objects(&self, leaves: &[Leaf]) -> Result<Vec<Vec<u8>>> {
        let names: String = leaves.iter().flat_map(|leaf| [leaf.object.as_deref().unwrap_or_default(), "\n"]).collect();
        let call = self.git.at(&self.directory, ["cat-file", "--batch"]).looking().input(names);
        let printed = call.run().await?.stdout;
        let mut rest = printed.as_slice();
        let mut objects = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let object = next_object(&mut rest).ok_or_else(|| {
                Error::other(format!("`{}` cannot be read: git has no such object", self.shown(&leaf.name)))
            })?;
            objects.push(object);
        }
        Ok(objects)
    }

    /// The commit of a tree in which one file is another.
    async fn commit(&self, listing: &Listing, writing: &Writing) -> Result<String> {
        let store = self.git.at(&self.directory, ["hash-object", "-w", "--stdin"]).input(writing.text.as_bytes());
        let blob = store.run().await?.text();
        let mut tree: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        if let Some(revision) = &listing.revision {
            let list = self.git.at(&self.directory, ["ls-tree", "-z", "--full-tree"]).arg(revision);
            for entry in entries(&list.looking().run().await?)? {
                let name = entry.splitn(2, |byte| *byte == b'\t').nth(1).unwrap_or_default();
                tree.insert(name.to_vec(), entry.to_vec());
            }
        }
        tree.insert(writing.name.clone().into_bytes(), format!("100644 blob {blob}\t{}", writing.name).into_bytes());
        let input: Vec<u8> = tree.into_values().flat_map(|entry| [entry, vec![0]].concat()).collect();
        let tree = self.git.at(&self.directory, ["mktree", "-z", "--missing"]).input(input).run().await?.text();
        let mut call = self.git.at(&self.directory, ["commit-tree"]).arg(tree).input(writing.message.as_bytes());
        if let Some(parent) = &listing.revision {
            call = call.arg("-p").arg(parent);
        }
        // Whose change it is stands in the file; a repository need not know anybody's name for it.
        for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
            call = call.env(name, "ao");
        }
        for name in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
            call = call.env(name, "ao@localhost");
        }
        Ok(call.run().await?.text())
    }
}

/// The entries that `ls-tree -z` printed: all of them, as what is missing here would be missing in the next tree.
fn entries(listed: &CommandOutput) -> Result<impl Iterator<Item = &[u8]>> {
    if listed.is_cut() || listed.stdout.last().is_some_and(|byte| *byte != 0) {
        return Err(Error::unsupported(format!(
            "`{REF}` has more files than can be listed, so nothing in it is shown or changed; remove those that are no issues"
        )));
    }
    Ok(listed.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()))
}

/// The next object of `cat-file --batch`: a line `<object> blob <size>`, the bytes, a line end.
fn next_object(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let header = std::str::from_utf8(&rest[..end]).ok()?;
    let size: usize = header.split(' ').nth(2)?.parse().ok()?;
    let object = rest.get(end + 1..end + 1 + size)?.to_vec();
    *rest = rest.get(end + 2 + size..)?;
    Some(object)
}
