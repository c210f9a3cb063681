//! Where Claude Code keeps what it writes.

use std::collections::BTreeMap;

use ao_plugin_sdk::prelude::*;
use rustix::fs::{Access, access};
use rustix::io::Errno;

/// The longest name that Claude Code makes of a directory's path; of a longer one it takes the beginning and a hash.
const LONGEST: usize = 200;

/// The configuration directory of a Claude Code with these variables: `CLAUDE_CONFIG_DIR`, else `.claude` in `HOME`.
pub(crate) fn config_directory(environment: &BTreeMap<String, String>, workspace: &Utf8Path) -> Option<Utf8PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let directory = match set("CLAUDE_CONFIG_DIR") {
        Some(directory) => Utf8PathBuf::from(directory),
        None => Utf8Path::new(set("HOME")?).join(".claude"),
    };
    Some(workspace.join(directory))
}

/// Why Claude Code cannot write to its directory; none where it can, or nobody knows.
pub(crate) fn closed(config: &Utf8Path) -> Option<std::io::Error> {
    let there = config.ancestors().find(|at| at.exists())?;
    let error = access(there.as_std_path(), Access::WRITE_OK).err()?;
    matches!(error, Errno::ROFS | Errno::ACCESS).then(|| error.into())
}

/// The file that Claude Code makes when it is set up: in a configuration directory that was named, else in the home.
pub(crate) fn state_file(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let directory = set("CLAUDE_CONFIG_DIR").or_else(|| set("HOME"))?;
    Some(Utf8Path::new(directory).join(".claude.json"))
}

/// The name of the directory that holds the transcripts of a working directory: each UTF-16 unit that is no ASCII letter
/// or digit is a hyphen.
fn project_name(workspace: &str) -> String {
    let mut name = String::with_capacity(workspace.len());
    for character in workspace.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => name.push(character),
            other => name.extend(std::iter::repeat_n('-', other.len_utf16())),
        }
    }
    name
}

/// The transcript of a conversation; the file need not be there yet. Looks at directories.
pub(crate) fn transcript(config: &Utf8Path, workspace: &Utf8Path, conversation: &str) -> Utf8PathBuf {
    // The program names it by the directory that it finds itself in.
    let workspace = workspace.canonicalize_utf8().unwrap_or_else(|_| workspace.to_owned());
    let name = project_name(workspace.as_str());
    let (projects, file) = (config.join("projects"), format!("{conversation}.jsonl"));
    if name.len() <= LONGEST {
        return projects.join(name).join(file);
    }
    let begins = format!("{}-", &name[..LONGEST]);
    let entries = projects.read_dir_utf8().into_iter().flatten().filter_map(std::result::Result::ok);
    let mut named =
        entries.filter(|entry| entry.file_name().starts_with(&begins)).map(|entry| entry.path().join(&file));
    named.find(|path| path.exists()).unwrap_or_else(|| projects.join(name).join(&file))
}

/// Where the transcripts of a conversation's sub-agents stand.
pub(crate) fn sub_agents(transcript: &Utf8Path) -> Utf8PathBuf {
    transcript.with_extension("").join("subagents")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_found_by_its_working_directory() {
        let path = transcript(Utf8Path::new("/home/dev/.claude"), Utf8Path::new("/nowhere/work tree é/🦀 '\"x"), "c");
        assert_eq!(path, "/home/dev/.claude/projects/-nowhere-work-tree--------x/c.jsonl");
        assert_eq!(sub_agents(&path), "/home/dev/.claude/projects/-nowhere-work-tree--------x/c/subagents");
    }

    #[test]
    fn a_long_path_is_found_by_its_beginning() {
        let home = tempfile::tempdir().expect("scratch");
        let config = Utf8Path::from_path(home.path()).expect("utf-8");
        let workspace = Utf8PathBuf::from(format!("/{}", "nowhere/".repeat(40)));
        let directory =
            config.join("projects").join(format!("{}-1x2y3z", &project_name(workspace.as_str())[..LONGEST]));
        fs_err::create_dir_all(&directory).expect("a directory");
        fs_err::File::options().append(true).create(true).open(directory.join("c.jsonl")).expect("a file");
        assert_eq!(transcript(config, &workspace, "c"), directory.join("c.jsonl"));
    }

    #[test]
    fn the_configuration_directory() {
        let of = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            config_directory(&variables, Utf8Path::new("/work"))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("HOME", "/home/dev")]), Some("/home/dev/.claude".into()));
        assert_eq!(of(&[("HOME", "/home/dev"), ("CLAUDE_CONFIG_DIR", "/c")]), Some("/c".into()));
        assert_eq!(of(&[("CLAUDE_CONFIG_DIR", "c")]), Some("/work/c".into()));
    }
}
