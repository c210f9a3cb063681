//! What an intent says: the facts that its message may speak of, and the text.

use super::intent::{Deed, Intent, Told};
use super::project::is_about_base;
use crate::Result;
use crate::config::{
    AgentWords, CheckWords, MessageFacts, PullWords, Reaction, ReportWords, SessionWords, ThreadWords,
};
use crate::lifecycle::Status;
use crate::model::facts::Session;
use crate::text::{one_line, plain};

/// How much of a title, a note or a question is said, in characters.
const COLUMNS: usize = 300;
/// How much of a comment is said, in characters.
const MOST_COMMENT: usize = 4000;

/// The facts that an intent is about, as its message speaks of them. The logs of checks are for who fetches them to fill
/// in.
#[must_use]
pub fn message_facts(intent: &Intent, sessions: &[(&Session, &Status)]) -> MessageFacts {
    let about = &intent.about;
    let mut words = MessageFacts {
        reaction: intent.reaction.to_string(),
        reason: intent.reason.clone(),
        attempt: intent.attempt,
        conflicts: about.files.iter().map(|file| one_line(file, COLUMNS)).collect(),
        ..MessageFacts::default()
    };
    words.session.project = intent.project.to_string();
    let listed = sessions.iter().filter(|(session, _)| about.sessions.contains(&session.id));
    words.sessions = listed.map(|(session, status)| session_words(session, status)).collect();
    let mine = sessions.iter().find(|(session, _)| Some(&session.id) == intent.session.as_ref());
    let Some((session, status)) = mine else { return words };
    words.session = session_words(session, status);
    if let Some(pull) = &session.pull {
        let snapshot = &pull.snapshot;
        words.pull = PullWords {
            number: snapshot.pull.number,
            url: one_line(snapshot.pull.url.as_deref().unwrap_or_default(), COLUMNS),
            title: one_line(snapshot.title.as_deref().unwrap_or_default(), COLUMNS),
            head: snapshot.head.clone(),
            base: snapshot.base.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        let checks = snapshot.checks.iter().filter(|check| about.checks.contains(&check.name));
        words.checks = checks
            .map(|check| CheckWords {
                name: one_line(&check.name, COLUMNS),
                state: word(&check.state),
                url: one_line(check.url.as_deref().unwrap_or_default(), COLUMNS),
                log: String::new(),
            })
            .collect();
        let threads = snapshot.threads.iter().filter(|thread| about.threads.contains(&thread.id));
        words.threads = threads
            .map(|thread| ThreadWords {
                id: one_line(&thread.id, COLUMNS),
                at: match (&thread.path, thread.line) {
                    (Some(path), Some(line)) => format!("{}:{line}", one_line(path, COLUMNS)),
                    (Some(path), None) => one_line(path, COLUMNS),
                    _ => String::new(),
                },
                author: one_line(&thread.author, COLUMNS),
                body: plain(&thread.body).chars().take(MOST_COMMENT).collect(),
            })
            .collect();
    }
    if let Some(agent) = &session.agent {
        words.agent = AgentWords {
            name: agent.name.to_string(),
            summary: one_line(agent.summary.as_deref().unwrap_or_default(), COLUMNS),
            ask: one_line(agent.ask.as_ref().map(|ask| ask.text.as_str()).unwrap_or_default(), COLUMNS),
        };
    }
    if let Some(report) = &session.report {
        words.report = ReportWords { state: word(&report.state), note: one_line(&report.note, COLUMNS) };
    }
    words
}

/// The text of an intent: the rule's message where its action is carried out, and otherwise why it is not. A message that
/// is meant for an agent is never shown to a human.
///
/// # Errors
///
/// A template that cannot be rendered.
pub fn text(intent: &Intent, rule: &Reaction, facts: &MessageFacts) -> Result<String> {
    let who = intent.session.as_ref().map_or_else(|| intent.project.to_string(), ToString::to_string);
    let reason = intent.reason.as_str();
    let text = match &intent.deed {
        Deed::Notify { told: Told::Instead { why } | Told::Escalated { why }, .. } => {
            format!("{who}: {reason}; {why}")
        }
        _ if is_about_base(intent) => format!("{who}: {reason}"),
        _ => rule.message.render(facts)?,
    };
    let summary = rule.include_summary && matches!(intent.deed, Deed::Notify { .. }) && !facts.sessions.is_empty();
    let lines = facts.sessions.iter().filter(|_| summary).map(|session| {
        let issue = if session.issue.is_empty() { String::new() } else { format!(" {}", session.issue) };
        format!("\n- {}: {}{issue}", session.id, session.status)
    });
    Ok(plain(&text) + &lines.collect::<String>())
}

fn session_words(session: &Session, status: &Status) -> SessionWords {
    SessionWords {
        id: session.id.to_string(),
        project: session.project.to_string(),
        status: status.name.to_string(),
        branch: session.workspace.as_ref().map(|workspace| workspace.branch.to_string()).unwrap_or_default(),
        issue: session.issue_facts.as_ref().map(|issue| one_line(&issue.name(), COLUMNS)).unwrap_or_default(),
    }
}

/// The word for a state, as in JSON.
fn word<T: serde::Serialize>(state: &T) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}
