//! What the host is told of an agent, folded from its journal. It travels in the cursor, so it is small.

use ao_plugin_sdk::prelude::*;

use super::event::{Event, Question, Used};
use crate::launch::is_launch;

/// How many questions are kept. As many may be open, or one would be asked that nobody hears of.
pub const MOST_QUESTIONS: usize = 16;
/// How many models are counted apart.
const MOST_MODELS: usize = 16;

/// What the agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There is no conversation yet.
    #[default]
    Starting,
    /// It waits for a prompt.
    Ready,
    /// It works on one.
    Working,
    /// The last turn failed, or ended before its time.
    Blocked,
    /// It is gone.
    Ended,
}

/// What is known of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// What it does.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// Why it is blocked, or how it ended.
    #[serde(default)]
    pub why: Option<String>,
    /// What a human has to know before they say more.
    #[serde(default)]
    pub notice: Option<String>,
    /// Its provider lets it wait, as [`View::why`] says.
    #[serde(default)]
    pub limited: bool,
    /// Its own id for the conversation.
    #[serde(default)]
    pub session: Option<String>,
    /// What the conversation is about.
    #[serde(default)]
    pub title: Option<String>,
    /// Its model.
    #[serde(default)]
    pub model: Option<String>,
    /// What it asks, oldest first, and since when.
    #[serde(default)]
    pub questions: Vec<(Timestamp, Question)>,
    /// What the conversation has used.
    #[serde(default)]
    pub used: Vec<Used>,
    /// What it has cost, in millionths of a US dollar.
    #[serde(default)]
    pub cost: Option<u64>,
    /// Until when its provider lets it wait, where that is known.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// The prompt that came with the launch was taken.
    #[serde(default)]
    pub prompted: bool,
}

impl View {
    /// Of an agent of which nothing is known yet.
    pub fn new(at: Timestamp) -> Self {
        Self {
            phase: Phase::Starting,
            since: at,
            why: None,
            notice: None,
            limited: false,
            session: None,
            title: None,
            model: None,
            questions: Vec::new(),
            used: Vec::new(),
            cost: None,
            until: None,
            prompted: false,
        }
    }

    /// Goes on by one event.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Snapshot { view, .. } => *self = (**view).clone(),
            Event::Started { .. } => {
                self.questions.clear();
                self.enter(Phase::Starting, at, None);
            }
            Event::Session { id, .. } => {
                // What another conversation has used, that one was counted by.
                if self.session.as_ref().is_some_and(|known| known != id) {
                    (self.used, self.cost) = (Vec::new(), None);
                }
                self.session = Some(id.clone());
                self.enter(Phase::Ready, at, None);
            }
            Event::Model { id } => self.model = Some(id.clone()),
            Event::Taken { key, .. } => {
                self.prompted |= is_launch(key);
                self.notice = None;
            }
            Event::Cut { why, .. } => {
                self.notice = Some(why.clone());
                if self.phase == Phase::Working {
                    self.enter(Phase::Blocked, at, Some(why.clone()));
                }
            }
            Event::Notice { text } => self.notice = Some(text.clone()),
            Event::Interrupted { .. } => {
                self.notice = Some("it was told to stop, and waits for what it is told".to_owned());
            }
            Event::Prompted { .. } | Event::Begun => self.enter(Phase::Working, at, None),
            Event::Waits { why, until } => {
                (self.why, self.limited, self.until) = (Some(why.clone()), true, *until);
            }
            Event::GoesOn => (self.why, self.limited, self.until) = (None, false, None),
            Event::Asked { question } if self.questions.len() < MOST_QUESTIONS => {
                self.questions.push((at, question.clone()));
            }
            Event::Answered { ask, .. } => self.questions.retain(|(_, question)| question.id != *ask),
            Event::Turn { stop, used, .. } => {
                for used in used {
                    self.count(used);
                }
                match stop.as_str() {
                    "end_turn" | "cancelled" => self.enter(Phase::Ready, at, None),
                    _ => self.enter(Phase::Blocked, at, Some(format!("the turn ended: {}", stop.replace('_', " ")))),
                }
            }
            Event::Failed { why, limited, .. } => {
                self.enter(Phase::Blocked, at, Some(why.clone()));
                self.limited = *limited;
            }
            Event::Usage { used } => self.used = used.iter().take(MOST_MODELS).cloned().collect(),
            Event::Cost { micros } => self.cost = Some(*micros),
            Event::Titled { title } => self.title = Some(title.clone()),
            Event::Ended { why } => {
                self.questions.clear();
                self.enter(Phase::Ended, at, Some(why.clone()));
            }
            Event::Asked { .. }
            | Event::Launched { .. }
            | Event::Connected { .. }
            | Event::Returned { .. }
            | Event::Note { .. }
            | Event::Unknown => {}
        }
    }

    /// What a conversation that goes on brings with it.
    pub fn inherit(&mut self, former: &Self) {
        (self.session, self.used, self.cost) = (former.session.clone(), former.used.clone(), former.cost);
        (self.title, self.model) = (former.title.clone(), former.model.clone());
        self.notice.clone_from(&former.notice);
    }

    fn enter(&mut self, phase: Phase, at: Timestamp, why: Option<String>) {
        if self.phase != phase {
            self.since = at;
        }
        (self.phase, self.why, self.limited, self.until) = (phase, why, false, None);
    }

    fn count(&mut self, used: &Used) {
        if let Some(known) = self.used.iter_mut().find(|known| known.model == used.model) {
            known.add(used);
        } else if self.used.len() < MOST_MODELS {
            self.used.push(used.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::How;
    use super::*;

    fn session(id: &str) -> Event {
        Event::Session { id: id.to_owned(), how: How::New }
    }

    #[test]
    fn another_conversation_has_used_nothing_yet() {
        let at = Timestamp::from_millis(1);
        let mut former = View::new(at);
        former.apply(at, &session("one"));
        let used = Used { model: "m".to_owned(), input: 10, ..Used::default() };
        former.apply(at, &Event::Usage { used: vec![used.clone()] });
        former.apply(at, &Event::Cost { micros: 5 });
        for (id, left) in [("one", (vec![used], Some(5))), ("two", (Vec::new(), None))] {
            let mut view = View::new(at);
            view.inherit(&former);
            view.apply(at, &session(id));
            assert_eq!((view.used, view.cost), left, "{id}");
        }
    }
}
