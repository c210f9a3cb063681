//! The JSON Schema of the configuration file, as `ao config schema` prints it.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::model::File;

/// The JSON Schema of `agent-orchestrator.yaml`, its keys in alphabetical order.
///
/// This is also what files are validated against, so what the schema in `docs/reference/` says is what happens. Where
/// JSON Schema cannot say precisely what a text must look like, a `format` that begins with `ao-` names the parser.
#[must_use]
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The schema, made once.
pub(crate) static SCHEMA: LazyLock<Value> = LazyLock::new(of::<File>);

/// The schema of a file's type.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    without_null(&mut schema);
    schema
}

/// Takes the `null` out of every optional key: a key that is not wanted is left out, and `tracker:` with nothing behind
/// it is a mistake to point at.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(keywords) => {
            if let Some(Value::Array(types)) = keywords.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keywords.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(options)) = keywords.get_mut("enum") {
                options.retain(|option| !option.is_null());
            }
            if let Some(Value::Array(branches)) = keywords.get("anyOf")
                && let [Value::Object(wanted), Value::Object(null)] = branches.as_slice()
                && null.get("type").is_some_and(|name| name == "null")
            {
                let wanted = wanted.clone();
                keywords.remove("anyOf");
                for (keyword, value) in wanted {
                    keywords.entry(keyword).or_insert(value);
                }
            }
            // The descriptions say what is the default.
            let empty = [Value::Null, Value::Array(Vec::new()), Value::Object(Map::new())];
            if keywords.get("default").is_some_and(|default| empty.contains(default)) {
                keywords.remove("default");
            }
            keywords.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
