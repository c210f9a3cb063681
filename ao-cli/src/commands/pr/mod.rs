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
mod takeover;

pub(super) use confirm::confirm;
pub(super) use desk::Desk;
pub(super) use takeover::{Freed, at_head, take_over, tell};

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
