//! The answers that an agent offers to a question. They are chosen by what they do (`kind`), never by their id or place:
//! every agent has its own.

use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

use crate::control::Reply;
use crate::journal::{Choice, Question};

/// The first answer of a kind.
#[must_use]
pub fn of_kind<'a>(choices: &'a [Choice], kind: &str) -> Option<&'a Choice> {
    choices.iter().find(|choice| choice.kind == kind)
}

/// The answer that a human means. One that the agent does not offer becomes the nearest that gives no more: what is allowed
/// for good is allowed once, and a refusal is a refusal. A number from 1 names an answer by its place.
#[must_use]
pub fn meant<'a>(choices: &'a [Choice], answer: &str) -> Option<&'a Choice> {
    let nearest = match answer {
        "allow_always" => "allow_once",
        "reject_once" => "reject_always",
        "reject_always" => "reject_once",
        _ => "",
    };
    let by_place = || choices.get(answer.parse::<usize>().ok()?.checked_sub(1)?);
    of_kind(choices, answer).or_else(|| of_kind(choices, nearest).filter(|_| !nearest.is_empty())).or_else(by_place)
}

/// What a human can answer, with what the agent calls it: each kind once, and what has none of its own by its place.
#[must_use]
pub fn offered(choices: &[Choice]) -> Vec<(String, String)> {
    let mut offered: Vec<(String, String)> = Vec::new();
    for (index, choice) in choices.iter().enumerate() {
        let is_known = ["allow_once", "allow_always", "reject_once", "reject_always"].contains(&choice.kind.as_str());
        let is_new = !offered.iter().any(|(answer, _)| *answer == choice.kind);
        let answer = if is_known && is_new { choice.kind.clone() } else { (index + 1).to_string() };
        offered.push((answer, choice.label.clone()));
    }
    offered
}

/// Which of the open questions a human means, by its place, and which answer to it; else what the human is told.
pub fn chosen<'a>(
    open: impl IntoIterator<Item = &'a Question>,
    ask: &str,
    answer: &str,
) -> std::result::Result<(usize, Choice), Reply> {
    let asked = open.into_iter().enumerate().find(|(_, question)| question.id == ask);
    let (index, question) = asked.ok_or_else(|| not_asked(ask))?;
    let choice = meant(&question.choices, answer).ok_or_else(|| not_offered(&question.choices, answer))?;
    Ok((index, choice.clone()))
}

fn not_offered(choices: &[Choice], answer: &str) -> Reply {
    let offered = offered(choices).into_iter().map(|(answer, label)| format!("`{answer}` ({label})"));
    let offered = offered.collect::<Vec<_>>().join(", ");
    let message = format!("the agent offers no `{}` here; it offers {offered}", one_line(answer, 100));
    Reply::refused(Code::INVALID_INPUT, message)
}

fn not_asked(ask: &str) -> Reply {
    Reply::refused(Code::NOT_FOUND, format!("the agent does not ask `{}` any more", one_line(ask, 100)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(kinds: &[&str]) -> Vec<Choice> {
        let choice =
            |(at, kind): (usize, &&str)| Choice { id: format!("id{at}"), kind: (*kind).into(), label: (*kind).into() };
        kinds.iter().enumerate().map(choice).collect()
    }

    #[test]
    fn a_human_gets_what_they_mean_or_less() {
        let label = |kinds: &[&str], answer| meant(&choices(kinds), answer).map(|choice| choice.kind.clone());
        let all = ["allow_always", "allow_always", "allow_once", "reject_once"];
        assert_eq!(label(&all, "allow_once").as_deref(), Some("allow_once"));
        assert_eq!(label(&all, "reject_always").as_deref(), Some("reject_once"));
        assert_eq!(label(&["allow_once"], "allow_always").as_deref(), Some("allow_once"));
        assert_eq!(label(&["allow_always"], "allow_once"), None, "never more than was said");
        assert_eq!(label(&["allow_once"], "reject_once"), None);
        assert_eq!(meant(&choices(&all), "2").map(|choice| choice.id.as_str()), Some("id1"));
        for nonsense in ["0", "5", "", "once", "-1"] {
            assert_eq!(label(&all, nonsense), None, "{nonsense:?}");
        }
        let kinds: Vec<_> = offered(&choices(&all)).into_iter().map(|(answer, _)| answer).collect();
        assert_eq!(kinds, ["allow_always", "2", "allow_once", "reject_once"]);
    }
}
