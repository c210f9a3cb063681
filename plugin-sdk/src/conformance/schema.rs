//! Whether a configuration's schema is a JSON Schema (2020-12) of an object: the keywords that derived schemas have are
//! checked for their form, so that an author needs no validator in their build.

use ao_core::Result;
use serde_json::Value;

/// Says what is wrong with a schema.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    at("#", schema)
}

fn at(place: &str, schema: &Value) -> Result<(), String> {
    let fields = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(fields) => fields,
        other => return Err(format!("{place}: a schema is an object or a boolean, not {other}")),
    };
    for (keyword, value) in fields {
        let place = format!("{place}/{keyword}");
        let wrong = |expected: &str| Err(format!("{place}: expected {expected}, not {value}"));
        match keyword.as_str() {
            "properties" | "$defs" | "patternProperties" | "dependentSchemas" => {
                let Some(schemas) = value.as_object() else { return wrong("an object of schemas") };
                for (name, schema) in schemas {
                    at(&format!("{place}/{name}"), schema)?;
                }
            }
            "items"
            | "additionalProperties"
            | "unevaluatedProperties"
            | "propertyNames"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contains" => at(&place, value)?,
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
                let Some(schemas) = value.as_array().filter(|schemas| !schemas.is_empty()) else {
                    return wrong("a list of schemas");
                };
                for (index, schema) in schemas.iter().enumerate() {
                    at(&format!("{place}/{index}"), schema)?;
                }
            }
            "type" if !is_type(value) => return wrong("a type, or a list of types"),
            "required" if !is_texts(value) => return wrong("a list of names"),
            "enum" if !value.is_array() => return wrong("a list"),
            "title" | "description" | "$ref" | "$id" | "$comment" | "format" | "pattern" if !value.is_string() => {
                return wrong("a text");
            }
            "$schema" if value.as_str().is_none_or(|url| !url.contains("2020-12")) => {
                return wrong("the address of draft 2020-12");
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" if !value.is_number() => {
                return wrong("a number");
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
                if !value.is_u64() =>
            {
                return wrong("a count");
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_type(value: &Value) -> bool {
    const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
    let is_name = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    is_name(value) || value.as_array().is_some_and(|names| !names.is_empty() && names.iter().all(is_name))
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|names| names.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (schema, part) in [
            (json!("x"), "#: a schema is"),
            (json!({"type": "text"}), "#/type"),
            (json!({"properties": {"a": {"type": ["string", "nil"]}}}), "#/properties/a/type"),
            (json!({"properties": []}), "#/properties"),
            (json!({"anyOf": [{"required": "a"}]}), "#/anyOf/0/required"),
            (json!({"oneOf": []}), "#/oneOf"),
            (json!({"items": {"minItems": -1}}), "#/items/minItems"),
            (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "#/$schema"),
            (json!({"maximum": "3"}), "#/maximum"),
            (json!({"pattern": 3}), "#/pattern"),
            (json!({"enum": {}}), "#/enum"),
        ] {
            let why = check(&schema).unwrap_err();
            assert!(why.contains(part), "{schema}: {why}");
        }
        let good = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": ["object", "null"],
            "properties": {"a": true, "b": {"enum": [1], "items": {"type": "string"}}}, "required": ["a"],
            "additionalProperties": false, "x-of-somebody": 3});
        assert_eq!(check(&good), Ok(()));
    }
}
