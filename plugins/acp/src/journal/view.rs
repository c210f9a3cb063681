//! What the host is told of an agent, folded from its journal. It travels in the cursor, so it is small.

use ao_plugin_sdk::prelude::*;

use super::event::{Event, Question, Used};

/// How many questions are kept. As many may be open, or one would be asked that nobody hears of.
pub(crate) const MOST_QUESTIONS: usize = 16;
/// How many models are counted apart.
const MOST_MODELS: usize = 16;

/// What the agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
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
pub(crate) struct View {
    /// What it does.
    pub(crate) phase: Phase,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Why it is blocked, or how it ended.
    #[serde(default)]
    pub(crate) why: Option<String>,
    /// What a human has to know before they say more.
    #[serde(default)]
    pub(crate) notice: Option<String>,
    /// Its provider lets it wait, as [`View::why`] says.
    #[serde(default)]
    pub(crate) limited: bool,
    /// Its own id for the conversation.
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// What the conversation is about.
    #[serde(default)]
    pub(crate) title: Option<String>,
    /// Its model.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// What it asks, oldest first, and since when.
    #[serde(default)]
    pub(crate) questions: Vec<(Timestamp, Question)>,
    /// What the conversation has used.
    #[serde(default)]
    pub(crate) used: Vec<Used>,
    /// What it has cost, in millionths of a US dollar.
    #[serde(default)]
    pub(crate) cost: Option<u64>,
}

impl View {
    /// Of an agent of which nothing is known yet.
    pub(crate) fn new(at: Timestamp) -> Self {
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
        }
    }

    /// Goes on by one event.
    pub(crate) fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Snapshot { view, .. } => *self = (**view).clone(),
            Event::Started { .. } => {
                self.questions.clear();
                self.enter(Phase::Starting, at, None);
            }
            Event::Session { id, .. } => {
                self.session = Some(id.clone());
                self.enter(Phase::Ready, at, None);
            }
            Event::Model { id } => self.model = Some(id.clone()),
            Event::Taken { .. } => self.notice = None,
            Event::Cut { why: text, .. } | Event::Notice { text } => self.notice = Some(text.clone()),
            Event::Interrupted { .. } => {
                self.notice = Some("it was told to stop, and waits for what it is told".to_owned());
            }
            Event::Prompted { .. } => self.enter(Phase::Working, at, None),
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
    pub(crate) fn inherit(&mut self, former: &Self) {
        (self.session, self.used, self.cost) = (former.session.clone(), former.used.clone(), former.cost);
        (self.title, self.model) = (former.title.clone(), former.model.clone());
        self.notice.clone_from(&former.notice);
    }

    fn enter(&mut self, phase: Phase, at: Timestamp, why: Option<String>) {
        if self.phase != phase {
            self.since = at;
        }
        (self.phase, self.why, self.limited) = (phase, why, false);
    }

    fn count(&mut self, used: &Used) {
        if let Some(known) = self.used.iter_mut().find(|known| known.model == used.model) {
            known.add(used);
        } else if self.used.len() < MOST_MODELS {
            self.used.push(used.clone());
        }
    }
}
