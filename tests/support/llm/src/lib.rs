//! A local server that answers agents as language models' services do, by a script.
//!
//! It speaks Anthropic Messages, OpenAI Chat Completions and OpenAI Responses, streamed and whole. What it answers depends
//! on the last thing that the user said and on the script, never on earlier requests: so a conversation that is resumed,
//! by another process or against another server, goes on. See the `README.md` for its use by hand.
//!
//! ```no_run
//! use ao_scripted_llm::{Llm, Rule, Script};
//!
//! let script = Script::new().rule(Rule::on("fix it").shell("touch fixed").say("It is fixed."));
//! let llm = Llm::start(script).unwrap();
//! // … start an agent with `llm.url()`, tell it to "fix it" …
//! assert!(llm.requests().is_empty());
//! ```

mod answer;
mod asked;
mod decide;
mod directive;
mod llm;
mod log;
mod script;
mod server;
mod tool;
mod usage;
mod wire;

pub use asked::{Api, Purpose};
pub use llm::{Llm, Options};
pub use log::{Outcome, Request, TimedOut};
pub use script::{Refusal, Round, Rule, Script};
pub use usage::{Served, Tokens};
