//! What a command shows: one type with two forms, JSON for programs and a page for people.

use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Page};

/// Something that a command lists or shows. Its JSON is documented under `docs/reference/json/`.
pub(crate) trait View: Serialize + JsonSchema {
    /// Writes it for a person.
    fn write(&self, page: &mut Page);
}

/// In which form a command shows its result.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Format {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints a view.
    pub(crate) fn show(self, view: &impl View) -> Result<(), Failure> {
        if self.json {
            return output::json(view);
        }
        let mut page = Page::for_stdout();
        view.write(&mut page);
        page.print()
    }

    /// Whether it is for a program, which gets in the data what a person is told beside it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }
}
