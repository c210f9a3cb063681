//! Claude Code's hooks: the settings that have them call us, and what they say.

use std::collections::BTreeMap;

use ao_plugin_sdk::agent::launch::hook_line;
use ao_plugin_sdk::core::model::draft;
use ao_plugin_sdk::prelude::*;
use uuid::Uuid;

use crate::cursor::Cursor;
use crate::evidence::{Asked, Said, Source};
use crate::files;
use crate::transcript::one_line;

/// The hooks that call us. A name that a version of Claude Code does not know makes it show a dialog at its start, so these
/// are no more than are of use; `PreToolUse` is not among them, as it comes before the question whether the tool may run.
const HOOKS: [&str; 8] = [
    "SessionStart",
    "UserPromptSubmit",
    "PermissionRequest",
    "PostToolUse",
    "Notification",
    "Stop",
    "StopFailure",
    "SessionEnd",
];

/// How long Claude Code waits for one of them, in seconds; they take a tenth of one.
const HOOK_WITHIN: u32 = 5;

/// The settings of a launch. Claude Code puts them beside the user's: hooks of both are called, and what the user's deny is denied.
pub(crate) fn settings(hook: &[String], permissions: PermissionMode, messages: &Utf8Path) -> String {
    let mut settings = json!({
        // A suggestion stands in the composer like a draft, and only its colour tells.
        "promptSuggestionEnabled": false,
    });
    if !hook.is_empty() {
        let calls = HOOKS.iter().map(|name| ((*name).to_owned(), calling(hook, name)));
        settings["hooks"] = json!(calls.collect::<BTreeMap<_, _>>());
    }
    // What is too long to be typed is named by its file, which is none of the worktree's.
    if let Some(rule) = may_read(messages) {
        settings["permissions"] = json!({ "allow": [rule] });
    }
    if permissions == PermissionMode::Permissionless {
        // Whoever asked for it has been warned.
        settings["skipDangerousModePermissionPrompt"] = json!(true);
    }
    format!("{settings:#}\n")
}

/// Lets the files of a directory be read unasked. The rule is a pattern, so a path that could be taken for another one has none.
fn may_read(directory: &Utf8Path) -> Option<String> {
    let is_plain = |character: char| !r"*?[]{}()!\".contains(character) && !character.is_control();
    let is_sure = directory.is_absolute() && directory.as_str().chars().all(is_plain);
    // A path with one slash begins at the file with the rule.
    is_sure.then(|| format!("Read(/{directory}/**)"))
}

fn calling(hook: &[String], name: &str) -> Value {
    json!([{"hooks": [{"type": "command", "command": hook_line(hook, name), "timeout": HOOK_WITHIN}]}])
}

/// Reads what a hook pushed, or what imitates one: any process of the agent can. So ids are ids, and a transcript stands where
/// Claude Code keeps them.
pub(crate) fn interpret(event: &HookEvent) -> Option<AgentObservation> {
    let mut cursor = Cursor::of(event.cursor.as_ref());
    let payload = Payload(&event.payload);
    let conversation = Uuid::try_parse(payload.text("session_id")?).ok()?.hyphenated().to_string();
    let begins = matches!(event.hook.as_str(), "SessionStart" | "UserPromptSubmit");
    if cursor.conversation.is_none() || begins {
        let named = payload.text("transcript_path").map(Utf8Path::new);
        let transcript = cursor.config.as_deref().zip(named);
        let transcript = transcript.and_then(|(config, named)| files::named_transcript(config, named, &conversation));
        cursor.follow(&conversation, transcript);
    } else if cursor.conversation.as_deref() != Some(&conversation) {
        // Of a conversation that was left, or of another Claude Code in the same worktree.
        return None;
    }
    cursor.was_used |= !matches!(event.hook.as_str(), "SessionStart" | "SessionEnd" | "Notification");
    let before = cursor.hook.take();
    let at = event.at.or_else(|| before.as_ref().map(|before| before.at)).unwrap_or(Timestamp::from_millis(0));
    let said = says(&event.hook, &payload, before.as_ref(), at);
    let mut observation = AgentObservation::new(event.session.clone());
    observation.agent_session.clone_from(&cursor.conversation);
    // One that starts is ready once its composer shows, which a look sees.
    if let Some(said) = said.as_ref().filter(|_| event.hook != "SessionStart") {
        let strength = Strength::Strong;
        observation.activity = Some(Activity::new(said.state, Source::Hook.name(), strength, said.at));
        observation.limit = said.limit.as_deref().map(limit);
        if said.state == ActivityState::WaitingInput {
            observation.ask = said.asked.as_ref().map(|asked| {
                let mut ask = Ask::new(asked.id.as_str(), asked.text.as_str());
                ask.options.clone_from(&asked.options);
                ask
            });
        }
    }
    cursor.hook = said.or(before);
    observation.cursor = Some(cursor.to_value());
    Some(observation)
}

/// What a hook's payload says; it may hold anything.
struct Payload<'a>(&'a Value);

impl<'a> Payload<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }
}

/// What a hook says of the agent's state, if anything.
fn says(hook: &str, payload: &Payload<'_>, before: Option<&Said>, at: Timestamp) -> Option<Said> {
    let state = |state| Some(Said::new(state, at));
    let was = before.map(|before| before.state);
    match hook {
        // One that was compacted goes on with what it did.
        "SessionStart" if payload.text("source") == Some("compact") => None,
        "SessionStart" | "Stop" => state(ActivityState::Ready),
        "UserPromptSubmit" => state(ActivityState::Active),
        // What a sub-agent does behind a turn that is over keeps nobody from sending a message.
        "PostToolUse" | "PostToolUseFailure"
            if payload.text("agent_id").is_some()
                && matches!(was, Some(ActivityState::Ready | ActivityState::Idle)) =>
        {
            None
        }
        // The question may be about another tool of the same turn, and stand.
        "PostToolUse" | "PostToolUseFailure" => {
            let asked = before.and_then(|before| before.asked.clone());
            Some(Said { asked, ..Said::new(ActivityState::Active, at) })
        }
        "PermissionRequest" => {
            Some(Said { asked: Some(asked(payload, at)), ..Said::new(ActivityState::WaitingInput, at) })
        }
        "Notification" => match payload.text("notification_type") {
            // It comes some seconds after the dialog, if that still stands.
            Some("permission_prompt" | "elicitation_dialog") if was != Some(ActivityState::WaitingInput) => {
                let text = one_line(payload.text("message").unwrap_or("Claude Code waits for a decision"));
                let asked = before.and_then(|before| before.asked.clone()).unwrap_or_else(|| Asked {
                    id: id_of(&[&text, &at.to_string()]),
                    text,
                    shows: String::new(),
                    options: Vec::new(),
                });
                Some(Said { asked: Some(asked), ..Said::new(ActivityState::WaitingInput, at) })
            }
            Some("idle_prompt") if was == Some(ActivityState::Ready) => state(ActivityState::Idle),
            _ => None,
        },
        "StopFailure" => {
            let text = one_line(payload.text("last_assistant_message").unwrap_or("the provider failed"));
            let limit = is_limit(payload.text("error").unwrap_or_default(), &text).then_some(text);
            Some(Said { limit, ..Said::new(ActivityState::Blocked, at) })
        }
        // Another conversation begins in the same process.
        "SessionEnd" if matches!(payload.text("reason"), Some("clear" | "resume")) => None,
        "SessionEnd" => state(ActivityState::Exited),
        _ => None,
    }
}

/// Whether a failure is the provider's way to let an agent wait.
pub(crate) fn is_limit(error: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    error == "rate_limit"
        || text.contains("overloaded")
        || text.contains(" limit reached")
        || text.contains("hit your ")
}

/// As the slot tells it. A text that ends in `|` and seconds since 1970 says until when.
pub(crate) fn limit(text: &str) -> RateLimit {
    let (said, until) = match text.rsplit_once('|') {
        Some((said, until)) => (said, until.trim().parse::<i64>().ok()),
        None => (text, None),
    };
    let mut limit = RateLimit::new(if until.is_some() { said } else { text });
    limit.until = until.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    limit
}

/// What names a question: the same for the same, and another for the next.
pub(crate) fn id_of(parts: &[&str]) -> String {
    const ENOUGH: usize = 16;
    let mut id = draft::digest(&parts.join("\u{1f}"));
    id.truncate(ENOUGH);
    id
}

/// How much of a tool's input has to be seen in a dialog for it to be the one that was told of.
const SHOWS: usize = 48;

fn asked(payload: &Payload<'_>, at: Timestamp) -> Asked {
    let tool = payload.text("tool_name").unwrap_or("a tool");
    let input = payload.0.get("tool_input").unwrap_or(&Value::Null);
    let of_input = |name: &str| input.get(name).and_then(Value::as_str);
    let id = id_of(&[tool, &input.to_string(), &at.to_string()]);
    let seen = |text: &str| draft::solid(text).chars().take(SHOWS).collect::<String>();
    let file_name = |path: &str| Utf8Path::new(path).file_name().unwrap_or(path).to_owned();
    if tool == "AskUserQuestion" {
        let questions = input.get("questions").and_then(Value::as_array);
        let first = questions.and_then(|questions| questions.first());
        let question = first.and_then(|first| first.get("question")?.as_str()).unwrap_or("a question");
        let is_one = questions.is_some_and(|questions| questions.len() == 1);
        let options = first.filter(|_| is_one).map(choices).unwrap_or_default();
        return Asked { id, text: one_line(question), shows: seen(question), options };
    }
    let (detail, shows) = match (of_input("command"), of_input("file_path"), of_input("url")) {
        (Some(command), _, _) => (one_line(command), seen(command)),
        (_, Some(path), _) => (one_line(path), seen(&file_name(path))),
        (_, _, Some(url)) => (one_line(url), seen(url)),
        _ => (String::new(), String::new()),
    };
    let text = if detail.is_empty() { format!("May it use {tool}?") } else { format!("May it use {tool}: {detail}") };
    // The labels are the dialog's own once it is seen.
    let mut options = vec![AskOption::new("allow_once", "Yes")];
    if payload.0.get("permission_suggestions").and_then(Value::as_array).is_some_and(|always| !always.is_empty()) {
        options.push(AskOption::new("allow_always", "Yes, and don't ask again"));
    }
    options.push(AskOption::new("reject_once", "No"));
    // Its dialog offers more than a yes and a no.
    if tool == "ExitPlanMode" {
        options.clear();
    }
    Asked { id, text, shows, options }
}

/// The options of a question that takes one.
fn choices(question: &Value) -> Vec<AskOption> {
    if question.get("multiSelect") == Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let options = question.get("options").and_then(Value::as_array).into_iter().flatten();
    let labels = options.filter_map(|option| option.get("label")?.as_str());
    labels.enumerate().map(|(index, label)| AskOption::new((index + 1).to_string(), one_line(label))).collect()
}
