//! `ao reactions`: the rules that apply, and whether they do what they are meant to.

mod junit;
pub(super) mod list;
mod schema;
pub(super) mod test;

subcommands! {
    /// Show and test the rules about what happens
    {
        List(list),
        Test(test),
        Schema(schema),
    }
}
