//! Opening a conversation: who the agent is, a new conversation or the old one, its model and its mode.

use std::borrow::Cow;

use ao_agent_conversation::launch::prompt_key;
use ao_plugin_sdk::prelude::*;

use super::{Course, Effect, Pending, Shown, Stage, Talk};
use crate::journal::{Event, How, Used};
use crate::ledger::Taking;
use crate::wire::{self, Offer, Problem};

/// The version of the protocol that is spoken.
const PROTOCOL: u64 = 1;
/// The code of an error that says that nobody is logged in.
const AUTH_REQUIRED: i64 = -32000;

/// Something that is set before the first prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// `model` or `mode`.
    category: &'static str,
    value: String,
    offer: Offer,
}

impl Talk {
    pub(super) fn begin(&mut self) {
        if let Some(text) = self.prompt.take()
            && let Taking::New(event) = self.ledger.taking(prompt_key(&self.launch.directory), text)
        {
            self.note(event);
        }
        if let Some((key, why)) = self.ledger.cut_off() {
            self.show_line(&format!("# {why}"));
            self.note(Event::Cut { key, why });
        }
        // Agents that write through the client would write although they were told not to ask.
        let writes = self.launch.permissions != PermissionMode::Suggest;
        let params = json!({
            "protocolVersion": PROTOCOL,
            "clientCapabilities": {"fs": {"readTextFile": true, "writeTextFile": writes}, "terminal": false},
            "clientInfo": {"name": "ao", "title": "ao", "version": env!("CARGO_PKG_VERSION")},
        });
        self.request("initialize", &params, Pending::Initialize);
    }

    pub(super) fn opened(&mut self, pending: Pending, outcome: Result<Value, Problem>) {
        let result = match outcome {
            Ok(result) => result,
            Err(problem) => return self.not_opened(&pending, &problem),
        };
        match pending {
            Pending::Initialize => self.connected(&result),
            Pending::New => match result.get("sessionId").and_then(Value::as_str) {
                Some(id) if !id.is_empty() && id.len() <= wire::MOST_ID => {
                    let id = id.to_owned();
                    self.settle(id, How::New, &result);
                }
                _ => self.end("it opened a conversation without an id, or with one that is too long"),
            },
            Pending::Load | Pending::Resume => {
                let how = if pending == Pending::Load { How::Loaded } else { How::Resumed };
                let id = self.session.clone();
                self.settle(id, how, &result);
            }
            Pending::Set(setting) => {
                if setting.category == "model" && self.ledger.view.model.as_ref() != Some(&setting.value) {
                    self.note(Event::Model { id: setting.value });
                }
                self.go_on_settling();
            }
            Pending::Prompt => {}
        }
    }

    fn connected(&mut self, result: &Value) {
        self.who = wire::who(result);
        self.login = wire::auth_hint(result);
        if self.who.protocol != PROTOCOL {
            let message =
                format!("it speaks version {} of the protocol, and this `ao` speaks {PROTOCOL}", self.who.protocol);
            return self.end(&message);
        }
        let agent = self.who.name.clone().unwrap_or_else(|| self.launch.argv.first().cloned().unwrap_or_default());
        let version = self.who.version.clone();
        self.show_line(&format!("# {agent} {}", version.clone().unwrap_or_default()));
        self.note(Event::Connected { agent, version });
        // A helper that begins again in the same directory goes on with its own conversation.
        let former = self.ledger.view.session.clone().or_else(|| self.launch.resume.clone());
        let (loads, resumes) = (self.who.loads, self.who.resumes);
        match former {
            Some(id) if resumes => self.reopen("session/resume", id, Pending::Resume),
            Some(id) if loads => self.reopen("session/load", id, Pending::Load),
            Some(id) => {
                let text = format!(
                    "the agent cannot go on with the conversation `{id}`; a new one begins, and knows nothing of what was said there"
                );
                self.show_line(&format!("# {text}"));
                self.note(Event::Notice { text });
                self.open_new();
            }
            None => self.open_new(),
        }
    }

    fn open_new(&mut self) {
        let params = json!({"cwd": self.launch.workspace, "mcpServers": []});
        self.request("session/new", &params, Pending::New);
    }

    fn reopen(&mut self, method: &str, id: String, pending: Pending) {
        let params = json!({"sessionId": id, "cwd": self.launch.workspace, "mcpServers": []});
        self.session = id;
        self.request(method, &params, pending);
    }

    fn not_opened(&mut self, pending: &Pending, problem: &Problem) {
        // An agent that announces one way may have only the other.
        if *pending == Pending::Resume && self.who.loads {
            let id = self.session.clone();
            return self.reopen("session/load", id, Pending::Load);
        }
        let mut why = wire::error_text(problem);
        let opens = matches!(pending, Pending::New | Pending::Load | Pending::Resume);
        if opens && (problem.code == AUTH_REQUIRED || why.to_lowercase().contains("authent")) {
            let hint = self.login.clone().unwrap_or_else(|| "log in with the agent's own program".to_owned());
            why = format!("{why}; it is not logged in: {hint}");
        }
        let what = match pending {
            Pending::Initialize => "it refused to begin".to_owned(),
            Pending::Load | Pending::Resume => format!("it cannot go on with the conversation `{}`", self.session),
            Pending::Set(setting) => format!("it has no {} `{}`", setting.category, setting.value),
            Pending::New | Pending::Prompt => "it opened no conversation".to_owned(),
        };
        self.end(&format!("{what}: {why}"));
    }

    /// Notes what the conversation is, and sets what it is to be.
    fn settle(&mut self, id: String, how: How, result: &Value) {
        self.session = id;
        // What an agent does without asking, nobody is asked about: only its own mode keeps it from that.
        let restrained =
            || wire::restraining_mode(result).filter(|_| self.launch.permissions == PermissionMode::Suggest);
        let mode = self.launch.mode.clone().or_else(restrained);
        let wanted = [("model", self.launch.model.clone()), ("mode", mode)];
        for (category, wanted) in wanted {
            let (offer, current) = wire::offers(result, category);
            if let Some(id) =
                current.clone().filter(|id| category == "model" && self.ledger.view.model.as_ref() != Some(id))
            {
                self.note(Event::Model { id });
            }
            match (wanted, offer) {
                (Some(wanted), _) if current.as_ref() == Some(&wanted) => {}
                (Some(value), Some(offer)) => self.settings.push_back(Setting { category, value, offer }),
                (Some(value), None) => {
                    let text = format!("the agent lets nobody choose its {category}: `{value}` is not set");
                    self.show_line(&format!("# {text}"));
                    self.note(Event::Note { text });
                }
                (None, _) => {}
            }
        }
        self.settled_as = how;
        self.go_on_settling();
    }

    fn go_on_settling(&mut self) {
        let Some(setting) = self.settings.pop_front() else {
            let session = self.session.clone();
            self.note(Event::Session { id: session.clone(), how: self.settled_as });
            self.show_line(&format!("# conversation {session}"));
            self.stage = Stage::Open { session };
            return;
        };
        let Setting { category, value, offer } = &setting;
        let session = &self.session;
        let (method, params) = match (offer, *category) {
            (Offer::Option(id), _) => {
                ("session/set_config_option", json!({"sessionId": session, "configId": id, "value": value}))
            }
            (Offer::Own, "model") => ("session/set_model", json!({"sessionId": session, "modelId": value})),
            (Offer::Own, _) => ("session/set_mode", json!({"sessionId": session, "modeId": value})),
        };
        self.request(method, &params, Pending::Set(setting.clone()));
    }

    /// Hands the next prompt over, if one waits and no turn runs.
    pub(super) fn hand_over(&mut self) {
        let Stage::Open { session } = &self.stage else { return };
        let session = session.clone();
        if self.turn.is_some() || self.ledger.queue.held.is_some() {
            return;
        }
        let Some(letter) = self.ledger.queue.waiting.front().cloned() else { return };
        // Written down first: a prompt that may have been handed over is never handed over again.
        self.note(Event::Prompted { key: letter.key.clone() });
        let shown = self.transcript.prompt(&letter.text);
        self.show(shown);
        let params = json!({"sessionId": session, "prompt": [{"type": "text", "text": as_text(&letter.text)}]});
        self.request("session/prompt", &params, Pending::Prompt);
        let (shown, course) = (Shown::Nothing, Course::Runs);
        self.turn = Some(super::Turn { key: letter.key, shown, course, used: Used::default() });
    }

    /// Whether a conversation is still being opened.
    pub(crate) fn is_opening(&self) -> bool {
        self.stage == Stage::Opening
    }

    /// Whether what an agent tells now is history that it reads again.
    pub(super) fn is_replaying(&self) -> bool {
        self.pending.values().any(|pending| matches!(pending, Pending::Load | Pending::Resume))
    }

    /// Refuses what cannot be read or written for the agent, or sends what came of it.
    pub(crate) fn file_done(id: &Value, outcome: Result<Value, String>) -> Effect {
        Effect::Send(match outcome {
            Ok(result) => wire::result(id, &result),
            Err(message) => wire::failure(id, -32000, &message),
        })
    }
}

/// A prompt as agents take it for a text. What begins with a slash would be a command of theirs, whatever blanks stand before
/// it, and one that they do not know is dropped without a word.
fn as_text(prompt: &str) -> Cow<'_, str> {
    let begins = prompt.trim_start_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
    if begins.starts_with('/') { Cow::Owned(format!("Message:\n{prompt}")) } else { Cow::Borrowed(prompt) }
}
