//! Running a program of the user's: once, within its time, its output kept up to a limit.

use std::collections::BTreeMap;

use ao_core::Result;
use ao_core::config::{ByteSize, RunAction};
use ao_core::lifecycle::decide::Outcome;
use camino::Utf8Path;

use super::{Errand, Subject, Turn};
use crate::sessions::agent_environment;
use crate::world::files::{self, PRIVATE_FILE};
use crate::world::run::{Run, run_bounded};

/// How much is kept of what a program prints when nothing is said, in bytes.
const MOST_OUTPUT: u64 = 1 << 20;
/// Of how many runs the output is kept.
const MOST_KEPT: usize = 100;

/// Nobody can tell what a program has done by the time its caller was killed.
pub(super) fn interrupted() -> Outcome {
    Outcome::Uncertain { why: "the host was killed while the program ran; it is not run again".to_owned() }
}

impl Errand {
    /// Runs it to its end.
    pub(super) async fn run(&mut self, action: &RunAction, text: &str, subject: &Subject) -> Result<Turn> {
        let directory = self.sessions.places.logs().join("reactions");
        let name = self.effect()?;
        let (log, message) = (directory.join(format!("{name}.log")), directory.join(format!("{name}.md")));
        let written = files::private_directory(&directory)
            .and_then(|()| files::write_atomic(&message, text.as_bytes(), PRIVATE_FILE));
        if let Err(error) = written {
            return Ok(Turn::Over(Outcome::Failed { why: format!("cannot write `{message}`: {error}") }));
        }
        forget_old(&directory);
        let environment = self.program_environment(subject, &message);
        let what = Run {
            argv: &action.argv,
            directory: &self.entry.project_path,
            environment: &environment,
            log: &log,
            limit: action.timeout.get(),
        };
        let most = action.max_output.map_or(MOST_OUTPUT, ByteSize::get);
        let program = action.argv.first().map_or("nothing", String::as_str);
        Ok(Turn::Over(match Box::pin(run_bounded(&what, most)).await {
            Ok(ended) => match ended.failure() {
                None => Outcome::Done,
                // It may have done half of what it does: whether it runs again is for a human to say.
                Some(failure) => Outcome::Refused { why: format!("`{program}` {failure}; `{log}` has its output") },
            },
            Err(error) => Outcome::Failed { why: error.to_string() },
        }))
    }

    /// What the program is told of what happened. Texts that others wrote are in a file, never in its arguments.
    fn program_environment(&self, subject: &Subject, message: &Utf8Path) -> BTreeMap<String, String> {
        let intent = &self.entry.intent;
        let mut environment = agent_environment(&self.environment.variables);
        let pull = intent.about.pull.map(|number| number.to_string());
        let branch = subject.session.as_ref().and_then(|(session, _)| session.workspace.as_ref());
        for (name, value) in [
            ("AO_REACTION", Some(intent.reaction.to_string())),
            ("AO_PROJECT", Some(intent.project.to_string())),
            ("AO_SESSION", intent.session.as_ref().map(ToString::to_string)),
            ("AO_ATTEMPT", Some(intent.attempt.to_string())),
            ("AO_PULL", pull),
            ("AO_HEAD", intent.about.head.clone()),
            ("AO_BRANCH", branch.map(|workspace| workspace.branch.to_string())),
            ("AO_MESSAGE_FILE", Some(message.to_string())),
        ] {
            environment.extend(value.map(|value| (name.to_owned(), value)));
        }
        environment
    }
}

/// Removes the oldest outputs. Names are ULIDs, so their order is that of time.
fn forget_old(directory: &Utf8Path) {
    let entries = directory.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<_> = entries.map(camino::Utf8DirEntry::into_path).collect();
    names.sort();
    let old = names.len().saturating_sub(2 * MOST_KEPT);
    for path in names.into_iter().take(old) {
        // The next one tries again.
        let _ = fs_err::remove_file(path);
    }
}
