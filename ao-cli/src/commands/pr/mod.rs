//! `ao pr`: pull requests.

pub(super) mod checks;

subcommands! {
    /// Look at pull requests
    {
        Checks(checks),
    }
}
