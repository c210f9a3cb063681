//! The small types that configuration values parse into, and the formats by which the JSON Schema names them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::reactions::{MessageTemplate, check_action};
use crate::model::{BranchName, CheckName, InvalidName, PluginName, ProjectName, SessionPrefix};
use crate::slots::Slot;

macro_rules! text_type {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    };
}

/// A length of time as people write it: `500ms`, `90s`, `15m`, `2h`, `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(Duration);

text_type!(HumanDuration);

impl HumanDuration {
    /// The units, largest first, in milliseconds.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// So many whole minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// The length.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            Err(format!("is {why}; a duration is a whole number and one unit, such as `90s`, `15m`, `2h` or `1d`"))
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return refuse("not a duration");
        }
        if unit.is_empty() {
            return refuse("a number without a unit");
        }
        let Some((_, factor)) = Self::UNITS.iter().find(|(name, _)| *name == unit) else {
            return refuse("not a duration");
        };
        match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)) {
            Some(0) => refuse("no time at all"),
            Some(millis) => Ok(Self(Duration::from_millis(millis))),
            None => refuse("too long"),
        }
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let fits = |(_, factor): &&(&str, u64)| millis.is_multiple_of(u128::from(*factor));
        let (unit, factor) = Self::UNITS.iter().find(fits).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", millis / u128::from(*factor))
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> String {
        duration.to_string()
    }
}

/// A number of bytes as people write it: `500MB`, `10GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

text_type!(ByteSize);

impl ByteSize {
    /// The units, largest first, in bytes.
    const UNITS: [(&'static str, u64); 9] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1_000),
        ("B", 1),
    ];

    /// The bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            |why: &str| Err(format!("is {why}; a size is a whole number and one unit, such as `500MB` or `10GiB`"));
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return refuse("not a size");
        }
        if unit.is_empty() {
            return refuse("a number without a unit");
        }
        let Some((_, factor)) = Self::UNITS.iter().find(|(name, _)| *name == unit) else {
            return refuse("not a size");
        };
        match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)) {
            Some(0) => refuse("nothing at all"),
            Some(bytes) => Ok(Self(bytes)),
            None => refuse("too much"),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0.is_multiple_of(*factor);
        let (unit, factor) = Self::UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> String {
        size.to_string()
    }
}

/// A path below a directory: relative, without `..`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct RelativePath(Utf8PathBuf);

text_type!(RelativePath);

impl RelativePath {
    /// The path, without `.` components.
    #[must_use]
    pub fn as_path(&self) -> &Utf8Path {
        &self.0
    }
}

impl FromStr for RelativePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('~') {
            return Err("must be relative to the repository, without `~`".to_owned());
        }
        if text.contains('\0') {
            return Err("holds a NUL character".to_owned());
        }
        let mut path = Utf8PathBuf::new();
        for component in Utf8Path::new(text).components() {
            match component {
                Utf8Component::Normal(name) => path.push(name),
                Utf8Component::CurDir => {}
                Utf8Component::ParentDir => return Err("must not leave the repository with `..`".to_owned()),
                Utf8Component::RootDir | Utf8Component::Prefix(_) => {
                    return Err("must be relative to the repository, not absolute".to_owned());
                }
            }
        }
        if path.as_str().is_empty() {
            return Err("names nothing".to_owned());
        }
        Ok(Self(path))
    }
}

/// A repository as its host names it: `owner/name`, with groups before it where the host has them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct RepositoryName(String);

text_type!(RepositoryName);

impl RepositoryName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['-', '.'])
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if text.len() <= 300 && text.contains('/') && text.split('/').all(part) {
            return Ok(Self(text.to_owned()));
        }
        Err("is not a repository name; write it as `owner/name`, without a host and without `.git`".to_owned())
    }
}

/// A SHA-256 digest, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Sha256Hex(String);

text_type!(Sha256Hex);

impl Sha256Hex {
    /// The 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sha256Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err("is not a SHA-256 digest of 64 hexadecimal digits, as `sha256sum` prints it".to_owned())
    }
}

/// A method of a slot: `tracker.get`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct MethodName {
    slot: Slot,
    method: String,
}

text_type!(MethodName);

impl MethodName {
    /// The slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The method within it.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }
}

impl From<MethodName> for String {
    fn from(name: MethodName) -> String {
        format!("{}.{}", name.slot, name.method)
    }
}

impl FromStr for MethodName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((slot, method)) = text.split_once('.') else {
            return Err("is not a slot and a method, such as `tracker.get`".to_owned());
        };
        let list = |names: Vec<&str>| names.join(", ");
        let Some(&slot) = Slot::ALL.iter().find(|known| known.as_str() == slot) else {
            return Err(format!(
                "names no slot; the slots are {}",
                list(Slot::ALL.iter().map(|slot| slot.as_str()).collect())
            ));
        };
        let Some(method) = slot.methods().iter().find(|known| known.name == method) else {
            let known = slot.methods().iter().map(|method| method.name).collect();
            return Err(format!("names no method; those of the {slot} slot are {}", list(known)));
        };
        Ok(Self { slot, method: method.name.to_owned() })
    }
}

/// A path as the user writes it, not yet resolved: anything but nothing.
fn check_path(text: &str) -> Result<(), String> {
    match text {
        "" => Err("is empty".to_owned()),
        _ if text.contains('\0') => Err("holds a NUL character".to_owned()),
        _ if text.starts_with('~') && !(text == "~" || text.starts_with("~/")) => {
            Err("names another user's home; write the path out".to_owned())
        }
        _ => Ok(()),
    }
}

fn check<T: FromStr<Err = String>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop)
}

fn check_name<T: FromStr<Err = InvalidName>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.problem.to_owned())
}

/// Says what is wrong with a text, as a fragment that follows the name of the key.
type Check = fn(&str) -> Result<(), String>;

/// The `format`s of our own JSON Schema. The same parsers that make the types say what is wrong with a text.
pub(crate) const FORMATS: [(&str, Check); 14] = [
    ("ao-action", check_action),
    ("ao-branch", check_name::<BranchName>),
    ("ao-check", check_name::<CheckName>),
    ("ao-duration", check::<HumanDuration>),
    ("ao-message", check::<MessageTemplate>),
    ("ao-method", check::<MethodName>),
    ("ao-path", check_path),
    ("ao-plugin", check_name::<PluginName>),
    ("ao-prefix", check_name::<SessionPrefix>),
    ("ao-project", check_name::<ProjectName>),
    ("ao-relative-path", check::<RelativePath>),
    ("ao-repository", check::<RepositoryName>),
    ("ao-sha256", check::<Sha256Hex>),
    ("ao-size", check::<ByteSize>),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)] {
            let duration: HumanDuration = text.parse().expect(text);
            assert_eq!(duration.get(), Duration::from_secs(seconds));
        }
        assert_eq!("500ms".parse::<HumanDuration>().expect("ms").get(), Duration::from_millis(500));
        for text in [
            "",
            "5",
            "s",
            "5 s",
            " 5s",
            "5s ",
            "-5s",
            "+5s",
            "1.5h",
            "1h30m",
            "5S",
            "5sec",
            "5w",
            "0s",
            "1e3s",
            "٣s",
            "99999999999999999999d",
            "18446744073709551615d",
            "5\u{200b}s",
            "PT5S",
        ] {
            let error = text.parse::<HumanDuration>().expect_err(text);
            assert!(error.contains("`90s`"), "{error}");
        }
    }

    #[test]
    fn a_duration_is_written_with_its_largest_whole_unit() {
        for text in ["1d", "25h", "90s", "500ms", "1500ms", "10m"] {
            assert_eq!(text.parse::<HumanDuration>().expect(text).to_string(), text);
        }
        assert_eq!("3600s".parse::<HumanDuration>().expect("an hour").to_string(), "1h");
    }

    #[test]
    fn sizes_are_a_number_and_a_unit() {
        let table = [
            ("1B", 1),
            ("500MB", 500_000_000),
            ("1536MiB", 1536 << 20),
            ("10GiB", 10 << 30),
            ("2TB", 2_000_000_000_000),
        ];
        for (text, bytes) in table {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.get(), size.to_string()), (bytes, text.to_owned()));
        }
        for text in
            ["", "5", "GiB", "5 GiB", "1.5GiB", "-1B", "5gib", "5G", "0B", "99999999999TiB", "18446744073709551616B"]
        {
            let error = text.parse::<ByteSize>().expect_err(text);
            assert!(error.contains("`10GiB`"), "{error}");
        }
    }

    #[test]
    fn relative_paths_stay_below() {
        for text in ["", ".", "/etc", "../x", "a/../../x", "a/..", "~/x", "~", "a\0b"] {
            assert!(text.parse::<RelativePath>().is_err(), "{text:?}");
        }
        assert_eq!("./a//b/./c".parse::<RelativePath>().expect("path").as_path(), "a/b/c");
        assert_eq!("..a".parse::<RelativePath>().expect("path").as_path(), "..a");
    }

    #[test]
    fn names_of_repositories_methods_and_digests() {
        for text in ["acme", "acme/", "/app", "a//b", "https://x/y", "a/b c", "../x", "a/-x"] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text:?}");
        }
        assert!("group/sub/app.js".parse::<RepositoryName>().is_ok());
        for text in ["get", "trackers.get", "tracker.", "tracker.Get", "tracker.get.x", ""] {
            assert!(text.parse::<MethodName>().is_err(), "{text:?}");
        }
        assert!("tracker.find_effect".parse::<MethodName>().is_ok());
        assert!("ab".repeat(32).parse::<Sha256Hex>().is_ok() && "ab".repeat(31).parse::<Sha256Hex>().is_err());
    }
}
