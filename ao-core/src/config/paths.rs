//! Paths as users write them, resolved without looking at the file system.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// The user's home directory, where it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'a>(pub(crate) Option<&'a Utf8Path>);

impl Home<'_> {
    /// `text` as a path: `~/` is the home directory, what is relative starts at `directory`.
    ///
    /// Says why it cannot be resolved, as a fragment that follows the name of the key.
    pub(crate) fn resolve(self, directory: &Utf8Path, text: &str) -> Result<Utf8PathBuf, String> {
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        let path = match text.strip_prefix('~') {
            None => directory.join(text),
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let home = self.0.ok_or("begins with `~`, but the home directory is not known")?;
                home.join(rest.trim_start_matches('/'))
            }
            Some(_) => return Err("names another user's home; write the path out".to_owned()),
        };
        Ok(without_dots(&path))
    }
}

/// The path without `.` components. `..` stays: what it leads to depends on symbolic links.
fn without_dots(path: &Utf8Path) -> Utf8PathBuf {
    let kept: Utf8PathBuf = path.components().filter(|component| *component != Utf8Component::CurDir).collect();
    if kept.as_str().is_empty() { Utf8PathBuf::from(".") } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_where_they_say() {
        let home = Home(Some(Utf8Path::new("/home/u")));
        for (text, path) in [
            (".", "/r"),
            ("./a/./b", "/r/a/b"),
            ("a", "/r/a"),
            ("../a", "/r/../a"),
            ("/x/", "/x"),
            ("~", "/home/u"),
            ("~/a", "/home/u/a"),
            ("~//etc", "/home/u/etc"),
        ] {
            assert_eq!(home.resolve(Utf8Path::new("/r"), text).expect(text), path, "{text}");
        }
        assert!(home.resolve(Utf8Path::new("/r"), "~root/x").is_err());
        assert!(home.resolve(Utf8Path::new("/r"), "").is_err());
        assert!(Home(None).resolve(Utf8Path::new("/r"), "~/x").is_err());
        assert_eq!(home.resolve(Utf8Path::new(""), ".").expect("relative"), ".");
    }
}
