//! Parts of a launch that agents in a terminal have in common.

use ao_core::slots::agent::{LaunchPlan, PlanLaunch, PromptDelivery};

/// The plan of an agent whose first message is sent once it is ready, and that has a place of its own for standing
/// instructions: where there are [`PlanLaunch::parts`], the message is the task alone, and the plugin sees to the
/// instructions.
#[must_use]
pub fn when_ready(argv: Vec<String>, request: &PlanLaunch) -> LaunchPlan {
    let (message, replaces) = match &request.parts {
        Some(parts) => (parts.task.as_ref(), true),
        None => (request.prompt.as_ref(), false),
    };
    let delivery = if message.is_some() { PromptDelivery::WhenReady } else { PromptDelivery::AtLaunch };
    let mut plan = LaunchPlan::new(argv, delivery);
    plan.message = message.filter(|_| replaces).map(|task| task.text.clone());
    plan
}

/// The line of a POSIX shell that calls our hook ([`PlanLaunch::hook`]) with this name, for agents that hand hooks to a
/// shell. Words stay words, whatever they hold.
#[must_use]
pub fn hook_line(hook: &[String], name: &str) -> String {
    let words = hook.iter().map(String::as_str).chain([name]);
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use ao_core::model::SessionId;
    use ao_core::slots::agent::{Prompt, PromptParts};

    use super::*;

    #[test]
    fn words_stay_words() {
        let hook = ["/opt/ao", "", "it's", "a b", "$(id)"].map(str::to_owned);
        assert_eq!(hook_line(&hook, "Stop"), r"/opt/ao '' 'it'\''s' 'a b' '$(id)' Stop");
    }

    #[test]
    fn the_first_message_is_the_task() {
        let mut request = PlanLaunch::new("app-1".parse::<SessionId>().expect("an id"), "/work", "/session");
        let plan = |request: &PlanLaunch| {
            let plan = when_ready(vec!["parrot".to_owned()], request);
            (plan.prompt, plan.message)
        };
        assert_eq!(plan(&request), (PromptDelivery::AtLaunch, None));
        request.prompt = Some(Prompt::new("All of it", "/session/prompt.md"));
        assert_eq!(plan(&request), (PromptDelivery::WhenReady, None), "the host has the whole prompt");
        let mut parts = PromptParts::new(Prompt::new("Be kind", "/session/instructions.md"));
        request.parts = Some(parts.clone());
        assert_eq!(plan(&request), (PromptDelivery::AtLaunch, None), "no task");
        parts.task = Some(Prompt::new("Fix it", "/session/task.md"));
        request.parts = Some(parts);
        assert_eq!(plan(&request), (PromptDelivery::WhenReady, Some("Fix it".to_owned())));
    }
}
