//! `ao pr review`: what one reviewer concludes.

use std::process::ExitCode;
use std::str::FromStr;

use ao_core::Error;
use ao_core::slots::scm::{LineRemark, PullChange, Verdict};
use camino::Utf8PathBuf;

use super::desk::{Desk, ReviewerAct, Which};
use crate::edge::Edge;
use crate::failure::Outcome;
use crate::{input, output};

/// Review a pull request: approve it, ask for changes, or only comment
///
/// It is of the head as it is now. A session's agent cannot approve the session's own work.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    conclusion: Conclusion,
    /// What there is to say; `-` is standard input
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true)]
    message: Option<String>,
    /// A file that says it; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
    /// Something about one line, such as `src/main.rs:12:why not?`; each begins a thread
    #[arg(long = "line", value_name = "PATH:LINE:TEXT")]
    lines: Vec<OfLine>,
}

/// What is concluded.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Conclusion {
    /// It may be merged
    #[arg(long)]
    approve: bool,
    /// It must change first
    #[arg(long)]
    request_changes: bool,
    /// Nothing is concluded
    #[arg(long)]
    comment: bool,
}

impl Conclusion {
    /// The verdict, and how it is told.
    const fn verdict(&self) -> (Verdict, &'static str) {
        match self {
            Self { approve: true, .. } => (Verdict::Approve, "approved"),
            Self { request_changes: true, .. } => (Verdict::RequestChanges, "changes requested"),
            Self { .. } => (Verdict::Comment, "reviewed"),
        }
    }
}

/// A remark about one line, as it stands on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OfLine(LineRemark);

impl FromStr for OfLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a file, a line and a text, such as `src/main.rs:12:why not?`".to_owned();
        // A path may hold colons itself: the line is the first part that is a number.
        let mut from = 0;
        while let Some(at) = text[from..].find(':').map(|at| from + at) {
            let rest = &text[at + 1..];
            let number = rest.split_once(':').and_then(|(line, said)| Some((line.parse::<u64>().ok()?, said)));
            match number {
                Some((line, said)) if at > 0 && line > 0 && !said.trim().is_empty() => {
                    return Ok(Self(LineRemark::new(&text[..at], line, said.trim())));
                }
                _ => from = at + 1,
            }
        }
        Err(wrong())
    }
}

impl Arguments {
    pub(super) fn run(self, edge: &Edge) -> Outcome {
        let body = input::given(edge, self.message.as_deref(), self.file.as_deref())?.unwrap_or_default();
        let remarks: Vec<_> = self.lines.into_iter().map(|line| line.0).collect();
        let (verdict, told) = self.conclusion.verdict();
        if verdict != Verdict::Approve && body.trim().is_empty() && remarks.is_empty() {
            let message = "say what is to change: `-m TEXT`, `--file FILE` or `--line PATH:LINE:TEXT`";
            return Err(Error::invalid_input(message).into());
        }
        let desk = Desk::open(edge, &self.which.whose)?;
        let pull = desk.look(self.which.number)?;
        if verdict == Verdict::Approve {
            desk.refuse_own(&pull, "approve")?;
            desk.refuse_reviewer(ReviewerAct::Approve)?;
        }
        let change = PullChange::Review { head: pull.head.clone(), verdict, body, remarks };
        desk.change(self.which.number, change)?;
        let head = pull.head.get(..10).unwrap_or(&pull.head);
        output::text(&format!("#{}: {told} at {}\n", pull.pull.number, output::printable(head)))?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_names_its_line() {
        for (text, path, line, said) in [
            ("src/main.rs:12:why not?", "src/main.rs", 12_u64, "why not?"),
            ("a:b.rs:3: spaced : out ", "a:b.rs", 3, "spaced : out"),
            ("x:1:2:3", "x", 1, "2:3"),
        ] {
            assert_eq!(text.parse(), Ok(OfLine(LineRemark::new(path, line, said))), "{text}");
        }
        for text in ["", "src/main.rs", "src/main.rs:12", "src/main.rs:12:", "x:0:y", ":1:y", "x:y:z", "a.rs:-1:b"] {
            assert!(text.parse::<OfLine>().is_err(), "{text}");
        }
    }
}
