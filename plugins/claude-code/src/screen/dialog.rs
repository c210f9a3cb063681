//! Dialogs: numbered answers in the place of the composer.

use ao_plugin_sdk::prelude::*;

use super::is_rule;
use crate::hooks::id_of;
use crate::transcript::one_line;

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    /// What kind of question it asks.
    pub(crate) kind: Kind,
    /// The question itself.
    pub(crate) question: String,
    /// All that stands above the answers, without rules.
    pub(crate) body: String,
    /// The answers, in the order of their numbers.
    pub(crate) choices: Vec<Choice>,
}

/// What kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whether a tool may run.
    Permission,
    /// One of several answers.
    Question,
    /// One before the first message: whether a directory is trusted, a key is used, who logs in. Nobody answers these but
    /// who looks at them.
    StartUp,
    /// One that takes more than a number.
    Other,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Its number, which is also its key.
    pub(crate) number: u8,
    /// What it says.
    pub(crate) label: String,
}

/// What is on the screen of a start-up dialog, and of no other.
const START_UP: [&str; 9] = [
    "Accessing workspace:",
    "Do you trust the files in this folder",
    "Bypass Permissions mode",
    "Detected a custom API key",
    "Settings Warning",
    "Settings Error",
    "Select login method",
    "Choose the text style",
    "MCP server",
];

/// Answers that want a text.
const TYPED: [&str; 2] = ["Type something", "Chat about this"];

/// The last dialog of a screen: below a rule, or above the keys that it takes, and with no composer below it.
pub(super) fn find(lines: &[&str]) -> Option<Dialog> {
    let marked = lines.iter().rposition(|line| choice(line).is_some_and(|(is_marked, _)| is_marked))?;
    // Below it a composer would begin with its mark.
    if lines[marked + 1..].iter().any(|line| line.starts_with('❯')) {
        return None;
    }
    let numbered = |index: &usize| choice(lines[*index]).map(|(_, choice)| choice);
    // Upwards to the first answer, over what describes the others.
    let mut first = marked;
    let mut wanted = numbered(&marked)?.number;
    for index in (0..marked).rev() {
        if wanted == 1 {
            break;
        }
        if let Some(above) = numbered(&index).filter(|above| above.number == wanted - 1) {
            (first, wanted) = (index, above.number);
        }
    }
    if wanted != 1 {
        return None;
    }
    let mut choices: Vec<Choice> = Vec::new();
    for found in (first..lines.len()).filter_map(|index| numbered(&index)) {
        if usize::from(found.number) == choices.len() + 1 {
            choices.push(found);
        }
    }
    if choices.len() < 2 || !(is_framed(&lines[..first]) || has_foot(&lines[marked..])) {
        return None;
    }
    let body = body(&lines[..first]);
    let question = body.last().cloned().unwrap_or_default();
    let kind = kind(&body, &choices);
    Some(Dialog { kind, question, body: body.join("\n"), choices })
}

/// Whether a rule is above, and nothing of the conversation between: what was said in numbers is no dialog.
fn is_framed(above: &[&str]) -> bool {
    let rule = above.iter().rposition(|line| is_rule(line));
    rule.is_some_and(|rule| !above[rule..].iter().any(|line| line.starts_with(['❯', '●', '⏺'])))
}

/// Whether the keys that it takes stand below.
fn has_foot(below: &[&str]) -> bool {
    const KEYS: [&str; 3] = ["Esc to cancel", "Enter to confirm", "Enter to select"];
    below.iter().any(|line| KEYS.iter().any(|key| line.contains(key)))
}

/// What stands above the first answer, up to the rule that begins the dialog.
fn body(above: &[&str]) -> Vec<String> {
    const MOST: usize = 40;
    // A title stands directly below the rule; other rules, of dashes or blank, are inside.
    let top = above.iter().rposition(|line| is_rule(line)).map_or(0, |rule| rule + 1);
    let lines = above[top.max(above.len().saturating_sub(MOST))..].iter();
    let lines = lines.map(|line| line.trim().trim_matches(['╌', '│', '╭', '╮', '╰', '╯', '─']).trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn kind(body: &[String], choices: &[Choice]) -> Kind {
    let says = |text: &str| body.iter().any(|line| line.contains(text));
    if START_UP.iter().any(|text| says(text)) {
        return Kind::StartUp;
    }
    if choices.iter().any(|choice| choice.label.starts_with(['[', '☐', '☒', '◯', '◉'])) {
        return Kind::Other;
    }
    let is_no = |choice: &Choice| choice.label == "No" || choice.label.starts_with("No,");
    match choices {
        [yes, .., no] if yes.label == "Yes" && is_no(no) => Kind::Permission,
        _ => Kind::Question,
    }
}

/// A line such as `❯ 1. Yes`, and whether it is the marked one.
fn choice(line: &str) -> Option<(bool, Choice)> {
    let line = line.trim_start();
    let (is_marked, line) = line.strip_prefix('❯').map_or((false, line), |rest| (true, rest.trim_start()));
    let (number, label) = line.split_once(". ")?;
    let number = number.parse::<u8>().ok().filter(|number| (1..=9).contains(number))?;
    Some((is_marked, Choice { number, label: one_line(label) }))
}

impl Dialog {
    /// Names the dialog by all that it shows.
    pub(crate) fn id(&self) -> String {
        let labels = self.choices.iter().map(|choice| choice.label.as_str());
        let parts: Vec<&str> = [self.body.as_str()].into_iter().chain(labels).collect();
        id_of(&parts)
    }

    /// What it asks, in one line.
    pub(crate) fn text(&self) -> String {
        match self.kind {
            Kind::StartUp => one_line(&format!("Claude Code asks at its start: {}", self.body)),
            _ => one_line(&self.body),
        }
    }

    /// The answers that a key gives, by their kinds.
    pub(crate) fn answers(&self) -> Vec<(String, &Choice)> {
        match self.kind {
            Kind::StartUp | Kind::Other => Vec::new(),
            Kind::Question => {
                let given =
                    self.choices.iter().filter(|choice| !TYPED.iter().any(|typed| choice.label.starts_with(typed)));
                given.map(|choice| (choice.number.to_string(), choice)).collect()
            }
            Kind::Permission => {
                let last = self.choices.len() - 1;
                let kind = |(index, choice): (usize, &Choice)| match index {
                    0 => "allow_once".to_owned(),
                    1 if last > 1 => "allow_always".to_owned(),
                    index if index == last => "reject_once".to_owned(),
                    _ => choice.number.to_string(),
                };
                self.choices.iter().enumerate().map(|(index, choice)| (kind((index, choice)), choice)).collect()
            }
        }
    }

    /// The answers, as the slot tells them.
    pub(crate) fn options(&self) -> Vec<AskOption> {
        self.answers().into_iter().map(|(kind, choice)| AskOption::new(kind, choice.label.as_str())).collect()
    }
}
