//! The text that a command is given: on the command line, in a file, or on standard input.

use ao_core::Error;
use camino::Utf8PathBuf;

use crate::edge::Edge;
use crate::input;

/// The text of an issue.
#[derive(clap::Args)]
pub(super) struct Body {
    /// The text; `-` reads it from standard input
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    body: Option<String>,
    /// A file with the text; `-` is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "body")]
    file: Option<Utf8PathBuf>,
}

impl Body {
    /// Reads it, if there is one.
    pub(super) fn read(&self, edge: &Edge) -> Result<Option<String>, Error> {
        read(edge, self.body.as_deref(), self.file.as_ref())
    }
}

/// A text that stands here or there; `-` is standard input.
pub(super) fn read(edge: &Edge, text: Option<&str>, file: Option<&Utf8PathBuf>) -> Result<Option<String>, Error> {
    Ok(match (text, file) {
        (Some("-"), _) => Some(input::stdin()?),
        (Some(text), _) => Some(text.to_owned()),
        (None, Some(file)) if file == "-" => Some(input::stdin()?),
        (None, Some(file)) => Some(input::file(&edge.absolute(file))?),
        (None, None) => None,
    })
}
