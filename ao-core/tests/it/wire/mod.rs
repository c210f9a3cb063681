//! The JSON that crosses the boundary, held by the fixtures in `tests/wire`: one file a slot, with every method's request
//! and reply; and manifests, errors and events.
//!
//! A change that makes one of these tests fail is a change that an existing library or host would notice. A new field
//! or variant is added to the fixtures; what is there is not edited.

mod evolution;
mod negotiation;
mod paths;
mod properties;
mod subject;
