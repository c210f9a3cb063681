//! A repository from somewhere else, as git clones it: without a question to anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use ao_core::{Code, Error};
use camino::Utf8PathBuf;

use super::target::Url;
use crate::edge::Edge;
use crate::output;
use crate::process::Program;

/// What git and ssh need of the environment: their settings, keys and proxies.
const SHOWN: [&str; 19] = [
    "ALL_PROXY",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_SSH",
    "GIT_SSL_CAINFO",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "PATH",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// How long a clone may take.
const LIMIT: Duration = Duration::from_hours(1);

/// Clones into a directory of the repository's name below the current one, and says where that is.
pub(super) fn clone(edge: &Edge, url: &Url) -> Result<Utf8PathBuf, Error> {
    let here = &edge.environment.current_directory;
    let directory = here.join(url.name());
    if directory.symlink_metadata().is_ok() {
        let message = format!(
            "`{directory}` exists already and is left as it is; `ao start ./{name}` starts with what is there",
            name = url.name()
        );
        return Err(Error::conflict(message));
    }
    output::note(format_args!("cloning {} into {directory}", url.shown()));
    let variable = |name: &str| Some((name.to_owned(), edge.environment.variable(name)?.to_owned()));
    let mut environment: BTreeMap<_, _> = SHOWN.into_iter().filter_map(variable).collect();
    environment.insert("LC_ALL".to_owned(), "C".to_owned());
    environment.insert("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned());
    if !environment.contains_key("GIT_SSH") {
        let ssh = edge.environment.variable("GIT_SSH_COMMAND").unwrap_or("ssh");
        environment.insert("GIT_SSH_COMMAND".to_owned(), format!("{ssh} -o BatchMode=yes"));
    }
    let arguments = ["clone", "--quiet", "--", url.as_str(), url.name()].map(str::to_owned).to_vec();
    let program = Program { path: "git".into(), arguments, environment, limit: LIMIT };
    let ended = program.run(here)?;
    if ended.status.success() {
        return Ok(directory);
    }
    let mut error = Error::new(Code::OTHER, format!("cannot clone {}", url.shown()));
    error.chain.push(url.redact(ended.stderr.trim()));
    Err(error)
}
