//! `ao pr`: pull requests, wherever the project's scm plugin has them.

mod change;
mod checkout;
pub(super) mod checks;
mod close;
mod comment;
mod confirm;
pub(super) mod create;
mod desk;
mod diff;
pub(super) mod list;
pub(super) mod merge;
mod ready;
mod reopen;
mod resolve;
mod review;
pub(super) mod show;

pub(super) use confirm::confirm;

subcommands! {
    /// Open, look at, review and merge pull requests
    {
        Create(create),
        List(list),
        Show(show),
        Diff(diff),
        Checks(checks),
        Review(review),
        Comment(comment),
        Resolve(resolve),
        Merge(merge),
        Close(close),
        Reopen(reopen),
        Ready(ready),
        Checkout(checkout),
    }
}
