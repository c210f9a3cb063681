//! Notices of newer models. At its start Codex asks whether to change over, and that question takes the first prompt for its
//! answer; one that was answered before is not asked.

use toml::Table;

/// Models and the newer ones that Codex 0.169 proposes in their places.
const PROPOSED: [(&str, &str); 4] = [
    ("gpt-5.5", "gpt-6-sol"),
    ("gpt-5.6-sol", "gpt-6-sol"),
    ("gpt-5.6-terra", "gpt-6-sol"),
    ("gpt-5.6-luna", "gpt-6-luna"),
];

/// The answers to all of them: the model stays.
pub(crate) fn answered() -> Table {
    PROPOSED.iter().map(|(from, to)| ((*from).to_owned(), (*to).into())).collect()
}
