//! The programs that the tests drive: what is there, what is missing, and how it gets installed.

use std::fmt;

use crate::process::{Failure, Program};
use crate::report::Outcome;

/// A version as far as we compare it: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// What the tests do without an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing can be built or tested.
    Always,
    /// Its tests say that they were skipped.
    OwnTests,
}

#[derive(Debug)]
struct Engine {
    name: &'static str,
    /// The argument that makes it print its version.
    ask: &'static str,
    minimum: Version,
    need: Need,
    /// What apt-get calls it.
    packages: &'static [&'static str],
}

const ENGINES: &[Engine] = &[
    Engine {
        name: "cc",
        ask: "--version",
        minimum: Version(0, 0),
        need: Need::Always,
        packages: &["gcc", "libc6-dev"],
    },
    Engine { name: "git", ask: "--version", minimum: Version(2, 38), need: Need::Always, packages: &["git"] },
    Engine { name: "tmux", ask: "-V", minimum: Version(3, 2), need: Need::OwnTests, packages: &["tmux"] },
    Engine { name: "vim", ask: "--version", minimum: Version(0, 0), need: Need::OwnTests, packages: &["vim"] },
    Engine { name: "zsh", ask: "--version", minimum: Version(0, 0), need: Need::OwnTests, packages: &["zsh"] },
    Engine { name: "dbus-daemon", ask: "--version", minimum: Version(0, 0), need: Need::OwnTests, packages: &["dbus"] },
    Engine { name: "fish", ask: "--version", minimum: Version(0, 0), need: Need::OwnTests, packages: &["fish"] },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Usable,
    TooOld(Version),
    Missing,
}

/// Looks for every engine, installs what is missing where it can, and says what is still not there.
pub(crate) fn ensure() -> Outcome {
    let lacking = lacking(survey());
    if lacking.is_empty() {
        return Outcome::Passed;
    }
    for (engine, state) in &lacking {
        anstream::eprintln!("{}", describe(engine, *state));
    }
    if let Err(failure) = install(&lacking) {
        anstream::eprintln!("{failure}");
    }
    verdict(&self::lacking(survey()))
}

fn survey() -> impl Iterator<Item = (&'static Engine, State)> {
    ENGINES.iter().map(|engine| {
        let answer = Program::new(engine.name).args([engine.ask]).probe();
        (engine, state(engine.minimum, answer.as_deref()))
    })
}

fn lacking(survey: impl Iterator<Item = (&'static Engine, State)>) -> Vec<(&'static Engine, State)> {
    survey.filter(|(_, state)| *state != State::Usable).collect()
}

fn state(minimum: Version, answer: Option<&str>) -> State {
    match answer.map(version) {
        None => State::Missing,
        Some(Some(version)) if version < minimum => State::TooOld(version),
        // An engine that is there but prints no number we know is left to its own tests.
        Some(_) => State::Usable,
    }
}

/// Finds the first `number.number` of a `--version` answer such as `tmux 3.3a` or `tmux next-3.4`.
fn version(answer: &str) -> Option<Version> {
    answer.split(|character: char| character.is_whitespace() || character == '-').find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Version(major.parse().ok()?, minor.parse().ok()?))
    })
}

fn describe(engine: &Engine, state: State) -> String {
    match state {
        State::Usable => format!("{} is usable", engine.name),
        State::TooOld(version) => {
            format!("{} {version} is too old: {} or later is needed", engine.name, engine.minimum)
        }
        State::Missing => format!("{} is missing", engine.name),
    }
}

fn install(lacking: &[(&Engine, State)]) -> Result<(), Failure> {
    let packages: Vec<&str> = lacking.iter().flat_map(|(engine, _)| engine.packages).copied().collect();
    let by_hand = format!("apt-get install {}", packages.join(" "));
    if Program::new("id").args(["-u"]).probe().as_deref() != Some("0") {
        return Err(Failure::new(format!(
            "not root, so nothing was installed: run `sudo {by_hand}`, or your system's like"
        )));
    }
    if Program::new("apt-get").args(["--version"]).probe().is_none() {
        return Err(Failure::new(format!("no apt-get here: install {} by your system's means", packages.join(", "))));
    }
    let apt = || Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt().args(["update", "--quiet"]).run()?;
    apt().args(["install", "--quiet", "--yes", "--no-install-recommends"]).args(packages).run()
}

fn verdict(lacking: &[(&Engine, State)]) -> Outcome {
    let text: Vec<String> = lacking.iter().map(|(engine, state)| describe(engine, *state)).collect();
    if lacking.iter().any(|(engine, _)| engine.need == Need::Always) {
        Outcome::Failed(text.join("; "))
    } else if lacking.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Skipped(format!("{}: its tests will say so", text.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_programs_print_them() {
        for (answer, expected) in [
            ("git version 2.47.3", Some(Version(2, 47))),
            ("git version 2.39.5 (Apple Git-154)", Some(Version(2, 39))),
            ("tmux 3.3a", Some(Version(3, 3))),
            ("tmux next-3.4", Some(Version(3, 4))),
            ("cc (Debian 12.2.0-14) 12.2.0", Some(Version(12, 2))),
            ("tmux master", None),
            ("", None),
        ] {
            assert_eq!(version(answer), expected, "{answer}");
        }
    }

    #[test]
    fn absent_old_and_unreadable_differ() {
        let minimum = Version(2, 38);
        assert_eq!(state(minimum, None), State::Missing);
        assert_eq!(state(minimum, Some("git version 2.9.1")), State::TooOld(Version(2, 9)));
        assert_eq!(state(minimum, Some("git version 2.38.0")), State::Usable);
        assert_eq!(state(minimum, Some("git version unknown")), State::Usable);
    }

    #[test]
    fn only_what_everything_needs_stops_the_task() {
        let engine = |name| ENGINES.iter().find(|engine| engine.name == name).unwrap();
        assert_eq!(verdict(&[]), Outcome::Passed);
        assert!(matches!(verdict(&[(engine("tmux"), State::Missing)]), Outcome::Skipped(_)));
        let both = [(engine("tmux"), State::Missing), (engine("git"), State::TooOld(Version(2, 30)))];
        let expected = "tmux is missing; git 2.30 is too old: 2.38 or later is needed";
        assert_eq!(verdict(&both), Outcome::Failed(expected.into()));
    }
}
