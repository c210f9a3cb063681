//! What other files of a user's are read with: the same tree, the same schema, the same diagnostics.

use camino::Utf8Path;
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::Node;
use super::reactions::{Layer, Reactions, WrittenReactions, nonsense};
use super::{resolve, schema, tree, validate};

/// Reads YAML, or JSON.
pub(crate) fn parse(file: &Utf8Path, bytes: &[u8]) -> Result<Node, Diagnostics> {
    tree::parse(file, bytes)
}

/// The schema of a file's type.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    schema::of::<T>()
}

/// What holds files against that schema.
pub(crate) fn validator(schema: &Value) -> Validator {
    validate::validator(schema)
}

/// Everything that a schema refuses.
pub(crate) fn check(root: &Node, schema: &Value, validator: &Validator) -> Result<(), Diagnostics> {
    validate::check_tree(root, schema, validator).into_iter().collect::<Diagnostics>().or(())
}

/// The tree as types.
pub(crate) fn typed<T: DeserializeOwned>(root: &Node) -> Result<T, Diagnostics> {
    resolve::typed(root)
}

/// Rules over the built-in ones, and what of them makes no sense.
pub(crate) fn rules(written: &WrittenReactions, node: Option<&Node>) -> (Reactions, Vec<Diagnostic>) {
    let nothing = WrittenReactions::default();
    let rules = Reactions::resolve(Layer { written, node }, Layer { written: &nothing, node: None });
    (rules, nonsense(node, written))
}
