//! What plugins ask of the host: linked in and through a real library, with the same answers.

use std::sync::{Arc, Mutex};

use ao_core::config::Secrets;
use ao_core::plugin::WakeHost;
use ao_core::slots::tracker::{GetIssue, Issue};
use ao_core::slots::{Slot, Tracker};
use ao_core::{Code, Result};
use ao_host::registry::{
    Configured, Ear, MAX_STATE_KEYS, MAX_STATE_VALUE, Registry, Services, Settings, StateScope, StateStore,
};
use ao_host::store::PluginStore;
use ao_host::world::World;
use serde_json::json;

use super::plugin_home::{Home, probe};
use crate::scratch;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn get(tracker: &Arc<dyn Tracker>, id: &str) -> Result<Issue> {
    run(tracker.get(GetIssue::new(id)))
}

/// Both doors, each serving its instances with this.
fn both(home: &Home, services: &Services) -> [Registry; 2] {
    [home.linked().serving(services.clone()), home.loaded().serving(services.clone())]
}

/// Keeps why it was woken.
#[derive(Default)]
struct Woken(Mutex<Vec<String>>);

impl Ear for Woken {
    fn wake(&self, slot: Slot, name: &str, request: &WakeHost) {
        self.0.lock().unwrap().push(format!("{slot} {name}: {}", request.reason));
    }
}

#[test]
fn a_wake_is_heard_where_somebody_listens() {
    let home = Home::trusted();
    let ear = Arc::new(Woken::default());
    let deaf = Services::passing(World::system());
    let hearing = Services { ear: Some(ear.clone()), ..deaf.clone() };
    for (services, heard) in [(deaf, "false"), (hearing, "true")] {
        for registry in both(&home, &services) {
            let tracker = registry.tracker(&probe(), &json!({})).unwrap();
            assert_eq!(get(&tracker, "wake").unwrap().body, heard);
        }
    }
    assert_eq!(*ear.0.lock().unwrap(), ["tracker probe: an issue changed"; 2]);
}

/// A token that changes whenever it is read.
struct Rotating(Mutex<u32>);

impl Settings for Rotating {
    fn read(&self, field: &str) -> Result<(String, Secrets)> {
        if field != "token" {
            return Err(ao_core::Error::not_found(format!("the plugin's configuration has no setting `{field}`")));
        }
        let mut times = self.0.lock().unwrap();
        *times += 1;
        Ok((format!("rotated-secret-{times}"), Secrets::default()))
    }
}

#[test]
fn a_secret_is_read_anew_and_only_from_the_instances_own_settings() {
    let home = Home::trusted();
    for registry in both(&home, &Services::passing(World::system())) {
        let settings = Some(Arc::new(Rotating(Mutex::new(0))) as Arc<dyn Settings>);
        let configured = Configured { settings, ..Configured::plain(json!({"token": "first-secret"})) };
        let tracker = registry.configured(Slot::Tracker, &probe(), configured).unwrap().tracker().unwrap();
        assert_eq!(get(&tracker, "secret:token").unwrap().body, "rotated-secret-1");
        assert_eq!(get(&tracker, "secret:token").unwrap().body, "rotated-secret-2");
        assert_eq!(get(&tracker, "secret:other").unwrap_err().code, Code::NOT_FOUND);
        // What it has read is kept out of its errors from then on.
        let error = get(&tracker, "tell:rotated-secret-2").unwrap_err();
        assert!(error.message.starts_with("*** of "), "{error}");

        let tracker = registry.tracker(&probe(), &json!({"token": "as-made", "level": 3})).unwrap();
        assert_eq!(get(&tracker, "secret:token").unwrap().body, "as-made");
        assert_eq!(get(&tracker, "secret:level").unwrap_err().code, Code::INVALID_INPUT);
        assert_eq!(get(&tracker, "secret:token.inner").unwrap_err().code, Code::NOT_FOUND);
    }
}

#[test]
fn state_outlives_the_process_and_belongs_to_a_configuration() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    let open = || {
        let store = Arc::new(PluginStore::new(scratch.db(), scratch.world().clone()));
        Services { state: store, ..Services::passing(World::system()) }
    };
    let tracker = |registry: &Registry, label: &str| registry.tracker(&probe(), &json!({"label": label})).unwrap();
    for (text, (first, second)) in
        ["linked", "loaded"].into_iter().zip(both(&home, &open()).into_iter().zip(both(&home, &open())))
    {
        assert_eq!(get(&tracker(&first, text), "recall:last").unwrap().body, "");
        get(&tracker(&first, text), &format!("remember:{text}")).unwrap();
        assert_eq!(get(&tracker(&second, text), "recall:last").unwrap().body, text, "another opening of the file");
        assert_eq!(get(&tracker(&second, "other"), "recall:last").unwrap().body, "");
        get(&tracker(&second, text), "forget:last").unwrap();
        assert_eq!(get(&tracker(&first, text), "recall:last").unwrap().body, "");
    }
}

#[test]
fn nothing_is_made_until_something_is_kept() {
    let scratch = scratch::Scratch::new();
    let store = PluginStore::new(scratch.db(), scratch.world().clone());
    let scope = StateScope { slot: Slot::Tracker, name: "x".to_owned(), config: "0".to_owned() };
    assert_eq!(store.get(&scope, "k").unwrap(), None);
    store.remove(&scope, "k").unwrap();
    assert!(!scratch.db().exists());
}

#[test]
fn state_has_limits() {
    let home = Home::trusted();
    let scratch = scratch::Scratch::new();
    let kept: Arc<dyn StateStore> = Arc::new(PluginStore::new(scratch.db(), scratch.world().clone()));
    let passing = Services::passing(World::system());
    for services in [Services { state: Arc::clone(&kept), ..passing.clone() }, passing] {
        let scope = StateScope { slot: Slot::Tracker, name: "x".to_owned(), config: "0".to_owned() };
        for key in 0..MAX_STATE_KEYS {
            services.state.set(&scope, &key.to_string(), "1").unwrap();
        }
        services.state.set(&scope, "0", "2").unwrap();
        let error = services.state.set(&scope, "one more", "1").unwrap_err();
        assert_eq!(error.code, Code::INVALID_INPUT);
        assert!(error.message.contains("at most 256 keys"), "{error}");
        services.state.remove(&scope, "7").unwrap();
        services.state.set(&scope, "one more", "1").unwrap();

        for registry in both(&home, &services) {
            let tracker = registry.tracker(&probe(), &json!({})).unwrap();
            let error = get(&tracker, &format!("remember:{}", "x".repeat(MAX_STATE_VALUE))).unwrap_err();
            assert_eq!((error.code, error.field.as_deref()), (Code::INVALID_INPUT, Some("value")));
            assert!(error.message.contains("at most 65536 bytes"), "{}", error.message);
            let error = get(&tracker, &format!("recall:{}", "k".repeat(129))).unwrap_err();
            assert!(error.message.contains("1 to 128 bytes"), "{error}");
        }
    }
}

#[test]
fn a_secret_in_a_file_is_seen_when_it_is_changed() {
    use std::collections::BTreeMap;

    use ao_host::setup::{ConfigFiles, Environment, Loaded};
    use ao_host::world::{Places, files};

    let scratch = scratch::Scratch::new();
    let root = &scratch.path;
    let write = |name: &str, text: &str| files::write_atomic(&root.join(name), text.as_bytes(), 0o600).unwrap();
    fs_err::create_dir(root.join("app")).unwrap();
    write("token", "first-token\n");
    write(
        "agent-orchestrator.yaml",
        "version: 1\nprojects:\n  app:\n    path: app\n    tracker:\n      plugin: probe\n      token: file:token\n",
    );
    let config = root.join("agent-orchestrator.yaml");
    let variables =
        BTreeMap::from([("AO_TRUST_CONFIG".to_owned(), ao_host::hash::sha256(&fs_err::read(&config).unwrap()))]);
    let program = root.join("bin/ao");
    let environment = Environment { variables, home: root.clone(), current_directory: root.clone(), program };
    let home = root.clone().into_std_path_buf();
    let places = Places::resolve(&|name| (name == "AO_HOME").then(|| home.join("ao").into()), root).unwrap();
    let files_here = ConfigFiles { global: None, local: Some(config) };
    let loaded = Loaded::read(files_here, &environment, &places).unwrap();
    let setup = loaded.compose(&environment, &places, ao_core::plugin::registrations()).unwrap();
    setup.require_trust().unwrap();
    let project = setup.loaded.config.project(&"app".parse().unwrap()).unwrap();
    let (_, instance) = setup.instance(Slot::Tracker, project.tracker.as_ref().unwrap()).unwrap();
    let tracker = instance.tracker().unwrap();
    assert_eq!(get(&tracker, "secret:token").unwrap().body, "first-token");
    write("token", "second-token\n");
    assert_eq!(get(&tracker, "secret:token").unwrap().body, "second-token");
    let error = get(&tracker, "tell:second-token").unwrap_err();
    assert_eq!(error.message, "*** of ***", "the old one stays masked, too");
    assert_eq!(get(&tracker, "secret:plugin").unwrap_err().code, Code::NOT_FOUND, "no setting of the plugin's");
    fs_err::remove_file(root.join("token")).unwrap();
    assert_eq!(get(&tracker, "secret:token").unwrap_err().code, Code::INVALID_INPUT);
}
