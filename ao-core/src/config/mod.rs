//! The configuration model, its JSON Schema and its diagnostics.
