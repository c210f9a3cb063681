//! What comes from outside: other processes' writes, written files, changed configurations.

use std::io::Write;
use std::time::Duration;

use ao_core::lifecycle::StatusName;
use ao_core::model::event::{Event, EventData};
use ao_core::slots::Slot;
use ao_host::store::SqliteStore;

use super::theatre::Theatre;

/// Far below a tick, far above what a busy machine takes.
const BEFORE_THE_TICK: Duration = Duration::from_secs(15);

/// By a connection of its own, as a command's.
#[test]
fn what_others_write_is_seen_before_the_next_tick() {
    let theatre = Theatre::new();
    theatre.launch("app");
    theatre.play_in_real_time(async |host| {
        host.ready().await;
        let other = SqliteStore::open(&theatre.sessions.places.state_db()).unwrap();
        let id = theatre.launch_in(&other, "app");
        let seen = host.until_status(&id, StatusName::Working).await;
        assert!(seen < BEFORE_THE_TICK, "{seen:?}");
        // Nobody has to wait for a tick to hear of the new one's end either.
        theatre.exits(&id, 2);
        let ended = host.until_status(&id, StatusName::Dead).await;
        assert!(ended < BEFORE_THE_TICK, "{ended:?}");
        assert!(theatre.status(&id).reason.contains("exit code 2"), "{}", theatre.status(&id).reason);
    });
}

#[test]
fn a_configuration_that_is_saved_is_used_or_refused_at_once() {
    let theatre = Theatre::new();
    theatre.launch("app");
    theatre.play_in_real_time(async |host| {
        host.ready().await;
        theatre.configure("version: 1\nprojects: [");
        let file = theatre.config_file();
        let took = host.until(|data| matches!(data, EventData::HostConfigRejected(bad) if bad.file == file)).await;
        assert!(took < BEFORE_THE_TICK, "{took:?}");
        theatre.configure(&theatre.config("next"));
        let took = host.until(|data| matches!(data, EventData::HostConfigReloaded(good) if good.file == file)).await;
        assert!(took < BEFORE_THE_TICK, "{took:?}");
    });
}

/// What was told of configurations, in one word each.
fn of_configurations(events: &[Event]) -> Vec<&str> {
    let words = events.iter().filter_map(|event| event.kind.as_str().strip_prefix("host.config_"));
    words.collect()
}

/// A person changes it, is told that it is not trusted, and trusts it: that is all there is to do.
#[test]
fn what_is_trusted_later_is_used_then() {
    let theatre = Theatre::new();
    theatre.launch("app");
    theatre.play_in_real_time(async |host| {
        host.ready().await;
        let text = theatre.config("next");
        theatre.write_config(&text);
        host.until(|data| matches!(data, EventData::HostConfigRejected(_))).await;
        theatre.trust(&text);
        let took = host.until(|data| matches!(data, EventData::HostConfigReloaded(_))).await;
        assert!(took < BEFORE_THE_TICK, "{took:?}");
    });
    assert_eq!(of_configurations(&theatre.log()), ["rejected", "reloaded"]);
}

/// As editors do that keep the file: empty for a moment.
#[test]
fn what_is_written_in_place_is_read_once() {
    let theatre = Theatre::new();
    theatre.launch("app");
    theatre.play_in_real_time(async |host| {
        host.ready().await;
        let text = theatre.config("next");
        theatre.trust(&text);
        let mut file = fs_err::OpenOptions::new().write(true).truncate(true).open(theatre.config_file()).unwrap();
        for half in [&text[..40], &text[40..]] {
            file.write_all(half.as_bytes()).unwrap();
        }
        host.until(|data| matches!(data, EventData::HostConfigReloaded(_))).await;
        assert_eq!(of_configurations(&theatre.log()), ["reloaded"]);
    });
}

/// Hints may be lost, and a host may begin with a bad one.
#[test]
fn a_configuration_is_looked_at_again_at_each_tick() {
    let theatre = Theatre::new();
    theatre.launch("app");
    let good = theatre.config("next");
    theatre.configure("version: 1\nprojects: [");
    theatre.play(async |host| {
        host.ready().await;
        host.pass(Duration::from_mins(5)).await;
        assert_eq!(asked(&theatre), [""; 0], "built-in settings have no puppets");
        theatre.configure(&good);
        host.until(|data| matches!(data, EventData::HostConfigReloaded(_))).await;
        host.pass(Duration::from_secs(61)).await;
        assert_eq!(asked(&theatre), ["next"]);
        host.pass(Duration::from_mins(5)).await;
    });
    assert_eq!(of_configurations(&theatre.log()), ["rejected", "reloaded"], "each is told once");
}

/// Which instances were asked since this was last looked at.
fn asked(theatre: &Theatre) -> Vec<String> {
    let calls = theatre.stage.calls().into_iter().filter(|call| call.slot == Slot::Runtime);
    let mut names: Vec<_> = calls.map(|call| call.name).collect();
    names.dedup();
    names
}

#[test]
fn a_bad_configuration_leaves_the_old_in_force_and_says_why() {
    let theatre = Theatre::new();
    let id = theatre.launch("app");
    theatre.play(async |host| {
        host.ready().await;
        theatre.stage.calls();
        let bad = theatre.config("next").replace("\"projects\"", "\"project\"");
        for untrusted in [false, true] {
            if untrusted {
                theatre.write_config(&theatre.config("untrusted"));
            } else {
                theatre.configure(&bad);
            }
            host.reload().await;
            let rejected = host.heard().into_iter().find_map(|event| match event.typed() {
                Some(EventData::HostConfigRejected(rejected)) => Some(rejected.problem),
                _ => None,
            });
            let problem = rejected.expect("it is told");
            let wanted = if untrusted { "is not trusted" } else { "project" };
            assert!(problem.contains(wanted), "{problem}");
            host.pass(Duration::from_secs(31)).await;
            assert_eq!(asked(&theatre), ["main"], "the old one is in force");
            assert_eq!(theatre.status(&id).name, StatusName::Working);
        }
        theatre.configure(&theatre.config("next"));
        host.reload().await;
        host.pass(Duration::from_secs(31)).await;
        assert_eq!(asked(&theatre), ["next"]);
    });
}

/// Each instance that is in use is listened to once, and no other.
#[test]
fn nobody_listens_twice_after_many_reloads() {
    let theatre = Theatre::new();
    theatre.launch("app");
    theatre.launch("side");
    theatre.play(async |host| {
        host.ready().await;
        assert_eq!(theatre.stage.listeners(), 2);
        for name in ["one", "two", "three"] {
            theatre.configure(&theatre.config(name));
            host.reload().await;
            host.pass(Duration::from_secs(61)).await;
            assert_eq!(theatre.stage.listeners(), 2, "after {name}");
        }
    });
}
