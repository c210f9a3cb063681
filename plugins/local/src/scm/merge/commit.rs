//! Commits as bytes: read, and written without a word from the configuration: no signature, no hook, no conversion.

use ao_plugin_sdk::prelude::*;

use super::super::oid::Oid;
use super::super::repository::Repository;

/// A commit's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) tree: String,
    pub(super) parents: Vec<Oid>,
    /// `Name <address> seconds zone`, in whatever encoding.
    pub(super) author: Vec<u8>,
    pub(super) committer: String,
    /// That of the message and the names, where it is not UTF-8.
    pub(super) encoding: Option<Vec<u8>>,
}

/// Reads one: its header, and its message as bytes. What else the header holds, such as a signature, belongs to that commit
/// alone.
pub(super) fn read(bytes: &[u8]) -> Option<(Commit, Vec<u8>)> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let message = bytes.get(end + 2..).unwrap_or_default().to_vec();
    let mut commit = Commit {
        tree: String::new(),
        parents: Vec::new(),
        author: Vec::new(),
        committer: String::new(),
        encoding: None,
    };
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        let space = line.iter().position(|byte| *byte == b' ')?;
        let value = &line[space + 1..];
        let text = || String::from_utf8_lossy(value).into_owned();
        match &line[..space] {
            b"tree" => commit.tree = text(),
            b"parent" => commit.parents.push(Oid::try_from(text()).ok()?),
            b"author" => commit.author = value.to_vec(),
            b"committer" => commit.committer = text(),
            b"encoding" => commit.encoding = Some(value.to_vec()),
            _ => {}
        }
    }
    (!commit.tree.is_empty() && !commit.author.is_empty()).then_some((commit, message))
}

/// Writes one.
pub(super) async fn write(repository: &Repository<'_>, commit: &Commit, message: &[u8]) -> Result<Oid> {
    let call = repository.at(["hash-object", "-t", "commit", "-w", "--stdin"]).input(bytes(commit, message));
    Oid::printed(&call.run().await?.text())
}

fn bytes(commit: &Commit, message: &[u8]) -> Vec<u8> {
    let mut out = format!("tree {}\n", commit.tree).into_bytes();
    for parent in &commit.parents {
        out.extend(format!("parent {parent}\n").into_bytes());
    }
    out.extend_from_slice(b"author ");
    out.extend_from_slice(&commit.author);
    out.extend(format!("\ncommitter {}\n", commit.committer).into_bytes());
    if let Some(encoding) = &commit.encoding {
        out.extend_from_slice(b"encoding ");
        out.extend_from_slice(encoding);
        out.push(b'\n');
    }
    out.push(b'\n');
    // git ends a message at a NUL.
    out.extend(message.iter().filter(|byte| **byte != 0));
    out
}

/// A commit's tree.
pub(super) async fn tree_of(repository: &Repository<'_>, commit: &Oid) -> Result<String> {
    let call = repository.at(["rev-parse", "--verify", "--end-of-options"]).arg(format!("{commit}^{{tree}}"));
    Ok(call.run().await?.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_keeps_its_bytes_and_loses_its_signature() {
        let (tree, parent) = ("a".repeat(40), "b".repeat(40));
        let head = format!("tree {tree}\nparent {parent}\n");
        let rest = "committer C <c> 2 +0000\nencoding ISO-8859-1\n";
        let signed = [
            head.as_bytes(),
            b"author \xe4 <a> 1 +0000\n",
            rest.as_bytes(),
            b"gpgsig -----BEGIN\n author x\n -----END\n\nf\xe4x\n\nit\n",
        ]
        .concat();
        let (commit, message) = read(&signed).expect("a commit");
        assert_eq!(message, b"f\xe4x\n\nit\n");
        let plain = [head.as_bytes(), b"author \xe4 <a> 1 +0000\n", rest.as_bytes(), b"\nf\xe4x\n\nit\n"].concat();
        assert_eq!(bytes(&commit, &message), plain);
    }
}
