//! What has to be so, whatever happened: effects as often as their class says, nothing lost, counters exact, somebody told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ao_core::lifecycle::decide::{Deed, Episode, EpisodeState, Ledger, Stage, decide};
use ao_core::lifecycle::{Policy, Status, StatusName, status};
use ao_core::model::facts::Session;
use ao_core::model::{DeliveryState, NoticeState, ReactionKey, Timestamp};
use ao_core::slots::scm::{CheckState, PullState};

use super::forge::Pull;
use super::run::Story;
use super::world::lock;
use crate::reactions::rules::{ProjectRules, Ruling};
use crate::store::{OutboxEntry, OutboxState, Scope};

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often each message arrived.
    arrived: BTreeMap<String, u32>,
    /// The messages that arrived of each intent.
    of_intent: BTreeMap<String, BTreeSet<String>>,
    looked: usize,
    pub(super) crashes: u32,
    merges: usize,
    heard: usize,
    intents: usize,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (arrived, Self { crashes, merges, heard, intents, .. }) = (self.arrived.len(), self);
        write!(f, "{intents} intents, {arrived} messages, {heard} notices told, {merges} merges, {crashes} crashes")
    }
}

pub(super) fn status_of(session: &Session, now: Timestamp) -> Status {
    status(session, now, &Policy::default().of(session))
}

impl Story {
    fn breaks(&self, what: impl Into<String>) {
        lock(&self.world).breaks(what);
    }

    fn rules(&self, session: &Session) -> Option<Arc<ProjectRules>> {
        let project = self.setup.loaded.config.project(&session.project).ok()?;
        Some(Arc::new(ProjectRules::of(project)))
    }

    /// Effects by their class.
    pub(super) fn look_at_effects(&mut self) {
        let (arrivals, heard, merges) = {
            let world = lock(&self.world);
            (world.arrivals.clone(), world.heard.clone(), world.merges.clone())
        };
        for arrival in &arrivals[self.seen.looked..] {
            let often = self.seen.arrived.entry(arrival.message.clone()).or_default();
            *often += 1;
            let often = *often;
            if often > 1 {
                self.breaks(format!("the message `{}` arrived {often} times", arrival.message));
            }
            let intents = self.human.store.intents_of(&Scope::session(&arrival.session)).unwrap();
            let intent = intents.iter().find(|entry| entry.effect.as_ref() == Some(&arrival.message));
            let Some(intent) = intent else {
                self.breaks(format!("the message `{}` is of no intent", arrival.message));
                continue;
            };
            let key = intent.intent.key.clone();
            let messages = self.seen.of_intent.entry(key.clone()).or_default();
            messages.insert(arrival.message.clone());
            let messages = messages.clone();
            if messages.len() > 1 {
                self.breaks(format!("`{key}` arrived as {messages:?}"));
            }
        }
        self.seen.looked = arrivals.len();
        let screen: Vec<_> = heard.iter().filter(|heard| heard.alias == "screen").collect();
        if screen.iter().collect::<BTreeSet<_>>().len() < screen.len() {
            let twice = screen.iter().find(|one| screen.iter().filter(|other| other.id == one.id).count() > 1);
            self.breaks(format!("a human was told twice: {twice:?}"));
        }
        for merge in &merges[self.seen.merges..] {
            if merge.merged && !merge.was_green {
                self.breaks(format!("{} was merged at {}, which was not seen green", merge.session, merge.head));
            }
            let often = merges.iter().filter(|other| other.merged && other.session == merge.session).count();
            if often > 1 {
                self.breaks(format!("{} was merged {often} times", merge.session));
            }
        }
        (self.seen.merges, self.seen.heard) = (merges.len(), heard.len());
    }

    /// Whoever writes down what is to be done has nothing more to do.
    pub(super) fn look_at_decisions(&mut self, sessions: &[Session]) {
        let now = self.human.world.now();
        for session in sessions {
            let Some(rules) = self.rules(session) else { continue };
            let store = &*self.human.store;
            let ruling = Ruling::of_session(rules, session, store, now).unwrap();
            let (rules, status) = (ruling.rules(), status_of(session, now));
            let mut ledger = store.ledger(&Scope::session(&session.id)).unwrap();
            ao_core::lifecycle::decide::advance(&mut ledger, session, &status, &rules, now);
            for intent in decide(session, &status, &ledger, &rules, now) {
                ledger.record(&intent);
            }
            let more = decide(session, &status, &ledger, &rules, now);
            if let Some(more) = more.first() {
                self.breaks(format!("`{}` is decided again after it was written down", more.key));
            }
        }
    }

    /// What is still under way.
    pub(super) fn unsettled(&self) -> Vec<String> {
        let store = &self.human.store;
        let mut left = Vec::new();
        for entry in store.open_intents().unwrap() {
            left.push(format!("`{}` is {:?}: {:?}", entry.intent.key, entry.state, entry.why));
        }
        for notice in store.open_notices().unwrap() {
            left.push(format!("the notice `{}` is {:?}: {:?}", notice.id, notice.state, notice.deliveries));
        }
        for message in store.waiting_messages().unwrap() {
            left.push(format!("the message `{}` is {}: {:?}", message.id, message.level, message.facts.detail));
        }
        for session in self.all().iter().filter(|session| session.op.is_some()) {
            left.push(format!("{} has an operation: {:?}", session.id, session.op));
        }
        let now = self.human.world.now();
        for session in self.all().iter().filter(|session| session.end.is_none()) {
            left.extend(self.undecided(session, now));
        }
        left
    }

    /// What is to be done about a session, and nobody has written it down.
    fn undecided(&self, session: &Session, now: Timestamp) -> Vec<String> {
        let Some(project) = self.rules(session) else { return Vec::new() };
        let status = status_of(session, now);
        let ruling = Ruling::of_session(project, session, &*self.human.store, now).unwrap();
        let ledger = self.human.store.ledger(&Scope::session(&session.id)).unwrap();
        let due = decide(session, &status, &ledger, &ruling.rules(), now);
        let mut left: Vec<_> = due.iter().map(|due| format!("`{}` is due, and nobody does it", due.key)).collect();
        if status.name.is_over() && status.name != StatusName::Dead {
            return left;
        }
        let open = ledger.episodes().iter().filter(|(_, episode)| episode.state == EpisodeState::Open);
        let neglected = open.filter(|(_, episode)| is_neglected(episode));
        left.extend(neglected.map(|(key, episode)| format!("nobody was told of `{key}`: {episode:?}")));
        left
    }

    /// Everything, once the world was quiet for long enough.
    pub(super) fn look_at_the_end(&mut self) {
        for left in self.unsettled() {
            self.breaks(format!("not settled: {left}"));
        }
        let sessions = self.all();
        self.look_at_decisions(&sessions);
        let mut scopes: BTreeSet<Scope> = sessions.iter().map(|session| Scope::session(&session.id)).collect();
        scopes.extend(sessions.iter().map(|session| Scope::project(&session.project, &session.project_path)));
        for scope in &scopes {
            let (ledger, intents) =
                (self.human.store.ledger(scope).unwrap(), self.human.store.intents_of(scope).unwrap());
            self.seen.intents += intents.len();
            self.look_at_counters(&ledger, &intents);
            for entry in &intents {
                self.look_at_outcome(entry);
            }
        }
        let now = self.human.world.now();
        for session in sessions.iter().filter(|session| session.end.is_none()) {
            self.look_at_session(session, now);
        }
    }

    /// Attempts in the ledger are the actions that were carried out, and within their limits.
    fn look_at_counters(&self, ledger: &Ledger, intents: &[OutboxEntry]) {
        for (key, episode) in ledger.episodes() {
            let ours = || {
                intents.iter().filter(|entry| {
                    let mut tail = entry.intent.key.rsplit('/');
                    let opened = tail.nth(1).and_then(|opened| opened.parse::<u64>().ok());
                    entry.intent.episode == *key && opened == Some(episode.opened)
                })
            };
            let acted = ours().filter(|entry| entry.intent.attempt > 0 && entry.state != OutboxState::Superseded);
            let acted: Vec<_> = acted.collect();
            if acted.len() != episode.attempts as usize {
                let states: Vec<_> =
                    ours().map(|entry| format!("{} {:?} {:?}", entry.intent.key, entry.state, entry.why)).collect();
                self.breaks(format!("`{key}` counts {}, and there were {states:#?}", episode.attempts));
            }
            let most = acted.iter().filter_map(|entry| entry.intent.at_most).max();
            if most.is_some_and(|most| episode.attempts > most) {
                self.breaks(format!("`{key}` acted {} times of {most:?}", episode.attempts));
            }
            let told = intents.iter().filter(|entry| {
                entry.intent.key == format!("{key}/escalated/{}", episode.opened)
                    && entry.state != OutboxState::Superseded
            });
            if told.count() != usize::from(episode.escalated.is_some()) {
                self.breaks(format!("`{key}` escalated {:?}, and there is no such intent", episode.escalated));
            }
        }
    }

    /// What is called done is there in the world.
    fn look_at_outcome(&self, entry: &OutboxEntry) {
        let key = &entry.intent.key;
        let done = entry.state == OutboxState::Done;
        match &entry.intent.deed {
            Deed::Send => {
                let arrived = entry.effect.as_ref().and_then(|message| self.seen.arrived.get(message)).copied();
                if done && arrived != Some(1) {
                    self.breaks(format!("`{key}` is done, and arrived {arrived:?} times: {entry:?}"));
                }
                let certainly_not = matches!(entry.state, OutboxState::Failed | OutboxState::Superseded);
                if certainly_not && arrived.is_some() {
                    self.breaks(format!("`{key}` is {:?}, and arrived", entry.state));
                }
            }
            Deed::Notify { .. } => self.look_at_notice(entry),
            Deed::Merge { .. } if done => {
                let world = lock(&self.world);
                let pull = entry.intent.session.as_ref().and_then(|id| world.pulls.get(id));
                let merged = pull.is_some_and(|pull| pull.state == PullState::Merged || !pull.is_open());
                drop(world);
                if !merged {
                    self.breaks(format!("`{key}` is done, and nothing is merged"));
                }
            }
            _ => {}
        }
    }

    fn look_at_notice(&self, entry: &OutboxEntry) {
        let key = &entry.intent.key;
        let Some(notice) = self.human.store.notice(key).unwrap() else {
            if matches!(entry.state, OutboxState::Done | OutboxState::Refused) {
                self.breaks(format!("`{key}` is {:?}, and there is no notice", entry.state));
            }
            return;
        };
        let heard = lock(&self.world).heard.iter().any(|heard| heard.id == *key);
        if entry.state == OutboxState::Done && !heard && notice.acknowledged.is_none() && !notice.deliveries.is_empty()
        {
            self.breaks(format!("`{key}` is done, and nobody heard of it: {notice:?}"));
        }
        let failed = |state| matches!(state, DeliveryState::Failed | DeliveryState::Uncertain);
        if notice.state == NoticeState::Undelivered && !notice.deliveries.iter().all(|one| failed(one.state)) {
            self.breaks(format!("`{key}` is called undelivered: {notice:?}"));
        }
    }

    /// What is so of a session, and nobody has done anything about.
    fn look_at_session(&self, session: &Session, now: Timestamp) {
        let id = &session.id;
        let status = status_of(session, now);
        if status.stale {
            self.breaks(format!("{id} is stale: {status:?}"));
        }
        let Some(project) = self.rules(session) else { return };
        let ledger = self.human.store.ledger(&Scope::session(id)).unwrap();
        let world = lock(&self.world);
        let (agent, pull) = (world.agents.get(id).cloned(), world.pulls.get(id).cloned());
        drop(world);
        let is_open = |rule: ReactionKey| {
            project.reactions.get(rule).is_none()
                || ledger.episodes().iter().any(|(key, episode)| {
                    key.contains(&format!("/{rule}/"))
                        && episode.present.is_some()
                        && episode.state != EpisodeState::Closed
                })
        };
        if let Some(pull) = pull.filter(Pull::is_open) {
            let red = pull.checks.iter().any(|check| check.required && check.state == CheckState::Failed);
            let bots = pull.threads.iter().any(|thread| thread.bot);
            let people = pull.threads.iter().any(|thread| !thread.bot);
            let conflicts = pull.conflicts.as_ref().is_some_and(|files| !files.is_empty());
            for (is_so, rule) in [
                (red, ReactionKey::CiFailed),
                (bots, ReactionKey::BugbotComments),
                (people, ReactionKey::ChangesRequested),
                (conflicts, ReactionKey::MergeConflicts),
            ] {
                if is_so && !is_open(rule) {
                    self.breaks(format!("{id}: `{rule}` is so, and nobody knows: {ledger:?} {:?}", session.pull));
                }
            }
        }
        let gone = agent.is_some_and(|agent| !agent.lives && !agent.done);
        if gone && status.name == StatusName::Dead && !is_open(ReactionKey::AgentExited) {
            self.breaks(format!("{id} is dead, and nobody knows"));
        }
    }
}

/// Whether it is open, and neither acted on nor told to a human.
fn is_neglected(episode: &Episode) -> bool {
    let Some(occurrence) = episode.current() else { return false };
    let acted = !matches!(occurrence.stage, Stage::Untouched | Stage::Planned);
    !acted && !occurrence.told && episode.escalated.is_none()
}
