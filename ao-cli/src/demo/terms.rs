//! On what terms an agent of the user's plays: how much it may use, and how long; and whether the user agrees.

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use ao_core::config::HumanDuration;
use ao_core::model::Dollars;
use ao_core::{Code, Error};
use serde_json::{Value, json};

use super::own::Own;
use crate::failure::Failure;
use crate::output;

/// What an agent of the user's may use.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Terms {
    /// With `--agent`: stop once this many US dollars are used, as far as prices are known
    #[arg(long, value_name = "USD", value_parser = dollars, default_value = "2", requires = "agent")]
    pub(super) max_usd: Dollars,
    /// With `--agent`: stop once this many tokens are used, those from and into caches too
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(1..),
        default_value_t = 2_000_000,
        requires = "agent"
    )]
    pub(super) max_tokens: u64,
    /// With `--agent`: stop after this long, such as `90s` or `15m`
    #[arg(long, value_name = "DURATION", value_parser = time, default_value = "20m", requires = "agent")]
    pub(super) time_limit: HumanDuration,
}

fn dollars(text: &str) -> Result<Dollars, String> {
    match text.parse() {
        Ok(none) if none == Dollars::default() => Err("is nothing: no agent could begin".to_owned()),
        parsed => parsed,
    }
}

fn time(text: &str) -> Result<HumanDuration, String> {
    match text.parse::<HumanDuration>() {
        Ok(none) if none.get() == Duration::ZERO => Err("is no time: no agent could begin".to_owned()),
        parsed => parsed,
    }
}

/// Whether the user is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// On the terminal, if there is one.
    Asked,
    /// It was given on the command line.
    Given,
}

impl Terms {
    /// The budget of the demo's project.
    pub(super) fn budget(&self) -> Value {
        // A number with all of its digits, as it would be written by hand.
        let usd = self.max_usd.to_string();
        let usd: serde_json::Number = usd.trim_start_matches('$').parse().unwrap_or_else(|_| 1.into());
        json!({ "tokens": self.max_tokens, "usd": usd })
    }

    /// Says what will be run and on whose account, and makes sure that the user wants it. Nothing has been started before.
    pub(crate) fn agree(&self, own: &Own, consent: Consent) -> Result<(), Failure> {
        let Self { max_usd, max_tokens, time_limit } = self;
        output::note(format_args!("`{}` is about to work for you, with your own login and at your expense:", own.name));
        let used = if own.tells_usage() {
            format!(
                "it is stopped at {max_usd} or {max_tokens} tokens, both agents together, whichever comes first; what a turn \
                 uses is known when it is written down, so it may be a little more"
            )
        } else {
            format!(
                "nobody knows whether it says what it uses; if it does, it is stopped at {max_usd} or {max_tokens} tokens"
            )
        };
        let lines = [
            ("agent", own.about()),
            (
                "works on",
                "two small issues at once, in a repository and a state that are made for it and removed".to_owned(),
            ),
            ("may", own.may()),
            ("keeps", "its own records of the conversations, where it keeps them always".to_owned()),
            ("budget", used),
            ("time", format!("{time_limit} at most; Ctrl-C ends it, and everything it has started")),
        ];
        for (name, value) in lines.into_iter().chain(own.hint().map(|hint| ("note", hint))) {
            output::note(format_args!("  {:<10}{}", format!("{name}:"), output::printable(&value)));
        }
        match consent {
            Consent::Given => Ok(()),
            Consent::Asked if io::stdin().is_terminal() && io::stderr().is_terminal() => ask(),
            Consent::Asked => Err(Error::invalid_input(
                "nobody can be asked here whether that is wanted: say `--yes` if it is; nothing was started",
            )
            .into()),
        }
    }
}

fn ask() -> Result<(), Failure> {
    output::note("go on? [y/N]");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Error::wrap(Code::OTHER, "no answer can be read", &error))?;
    if is_yes(&answer) { Ok(()) } else { Err(Error::new(Code::CANCELLED, "not agreed to; nothing was started").into()) }
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_written_exactly() {
        for (written, budget) in [("2", "2.0"), ("0.35", "0.35"), ("1.000001", "1.000001"), ("12", "12.0")] {
            let terms = Terms { max_usd: dollars(written).unwrap(), max_tokens: 7, time_limit: time("90s").unwrap() };
            let wanted: Value = serde_json::from_str(&format!("{{\"tokens\": 7, \"usd\": {budget}}}")).unwrap();
            assert_eq!(terms.budget()["usd"].as_f64(), wanted["usd"].as_f64());
        }
        assert!(dollars("0").is_err() && dollars("-1").is_err() && time("0s").is_err() && time("soon").is_err());
    }

    #[test]
    fn only_a_yes_is_one() {
        assert!(is_yes("y\n") && is_yes(" Yes\n"));
        assert!(["", "\n", "n\n", "yup\n", "no yes\n"].iter().all(|answer| !is_yes(answer)));
    }
}
