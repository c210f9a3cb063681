//! The checks that neither the compiler nor clippy makes: pure functions over the files of the tree.

mod links;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::environment;
use crate::process::{Failure, Program};

/// Where something is untidy, and what.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from one.
    line: usize,
    problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.problem)
    }
}

/// The files of the workspace by their path from its root, with `/` between the parts.
#[derive(Debug, Default)]
struct Tree {
    /// The text of each; those that are not UTF-8 are there without.
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Yields the texts whose names end in one of the extensions, but for fixtures, which may be as untidy as they like.
    fn texts<'a>(&'a self, extensions: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let wanted = |path: &str| {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
            extensions.contains(&extension) && !is_fixture(path)
        };
        let with_text = |(path, text): (&'a String, &'a Option<String>)| Some((path.as_str(), text.as_deref()?));
        self.files.iter().filter_map(with_text).filter(move |(path, _)| wanted(path))
    }

    /// Says whether a path is a file, or a folder with a file in it; the empty path is the root.
    fn holds(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.range(inside.clone()..).next().is_some_and(|(next, _)| next.starts_with(&inside))
    }
}

/// Says whether a path is test material: inputs, expected outputs, programs that must not compile.
fn is_fixture(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "fixtures" | "snapshots" | "ui"))
}

/// Checks the files that git knows or would add.
pub(crate) fn run() -> Result<(), Failure> {
    let findings = check(&read()?);
    for finding in &findings {
        anstream::eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::new("1 finding")),
        count => Err(Failure::new(format!("{count} findings"))),
    }
}

fn read() -> Result<Tree, Failure> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let paths = Program::new("git").args(list).capture()?;
    let root = environment::root();
    let mut tree = Tree::default();
    for path in paths.split('\0').filter(|path| !path.is_empty()) {
        // A file that was deleted but not yet committed is still listed.
        if let Ok(bytes) = std::fs::read(root.join(path)) {
            tree.files.insert(path.to_owned(), String::from_utf8(bytes).ok());
        }
    }
    Ok(tree)
}

fn check(tree: &Tree) -> BTreeSet<Finding> {
    let mut findings = BTreeSet::new();
    for (path, text) in tree.texts(&["rs"]) {
        findings.extend(source::check(path, text));
    }
    for (path, text) in tree.texts(&["rs", "md", "toml", "yaml", "yml", "json"]) {
        findings.extend(whitespace(path, text));
    }
    for (path, text) in tree.texts(&["md"]) {
        findings.extend(links::check(tree, path, text));
    }
    findings.extend(fixtures(tree));
    findings
}

fn whitespace(path: &str, text: &str) -> impl Iterator<Item = Finding> {
    let untidy = text.split('\n').enumerate().filter(|(_, line)| line.ends_with([' ', '\t', '\r']));
    untidy.map(move |(index, _)| Finding {
        path: path.to_owned(),
        line: index + 1,
        problem: "white space at the end of the line".to_owned(),
    })
}

/// Asks of each `tests/fixtures` folder a README that says where its files come from.
fn fixtures(tree: &Tree) -> impl Iterator<Item = Finding> {
    let readme = |path: &String| {
        let parts: Vec<&str> = path.split('/').collect();
        let at = parts.windows(2).position(|pair| pair == ["tests", "fixtures"])?;
        Some(format!("{}/README.md", parts[..at + 2].join("/")))
    };
    let readmes: BTreeSet<String> = tree.files.keys().filter_map(readme).collect();
    readmes.into_iter().filter(|readme| !tree.files.contains_key(readme)).map(|path| Finding {
        path,
        line: 1,
        problem: "missing: fixtures need a README that says where they come from".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn tree<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Tree {
        let file = |(path, text): (&str, &str)| (path.to_owned(), Some(text.to_owned()));
        Tree { files: files.into_iter().map(file).collect() }
    }

    fn lines(tree: &Tree) -> Vec<String> {
        check(tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_tidy_tree_has_no_findings() {
        let files = [
            ("a/src/lib.rs", "//! What it is for.\n\nfn f() {}\n"),
            ("docs/a.md", "# A\n\nSee [the code](../a/src/lib.rs).\n"),
            ("tests/fixtures/README.md", "Made by hand.\n"),
            ("tests/fixtures/broken.rs", "fn f( {   \n"),
        ];
        assert_eq!(lines(&tree(files)), [""; 0]);
    }

    #[test]
    fn white_space_at_the_end_is_found_in_text_files_only() {
        let files = [("a.md", "one\ntwo  \n"), ("b.toml", "x = 1\t\n"), ("c.bin", "x \n"), ("d.yaml", "x: 1\r\n")];
        let expected = ["a.md:2", "b.toml:1", "d.yaml:1"].map(|at| format!("{at}: white space at the end of the line"));
        assert_eq!(lines(&tree(files)), expected);
    }

    #[test]
    fn fixtures_without_a_readme_are_found_in_any_crate() {
        let found = lines(&tree([
            ("tests/fixtures/x", ""),
            ("a/tests/fixtures/deep/y", ""),
            ("b/tests/it/main.rs", "//! B.\n"),
        ]));
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("a/tests/fixtures/README.md:1: missing"), "{found:?}");
        assert!(found[1].starts_with("tests/fixtures/README.md:1: missing"), "{found:?}");
    }

    #[test]
    fn a_folder_is_there_when_a_file_is_in_it() {
        let tree = tree([("docs/a/b.md", ""), ("docs-old", "")]);
        for path in ["", "docs", "docs/a", "docs/a/b.md", "docs-old"] {
            assert!(tree.holds(path), "{path}");
        }
        for path in ["doc", "docs/b", "docs/a/b"] {
            assert!(!tree.holds(path), "{path}");
        }
    }
}
