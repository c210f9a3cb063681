//! References to secrets in a plugin's settings: `${VARIABLE}` and `file:PATH`, expanded only after trust.

use camino::{Utf8Path, Utf8PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::{Entry, Kind, Node};
use super::paths::Home;
use super::secrets::Secrets;

/// Where the values of references come from.
pub struct Lookup<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, or why it cannot be read.
    pub file: &'a dyn Fn(&Utf8Path) -> Result<String, String>,
    /// The user's home directory, for `file:~/…`.
    pub home: Option<&'a Utf8Path>,
}

/// Settings with every reference in them replaced by its value.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// The settings, still knowing where each was written.
    pub settings: Node,
    /// The values that the references had, to keep them out of messages.
    pub secrets: Secrets,
}

/// Replaces the references in the texts of a plugin's settings.
///
/// `${NAME}` anywhere in a text is a variable; `$${` writes `${` itself; any other `$` stands for itself. A text that
/// begins with `file:` is the content of that file without the line breaks at its end; a relative path starts at the
/// directory of the file that the reference stands in, and `file://…` is left alone as a URL. Keys are never expanded,
/// and neither is what a reference expanded to.
///
/// # Errors
///
/// A diagnostic for each reference that has no value. None of them contains a value.
pub(crate) fn expand(settings: &Node, lookup: &Lookup<'_>) -> Result<Expanded, Diagnostics> {
    let mut secrets = Secrets::default();
    let mut problems = Vec::new();
    let settings = walk(settings, lookup, &mut secrets, &mut problems);
    problems.into_iter().collect::<Diagnostics>().or(Expanded { settings, secrets })
}

/// Whether a text has a reference in it that [`expand`] would replace.
pub(crate) fn holds_reference(text: &str) -> bool {
    file_reference(text).is_some() || text.contains("${")
}

fn file_reference(text: &str) -> Option<&str> {
    text.strip_prefix("file:").filter(|path| !path.starts_with("//"))
}

fn walk(node: &Node, lookup: &Lookup<'_>, secrets: &mut Secrets, problems: &mut Vec<Diagnostic>) -> Node {
    let kind = match &node.kind {
        Kind::String(text) => match expand_text(text, node, lookup, secrets) {
            Ok(text) => Kind::String(text),
            Err(found) => {
                problems.extend(found);
                node.kind.clone()
            }
        },
        Kind::Sequence(items) => {
            Kind::Sequence(items.iter().map(|item| walk(item, lookup, secrets, problems)).collect())
        }
        Kind::Mapping(entries) => {
            let entries = entries.iter().map(|(key, entry)| {
                let node = walk(&entry.node, lookup, secrets, problems);
                (key.clone(), Entry { key: entry.key.clone(), node })
            });
            Kind::Mapping(entries.collect())
        }
        other => other.clone(),
    };
    Node { kind, ..node.clone() }
}

fn expand_text(text: &str, node: &Node, lookup: &Lookup<'_>, secrets: &mut Secrets) -> Result<String, Diagnostics> {
    let refuse = |message: String, help: &str| {
        Diagnostics::from(Diagnostic::error(&node.place, node.path.clone(), message).help(help))
    };
    let (is_file, template) = file_reference(text).map_or((false, text), |path| (true, path));
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = reference[2..].split_once('}') else {
            return Err(refuse("`${` is never closed".to_owned(), "write `${NAME}`, or `$${` for the characters `${`"));
        };
        if !is_variable(name) {
            return Err(refuse(
                "`${…}` does not hold the name of a variable".to_owned(),
                "a name is letters, digits and `_`; write `$${` for the characters `${`",
            ));
        }
        let value = (lookup.variable)(name)
            .ok_or_else(|| refuse(format!("the variable `{name}` is not set"), "set it in the environment of `ao`"))?;
        secrets.add(&value);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    if !is_file {
        return Ok(out);
    }
    let path: Utf8PathBuf = Home(lookup.home).resolve(node.place.source().directory(), &out).map_err(|problem| {
        refuse(format!("the file of this reference {problem}"), "write an absolute path, or one relative to this file")
    })?;
    // The path may hold a variable; it is shown as written.
    let content = (lookup.file)(&path).map_err(|why| {
        let why = secrets.mask(&why);
        refuse(format!("cannot read the file `{template}`: {why}"), "create it, or correct the path after `file:`")
    })?;
    let content = content.trim_end_matches(['\n', '\r']);
    secrets.add(content);
    Ok(content.to_owned())
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
