//! `ao config`: what the configuration says, and whether it is right.

mod check;
mod schema;
mod show;

pub(super) use check::{Checked, blocks, slots};
pub(super) use show::Shown;

subcommands! {
    /// Check and show the configuration
    {
        Check(check),
        Show(show),
        Schema(schema),
    }
}
