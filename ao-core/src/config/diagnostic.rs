//! What is wrong with a configuration, where, and what to write instead.

use std::fmt::{self, Write as _};
use std::ops::Deref;

use super::key_path::KeyPath;
use super::secrets::Secrets;
use super::source::Place;
use crate::Error;
use crate::model::PluginName;
use crate::slots::Slot;

/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, but does not do what it looks like.
    Warning,
}

impl Severity {
    /// The word that a rendered diagnostic begins with.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One problem of a configuration file.
///
/// It owns what is needed to show it: the text of its file comes along with the [`Place`]. All text in it is free of
/// control characters, so an untrusted file can be reported on a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// What to do about it, as a lower-case fragment.
    pub help: Option<String>,
    /// The key path to the value; empty for the file as a whole.
    pub key_path: KeyPath,
    /// The text to underline.
    pub place: Place,
    /// The rule of a plugin's JSON Schema that refused the value, as a path into that schema.
    pub rule: Option<String>,
    /// The plugin whose schema that is, as `slot/name`.
    pub plugin: Option<String>,
    /// Other places that take part in the problem, each with what it is.
    pub related: Vec<(String, Place)>,
}

impl Diagnostic {
    /// An error at one place.
    pub fn error(place: &Place, key_path: KeyPath, message: impl AsRef<str>) -> Self {
        Self {
            severity: Severity::Error,
            message: printable(message.as_ref()),
            help: None,
            key_path,
            place: place.clone(),
            rule: None,
            plugin: None,
            related: Vec::new(),
        }
    }

    /// The same problem, with what to do about it.
    pub fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(printable(help.as_ref()));
        self
    }

    /// The same problem, pointing at one more place.
    pub fn also(mut self, what: impl AsRef<str>, place: &Place) -> Self {
        self.related.push((printable(what.as_ref()), place.clone()));
        self
    }

    /// The broken rule in words, where it is one of a plugin's schema: `maximum` of tracker/acme's settings.
    #[must_use]
    pub fn rule_in_words(&self) -> Option<String> {
        let rule = printable(self.rule.as_ref()?.trim_start_matches('/'));
        let of =
            self.plugin.as_ref().map_or_else(|| "the plugin's settings".to_owned(), |by| format!("{by}'s settings"));
        Some(format!("it breaks the rule `{rule}` of {of}"))
    }

    /// The same problem without any of the secrets in its words.
    ///
    /// The excerpt shows the file as written, where a secret is only a reference.
    pub(crate) fn masked(mut self, secrets: &Secrets) -> Self {
        self.message = secrets.mask(&self.message);
        self.help = self.help.map(|help| secrets.mask(&help));
        self
    }

    /// Several lines for a person: the message, file, line, column and key path, the excerpt, and the help.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = format!("{}: {}\n", self.severity.word(), self.message);
        excerpt(&mut out, &self.place, &self.key_path.to_string());
        for (what, place) in &self.related {
            excerpt(&mut out, place, what);
        }
        if let Some(rule) = &self.rule {
            let _ = writeln!(out, "  = rule: {}", printable(rule));
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "  = help: {help}");
        }
        out
    }
}

/// One line: `file:line:column: message (at key.path): help`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", position(&self.place), self.message)?;
        if !self.key_path.is_empty() {
            write!(f, " (at {})", self.key_path)?;
        }
        self.help.iter().try_for_each(|help| write!(f, ": {help}"))
    }
}

impl std::error::Error for Diagnostic {}

/// Every problem that was found, ordered by file and position. Never empty where it is an error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics {
    problems: Vec<Diagnostic>,
    /// Whether there were more than are kept.
    more: bool,
}

impl Diagnostics {
    /// More than this many problems of one configuration help nobody.
    const MOST: usize = 100;

    /// What is said in place of the problems that are not kept.
    const MORE: &str = "there are more problems; correct these first";

    /// `value` if there is nothing to say against it.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.problems.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The same problems, said to be about the settings of this plugin.
    #[must_use]
    pub fn of_plugin(mut self, slot: Slot, name: &PluginName) -> Self {
        for problem in &mut self.problems {
            problem.plugin = Some(format!("{slot}/{name}"));
        }
        self
    }

    /// All of them as a person reads them, an empty line between each two.
    #[must_use]
    pub fn render(&self) -> String {
        let mut parts: Vec<_> = self.iter().map(Diagnostic::render).collect();
        parts.extend(self.more.then(|| format!("{}\n", Self::MORE)));
        parts.join("\n")
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(problems: T) -> Self {
        let mut problems: Vec<_> = problems.into_iter().collect();
        problems.sort_by(|a, b| {
            let key = |problem: &Diagnostic| (problem.place.file().to_owned(), problem.place.span().start);
            key(a).cmp(&key(b))
        });
        problems.dedup();
        let more = problems.len() > Self::MOST;
        problems.truncate(Self::MOST);
        Self { problems, more }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(problem: Diagnostic) -> Self {
        Self { problems: vec![problem], more: false }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}

impl Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.problems
    }
}

/// One line for each problem.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.iter().enumerate() {
            write!(f, "{}{problem}", if position > 0 { "\n" } else { "" })?;
        }
        if self.more { write!(f, "\n{}", Self::MORE) } else { Ok(()) }
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostics> for Error {
    fn from(problems: Diagnostics) -> Self {
        let field = problems.first().map(|problem| problem.key_path.to_string());
        let error = Error::invalid_input(problems.to_string());
        match field {
            Some(field) if !field.is_empty() => error.at_field(field),
            _ => error,
        }
    }
}

/// The line of `place` with its number and carets, under a heading that says where it is.
fn excerpt(out: &mut String, place: &Place, what: &str) {
    const WIDTH: usize = 100;
    let line = place.line().to_string();
    let gutter = " ".repeat(line.len());
    let heading = if what.is_empty() { String::new() } else { format!(" ({what})") };
    let _ = writeln!(out, "{gutter}--> {}{heading}", position(place));
    let text = place.source().text();
    let whole = text[place.line_start()..].split(['\n', '\r']).next().unwrap_or_default();
    if whole.is_empty() {
        return;
    }
    // A long line is shown from a little before the place.
    let before = place.column() - 1;
    let skip = if before > WIDTH * 3 / 4 { before - WIDTH / 4 } else { 0 };
    let shown: String = whole.chars().skip(skip).take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let marked = place.text().split('\n').next().unwrap_or_default().trim_end().chars().count();
    let carets = "^".repeat(marked.clamp(1, WIDTH.saturating_sub(before - skip).max(1)));
    let _ =
        writeln!(out, "{gutter} |\n{line} | {}\n{gutter} | {}{carets}", shown.trim_end(), " ".repeat(before - skip));
}

/// `file:line:column`.
fn position(place: &Place) -> String {
    printable(&format!("{place:?}"))
}

/// The text with control characters escaped, and not endless.
fn printable(text: &str) -> String {
    const LONGEST: usize = 600;
    let mut out = String::with_capacity(text.len());
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_debug()) } else { out.push(c) }
    }
    out
}
