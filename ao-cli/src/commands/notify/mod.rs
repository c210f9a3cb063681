//! `ao notify`: how you are told.

mod test;

pub(crate) use test::TestedView;

subcommands! {
    /// Try how you are told
    {
        Test(test),
    }
}
