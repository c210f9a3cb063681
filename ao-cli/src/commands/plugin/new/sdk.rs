//! Where a new crate gets the SDK from, until it is published.

use ao_core::Error;
use camino::{Utf8Path, Utf8PathBuf};

/// Where the SDK is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sdk {
    /// A directory.
    Path(Utf8PathBuf),
    /// A repository, at a commit, a tag or a branch if one is named.
    Git {
        /// Its address.
        url: String,
        /// What stands behind the `#`.
        rev: Option<String>,
    },
}

impl Sdk {
    /// The checkout that this program was built from, if it is still there.
    pub(super) fn of_this_build() -> Result<Self, Error> {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join("plugin-sdk"));
        root.filter(|root| is_sdk(root)).map(Self::Path).ok_or_else(|| {
            Error::invalid_input(
                "the source that this `ao` was built from is not here any more: say where the SDK is, with \
                 `--sdk PATH` (a checkout of ao) or `--sdk GIT-URL#REV`",
            )
        })
    }

    /// What the user wrote: a repository's address, or a directory.
    pub(super) fn parse(text: &str, absolute: impl Fn(&Utf8Path) -> Utf8PathBuf) -> Result<Self, Error> {
        if text.is_empty() || text.contains(char::is_control) {
            return Err(Error::invalid_input("`--sdk` is empty or has control characters in it"));
        }
        if text.contains("://") {
            let (url, rev) = text.split_once('#').map_or((text, None), |(url, rev)| (url, Some(rev)));
            if rev == Some("") {
                return Err(Error::invalid_input(format!("`{text}` names no revision behind its `#`")));
            }
            return Ok(Self::Git { url: url.to_owned(), rev: rev.map(str::to_owned) });
        }
        let path = absolute(Utf8Path::new(text));
        let found = [path.join("plugin-sdk"), path.clone()].into_iter().find(|path| is_sdk(path));
        found.map(Self::Path).ok_or_else(|| {
            Error::not_found(format!(
                "`{path}` is neither a checkout of ao nor its `plugin-sdk`; a repository is an address with `://` in it, \
                 such as `ssh://git@example.com/ao#v1.0.0`"
            ))
        })
    }

    /// The dependency as `Cargo.toml` has it, with features if there are any.
    pub(super) fn dependency(&self, features: &[&str]) -> String {
        let mut parts = match self {
            Self::Path(path) => vec![format!("path = {}", quoted(path.as_str()))],
            Self::Git { url, rev } => {
                let rev = rev.iter().map(|rev| format!("rev = {}", quoted(rev)));
                std::iter::once(format!("git = {}", quoted(url))).chain(rev).collect()
            }
        };
        if !features.is_empty() {
            let features: Vec<_> = features.iter().map(|feature| quoted(feature)).collect();
            parts.push(format!("features = [{}]", features.join(", ")));
        }
        format!("ao-plugin-sdk = {{ {} }}", parts.join(", "))
    }
}

/// Text without control characters is the same in JSON and in TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_sdk(path: &Utf8Path) -> bool {
    let manifest = fs_err::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
    manifest.lines().any(|line| line.trim() == r#"name = "ao-plugin-sdk""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sdk, Error> {
        Sdk::parse(text, |path| Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
    }

    #[test]
    fn repositories_may_name_a_revision() {
        let sdk = parse("https://example.com/a\"o.git#v1").unwrap();
        let expected = r#"ao-plugin-sdk = { git = "https://example.com/a\"o.git", rev = "v1", features = ["x"] }"#;
        assert_eq!(sdk.dependency(&["x"]), expected);
        assert_eq!(parse("file:///srv/ao").unwrap().dependency(&[]), r#"ao-plugin-sdk = { git = "file:///srv/ao" }"#);
        assert!(parse("https://example.com/ao#").is_err());
    }

    #[test]
    fn a_checkout_and_its_sdk_are_the_same() {
        let sdk = parse("../plugin-sdk").unwrap();
        let Sdk::Path(path) = &sdk else { panic!("{sdk:?}") };
        assert!(path.ends_with("plugin-sdk"));
        assert!(matches!(parse(".."), Ok(Sdk::Path(path)) if path.ends_with("plugin-sdk")));
        assert!(matches!(Sdk::of_this_build(), Ok(Sdk::Path(_))));
    }

    #[test]
    fn what_is_no_sdk_is_refused() {
        for text in ["", "src", "/nonexistent", "a\nb", "git@example.com:ao"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
