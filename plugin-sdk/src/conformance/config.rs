//! The configuration: its schema, and a constructor that refuses what is wrong with a reason and does nothing else.

use std::sync::Arc;
use std::time::Duration;

use ao_core::{Code, Result};
use serde_json::{Value, json};

use super::bench::{Bench, Opened};
use super::check::{Verdict, checks, demand, describe, failed, shown, skipped};
use super::{FakeHost, clock};

/// How long a constructor may take on a busy machine. One that opens a connection takes longer where that fails.
const QUICK: Duration = Duration::from_millis(500);

/// A key that no plugin has.
const UNKNOWN_KEY: &str = "ofTheConformanceKit";

checks! {
    One "config.schema_is_valid": "the configuration's schema is a JSON Schema (2020-12) of an object",
        "derive `JsonSchema` for a struct, and look at what `ao plugin inspect` shows" => schema_is_valid;
    Every "config.given_is_accepted": "the constructor accepts the configuration that was given",
        "give the kit a configuration that works, or see why `Plugin::new` refuses it" => given_is_accepted;
    One "config.unknown_key_is_refused": "a key that the plugin does not know is refused, so that a typo is an error",
        "derive the configuration with `#[serde(deny_unknown_fields)]`" => unknown_key_is_refused;
    One "config.wrong_type_is_refused": "a value of the wrong type is refused with `invalid_input`, without a panic",
        "let serde read the configuration, and return `Error::invalid_input` for what it cannot see" => wrong_type_is_refused;
    Every "config.constructor_is_quick": "the constructor does no I/O: it is quick and asks nothing of the host",
        "do in `Plugin::new` what needs no waiting, and the rest at the first call" => constructor_is_quick;
}

fn make(bench: &Bench, config: &Value) -> Result<Opened> {
    bench.try_open(config, Arc::new(FakeHost::new()))
}

async fn schema_is_valid(bench: Bench) -> Verdict {
    let schema = bench.subject.schema();
    let is_object = schema["type"] == "object" || schema["properties"].is_object();
    demand(is_object, "a schema of `type: object`", schema)?;
    (bench.validator)(schema).or_else(|why| failed("a valid schema", why))
}

async fn given_is_accepted(bench: Bench) -> Verdict {
    bench.open().map(drop)
}

async fn unknown_key_is_refused(bench: Bench) -> Verdict {
    let mut config = bench.config.clone();
    let Some(keys) = config.as_object_mut() else { return skipped("the configuration that was given is no object") };
    keys.insert(UNKNOWN_KEY.to_owned(), json!(1));
    let schema = bench.subject.schema();
    // The host checks a configuration against the schema before the constructor sees it.
    if schema["additionalProperties"] == false || schema["unevaluatedProperties"] == false {
        return no_panic(make(&bench, &config).map(drop));
    }
    invalid(&config, make(&bench, &config).map(drop))
}

async fn wrong_type_is_refused(bench: Bench) -> Verdict {
    for config in [json!("text"), json!(42), json!(true), json!([[1]])] {
        invalid(&config, make(&bench, &config).map(drop))?;
    }
    let properties = bench.subject.schema()["properties"].as_object().cloned().unwrap_or_default();
    for (name, schema) in &properties {
        let mut config = bench.config.clone();
        // Objects and references may take an object; whatever else is declared does not.
        let wrong = match schema["type"].as_str() {
            Some("string" | "integer" | "number" | "boolean" | "array") => json!({UNKNOWN_KEY: []}),
            Some("object") => json!("text"),
            _ => continue,
        };
        config[name] = wrong;
        invalid(&config, make(&bench, &config).map(drop))?;
    }
    Ok(())
}

fn invalid(config: &Value, made: Result<()>) -> Verdict {
    let expected = || format!("`invalid_input` for the configuration {}", shown(config));
    match made {
        Err(error) if error.code == Code::INVALID_INPUT => Ok(()),
        Err(error) => failed(expected(), describe(&error)),
        Ok(()) => failed(expected(), "an instance"),
    }
}

fn no_panic(made: Result<()>) -> Verdict {
    match made {
        Err(error) if error.code == Code::PANIC => failed("no panic", describe(&error)),
        _ => Ok(()),
    }
}

async fn constructor_is_quick(bench: Bench) -> Verdict {
    // The first also pays for what is made once a process, such as a library's threads.
    drop(bench.open()?);
    let host = Arc::new(FakeHost::new());
    let began = clock::now();
    let made = bench.try_open(&bench.config, Arc::clone(&host));
    let took = began.elapsed();
    made.or_else(|error| failed("a second instance from the same configuration", describe(&error)))?;
    demand(took < QUICK, format!("less than {} ms", QUICK.as_millis()), took)?;
    let calls: Vec<_> = host.calls().into_iter().map(|call| call.method).collect();
    demand(calls.is_empty(), "no call of the host", calls)
}
