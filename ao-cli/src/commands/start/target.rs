//! What the argument of `ao start` names: a project, a directory, or a repository somewhere else.

use ao_core::model::ProjectName;
use ao_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// What is to be hosted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A project of the configuration that applies here.
    Project(ProjectName),
    /// A directory, or a configuration file.
    Path(Utf8PathBuf),
    /// A git repository to clone.
    Url(Url),
}

/// The address of a git repository.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    text: String,
    name: String,
}

/// How a repository may be fetched. Nothing here runs a program that the address names.
const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "file"];

impl Target {
    /// Reads it. What looks like an address is one; what is there as a file is a path; the rest is a project.
    pub(super) fn parse(text: &str, exists: &dyn Fn(&Utf8Path) -> bool) -> Result<Self> {
        let path = Utf8Path::new(text);
        if let Some(url) = Url::parse(text).filter(|_| !exists(path)) {
            return url.map(Self::Url);
        }
        match text.parse() {
            Ok(name) if !exists(path) => Ok(Self::Project(name)),
            _ => Ok(Self::Path(path.to_owned())),
        }
    }
}

impl Url {
    /// None for what is no address; an error for one that cannot be used.
    fn parse(text: &str) -> Option<Result<Self>> {
        let path = match text.split_once("://") {
            Some((scheme, rest)) => {
                if !SCHEMES.contains(&scheme) {
                    let known = SCHEMES.join(", ");
                    return Some(Err(Error::invalid_input(format!(
                        "`{scheme}://` is no address that is cloned; there are {known}, and `host:path`"
                    ))));
                }
                rest
            }
            // `user@host:path`; a colon behind a slash is a path's.
            None => text.split_once(':').filter(|(host, path)| is_host(host) && !path.starts_with(':'))?.1,
        };
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = last.strip_suffix(".git").unwrap_or(last);
        if !is_plain(name) {
            let shown = without_credentials(text);
            return Some(Err(Error::invalid_input(format!("`{shown}` does not end in the name of a repository"))));
        }
        Some(Ok(Self { text: text.to_owned(), name: name.to_owned() }))
    }

    /// As git is told.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The directory that it is cloned into, below the current one.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// For people: who logs in with which password is left out.
    pub(super) fn shown(&self) -> String {
        without_credentials(&self.text)
    }

    /// A text in which the address may stand, without what nobody may see.
    pub(super) fn redact(&self, text: &str) -> String {
        match credentials(&self.text) {
            Some(secret) => text.replace(&format!("{secret}@"), "").replace(secret, "…"),
            None => text.to_owned(),
        }
    }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// A host with who logs in there: nothing that could be taken for a path or an option.
fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed)
}

/// A name of a directory that is neither hidden nor an option.
fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    name.starts_with(|c: char| c.is_alphanumeric() || c == '_') && name.chars().all(allowed)
}

/// What stands before the `@` of an address with a scheme.
fn credentials(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    authority.rsplit_once('@').map(|(secret, _)| secret).filter(|secret| !secret.is_empty())
}

fn without_credentials(url: &str) -> String {
    match credentials(url) {
        Some(secret) => url.replacen(&format!("{secret}@"), "", 1),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> String {
        let there = |path: &Utf8Path| ["here", "a:b", "."].contains(&path.as_str());
        match Target::parse(text, &there) {
            Ok(Target::Project(name)) => format!("project {name}"),
            Ok(Target::Path(path)) => format!("path {path}"),
            Ok(Target::Url(url)) => format!("{} from {}", url.name(), url.shown()),
            Err(error) => error.message,
        }
    }

    #[test]
    fn projects_paths_and_addresses_are_told_apart() {
        for (text, expected) in [
            ("app", "project app"),
            ("here", "path here"),
            (".", "path ."),
            ("../app", "path ../app"),
            ("/srv/app", "path /srv/app"),
            ("a:b", "path a:b"),
            ("./x:y", "path ./x:y"),
            ("https://github.com/acme/app.git", "app from https://github.com/acme/app.git"),
            ("https://u:p@example.org/acme/app/", "app from https://example.org/acme/app/"),
            ("ssh://git@example.org:22/acme/app", "app from ssh://example.org:22/acme/app"),
            ("git@github.com:acme/app.git", "app from git@github.com:acme/app.git"),
            ("host:app", "app from host:app"),
            ("file:///srv/git/app.git", "app from file:///srv/git/app.git"),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_would_run_something_or_name_nothing_is_refused() {
        for text in ["ext::sh -c id", "ext://x/y", "https://example.org/..", "https://u:p@example.org/.git", "file:///"]
        {
            let said = parse(text);
            assert!(!said.contains(" from ") && !said.contains("u:p"), "{text}: {said}");
        }
        assert!(parse("-oProxyCommand=x:y").starts_with("path "), "an option is no host");
    }

    #[test]
    fn credentials_are_never_shown() {
        let Target::Url(url) = Target::parse("https://user:s3cret@example.org/a.git", &|_| false).unwrap() else {
            panic!("an address")
        };
        assert!(!format!("{url:?}").contains("s3cret"));
        let complaint = "fatal: unable to access 'https://user:s3cret@example.org/a.git/': no s3cret";
        let shown = url.redact(complaint);
        assert_eq!(shown, "fatal: unable to access 'https://example.org/a.git/': no s3cret");
    }
}
