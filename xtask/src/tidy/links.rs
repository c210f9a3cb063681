//! Links in Markdown: each leads to something that is there.

use super::{Finding, Tree};

/// Returns the links of a page that lead nowhere. Addresses of other hosts are not looked up.
pub(super) fn check(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(&without_code(line)) {
            if let Some(problem) = problem(tree, path, &target) {
                findings.push(Finding { path: path.to_owned(), line: index + 1, problem });
            }
        }
    }
    findings
}

/// Returns a line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Returns the targets of `[text](target)`, `[text](target "title")` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let is_definition = |line: &&str| line.starts_with('[') && !line.starts_with("[^");
    let definition = Some(line.trim_start()).filter(is_definition).and_then(|line| line.split_once("]: "));
    let all = inline.chain(definition.map(|(_, target)| target));
    let bare = |target: &str| target.split_whitespace().next().unwrap_or("").trim_matches(['<', '>']).to_owned();
    all.map(bare).collect()
}

fn problem(tree: &Tree, page: &str, target: &str) -> Option<String> {
    let file = target.split_once('#').map_or(target, |(file, _)| file);
    if file.is_empty() && target.starts_with('#') || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    if file.starts_with('/') {
        return Some(format!("`{target}` is absolute: link relative to the page"));
    }
    match resolve(page, file) {
        Some(resolved) if tree.holds(&resolved) => None,
        Some(_) => Some(format!("`{target}` leads to nothing")),
        None => Some(format!("`{target}` leads out of the repository")),
    }
}

/// Returns a target's path from the root, or nothing when it leaves it.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn problems(page: &str, text: &str) -> Vec<String> {
        let tree = tree([("README.md", ""), ("docs/a.md", ""), ("docs/reference/cli.md", "")]);
        check(&tree, page, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_to_files_folders_headings_and_hosts_are_fine() {
        for text in [
            "[a](a.md), [cli](reference/cli.md#spawn \"Spawn\") and [up](../README.md)",
            "[folder](reference/), [here](#heading), [host](https://example.com/x), <https://example.com>",
            "[a]: ./a.md",
            "[^1]: a footnote",
            "`[code](nowhere.md)`",
            "```\n[code](nowhere.md)\n```",
        ] {
            assert_eq!(problems("docs/a.md", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn links_to_nothing_are_found_with_their_line() {
        for (text, expected) in [
            ("\n[x](b.md)", "docs/a.md:2: `b.md` leads to nothing"),
            ("[x](reference/cli)", "docs/a.md:1: `reference/cli` leads to nothing"),
            ("[x](../../etc/passwd)", "docs/a.md:1: `../../etc/passwd` leads out of the repository"),
            ("[x](/docs/a.md)", "docs/a.md:1: `/docs/a.md` is absolute: link relative to the page"),
            ("[x]: b.md#part", "docs/a.md:1: `b.md#part` leads to nothing"),
        ] {
            assert_eq!(problems("docs/a.md", text), [expected], "{text}");
        }
    }

    #[test]
    fn a_page_at_the_root_links_from_the_root() {
        assert_eq!(problems("README.md", "[a](docs/a.md) [root](.)"), [""; 0]);
        assert_eq!(problems("README.md", "[a](a.md)"), ["README.md:1: `a.md` leads to nothing"]);
    }
}
