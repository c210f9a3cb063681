//! Telling a human: a notice of the same key as the intent, so that it is there once. How it gets to notifiers is the
//! engine's matter.

use ao_core::Result;
use ao_core::lifecycle::decide::Outcome;
use ao_core::model::{DeliveryState, Notice, NoticeDelivery, NoticeState};
use ao_core::slots::notifier::Priority;
use ao_core::text::one_line;

use super::{Errand, LATER, Subject, Turn};

/// The length of a title, in characters.
const COLUMNS: usize = 160;

impl Errand {
    /// Writes down what a human is to be told.
    pub(super) fn tell(&mut self, priority: Priority, text: &str, subject: &Subject) -> Result<Turn> {
        let (intent, now) = (&self.entry.intent, self.sessions.world.now());
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let title = one_line(first, COLUMNS);
        let mut notice = Notice::new(intent.key.as_str(), priority, title.as_str(), now);
        // A line that had to be cut is said in full below.
        let body = if title == first.trim() { rest } else { text };
        body.trim().clone_into(&mut notice.body);
        notice.session.clone_from(&intent.session);
        notice.project = Some(intent.project.clone());
        notice.config_file.clone_from(&self.entry.config_file);
        notice.reaction = Some(intent.reaction);
        let pull = subject.session.as_ref().and_then(|(session, _)| session.pull.as_ref());
        let url = pull.and_then(|pull| pull.snapshot.pull.url.clone());
        notice.links.extend(url.map(|url| ("pull request".to_owned(), url)));
        self.sessions.store.add_notice(self.fence, &notice, &[])?;
        Ok(self.find_notice()?.unwrap_or(Turn::UnderWay(LATER)))
    }

    /// How the notice stands; nothing where there is none yet.
    pub(super) fn find_notice(&mut self) -> Result<Option<Turn>> {
        let Some(notice) = self.sessions.store.notice(&self.entry.intent.key)? else { return Ok(None) };
        Ok(Some(match notice.state {
            NoticeState::Told => Turn::Over(Outcome::Done),
            NoticeState::Withdrawn => Turn::Over(Outcome::Superseded { why: "it was taken back".to_owned() }),
            // It has been tried for long, and another notice of the same would fare no better.
            NoticeState::Undelivered => Turn::Over(Outcome::Refused { why: undelivered(&notice) }),
            _ => Turn::UnderWay(LATER),
        }))
    }

    /// Takes back what nobody was told yet and nobody needs to hear any more.
    pub(super) fn withdraw_notice(&self) -> Result<Option<Turn>> {
        let (intent, mut is_withdrawn) = (&self.entry.intent, false);
        self.sessions.store.change_notice(self.fence, &intent.key, &mut |notice| {
            let is_under_way =
                |one: &NoticeDelivery| !matches!(one.state, DeliveryState::Waiting | DeliveryState::Failed);
            if notice.state == NoticeState::Open && !notice.deliveries.iter().any(is_under_way) {
                notice.withdraw();
                is_withdrawn = true;
            }
            Vec::new()
        })?;
        let why = "it is not so any more, and nobody was told yet".to_owned();
        Ok(is_withdrawn.then_some(Turn::Over(Outcome::Superseded { why })))
    }
}

fn undelivered(notice: &Notice) -> String {
    let whys = notice.deliveries.iter().filter_map(|one| Some(format!("{}: {}", one.alias, one.why.as_ref()?)));
    format!("no notifier could tell: {}", whys.collect::<Vec<_>>().join("; "))
}
