//! `ao trash`: what was moved away, and how to have it back.

mod empty;
pub(crate) mod list;
mod restore;
pub(crate) mod show;

pub(crate) use empty::EmptyView;

subcommands! {
    /// See what was moved away, have it back, or let it go
    {
        List(list),
        Show(show),
        Restore(restore),
        Empty(empty),
    }
}
