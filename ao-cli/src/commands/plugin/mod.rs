//! `ao plugin`: which plugins there are, what they can do, and which libraries are installed and trusted.

mod add;
mod admission;
mod certify;
mod inspect;
mod list;
mod new;
mod remove;
mod trust;
mod untrust;
mod verify;

pub(super) use add::Added;
pub(super) use certify::Certification;
pub(super) use inspect::Inspection;
pub(super) use list::PluginList;
pub(super) use remove::Removed;
pub(super) use trust::TrustedLibraries;
pub(super) use untrust::Untrusted;
pub(super) use verify::Verification;

subcommands! {
    /// List, inspect, begin, certify, install and trust plugins
    {
        List(list),
        Inspect(inspect),
        New(new),
        Add(add),
        Remove(remove),
        Trust(trust),
        Untrust(untrust),
        Verify(verify),
        Certify(certify),
    }
}
