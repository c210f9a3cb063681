//! What is asked of a Rust file: what it is for, its size, no postponed work, no shell.

use super::Finding;

/// Longer files hold more than one concept.
const MOST_LINES: usize = 600;

/// Macros that stand for work not done. The names are put together here, so that this file passes its own check.
const POSTPONED: &[&str] = &[concat!("todo", "!("), concat!("unimplemented", "!(")];

/// The attribute that makes a test disappear from every run.
const IGNORED_TEST: &str = concat!("#[", "ignore");

const SHELLS: &[&str] = &["\"sh\"", "\"bash\"", "\"dash\"", "\"zsh\"", "\"/bin/sh\"", "\"/bin/bash\""];
const SHELL_FLAGS: &[&str] = &["\"-c\"", "\"-lc\"", "\"-ec\"", "\"-ic\""];

/// Allows a shell, with a reason after it, in a comment on the same line or the one above.
const SHELL_ALLOWED: &str = "tidy: shell because ";

/// How far behind its name a shell's flag is looked for, in characters that are not white space.
const REACH: usize = 40;

/// Returns what is wrong with a Rust file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let finding = |line: usize, problem: String| Finding { path: path.to_owned(), line, problem };
    let mut findings = Vec::new();
    if !text.trim_start().starts_with("//! ") {
        findings.push(finding(1, "begin with a `//!` sentence that says what the file is for".to_owned()));
    }
    let count = text.lines().count();
    if count > MOST_LINES {
        findings.push(finding(MOST_LINES + 1, format!("{count} lines: split it, {MOST_LINES} is the most")));
    }
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let code = code(line);
        if code.trim_start().starts_with(IGNORED_TEST) {
            findings.push(finding(index + 1, "an ignored test: make it run, or note a missing engine".to_owned()));
        }
        if let Some(postponed) = POSTPONED.iter().find(|name| code.contains(*name)) {
            findings.push(finding(index + 1, format!("`{postponed})`: do it now, or leave it out")));
        }
        if starts_shell(&lines[index..]) && !is_allowed(&lines, index) {
            let how = format!("use an argument vector, or say `// {SHELL_ALLOWED}…`");
            findings.push(finding(index + 1, format!("a shell string: {how}")));
        }
    }
    findings
}

/// Returns the part of a line that is before a comment; a `//` in a string is taken for one, which only hides a finding.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Says whether the first of these lines names a shell that gets a command string right behind.
fn starts_shell(lines: &[&str]) -> bool {
    let first = code(lines[0]);
    let Some((at, shell)) = SHELLS.iter().find_map(|shell| first.find(shell).map(|at| (at, shell))) else {
        return false;
    };
    let behind = std::iter::once(&first[at + shell.len()..]).chain(lines[1..].iter().take(4).map(|line| code(line)));
    let reach: String =
        behind.flat_map(str::chars).filter(|character| !character.is_whitespace()).take(REACH).collect();
    SHELL_FLAGS.iter().any(|flag| reach.contains(flag))
}

fn is_allowed(lines: &[&str], index: usize) -> bool {
    let says = |line: &&str| line.split_once(SHELL_ALLOWED).is_some_and(|(_, reason)| !reason.trim().is_empty());
    lines[index.saturating_sub(1)..=index].iter().any(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        check("a.rs", text).iter().map(ToString::to_string).collect()
    }

    fn problems_of(body: &str) -> Vec<String> {
        problems(&format!("//! A.\n{body}\n"))
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(problems("//! A.\n"), [""; 0]);
        for text in ["", "use a;\n", "//!\n", "// A.\n//! A.\n", "#![expect(x)]\n//! A.\n"] {
            assert!(problems(text)[0].starts_with("a.rs:1: begin with"), "{text}");
        }
    }

    #[test]
    fn six_hundred_lines_are_the_most() {
        let lines = |count: usize| format!("//! A.\n{}", "x\n".repeat(count - 1));
        assert_eq!(problems(&lines(600)), [""; 0]);
        assert_eq!(problems(&lines(601)), ["a.rs:601: 601 lines: split it, 600 is the most"]);
    }

    #[test]
    fn postponed_work_is_found_but_not_in_comments() {
        let [todo, unimplemented] = POSTPONED else { panic!("two of them") };
        assert!(problems_of(&format!("    {todo})"))[0].contains(":2: `todo"));
        assert!(problems_of(&format!("let x = {unimplemented}\"later\");"))[0].contains("do it now"));
        assert_eq!(problems_of(&format!("// never {todo})")), [""; 0]);
    }

    #[test]
    fn ignored_tests_are_found() {
        assert_eq!(problems_of(&format!("  {IGNORED_TEST}]")).len(), 1);
        assert_eq!(problems_of(&format!("  {IGNORED_TEST} = \"slow\"]")).len(), 1);
        assert_eq!(problems_of("  #[test]"), [""; 0]);
    }

    #[test]
    fn shell_strings_are_found_however_they_are_written() {
        let flag = SHELL_FLAGS[0];
        for shell in SHELLS {
            for code in [
                format!("run([{shell}, {flag}, script])"),
                format!("Program::new({shell}).args([{flag}, script])"),
                format!("Program::new({shell})\n    .arg({flag})\n    .arg(script)"),
                format!("[\n{shell},\n{flag},\nscript]"),
            ] {
                let found = problems_of(&code);
                assert_eq!(found.len(), 1, "{code}");
                assert!(found[0].contains("a shell string"), "{found:?}");
            }
        }
        assert_eq!(problems_of(&format!("new({}).arg(\"script.sh\")", SHELLS[0])), [""; 0]);
        assert_eq!(problems_of(&format!("new(\"git\").args([{flag}, \"user.name=x\"])")), [""; 0]);
    }

    #[test]
    fn a_shell_is_allowed_with_a_reason_only() {
        let code = format!("run([{}, {}, script])", SHELLS[0], SHELL_FLAGS[0]);
        assert_eq!(problems_of(&format!("// {SHELL_ALLOWED}the user spelled it out\n{code}")), [""; 0]);
        assert_eq!(problems_of(&format!("{code} // {SHELL_ALLOWED}the user spelled it out")), [""; 0]);
        assert_eq!(problems_of(&format!("// {SHELL_ALLOWED}\n{code}")).len(), 1);
    }
}
