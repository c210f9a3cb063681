//! What an agent is doing, from its journal alone: facts of the protocol, as old as the helper's last line.

use ao_plugin_sdk::prelude::*;

use crate::choices;
use crate::journal::{Mark, Phase, View, read_from};

/// Where the cursor says since when the agent is gone.
const GONE: &str = "gone";

/// Looks at one agent, of the plugin of this name.
pub(crate) fn observe(source: &str, target: &AgentTarget, now: Timestamp) -> AgentObservation {
    let mut seen = AgentObservation::new(target.session.clone());
    look(source, &mut seen, target.directory.as_deref(), target.cursor.clone());
    let launched = || Activity::new(ActivityState::Active, "launch", Strength::Weak, target.launched_at);
    if let Liveness::Dead { exit } = &target.liveness {
        let (source, strength) = match exit {
            Some(_) => ("exit status", Strength::Strong),
            None => ("process", Strength::Weak),
        };
        // The journal knows when it ended, where the helper could still say so.
        let told = seen.activity.as_ref().filter(|activity| activity.state == ActivityState::Exited);
        let since = told.map_or_else(|| gone_since(target, now, &mut seen.cursor), |activity| activity.since);
        seen.activity = Some(Activity::new(ActivityState::Exited, source, strength, since));
        seen.ask = None;
    } else if seen.activity.is_none() && target.directory.is_some() && target.liveness == Liveness::Alive {
        seen.activity = Some(launched());
    }
    seen
}

/// Since when an agent is gone whose helper could not say so: since the first look that found it gone.
fn gone_since(target: &AgentTarget, now: Timestamp, cursor: &mut Option<Value>) -> Timestamp {
    let known = target.cursor.as_ref().and_then(|cursor| cursor.get(GONE)).cloned();
    let since = known.and_then(|since| serde_json::from_value(since).ok()).unwrap_or(now);
    if let Some(Value::Object(cursor)) = cursor {
        cursor.insert(GONE.to_owned(), json!(since));
    }
    since
}

/// What a hook has announced: it stands in the journal.
pub(crate) fn woken(source: &str, event: &HookEvent) -> Option<AgentObservation> {
    let mut seen = AgentObservation::new(event.session.clone());
    look(source, &mut seen, event.directory.as_deref(), event.cursor.clone());
    seen.activity.is_some().then_some(seen)
}

fn look(source: &str, seen: &mut AgentObservation, directory: Option<&Utf8Path>, cursor: Option<Value>) {
    let Some(directory) = directory else {
        seen.unknown = Some("the host does not say which launch it means".to_owned());
        return;
    };
    // A cursor of somebody else's is none.
    let mark = cursor.and_then(|cursor| serde_json::from_value::<Mark>(cursor).ok());
    match read_from(directory, mark) {
        Ok(Some(mark)) => {
            tell(source, seen, &mark.view);
            seen.cursor = serde_json::to_value(&mark).ok();
        }
        Ok(None) => seen.unknown = Some("the agent's helper has written nothing yet".to_owned()),
        Err(error) => seen.unknown = Some(format!("cannot read the agent's journal: {error}")),
    }
}

fn tell(source: &str, seen: &mut AgentObservation, view: &View) {
    let question = view.questions.first();
    let (state, since) = match (view.phase, question) {
        (Phase::Ended, _) => (ActivityState::Exited, view.since),
        (_, Some((since, _))) => (ActivityState::WaitingInput, *since),
        (Phase::Starting | Phase::Working, None) => (ActivityState::Active, view.since),
        (Phase::Ready, None) => (ActivityState::Ready, view.since),
        (Phase::Blocked, None) => (ActivityState::Blocked, view.since),
    };
    seen.activity = Some(Activity::new(state, source, Strength::Strong, since));
    seen.ask = question.map(|(_, question)| {
        let mut ask = Ask::new(question.id.as_str(), question.text.as_str());
        let offered = choices::offered(&question.choices).into_iter();
        ask.options = offered.map(|(answer, label)| AskOption::new(answer, label)).collect();
        ask
    });
    // Nothing is typed: a prompt is taken at any time, and waits for its turn.
    seen.composer = Composer::None;
    seen.prompt_taken = view.prompted;
    seen.agent_session.clone_from(&view.session);
    seen.summary = view.why.clone().or_else(|| view.notice.clone()).or_else(|| view.title.clone());
    seen.usage = usage(view);
    seen.limit = view.why.as_deref().filter(|_| view.limited).map(RateLimit::new);
    if let Some(limit) = &mut seen.limit {
        limit.until = view.until;
    }
}

/// What was used, with the cost at the model that the agent has now: it tells one sum.
fn usage(view: &View) -> Option<Vec<ModelUsage>> {
    let mut usage: Vec<ModelUsage> = view.used.iter().map(crate::journal::Used::usage).collect();
    if let Some(cost) = view.cost {
        let model = view.model.as_deref().unwrap_or("unknown");
        let index = usage.iter().position(|usage| usage.model == model).unwrap_or_else(|| {
            usage.push(ModelUsage::new(model));
            usage.len() - 1
        });
        // The sum is of all models: no price of the others may come on top.
        for (at, entry) in usage.iter_mut().enumerate() {
            entry.cost_micros = Some(if at == index { cost } else { 0 });
        }
    }
    (!usage.is_empty()).then_some(usage)
}

#[cfg(test)]
mod tests {
    use ao_plugin_sdk::core::model::process::ExitStatus;

    use super::*;
    use crate::journal::{DIRECTORY, Entry, Event, Writer};

    #[test]
    fn how_it_ended_is_told_as_far_as_it_is_known() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap();
        std::fs::create_dir(directory.join(DIRECTORY)).unwrap();
        let at = Timestamp::from_millis;
        let note = |millis, event| Writer::open(directory).unwrap().append(&Entry { at: at(millis), event }).unwrap();
        note(10, Event::Prompted { key: "k".to_owned() });
        let mut cursor = None;
        let mut look = |exit, now| {
            let id: SessionId = "app-1".parse().unwrap();
            let mut target = AgentTarget::new(id, Liveness::Dead { exit }, at(1), "/w");
            (target.directory, target.cursor) = (Some(directory.to_owned()), cursor.clone());
            let seen = observe("test", &target, at(now));
            cursor = seen.cursor;
            seen.activity.unwrap()
        };
        let exited = |source: &str, strength, since| Activity::new(ActivityState::Exited, source, strength, at(since));
        assert_eq!(look(None, 50), exited("process", Strength::Weak, 50), "not since its last word");
        assert_eq!(look(None, 60), exited("process", Strength::Weak, 50), "and not since each look");
        note(40, Event::Ended { why: "it was ended".to_owned() });
        assert_eq!(
            look(Some(ExitStatus::Code { code: 3 }), 70),
            exited("exit status", Strength::Strong, 40),
            "its helper said so"
        );
    }
}
