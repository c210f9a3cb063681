//! What a delivery does with what it sees: whether something holds it back, whether the composer holds our draft, and how one
//! goes on whose sender has died. The one rule behind all of it: no Enter unless our own draft is visible.

use std::fmt;

use crate::model::draft::{digest, solid};
use crate::slots::agent::{ActivityState, AgentObservation, Composer, Strength};
use crate::slots::common::Proof;
use crate::slots::runtime::RuntimeObservation;

/// How much of the end of a longer draft has to be seen, in characters: a composer may show its last lines only.
const ENOUGH: usize = 24;
/// How often a message may be put in: once, and once more where it provably did not arrive.
const MOST_PASTES: u32 = 2;

/// Why nothing is typed to an agent now. It passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Somebody is at its terminal.
    Attended(String),
    /// It shows a dialog: an Enter would answer for a human.
    Dialog,
    /// Its composer holds somebody's draft: an Enter would submit that, too.
    Draft,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attended(who) => write!(f, "somebody is at the agent's terminal ({who})"),
            Self::Dialog => f.write_str("the agent waits for a decision, or does not show where it takes messages"),
            Self::Draft => f.write_str("the agent's composer holds a draft of somebody else's"),
        }
    }
}

/// Whether somebody at the agent's terminal is in the way of what is to be done there. Of an agent that is not typed to,
/// nobody is.
#[must_use]
pub fn attended<'a>(seen: &'a RuntimeObservation, agent: &AgentObservation) -> Option<&'a str> {
    seen.attended.as_deref().filter(|_| agent.composer != Composer::None)
}

/// What keeps a message from being typed, before anything of it was.
#[must_use]
pub fn hold(seen: &RuntimeObservation, agent: &AgentObservation) -> Option<Hold> {
    if let Some(who) = attended(seen, agent) {
        return Some(Hold::Attended(who.to_owned()));
    }
    match agent.composer {
        Composer::Dialog => Some(Hold::Dialog),
        Composer::Draft { .. } => Some(Hold::Draft),
        _ => None,
    }
}

/// What an agent's composer shows of a message that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftSeen {
    /// The message.
    Ours,
    /// Something else, or not all of it yet.
    Other,
    /// Nothing.
    Nothing,
    /// A dialog covers it.
    Covered,
    /// The plugin cannot tell.
    Untold,
}

/// Whether a composer holds this text and nothing besides.
#[must_use]
pub fn draft_seen(agent: &AgentObservation, text: &str) -> DraftSeen {
    let is_ours = |shown: &str| match &agent.draft_digest {
        Some(found) => *found == digest(text),
        None => ends(&solid(text), &solid(shown)),
    };
    match &agent.composer {
        Composer::Empty | Composer::None => DraftSeen::Nothing,
        Composer::Dialog => DraftSeen::Covered,
        Composer::Draft { text: shown } if is_ours(shown) => DraftSeen::Ours,
        Composer::Draft { .. } => DraftSeen::Other,
        Composer::Unknown => DraftSeen::Untold,
    }
}

/// Whether what is shown is the draft, or enough of its end.
fn ends(draft: &str, shown: &str) -> bool {
    draft == shown || (draft.ends_with(shown) && shown.chars().count() >= ENOUGH)
}

/// How a delivery goes on whose sender has died in the middle of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It has arrived.
    Acked,
    /// It stands in the composer and wants its Enter.
    Submit,
    /// It provably did not arrive: it is put in once more.
    PasteAgain,
    /// Nobody can touch the agent's terminal now.
    Wait(Hold),
    /// Whether it arrived nobody can tell. It is said, and never repeated.
    GiveUp,
}

/// Looks before anything is repeated, in this order: the agent's record, our draft in its composer, the proof that neither
/// is there. `pastes` counts how often the text was put in, or was about to be.
#[must_use]
pub fn resume(proof: &Proof, seen: &RuntimeObservation, agent: &AgentObservation, text: &str, pastes: u32) -> Resume {
    if let Proof::Found { .. } = proof {
        return Resume::Acked;
    }
    let wait = || attended(seen, agent).map(|who| Resume::Wait(Hold::Attended(who.to_owned())));
    let is_idle = agent.activity.as_ref().is_some_and(|activity| {
        matches!(activity.state, ActivityState::Ready | ActivityState::Idle) && activity.strength == Strength::Strong
    });
    match draft_seen(agent, text) {
        DraftSeen::Ours => wait().unwrap_or(Resume::Submit),
        DraftSeen::Nothing if *proof == Proof::Absent && is_idle && pastes < MOST_PASTES => {
            wait().unwrap_or(Resume::PasteAgain)
        }
        _ => Resume::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SessionId, Timestamp};
    use crate::slots::agent::Activity;
    use crate::slots::runtime::Liveness;

    const TEXT: &str = "fix the parser and run the tests";

    fn id() -> SessionId {
        "app-1".parse().expect("an id")
    }

    fn runtime(attended: Option<&str>) -> RuntimeObservation {
        let mut seen = RuntimeObservation::new(id(), Liveness::Alive);
        seen.attended = attended.map(str::to_owned);
        seen
    }

    fn agent(composer: Composer) -> AgentObservation {
        let mut agent = AgentObservation::new(id());
        agent.composer = composer;
        agent
    }

    fn idle(strength: Strength) -> AgentObservation {
        let mut agent = agent(Composer::Empty);
        agent.activity = Some(Activity::new(ActivityState::Idle, "hook", strength, Timestamp::from_millis(0)));
        agent
    }

    fn draft(text: &str) -> AgentObservation {
        agent(Composer::Draft { text: text.to_owned() })
    }

    #[test]
    fn what_holds_a_message_back() {
        let held = |seen: &RuntimeObservation, composer| hold(seen, &agent(composer));
        assert_eq!(held(&runtime(None), Composer::Empty), None);
        assert_eq!(held(&runtime(None), Composer::Unknown), None, "one attempt");
        assert_eq!(held(&runtime(None), Composer::Dialog), Some(Hold::Dialog));
        assert_eq!(held(&runtime(None), Composer::Draft { text: "x".to_owned() }), Some(Hold::Draft));
        assert_eq!(held(&runtime(Some("a tmux client")), Composer::None), None, "nothing is typed");
        let attended = held(&runtime(Some("a tmux client")), Composer::Empty);
        assert_eq!(attended, Some(Hold::Attended("a tmux client".to_owned())));
    }

    #[test]
    fn a_draft_is_ours_or_it_is_not() {
        for (shown, wanted) in [
            (TEXT, DraftSeen::Ours),
            ("fix the pars\ner and run  \nthe tests\n", DraftSeen::Ours),
            ("the parser and run the tests", DraftSeen::Other),
            ("run the tests", DraftSeen::Other),
            ("fix the parser", DraftSeen::Other),
            ("half a sentence fix the parser and run the tests", DraftSeen::Other),
            ("fix the parser and run the tests!", DraftSeen::Other),
        ] {
            assert_eq!(draft_seen(&draft(shown), TEXT), wanted, "{shown:?}");
        }
        let long = "a line of it\n".repeat(60);
        assert_eq!(draft_seen(&draft(&"a line of it\n".repeat(5)), &long), DraftSeen::Ours, "its last lines");
        assert_eq!(draft_seen(&agent(Composer::Empty), TEXT), DraftSeen::Nothing);
        assert_eq!(draft_seen(&agent(Composer::Dialog), TEXT), DraftSeen::Covered);
        assert_eq!(draft_seen(&agent(Composer::Unknown), TEXT), DraftSeen::Untold);
        let mut folded = draft("[Pasted text #1 +61 lines]");
        assert_eq!(draft_seen(&folded, &long), DraftSeen::Other);
        folded.draft_digest = Some(digest(&long));
        assert_eq!(draft_seen(&folded, &long), DraftSeen::Ours);
        assert_eq!(draft_seen(&folded, TEXT), DraftSeen::Other);
    }

    #[test]
    fn what_a_dead_sender_left_is_looked_for_before_it_is_repeated() {
        let found = Proof::Found { reference: "a record".to_owned() };
        let wait = Resume::Wait(Hold::Attended("a tmux client".to_owned()));
        let (alone, attended) = (runtime(None), runtime(Some("a tmux client")));
        for (proof, seen, agent, pastes, wanted) in [
            (&found, &attended, agent(Composer::Dialog), 1, Resume::Acked),
            (&Proof::Absent, &alone, draft(TEXT), 1, Resume::Submit),
            (&Proof::Unknown, &alone, draft(TEXT), 1, Resume::Submit),
            (&Proof::Absent, &attended, draft(TEXT), 1, wait.clone()),
            (&Proof::Absent, &alone, draft("something else"), 1, Resume::GiveUp),
            (&Proof::Absent, &alone, agent(Composer::Dialog), 1, Resume::GiveUp),
            (&Proof::Absent, &alone, agent(Composer::Unknown), 1, Resume::GiveUp),
            (&Proof::Absent, &alone, idle(Strength::Strong), 1, Resume::PasteAgain),
            (&Proof::Absent, &attended, idle(Strength::Strong), 1, wait),
            (&Proof::Absent, &alone, idle(Strength::Strong), 2, Resume::GiveUp),
            (&Proof::Absent, &alone, idle(Strength::Weak), 1, Resume::GiveUp),
            (&Proof::Unknown, &alone, idle(Strength::Strong), 1, Resume::GiveUp),
            (&Proof::Absent, &alone, agent(Composer::Empty), 1, Resume::GiveUp),
        ] {
            assert_eq!(resume(proof, seen, &agent, TEXT, pastes), wanted, "{proof:?} {seen:?} {agent:?} {pastes}");
        }
    }
}
