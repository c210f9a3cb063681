//! What Claude Code's screen shows: its composer, or a dialog in the composer's place, and what it does.
//!
//! The composer is a line between two rules that begins with `❯`. A dialog is a list of numbered answers, one of which is
//! marked by `❯`, with no composer below it.

mod composer;
mod dialog;

use ao_plugin_sdk::prelude::*;

pub(crate) use composer::Held;
pub(crate) use dialog::{Dialog, Kind};

/// What a screen shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    /// The composer, where it is to be seen.
    pub(crate) composer: Option<Held>,
    /// The dialog in its place.
    pub(crate) dialog: Option<Dialog>,
    /// It says that it can be interrupted.
    pub(crate) is_working: bool,
    /// It tries again what its provider refused, in its own words but for the seconds.
    pub(crate) retry: Option<String>,
    /// It says that nobody is logged in.
    pub(crate) is_logged_out: bool,
}

impl Screen {
    /// Reads a screen, which may hold anything.
    pub(crate) fn read(screen: &str) -> Self {
        let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
        let composer = composer::find(&lines);
        // What is above a composer was there before, and what is in it is a draft.
        let dialog = dialog::find(&lines[composer.as_ref().map_or(0, |composer| composer.bottom)..]);
        let Some(composer) = composer.filter(|_| dialog.is_none()) else { return Self { dialog, ..Self::default() } };
        let (above, below) = (&lines[..composer.top], &lines[composer.bottom..]);
        let retry = above.iter().rev().filter(|line| !line.is_empty()).take(NEAR).find_map(|line| retry(line));
        Self {
            is_working: below.iter().any(|line| line.contains("esc to interrupt")),
            is_logged_out: below.iter().any(|line| line.contains("Not logged in")),
            retry,
            composer: Some(composer),
            dialog,
        }
    }

    /// What the composer holds. Where neither it nor a dialog can be seen, something covers it.
    pub(crate) fn holds(&self) -> Composer {
        match &self.composer {
            Some(_) if self.is_logged_out => Composer::Dialog,
            Some(held) if held.is_empty() => Composer::Empty,
            Some(held) => Composer::Draft { text: held.text.clone() },
            None => Composer::Dialog,
        }
    }
}

/// How far above the composer a retry is told, in lines that are not empty: a tip may stand between.
const NEAR: usize = 4;

/// A line such as `✻ API error · Retrying in 4s · attempt 4/10`, without the seconds.
fn retry(line: &str) -> Option<String> {
    let (_, said) = line.trim().split_once(' ')?;
    let parts: Vec<&str> = said.split(" · ").collect();
    let (what, attempt) = match parts.as_slice() {
        [what, retrying, rest @ ..] if retrying.starts_with("Retrying in") => (what, rest.first()),
        _ => return None,
    };
    let attempt = attempt.map(|attempt| format!(" ({attempt})")).unwrap_or_default();
    Some(format!("{what}, trying again{attempt}"))
}

/// Whether a line is a rule. One may begin with a title.
fn is_rule(line: &str) -> bool {
    const SHORTEST: usize = 10;
    line.chars().take_while(|character| *character == '─').count() >= SHORTEST
}
