//! `ao session`: one session, or all of them.

pub(in crate::commands) mod attach;
pub(crate) mod claim_pr;
pub(crate) mod cleanup;
mod diff;
mod kill;
pub(crate) mod list;
mod logs;
pub(in crate::commands) mod restore;
mod review;
pub(crate) mod show;

subcommands! {
    /// Look at sessions, get into them, end them
    {
        List(list),
        Show(show),
        Logs(logs),
        Diff(diff),
        Attach(attach),
        Kill(kill),
        Cleanup(cleanup),
        Restore(restore),
        ClaimPr(claim_pr),
        Review(review),
    }
}
