//! Limits: what would be too much is refused, whoever asks and however many at once, and can be tried again.

use crate::studio::{Engine, Studio};

fn limited(limits: &str) -> Studio {
    let studio = Studio::new(Engine::Process);
    limit(&studio, limits);
    studio
}

fn limit(studio: &Studio, limits: &str) {
    studio.write_config(&format!("{}limits: {{ {limits} }}\n", studio.config("")));
}

#[test]
fn of_ten_at_once_no_more_than_the_limit_run() {
    let studio = limited("maxSessions: 3");
    let ten: Vec<_> = (0..10).map(|_| studio.world.start(&["spawn", "--agent", "sleeper"])).collect();
    let runs: Vec<_> = ten.into_iter().map(crate::support::Started::finish).collect();
    let refused: Vec<_> = runs.iter().filter(|run| run.code() != 0).collect();
    assert_eq!(runs.len() - refused.len(), 3);
    for run in refused {
        assert!(
            run.code() == 75 && run.stderr().contains("`limits.maxSessions` is 3, and 3 sessions are running"),
            "{run}"
        );
    }
    assert_eq!(studio.world.json(&["status", "--all"])["sessions"].as_array().unwrap().len(), 3, "no row was made");
    let planned = studio.world.ao(&["spawn", "--dry-run", "--agent", "sleeper"]);
    assert_eq!(planned.code(), 75, "{planned}");
    studio.world.ao(&["session", "kill", "app-1"]).succeeds();
    studio.world.ao(&["spawn", "--agent", "sleeper"]).succeeds();
}

#[test]
fn each_limit_is_named() {
    let studio = limited("maxPerProject: 1");
    let id = studio.spawn(&["--agent", "sleeper"]);
    let refused = |key: &str, variables: &[(&str, &str)]| {
        let run = studio.world.ao_with(&["spawn", "--agent", "sleeper"], variables);
        assert!(run.code() == 75 && run.stderr().contains(&format!("`limits.{key}` is")), "{key}: {run}");
    };
    refused("maxPerProject", &[]);
    limit(&studio, "spawnsPerHour: 1");
    refused("spawnsPerHour", &[]);
    limit(&studio, "diskQuota: 1B");
    refused("diskQuota", &[]);
    limit(&studio, "spawnDepth: 0");
    refused("spawnDepth", &[("AO_SESSION_ID", &id)]);
    // One level, unless it is said.
    studio.configure("");
    let child = studio.world.ao_with(&["spawn", "--agent", "sleeper"], &[("AO_SESSION_ID", &id)]).succeeds();
    let child = child.stdout().trim().to_owned();
    assert_eq!(studio.show(&child)["session"]["parent"], id.as_str());
    refused("spawnDepth", &[("AO_SESSION_ID", &child)]);
    limit(&studio, "spawnDepth: 2");
    studio.world.ao_with(&["spawn", "--agent", "sleeper"], &[("AO_SESSION_ID", &child)]).succeeds();
}
