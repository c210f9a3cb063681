//! The demo: a small real program with a real test suite, three issues, three agents at once, and everything from there to
//! three merges, by the same commands that anybody would type.

pub(crate) mod agent;
mod director;
mod play;
mod show;
mod stage;
mod tasks;

pub(crate) use play::{Cast, play};
pub(crate) use show::Show;
pub(crate) use stage::Stage;
