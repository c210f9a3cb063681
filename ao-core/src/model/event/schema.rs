//! The JSON Schema of one type of event: the envelope, with the details of the type in it.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{Event, EventKind};

/// The schema of an event of this kind, as a line of `ao events --json` or of an archive.
#[must_use]
pub fn schema(kind: EventKind) -> Schema {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let data = kind.data_schema(&mut generator);
    let mut schema = generator.into_root_schema_for::<Event>();
    schema.insert("title".to_owned(), kind.as_str().into());
    schema.insert("description".to_owned(), kind.about().trim().into());
    let root = schema.ensure_object();
    if let Some(Value::Object(properties)) = root.get_mut("properties") {
        properties.insert("type".to_owned(), json!({ "const": kind.as_str() }));
        properties.insert("data".to_owned(), data.to_value());
    }
    // Of no use where the type is one.
    if let Some(Value::Object(definitions)) = root.get_mut("$defs") {
        definitions.remove("EventKind");
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_of_one_type_with_its_details() {
        let schema = schema(EventKind::MessageDrafted).to_value();
        assert_eq!(schema["properties"]["type"], json!({ "const": "message.drafted" }));
        assert_eq!(schema["properties"]["data"]["properties"]["level"]["$ref"], "#/$defs/DeliveryLevel");
        assert!(schema["$defs"]["DeliveryLevel"].is_object() && schema["$defs"]["EventKind"].is_null());
    }
}
