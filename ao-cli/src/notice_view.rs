//! Notices as commands show them: how many wait, and how far each got.

use ao_core::Error;
use ao_core::model::{DeliveryState, Notice, NoticeState, ProjectName, Timestamp};
use ao_core::slots::notifier::Priority;
use ao_core::text::one_line;
use ao_host::store::Reader;
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Page, Tone};
use crate::session_view::age;

/// The most notices that are looked at, the newest ones.
const MOST: u32 = 1000;
/// The most of a text that a line shows, in characters.
const COLUMNS: usize = 300;

/// The notices that nobody has acknowledged, the oldest first; those of one project, or all.
pub(crate) fn waiting(reader: &(impl Reader + ?Sized), project: Option<&ProjectName>) -> Result<Vec<Notice>, Failure> {
    let found = reader.waiting_notices(MOST).map_err(Error::from)?;
    let wanted = |notice: &Notice| project.is_none() || notice.project.as_ref() == project;
    Ok(found.into_iter().filter(wanted).collect())
}

/// How many notices wait for a human.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct NoticeCounts {
    /// Those that nobody has acknowledged.
    waiting: usize,
    /// Those of them that no notifier could tell so far.
    undelivered: usize,
}

impl NoticeCounts {
    /// Counts.
    pub(crate) fn of(notices: &[Notice]) -> Self {
        let undelivered = notices.iter().filter(|notice| notice.is_undelivered()).count();
        Self { waiting: notices.len(), undelivered }
    }

    /// Whether there is nothing to say.
    pub(crate) fn is_none(&self) -> bool {
        self.waiting == 0
    }

    /// Says it, in a line where there is something to say.
    pub(crate) fn write(self, page: &mut Page) {
        let noun = |count| if count == 1 { "notice" } else { "notices" };
        if self.undelivered > 0 {
            let what = format!(
                "{} of {} {} told nobody; `ao inbox` says why",
                self.undelivered,
                self.waiting,
                noun(self.waiting)
            );
            page.marked(Tone::Bad, &format!("UNDELIVERED {}", self.undelivered), what);
        } else if self.waiting > 0 {
            let verb = if self.waiting == 1 { "waits" } else { "wait" };
            page.line(format_args!("{} {} {verb} for you: `ao inbox`", self.waiting, noun(self.waiting)));
        }
    }
}

/// A notice, as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoticeView {
    #[serde(flatten)]
    notice: Notice,
    /// Whether no notifier could tell it so far.
    undelivered: bool,
}

impl NoticeView {
    /// The most urgent first; of one priority, the newest last.
    pub(crate) fn sorted(notices: Vec<Notice>) -> Vec<Self> {
        let mut views: Vec<_> =
            notices.into_iter().map(|notice| Self { undelivered: notice.is_undelivered(), notice }).collect();
        views.sort_by_key(|view| (std::cmp::Reverse(view.notice.priority), view.notice.number));
        views
    }

    /// Writes it, with what becomes of it and how it goes away.
    pub(crate) fn write(&self, page: &mut Page, now: Timestamp) {
        let Notice { number, title, body, links, session, at, .. } = &self.notice;
        let who = session.as_ref().map(|session| format!("{session}  ")).unwrap_or_default();
        let (word, for_how_long) = (priority_word(self.notice.priority), age(now, *at));
        page.line(format_args!("{who}{word}, for {for_how_long}: {}", one_line(title, COLUMNS)));
        let body = one_line(body, COLUMNS);
        for line in [body].into_iter().filter(|line| !line.is_empty()) {
            page.line(format_args!("    {line}"));
        }
        for (name, target) in links {
            page.line(format_args!("    {}: {}", one_line(name, COLUMNS), one_line(target, COLUMNS)));
        }
        for line in self.deliveries() {
            page.line(format_args!("    {line}"));
        }
        page.line(format_args!("    ao inbox acknowledge {number}"));
    }

    /// What became of it, a line each.
    fn deliveries(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let told: Vec<_> = self.notice.aliases(DeliveryState::Sent).map(ToString::to_string).collect();
        if !told.is_empty() {
            lines.push(format!("told by {}", told.join(", ")));
        }
        let mark = if self.undelivered { "UNDELIVERED: " } else { "" };
        if let Some(why) = &self.notice.why {
            lines.push(format!("{mark}{}; it is looked at again", one_line(why, COLUMNS)));
        }
        for delivery in &self.notice.deliveries {
            let why = one_line(delivery.why.as_deref().unwrap_or_default(), COLUMNS);
            let alias = &delivery.alias;
            let times = if delivery.attempts == 1 { "once".to_owned() } else { format!("{} times", delivery.attempts) };
            match delivery.state {
                DeliveryState::Sent => {}
                DeliveryState::Waiting if delivery.attempts == 0 => lines.push(format!("{alias}: to be told")),
                DeliveryState::Waiting => {
                    lines.push(format!("{mark}{alias}: {why} (tried {times}, and again until it is told)"));
                }
                DeliveryState::Trying => lines.push(format!("{alias}: being told")),
                DeliveryState::Failed => lines.push(format!("{mark}{alias}: {why} (tried {times}, given up)")),
                _ => lines.push(format!("{mark}{alias}: {why} (not tried again, as it might be told twice)")),
            }
        }
        if lines.is_empty() && self.notice.state == NoticeState::Told {
            lines.push("told here alone: the configuration names no notifier for it".to_owned());
        }
        lines
    }
}

/// The word for a priority, as in the configuration.
pub(crate) const fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Action => "action",
        Priority::Warning => "warning",
        Priority::Info => "info",
        // One that this version does not know is told as the most urgent one.
        _ => "urgent",
    }
}
