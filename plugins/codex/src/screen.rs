//! What Codex's screen shows: a dialog, or its composer with what that holds. It is text that anybody wrote, so what is read
//! here is weak; but it alone tells of dialogs, and whether a message may be typed.

use std::fmt::Write as _;

use ao_plugin_sdk::core::model::draft::{digest, normalised, solid};
use ao_plugin_sdk::prelude::*;

use crate::message::typed;

/// What the composer shows where it is empty.
const PLACEHOLDER: &str = "Ask Codex to do anything";
/// What stands below it only then.
const SHORTCUTS: &str = "? for shortcuts";
/// How many lines above its options a question may have.
const QUESTION: usize = 14;

/// What a screen shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// A question, in the composer's place.
    Dialog(Dialog),
    /// The composer.
    Composer {
        /// What it holds.
        draft: Draft,
        /// Whether a line above it says that a turn goes on.
        working: bool,
    },
    /// Neither.
    Other,
}

/// What a composer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    /// Nothing.
    Empty,
    /// This, as far as it can be seen.
    Text(String),
    /// A long text that was pasted, by its length in characters.
    Pasted(usize),
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// What is asked.
    pub text: String,
    /// What can be answered, in its order; none where that is not a list.
    pub choices: Vec<Choice>,
    /// Whether it is about a permission.
    pub kind: DialogKind,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogKind {
    /// What the agent may do.
    Permission,
    /// What the agent wants to know.
    Question,
    /// What Codex wants to know before it takes messages.
    Setup,
}

/// One of a question's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its number.
    pub number: u32,
    /// What it says.
    pub label: String,
    /// Whether an Enter would take it.
    pub marked: bool,
}

/// Reads a screen.
#[must_use]
pub fn read(screen: &str) -> Screen {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let lines = &lines[..end];
    if let Some(dialog) = dialog(lines) {
        return Screen::Dialog(dialog);
    }
    composer(lines).unwrap_or(Screen::Other)
}

/// Names a question by what it says, so that an answer is never given to another one.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    digest(text).chars().take(16).collect()
}

// ---- dialogs ----

/// A dialog ends the screen with the keys that it takes.
fn dialog(lines: &[&str]) -> Option<Dialog> {
    let (footer, above) = lines.split_last()?;
    if !is_key_hint(footer) {
        return None;
    }
    let (first, choices) = choices(above);
    let kind = match footer.trim() {
        hint if hint.contains("submit answer") => DialogKind::Question,
        hint if hint.contains("confirm or esc") => DialogKind::Permission,
        _ => DialogKind::Setup,
    };
    let text = question(&above[..first]);
    (!text.is_empty()).then_some(Dialog { text, choices, kind })
}

/// Whether a line names an Enter or an Escape and what it does.
fn is_key_hint(line: &str) -> bool {
    let line = line.to_lowercase();
    let names_key = line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "enter" || word == "esc");
    let does = ["confirm", "continue", "submit", "skip", "cancel", "quit", "exit", "back", "select"];
    names_key && does.iter().any(|word| line.contains(word)) && !line.trim_start().starts_with(['›', '•', '◦'])
}

/// The numbered lines at the end, and where they begin.
fn choices(lines: &[&str]) -> (usize, Vec<Choice>) {
    let mut found: Vec<Choice> = Vec::new();
    let mut first = lines.len();
    let mut below: Vec<&str> = Vec::new();
    for (index, line) in lines.iter().enumerate().rev() {
        if let Some(mut choice) = choice(line) {
            for more in below.drain(..).rev() {
                let _ = write!(choice.label, " {more}");
            }
            let is_first = choice.number == 1;
            found.push(choice);
            first = index;
            if is_first {
                break;
            }
        } else if line.starts_with(['›', '•', '■', '✔', '✗']) {
            break;
        } else if !line.is_empty() {
            below.push(line.trim());
        }
    }
    found.reverse();
    let is_list = found.iter().zip(1..).all(|(choice, number)| choice.number == number);
    if found.is_empty() || !is_list { (lines.len(), Vec::new()) } else { (first, found) }
}

/// A line such as `› 1. Yes, proceed (y)`.
fn choice(line: &str) -> Option<Choice> {
    let line = line.trim_start();
    let rest = line.strip_prefix(['›', '>']).map(str::trim_start);
    let (number, label) = rest.unwrap_or(line).split_once(". ")?;
    Some(Choice { number: number.parse().ok()?, label: label.trim().to_owned(), marked: rest.is_some() })
}

/// What stands above the options, down from the last thing that belongs to the conversation.
fn question(lines: &[&str]) -> String {
    let start = lines.iter().rposition(|line| line.starts_with(['›', '•', '◦', '■', '✔', '✗', '└']));
    let start = start.map_or(0, |index| index + 1).max(lines.len().saturating_sub(QUESTION));
    let lines: Vec<&str> = lines[start..].iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    // What the last thing said is indented like the question, which has words of its own to begin with.
    let begin = lines.iter().rposition(|line| line.starts_with("Would you like to") || line.starts_with("Question "));
    lines[begin.unwrap_or(0)..].join("\n")
}

impl Dialog {
    /// Names it.
    #[must_use]
    pub fn id(&self) -> String {
        let labels = self.choices.iter().map(|choice| choice.label.as_str());
        fingerprint(&std::iter::once(self.text.as_str()).chain(labels).collect::<Vec<_>>().join("\n"))
    }

    /// What each choice does, as an answer names it.
    #[must_use]
    pub fn options(&self) -> Vec<AskOption> {
        let mut options: Vec<AskOption> = Vec::new();
        for choice in &self.choices {
            let named = if self.kind == DialogKind::Permission { permission(&choice.label) } else { None };
            let taken = |answer: &&str| options.iter().any(|option| option.answer == **answer);
            let kind = named.filter(|kind| !taken(kind)).map_or_else(|| choice.number.to_string(), str::to_owned);
            options.push(AskOption::new(kind, choice.label.clone()));
        }
        options
    }

    /// The choice that an answer names, by what it does or by its number.
    #[must_use]
    pub fn chosen(&self, answer: &str) -> Option<&Choice> {
        let by_kind = self.options().iter().position(|option| option.answer == answer);
        let by_number = || self.choices.iter().position(|choice| choice.number.to_string() == answer);
        by_kind.or_else(by_number).and_then(|index| self.choices.get(index))
    }
}

/// What an answer about a permission does.
fn permission(label: &str) -> Option<&'static str> {
    let label = label.to_lowercase();
    let lasts =
        ["don't ask again", "always", "for this session", "from now on"].iter().any(|part| label.contains(part));
    match (label.split(|c: char| !c.is_alphanumeric()).next()?, lasts) {
        ("yes" | "allow", false) => Some("allow_once"),
        ("yes" | "allow", true) => Some("allow_always"),
        ("no" | "deny", false) => Some("reject_once"),
        ("no" | "deny", true) => Some("reject_always"),
        _ => None,
    }
}

// ---- the composer ----

/// The last line with a prompt sign begins it; below are its further lines and the status lines.
fn composer(lines: &[&str]) -> Option<Screen> {
    let start = lines.iter().rposition(|line| is_prompt(line))?;
    let body = &lines[start..status_lines(&lines[start..], start)];
    let working = lines[..start].iter().rev().take(10).any(|line| is_working(line));
    let is_empty_by_hint = lines.last().is_some_and(|line| line.contains(SHORTCUTS));
    let text = body.iter().enumerate().map(|(index, line)| if index == 0 { strip_prompt(line) } else { line.trim() });
    let text = text.collect::<Vec<_>>().join("\n").trim().to_owned();
    let draft = match pasted(&text) {
        _ if text.is_empty() || text == PLACEHOLDER || is_empty_by_hint => Draft::Empty,
        Some(length) => Draft::Pasted(length),
        None => Draft::Text(text),
    };
    Some(Screen::Composer { draft, working })
}

fn is_prompt(line: &str) -> bool {
    let sign = |sign: &str| line.strip_prefix(sign).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    sign("›") || sign("!")
}

/// Without its sign, and without the arrow that says that there is more above. `!` is text: it makes a command of the rest.
fn strip_prompt(line: &str) -> &str {
    let text = line.strip_prefix('›').unwrap_or(line);
    text.strip_suffix(['↑', '↓']).filter(|rest| rest.ends_with("  ")).unwrap_or(text).trim()
}

/// Where the status lines begin, as a line of the whole screen: the last block, behind an empty line.
fn status_lines(body: &[&str], start: usize) -> usize {
    let end = start + body.len();
    let Some(blank) = body.iter().rposition(|line| line.is_empty()) else { return end };
    let is_status = |line: &&str| [" · ", SHORTCUTS, "f2 to view", "Shell mode"].iter().any(|part| line.contains(part));
    if body[blank..].iter().any(is_status) { start + blank } else { end }
}

/// `• Working (3s • esc to interrupt)` and its like.
fn is_working(line: &str) -> bool {
    line.starts_with(['•', '◦']) && line.contains("esc to interrupt)")
}

/// Why Codex tries again what its provider refused, or does not answer, while it does: its own words, without what changes by the
/// second.
#[must_use]
pub fn retry(screen: &str) -> Option<String> {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let prompt = lines.iter().rposition(|line| is_prompt(line))?;
    let start = prompt.saturating_sub(10);
    let at = start + lines[start..prompt].iter().rposition(|line| is_working(line))?;
    let head = lines[at].trim_start_matches(['•', '◦', ' ']).rsplit_once(" (")?.0;
    if !head.to_lowercase().contains("reconnecting") {
        return None;
    }
    let why = lines[at + 1..prompt].iter().find_map(|line| line.trim_start().strip_prefix('└'));
    let why =
        why.map(|why| [", url:", ", request id:"].iter().fold(why, |why, end| why.split(end).next().unwrap_or(why)));
    Some(why.map_or_else(|| head.to_owned(), |why| format!("{}; {head}", why.trim())))
}

/// The length in `[Pasted Content 2000 chars]`.
fn pasted(text: &str) -> Option<usize> {
    text.strip_prefix("[Pasted Content ")?.strip_suffix(" chars]")?.parse().ok()
}

/// What the composer holds, and the digest of all of it where it shows only a length: of a text that was put in by the host.
pub(crate) fn held(draft: &Draft, put_in: Option<&str>) -> (Composer, Option<String>) {
    match draft {
        Draft::Empty => (Composer::Empty, None),
        Draft::Text(text) => (Composer::Draft { text: text.clone() }, whole(text, put_in)),
        Draft::Pasted(length) => {
            let text = format!("[Pasted Content {length} chars]");
            let ours = put_in.filter(|ours| lengths(ours).contains(length));
            (Composer::Draft { text }, ours.map(digest))
        }
    }
}

/// The digest of a draft that can be seen whole.
fn whole(text: &str, put_in: Option<&str>) -> Option<String> {
    put_in.filter(|ours| solid(ours) == solid(text)).map(digest)
}

/// How long Codex may say that a text is: with or without the blanks that keep it text, and with its own line ends.
fn lengths(text: &str) -> [usize; 4] {
    let unix = text.replace("\r\n", "\n");
    [text.chars().count(), typed(text).chars().count(), typed(&unix).chars().count(), normalised(text).chars().count()]
}
