//! A program that waits in the middle until the test has done something else.

#![expect(clippy::disallowed_methods, reason = "a deadline on a real process")]

use std::io::Write;
use std::time::{Duration, Instant};

use ao_plugin_local::LocalScm;
use ao_plugin_local::scm::Config;
use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, executable, write};
use crate::environment::environment;

/// A pause that the first program to come there makes; later ones pass.
pub(super) struct Pause {
    directory: Utf8PathBuf,
}

impl Pause {
    pub(super) fn new(forge: &Forge) -> Self {
        let directory = forge.path("pause");
        std::fs::create_dir(&directory).expect("directory");
        Self { directory }
    }

    /// The pause in the language of the shell.
    fn script(&self) -> String {
        let at = &self.directory;
        format!("if mkfifo {at}/go 2>/dev/null; then : > {at}/reached; read -r line < {at}/go; fi")
    }

    /// A filter for files that pauses.
    pub(super) fn filter(&self) -> String {
        format!("{}; cat", self.script())
    }

    /// A plugin whose git pauses before the first command with this word.
    pub(super) fn before(&self, forge: &Forge, word: &str) -> LocalScm {
        let pause = self.script();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *\" {word} \"*) {pause};; esac\n\
             PATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n"
        );
        let git = self.directory.join("bin/git");
        write(&git, script.as_bytes());
        executable(&git);
        let mut variables = environment(&forge.path(""));
        variables.insert("PATH".into(), format!("{}/bin:/usr/local/bin:/usr/bin:/bin", self.directory));
        LocalScm::with_environment(Config::default(), variables).expect("plugin")
    }

    /// Waits until a program has come there.
    pub(super) async fn reached(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.directory.join("reached").exists() {
            assert!(Instant::now() < deadline, "nothing comes there");
            tokio::task::yield_now().await;
        }
    }

    /// Ends it. What is answered has to live until the program has gone on.
    #[must_use]
    pub(super) fn end(&self) -> std::fs::File {
        // Opened to read and write, it waits for nobody.
        let go = std::fs::File::options().read(true).write(true).open(self.directory.join("go"));
        let mut go = go.expect("it was reached");
        go.write_all(b"go\n").expect("go");
        go
    }
}
