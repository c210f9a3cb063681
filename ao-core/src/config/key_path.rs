//! The path of keys and indices that leads to a value.

use std::fmt;
use std::sync::Arc;

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Into a mapping.
    Key(String),
    /// Into a sequence, counted from 0.
    Index(usize),
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path from the top of a file to one value; shown as `projects.app.postCreate[0]`.
///
/// A list linked upwards, so that each of a tree's values can carry its own: siblings share what is above them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Option<Arc<Link>>);

#[derive(Debug, PartialEq, Eq)]
struct Link {
    above: KeyPath,
    segment: Segment,
}

impl KeyPath {
    /// The path of these keys.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        keys.into_iter().fold(Self::default(), |path, key| path.join(key))
    }

    /// This path and one step further.
    #[must_use]
    pub fn join(&self, segment: impl Into<Segment>) -> Self {
        Self(Some(Arc::new(Link { above: self.clone(), segment: segment.into() })))
    }

    /// Whether this is the top itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The steps, from the top down.
    #[must_use]
    pub fn segments(&self) -> Vec<&Segment> {
        let mut segments: Vec<_> = std::iter::successors(self.0.as_deref(), |link| link.above.0.as_deref())
            .map(|link| &link.segment)
            .collect();
        segments.reverse();
        segments
    }

    /// The end of the path as it reads in a sentence: the last key with the indices below it.
    pub(crate) fn subject(&self) -> String {
        match self.0.as_deref() {
            None => "the file".to_owned(),
            Some(Link { segment: Segment::Key(key), .. }) => format!("`{key}`"),
            Some(Link { segment: Segment::Index(index), above }) => {
                format!("item {} of {}", index + 1, above.subject())
            }
        }
    }

    /// Whether the path has this shape, where a pattern's `*` stands for any one segment.
    pub(crate) fn matches(&self, pattern: &[&str]) -> bool {
        let segments = self.segments();
        segments.len() == pattern.len()
            && segments.iter().zip(pattern).all(|(segment, wanted)| match segment {
                _ if *wanted == "*" => true,
                Segment::Key(key) => key == wanted,
                Segment::Index(_) => false,
            })
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.segments().into_iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_word(key) => write!(f, "{}{key}", if position == 0 { "" } else { "." })?,
                Segment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_$".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_the_keys_they_name() {
        let path = KeyPath::of(["projects", "app", "postCreate"]).join(0).join("tracker.get");
        assert_eq!(path.to_string(), "projects.app.postCreate[0][\"tracker.get\"]");
        assert!(path.matches(&["projects", "*", "postCreate", "*", "tracker.get"]));
        assert!(!path.matches(&["projects", "*", "postCreate"]));
        assert_eq!(KeyPath::default().to_string(), "");
        assert_eq!(KeyPath::of(["symlinks"]).join(1).subject(), "item 2 of `symlinks`");
    }
}
