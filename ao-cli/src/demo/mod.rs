//! The demo: a small real program with a real test suite, three tasks, three agents at once.

pub(crate) mod agent;
mod play;
mod stage;

pub(crate) use play::play;
pub(crate) use stage::Stage;
