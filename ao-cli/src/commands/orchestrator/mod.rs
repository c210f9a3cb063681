//! `ao orchestrator`: the one session of a project whose agent drives `ao` itself.

mod attach;
mod prompt;
mod start;

subcommands! {
    /// Have an agent drive `ao` in a project: it starts sessions, watches them and asks you
    {
        Start(start),
        Prompt(prompt),
        Attach(attach),
    }
}
