//! What a prompt tells the script itself, by words such as `RUN_SHELL=ls;;` or `HTTP_429=2`.

use crate::script::{Refusal, Round};

/// Ends a text behind `=`.
const END: &str = ";;";

/// Reads the directives of a prompt; none where it holds none. Errors come first, then tools in the order of the prompt,
/// then the text.
pub(crate) fn rounds(prompt: &str) -> Vec<Round> {
    let mut faults = Vec::new();
    let mut calls = Vec::new();
    let mut last = None;
    let mut rest = prompt;
    while let Some((word, argument, behind)) = next(rest) {
        rest = behind;
        let text = |default: &str| argument.unwrap_or(default).to_owned();
        let number = |default: u32| argument.and_then(|text| text.parse().ok()).unwrap_or(default);
        match word {
            "RUN_SHELL" => calls.push(Round::Shell(text("true"))),
            "ESCALATE" => calls.push(Round::Escalate(text("touch escalated.txt"))),
            "ASK_USER" => {
                let options = vec!["the first".to_owned(), "the second".to_owned()];
                calls.push(Round::Ask { question: text("Which way is it to be done?"), options });
            }
            "SLOW" => last = Some(Round::Slow(number(10))),
            "LONG" => last = Some(Round::Long(usize::try_from(number(65_536)).unwrap_or(usize::MAX))),
            "HOLD" => last = Some(Round::Held { gate: text("gate"), text: "It was held, and goes on.".to_owned() }),
            "CUT" => faults.push(Round::Cut { times: argument.and_then(|text| text.parse().ok()) }),
            "SAY" => last = Some(Round::Say(text("Said."))),
            "JUST_TEXT" => last = Some(Round::Say("This is just a text.".to_owned())),
            "HANG" => last = Some(Round::Hang),
            _ => faults.extend(refusal(word, argument)),
        }
    }
    [faults, calls, last.into_iter().collect()].concat()
}

/// The next word in capitals, what stands behind its `=`, and the rest.
///
/// A text (behind `RUN_SHELL=` and its like) goes to the next `;;`, anything else to the next white space.
fn next(prompt: &str) -> Option<(&str, Option<&str>, &str)> {
    const TEXTS: &[&str] = &["RUN_SHELL", "ESCALATE", "ASK_USER", "SAY"];
    let part_of_word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let start = prompt.find(|c: char| c.is_ascii_uppercase())?;
    let (before, word) = prompt.split_at(start);
    let length = word.find(|c: char| !part_of_word(c)).unwrap_or(word.len());
    let (word, behind) = word.split_at(length);
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    if before.ends_with(inside) || behind.starts_with(inside) {
        let end = behind.find(|c: char| !inside(c)).unwrap_or(behind.len());
        return Some(("", None, &behind[end..]));
    }
    let Some(argument) = behind.strip_prefix('=') else { return Some((word, None, behind)) };
    if TEXTS.contains(&word) {
        let (argument, rest) = argument.split_once(END).unwrap_or((argument, ""));
        return Some((word, Some(argument), rest));
    }
    let end = argument.find(|c: char| c.is_whitespace() || c == '"' || c == ';').unwrap_or(argument.len());
    Some((word, Some(&argument[..end]), &argument[end..]))
}

/// `HTTP_429`, `HTTP_429=2` (twice), `HTTP_429=2/30` (twice, with `retry-after: 30`).
fn refusal(word: &str, argument: Option<&str>) -> Option<Round> {
    let mut refusal = Refusal::new(word.strip_prefix("HTTP_")?.parse().ok()?);
    let (times, seconds) = argument.map(|text| text.split_once('/').unwrap_or((text, ""))).unwrap_or_default();
    refusal.times = times.parse().ok();
    refusal.retry_after = seconds.parse().ok();
    Some(Round::Refuse(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_direct() {
        let shell = |text: &str| Round::Shell(text.into());
        for (prompt, expected) in [
            ("please do it", vec![]),
            ("This IS_NOT_HTTP_429 nor aHANG nor HANGing, SLOWLY", vec![]),
            ("RUN_SHELL=echo a;b; c;; then RUN_SHELL=ls -l;;", vec![shell("echo a;b; c"), shell("ls -l")]),
            ("do RUN_SHELL=ls", vec![shell("ls")]),
            ("\"HTTP_529=3 RUN_SHELL=ls;;\"", vec![Round::Refuse(Refusal::new(529).times(3)), shell("ls")]),
            ("HTTP_401", vec![Round::Refuse(Refusal::new(401))]),
            ("HTTP_429=/7, please", vec![Round::Refuse(Refusal::new(429))]),
            ("HTTP_429=2/7\nplease", vec![Round::Refuse(Refusal::new(429).times(2).retry_after(7))]),
            ("SLOW=3 RUN_SHELL=ls;;", vec![shell("ls"), Round::Slow(3)]),
            ("HANG", vec![Round::Hang]),
            ("HANG CUT=2", vec![Round::Cut { times: Some(2) }, Round::Hang]),
            ("LONG=100000", vec![Round::Long(100_000)]),
            ("SAY=It is done.;;", vec![Round::Say("It is done.".into())]),
        ] {
            assert_eq!(rounds(prompt), expected, "{prompt}");
        }
    }
}
