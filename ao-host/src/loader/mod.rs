//! Getting from a file that somebody else built to a plugin instance, without believing the file before it is checked.
//!
//! ```text
//! file --read once--> bytes --inspect (pure)--> symbol --vault--> our copy, named by hash --trust?--> Library --> Instance
//! ```
//!
//! A library's constructors run as soon as it is mapped, and a file that is cut while it is mapped kills the process,
//! so what is mapped is always a copy of ours that nobody changes, of a file that the user has trusted.

mod error;
mod inspect;
mod library;
mod transport;
mod vault;

pub use error::LoadError;
pub use inspect::{Inspected, inspect};
pub use library::{CreateRequest, Library};
pub(crate) use transport::{bounded, error_in, meta};
pub use vault::{Stored, Vault};
