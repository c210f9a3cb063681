//! git is started a few times, however many pull requests there are; and a wrapper that counts, and stops where it is told.

use std::fmt::Write as _;

use ao_plugin_local::LocalScm;
use ao_plugin_local::scm::Config;
use ao_plugin_sdk::prelude::*;

use super::forge::{Forge, executable, write};
use crate::environment::environment;

/// A program `git` before the real one, that writes down each of its starts. The one with the number in the file `stop` does
/// not begin: it writes its process's number into a file `reached`, and waits to be killed.
pub(super) struct Counted {
    directory: Utf8PathBuf,
}

impl Counted {
    pub(super) fn new(forge: &Forge) -> (Self, LocalScm) {
        let directory = forge.path("counted");
        let script = format!(
            "#!/bin/sh\ncd_={directory}\necho \"$*\" >> $cd_/log\n\
             if [ -e $cd_/stop ] && [ \"$(wc -l < $cd_/log)\" = \"$(cat $cd_/stop)\" ]; then\n\
             echo $$ > $cd_/reached.new\nmv $cd_/reached.new $cd_/reached\nexec sleep 600\nfi\nPATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n"
        );
        write(&directory.join("bin/git"), script.as_bytes());
        executable(&directory.join("bin/git"));
        let mut variables = environment(&forge.path(""));
        variables.insert("PATH".into(), format!("{directory}/bin:/usr/local/bin:/usr/bin:/bin"));
        let scm = LocalScm::with_environment(Config::default(), variables).expect("plugin");
        (Self { directory }, scm)
    }

    /// The starts since the last call.
    pub(super) fn starts(&self) -> Vec<String> {
        let log = self.directory.join("log");
        let starts = std::fs::read_to_string(&log).unwrap_or_default();
        write(&log, b"");
        starts.lines().map(str::to_owned).collect()
    }

    /// Has the start of this number, from 1 on, never begin.
    pub(super) fn stop_at(&self, number: usize) {
        let _ = std::fs::remove_file(self.reached());
        write(&self.directory.join("log"), b"");
        write(&self.directory.join("stop"), number.to_string().as_bytes());
    }

    pub(super) fn reached(&self) -> Utf8PathBuf {
        self.directory.join("reached")
    }
}

/// Pull requests by the hundred, made in one process: each of a branch of its own, with a review.
pub(super) async fn fill(forge: &Forge, count: u64) {
    let first = forge.pull("feature", "a.txt", "one\n").await;
    let head = forge.show(&first).await.head;
    let review =
        PullChange::Review { head: head.clone(), verdict: Verdict::Approve, body: String::new(), remarks: vec![] };
    forge.update("review", "ann", &first, review).await.expect("review");
    let record = forge.git(&["show", "refs/ao/prs/1:pull.json"]).await;
    let remark = forge.git(&["show", "refs/ao/prs/1:remarks/000001.json"]).await;
    let mut stream = String::new();
    for number in 2..=count {
        let record = record.replace("\"branch\": \"feature\"", &format!("\"branch\": \"b{number}\""));
        let record = record.replace("open feature", &format!("open {number}"));
        let _ = writeln!(stream, "commit refs/heads/b{number}\ncommitter me <me> 1 +0000\ndata 0\nfrom {head}");
        let _ = writeln!(stream, "M 100644 inline {number}.txt\ndata 2\nx\n");
        let _ = writeln!(stream, "commit refs/ao/prs/{number}\ncommitter ao <ao@localhost> 1 +0000\ndata 0");
        let _ = writeln!(stream, "M 100644 inline pull.json\ndata {}\n{record}", record.len());
        let _ = writeln!(stream, "M 100644 inline remarks/000001.json\ndata {}\n{remark}", remark.len());
    }
    let git = command("git").current_dir(&forge.project).env_only(environment(&forge.path("")));
    git.args(["fast-import", "--quiet"]).input(stream).run().await.expect("import");
}

#[tokio::test]
async fn a_thousand_are_looked_at_in_a_few_processes() {
    let forge = Forge::new().await;
    fill(&forge, 1000).await;
    let (counted, scm) = Counted::new(&forge);
    let targets = |branch: &dyn Fn(u64) -> String| -> Vec<PullTarget> {
        let target = |number| {
            PullTarget::new(
                format!("app-{number}").parse::<SessionId>().expect("id"),
                branch(number).parse::<BranchName>().expect("branch"),
            )
        };
        (2..=1000).map(target).collect()
    };
    let request = SnapshotRequest::new(forge.repository.as_str(), targets(&|number| format!("b{number}")));
    let first = scm.snapshot(request.clone()).await.expect("snapshot");
    let is_whole = |found: &PullFound| matches!(found, PullFound::Found { snapshot } if snapshot.conflicts == Some(vec![]) && snapshot.decision == ReviewDecision::Wanted);
    assert!(first.pulls.iter().all(|pull| is_whole(&pull.found)), "{:?}", first.pulls[0]);
    let starts = counted.starts();
    assert!(starts.len() <= 10, "{starts:#?}");
    assert_eq!(scm.snapshot(request.clone()).await.expect("snapshot"), first);
    let starts = counted.starts();
    assert!(starts.len() <= 2, "where nothing has changed: {starts:#?}");
    forge.commit("b7", "main", "c.txt", "new\n").await;
    let again = scm.snapshot(request).await.expect("snapshot");
    assert_eq!(again.pulls.iter().zip(&first.pulls).filter(|(now, before)| now != before).count(), 1);
    let starts = counted.starts();
    assert!(starts.len() <= 5, "where one has changed: {starts:#?}");
    let other = scm.list(ListPulls::new(forge.repository.as_str())).await.expect("list");
    assert_eq!((other.pulls.len(), counted.starts().len() <= 3), (100, true));
}
