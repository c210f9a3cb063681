//! Validation of a tree against a JSON Schema: every violation becomes a diagnostic at the text that caused it.

use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind as Rule;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::Node;
use super::scalars::FORMATS;
use super::schema::SCHEMA;
use super::violation::{Violation, error_message, is_vague};

/// Checks a whole file against the schema of the configuration.
pub(crate) fn check_file(root: &Node) -> Vec<Diagnostic> {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| validator(&SCHEMA));
    check_tree(root, &SCHEMA, &VALIDATOR)
}

/// What holds files against a schema of ours, with our formats.
pub(crate) fn validator(schema: &Value) -> Validator {
    FORMATS
        .iter()
        .fold(jsonschema::options(), |options, (name, check)| {
            options.with_format(*name, move |text: &str| check(text).is_ok())
        })
        .should_validate_formats(true)
        .build(schema)
        .expect("a schema that is generated from our types is valid")
}

/// Checks a whole file against a schema of ours.
pub(crate) fn check_tree(root: &Node, schema: &Value, validator: &Validator) -> Vec<Diagnostic> {
    check(root, schema, validator, Stage::File)
}

/// Checks the settings of a plugin, as they are written, against the JSON Schema in its manifest.
///
/// Each diagnostic names the rule of that schema which refused the value. Texts with references in them are only held to
/// their type, since they are not expanded yet.
///
/// # Errors
///
/// Every violation, or one that says that the schema itself cannot be used.
pub fn validate_plugin_block(settings: &Node, schema: &Value) -> Result<(), Diagnostics> {
    check_settings(settings, schema, Stage::Written)
}

/// Checks settings in which every reference has been expanded: all of their texts are what they will be.
pub(crate) fn validate_expanded_block(settings: &Node, schema: &Value) -> Result<(), Diagnostics> {
    check_settings(settings, schema, Stage::Expanded)
}

fn check_settings(settings: &Node, schema: &Value, stage: Stage) -> Result<(), Diagnostics> {
    let validator = jsonschema::options().offline().build(schema).map_err(|error| {
        let message = format!("the plugin's schema for its settings is not usable: {error}");
        let mut problem = Diagnostic::error(&settings.place, settings.path.clone(), message)
            .help("tell the plugin's author; the settings cannot be checked");
        problem.rule = Some(error.schema_path().to_string());
        problem
    })?;
    check(settings, schema, &validator, stage).into_iter().collect::<Diagnostics>().or(())
}

/// How many violations are looked at. Whoever has more than this does not want to read them all.
const MOST: usize = 200;

/// What a tree is checked as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A whole file, against our own schema.
    File,
    /// A plugin's settings as they are written.
    Written,
    /// A plugin's settings as the plugin gets them.
    Expanded,
}

fn check(root: &Node, schema: &Value, validator: &Validator, stage: Stage) -> Vec<Diagnostic> {
    let instance = root.to_json();
    let mut found = Vec::new();
    for error in validator.iter_errors(&instance).take(MOST) {
        each_cause(&error, schema, &mut |cause| {
            let violation = Violation::new(root, schema, cause);
            if stage != Stage::Written || !violation.awaits_expansion() {
                found.extend(violation.diagnostics().into_iter().map(|mut problem| {
                    problem.rule = (stage != Stage::File).then(|| cause.schema_path().to_string());
                    (is_vague(cause.kind()), problem)
                }));
            }
        });
    }
    let precise: Vec<_> =
        found.iter().filter(|(vague, _)| !vague).map(|(_, problem)| problem.key_path.clone()).collect();
    found.retain(|(vague, problem)| !vague || !precise.contains(&problem.key_path));
    found.into_iter().map(|(_, problem)| problem).collect()
}

/// Calls `report` with the violations that are worth telling.
///
/// "None of these alternatives fits" becomes what is wrong with the one alternative that was meant: the one of the right
/// type that is wrong further down.
fn each_cause(error: &ValidationError<'_>, schema: &Value, report: &mut dyn FnMut(&ValidationError<'_>)) {
    let (Rule::AnyOf { context } | Rule::OneOfNotValid { context }) = error.kind() else { return report(error) };
    let wrong_type = |inner: &ValidationError<'_>| {
        matches!(inner.kind(), Rule::Type { .. }) && inner.instance_path() == error.instance_path()
    };
    let mut meant = context.iter().filter(|branch| !branch.iter().any(wrong_type));
    match (meant.next(), meant.next()) {
        (Some(branch), None) if error_message(schema, error).is_none() => {
            for inner in branch {
                each_cause(inner, schema, report);
            }
        }
        _ => report(error),
    }
}
