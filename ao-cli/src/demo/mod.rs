//! The demo: a small real program with a real test suite, three issues, three agents at once, and everything from there to
//! three merges, by the same commands that anybody would type. An agent of the user's gets two issues, and terms.

pub(crate) mod agent;
mod director;
mod own;
mod play;
mod show;
mod stage;
mod tasks;
mod terms;

use std::time::Duration;

pub(crate) use own::Own;
pub(crate) use play::{Cast, Played, play};
pub(crate) use show::Show;
pub(crate) use stage::Stage;
pub(crate) use terms::{Consent, Terms};

/// How long one command of the demo's may take: longer than a machine that has too much to do leaves everybody waiting.
const STEP_WITHIN: Duration = Duration::from_mins(2);
