//! What is said: the rule's message over the facts, with the logs of the checks that it is about.

use ao_core::config::MessageFacts;
use ao_core::lifecycle::decide::{message_facts, text};
use ao_core::model::CheckName;
use ao_core::model::facts::Session;
use ao_core::slots::scm::CheckLogRequest;
use ao_core::{Error, Result};
use camino::Utf8Path;

use super::{Errand, Subject};
use crate::checks;

/// How much of the end of a log is fetched, in bytes; a message shows some lines of it.
const MOST_LOG: u64 = 16 * 1024;
/// Of how many checks the logs are fetched; the others are named.
const MOST_LOGS: usize = 10;

impl Errand {
    /// The text of the intent.
    pub(super) async fn words(&self, subject: &Subject) -> Result<String> {
        let intent = &self.entry.intent;
        let rule = self.project.reactions.get(intent.reaction);
        let rule = rule.ok_or_else(|| Error::not_found(format!("there is no rule `{}` any more", intent.reaction)))?;
        let mut facts = message_facts(intent, &subject.all());
        if let Some((session, _)) = &subject.session {
            self.fill_in_logs(&mut facts, session).await;
        }
        text(intent, rule, &facts)
    }

    /// A log that cannot be had is none: what failed is said all the same.
    async fn fill_in_logs(&self, facts: &mut MessageFacts, session: &Session) {
        for check in facts.checks.iter_mut().take(MOST_LOGS) {
            check.log = match self.own_log(session, &check.name) {
                Some(log) => log,
                None => self.log_of_forge(session, &check.name).await.unwrap_or_default(),
            };
        }
    }

    /// What a check printed that the host ran itself.
    fn own_log(&self, session: &Session, name: &str) -> Option<String> {
        let (head, name) = (&session.pull.as_ref()?.snapshot.head, name.parse::<CheckName>().ok()?);
        let definition = &self.project.checks.as_ref().filter(|plan| plan.required.contains_key(&name))?.definition;
        let runs = self.sessions.store.check_runs_of(&session.project_path, head).ok()?;
        let mut found = runs.iter().rev().filter(|run| run.definition == *definition);
        let (run, result) = found.find_map(|run| Some((run, run.result(&name)?)))?;
        let printed =
            checks::log_of(&self.sessions.places, run, &name).and_then(|file| tail(&file)).unwrap_or_default();
        // A program that could not be started printed nothing.
        Some([printed.as_str(), result.why.as_deref().unwrap_or_default()].join("\n").trim().to_owned())
    }

    async fn log_of_forge(&self, session: &Session, name: &str) -> Option<String> {
        let (forge, pull) = (self.forge.as_ref()?, &session.pull.as_ref()?.snapshot.pull);
        let request = CheckLogRequest::new(forge.repository.as_str(), pull.clone(), name, MOST_LOG);
        let log = forge.scm.instance.check_log(request).await;
        log.inspect_err(|error| tracing::debug!("the log of `{name}` cannot be had: {error}")).ok().map(|log| log.text)
    }
}

/// The end of a file, without what a terminal would take for commands.
fn tail(file: &Utf8Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = fs_err::File::open(file).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST_LOG))).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST_LOG).read_to_end(&mut bytes).ok()?;
    Some(ao_core::text::plain(&String::from_utf8_lossy(&bytes)))
}
