//! Failures as people read them.

use std::error::Error as StdError;
use std::fmt;

use ao_core::Error;
use ao_core::config::{Diagnostic, Place, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::excerpt::Excerpt;
use crate::output::{printable, stderr_columns};

/// A failed command: what failed, and below it why.
pub(super) fn error(error: &Error) -> String {
    let cause = error
        .chain
        .iter()
        .rev()
        .fold(None, |below, message| Some(Box::new(Cause { message: printable(message).into_owned(), below })));
    let mut report = Report::new(miette::Severity::Error, &error.message);
    report.cause = cause;
    if let Some(field) = error.field.as_ref().filter(|field| !error.message.contains(field.as_str())) {
        report.help = Some(format!("see `{}`", printable(field)));
    }
    render(&report)
}

/// A problem of a configuration file: the message, where it is, the text there, and what to do.
pub(super) fn diagnostic(problem: &Diagnostic) -> String {
    let severity = match problem.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let mut report = Report::new(severity, &problem.message).at(&problem.place, &problem.key_path.to_string());
    let lines: Vec<_> = problem.help.clone().into_iter().chain(problem.rule_in_words()).collect();
    report.help = Some(lines.join("\n")).filter(|help| !help.is_empty());
    let also = |(what, place): &(String, Place)| Report::new(miette::Severity::Advice, what).at(place, "");
    report.related = problem.related.iter().map(also).collect();
    render(&report)
}

/// In colours and with lines drawn for a terminal, in plain text for a file.
fn render(report: &Report) -> String {
    let handler = match stderr_columns() {
        Some(columns) => {
            GraphicalReportHandler::new_themed(theme(GraphicalTheme::unicode())).with_width(columns.into())
        }
        None => GraphicalReportHandler::new_themed(theme(GraphicalTheme::none())).with_wrap_lines(false),
    };
    let handler = handler.with_links(false).with_context_lines(1).with_show_related_as_nested(true);
    let mut text = String::new();
    match handler.render_report(&mut text, report) {
        // What is wrong begins at the margin, as in every other message of ours.
        Ok(()) => text.trim_start().to_owned(),
        Err(fmt::Error) => format!("error: {report}\n"),
    }
}

/// Words instead of signs: what is wrong is clear without knowing the signs, and can be searched for.
fn theme(mut theme: GraphicalTheme) -> GraphicalTheme {
    theme.characters.error = "error:".into();
    theme.characters.warning = "warning:".into();
    theme.characters.advice = "note:".into();
    theme
}

/// What is rendered.
#[derive(Debug)]
struct Report {
    severity: miette::Severity,
    message: String,
    cause: Option<Box<Cause>>,
    help: Option<String>,
    excerpt: Option<Excerpt>,
    label: String,
    related: Vec<Report>,
}

impl Report {
    fn new(severity: miette::Severity, message: &str) -> Self {
        let message = printable(message).into_owned();
        let (cause, help, excerpt, label, related) = Default::default();
        Self { severity, message, cause, help, excerpt, label, related }
    }

    /// The same, with the text there; without any text the message says which file it is.
    fn at(mut self, place: &Place, label: &str) -> Self {
        self.excerpt = Excerpt::of(place);
        self.label = printable(label).into_owned();
        if self.excerpt.is_none() {
            self.message = format!("{}: {}", printable(place.file().as_str()), self.message);
        }
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Report {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl miette::Diagnostic for Report {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        let label = Some(self.label.clone()).filter(|label| !label.is_empty());
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(label, excerpt.span))))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        (!self.related.is_empty())
            .then(|| Box::new(self.related.iter().map(|report| report as &dyn miette::Diagnostic)) as _)
    }
}

/// One of an error's causes, with those below it.
#[derive(Debug)]
struct Cause {
    message: String,
    below: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.below.as_deref().map(|cause| cause as _)
    }
}
