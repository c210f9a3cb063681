//! `ao issue`: what the project's tracker knows, whichever plugin that is.

mod close;
mod comment;
mod desk;
mod edit;
mod editor;
pub(crate) mod list;
mod new;
mod reopen;
pub(crate) mod show;
mod words;

subcommands! {
    /// See, make and change issues, with the tracker of the project
    {
        New(new),
        List(list),
        Show(show),
        Edit(edit),
        Comment(comment),
        Close(close),
        Reopen(reopen),
    }
}
