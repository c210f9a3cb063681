//! Reports as `JUnit` XML: a test suite for each plugin, a test case for each check and door.

use std::fmt::Write;

use super::report::{Outcome, Record, Report};

/// One `JUnit` file with these reports.
#[must_use]
pub fn write(reports: &[Report]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"conformance\">\n");
    // Writing to a string cannot fail.
    for report in reports {
        let name = escape(&format!("{}/{}", report.slot, report.plugin));
        let (tests, failed, skipped) = (report.checks.len(), report.failed().count(), report.skipped().count());
        let time = seconds(report.checks.iter().map(|record| record.millis).sum());
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" \
             time=\"{time}\">"
        );
        for record in &report.checks {
            case(&mut xml, &name, record);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(xml: &mut String, class: &str, record: &Record) {
    let (name, time) = (escape(&format!("{} ({})", record.check, record.door)), seconds(record.millis));
    let _ = write!(xml, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\"");
    match &record.outcome {
        Outcome::Passed => xml.push_str("/>\n"),
        Outcome::Failed { expected, came, remedy } => {
            let text = format!("demand: {}\nexpected: {expected}\ncame: {came}\nto do: {remedy}", record.demands);
            let (message, text) = (escape(came), escape(&text));
            let _ = writeln!(xml, ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>");
        }
        Outcome::Skipped { why } => {
            let _ = writeln!(xml, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escape(why));
        }
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Text for an element or an attribute of XML. What XML 1.0 cannot hold, such as most control characters, is written as `\u{…}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // As references, or a reader makes spaces of them.
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => escaped.extend(character.escape_unicode()),
            _ if character.is_control() => escaped.extend(character.escape_unicode()),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use ao_core::slots::Slot;

    use super::*;
    use crate::conformance::Door;

    #[test]
    fn whatever_a_plugin_says_stays_text() {
        let mut report = Report::new(Slot::Tracker, "a\"<b>");
        let outcome =
            Outcome::Failed {
                expected: "x < y".into(), came: "]]>\u{1b}[31m&\u{0}\n'é 🦀".into(), remedy: "r".into()
            };
        report.checks.push(Record::new("a.b", Door::Json, "d", outcome, 1234));
        report.checks.push(Record::new("a.c", Door::Native, "d", Outcome::Passed, 1));
        report.checks.push(Record::new("a.d", Door::Host, "d", Outcome::Skipped { why: "no \"x\"".into() }, 0));
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"conformance\">
  <testsuite name=\"tracker/a&quot;&lt;b&gt;\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.235\">
    <testcase classname=\"tracker/a&quot;&lt;b&gt;\" name=\"a.b (json)\" time=\"1.234\">
      <failure message=\"]]&gt;\\u{1b}[31m&amp;\\u{0}&#10;&apos;é 🦀\">demand: d&#10;expected: x &lt; y&#10;came: ]]&gt;\\u{1b}[31m&amp;\\u{0}&#10;&apos;é 🦀&#10;to do: r</failure>
    </testcase>
    <testcase classname=\"tracker/a&quot;&lt;b&gt;\" name=\"a.c (native)\" time=\"0.001\"/>
    <testcase classname=\"tracker/a&quot;&lt;b&gt;\" name=\"a.d (host)\" time=\"0.000\">
      <skipped message=\"no &quot;x&quot;\"/>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(report.to_junit(), expected);
    }
}
