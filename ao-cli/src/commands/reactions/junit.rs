//! Results of cases as `JUnit` XML: a test suite for each file.

use std::fmt::Write as _;

use ao_plugin_sdk::conformance::junit::escape;

use super::test::FileResult;

/// The document.
pub(super) fn write(files: &[FileResult]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ao reactions test\">\n");
    // Writing to a string cannot fail.
    for file in files {
        let (name, tests, failures) = (escape(&file.file), file.cases.len(), file.failed());
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">"
        );
        for case in &file.cases {
            let (title, line) = (escape(&case.name), case.line);
            let _ = write!(xml, "    <testcase classname=\"{name}\" name=\"{title}\" file=\"{name}\" line=\"{line}\"");
            let problems: Vec<_> = case.mismatches.iter().map(|mismatch| file.words(mismatch)).collect();
            let Some(first) = problems.first() else {
                xml.push_str("/>\n");
                continue;
            };
            let (first, whole) = (escape(first), escape(&problems.join("\n")));
            let _ = writeln!(xml, ">\n      <failure message=\"{first}\">{whole}</failure>\n    </testcase>");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}
