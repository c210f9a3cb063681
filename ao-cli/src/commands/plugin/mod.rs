//! `ao plugin`: which plugins there are, what they can do, and which libraries are trusted.

mod certify;
mod inspect;
mod list;
mod trust;

pub(super) use certify::Certification;
pub(super) use inspect::Inspection;
pub(super) use list::PluginList;
pub(super) use trust::TrustedLibraries;

subcommands! {
    /// List, inspect, trust and certify plugins
    {
        List(list),
        Inspect(inspect),
        Trust(trust),
        Certify(certify),
    }
}
