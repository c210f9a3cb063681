//! What is typed to answer a question.

use ao_plugin_sdk::{keys, prelude::*};

use crate::config::wrong;

/// One answer, and what is typed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    name: String,
    text: String,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Enter,
    Nothing,
}

impl Answer {
    pub(crate) fn parse(name: String, typed: &str) -> Result<Self> {
        let (text, end) = typed.strip_suffix('\n').map_or((typed, End::Nothing), |text| (text, End::Enter));
        let at = |error: Error| error.at_field(format!("answers.{name}"));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(at(wrong(format!("`{}` is no answer, such as `allow_once`", name.escape_debug()))));
        }
        if !(text.is_empty() && end == End::Enter) {
            keys::check(text).map_err(at)?;
        }
        Ok(Self { text: text.to_owned(), name, end })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn option(&self) -> AskOption {
        let enter = if self.end == End::Enter { "Enter" } else { "" };
        let typed: Vec<_> = [self.text.as_str(), enter].into_iter().filter(|part| !part.is_empty()).collect();
        AskOption::new(self.name.as_str(), format!("types {}", typed.join(" and ")))
    }

    pub(crate) fn inputs(&self) -> Vec<Input> {
        let text = (!self.text.is_empty()).then(|| Input::Keys { text: self.text.clone() });
        let end = (self.end == End::Enter).then_some(Input::Key { key: Key::Enter });
        text.into_iter().chain(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_keys_and_perhaps_enter() {
        let keys = |text: &str| Input::Keys { text: text.to_owned() };
        let enter = Input::Key { key: Key::Enter };
        let of = |typed| {
            Answer::parse("allow_once".to_owned(), typed).map(|answer| (answer.option().label, answer.inputs()))
        };
        assert_eq!(of("y").unwrap(), ("types y".to_owned(), vec![keys("y")]));
        assert_eq!(of("y\n").unwrap(), ("types y and Enter".to_owned(), vec![keys("y"), enter.clone()]));
        assert_eq!(of("\n").unwrap(), ("types Enter".to_owned(), vec![enter]));
        for typed in ["", "a\nb", "\u{1b}"] {
            assert_eq!(of(typed).unwrap_err().field.as_deref(), Some("answers.allow_once"), "{typed:?}");
        }
        assert!(Answer::parse("allow once".to_owned(), "y").is_err());
    }
}
