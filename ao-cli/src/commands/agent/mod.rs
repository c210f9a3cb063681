//! `ao agent`: the agents that sessions can be given.

pub(super) mod list;

subcommands! {
    /// The agents that sessions can be given
    {
        List(list),
    }
}
