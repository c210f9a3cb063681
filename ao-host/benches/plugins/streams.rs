//! Streams: frames of 64 KiB to a terminal that echoes, and back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ao_core::model::SessionId;
use ao_core::plugin::Frame;
use ao_core::slots::Runtime;
use ao_core::slots::common::Owner;
use ao_core::slots::runtime::{CreateRuntime, OpenTerminal, Size};
use ao_host::registry::Candidate;
use ao_plugin_fixture::FixtureRuntime;
use ao_plugin_sdk::Plugin;
use camino::Utf8Path;
use serde_json::json;

use crate::rig::{isolated, library, registry};

const FRAME: usize = 64 * 1024;
/// 128 MiB there, and as much back.
const FRAMES: u32 = 2048;
/// What one frame carries both ways, in MiB.
const BOTH_WAYS: f64 = 0.125;

pub(crate) fn run(scratch: &Utf8Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let name = "fixture".parse().unwrap();
    let config = json!({});
    let native: Arc<dyn Runtime> =
        Arc::new(FixtureRuntime::new(serde_json::from_value(config.clone()).unwrap()).unwrap());
    let linked = registry(scratch, Vec::new()).runtime(&name, &config).unwrap();
    let loaded = registry(scratch, vec![Candidate::plain(library())]).runtime(&name, &config).unwrap();
    let apart = registry(scratch, vec![isolated()]).runtime(&name, &config).unwrap();
    println!("\n## A stream\n\nFrames of 64 KiB to a terminal that echoes each: one at a time, there and back.\n");
    println!("| stream | MiB/s, both ways together | µs a frame |\n|---|---:|---:|");
    for (what, plugin) in [
        ("native", native),
        ("linked in and guarded", linked),
        ("through a library", loaded),
        ("out of process", apart),
    ] {
        let seconds = runtime.block_on(echo(&plugin));
        let mebibytes = f64::from(FRAMES) * BOTH_WAYS / seconds;
        println!("| {what} | {mebibytes:.0} | {:.1} |", seconds / f64::from(FRAMES) * 1e6);
    }
}

/// How long all frames take, in seconds.
async fn echo(plugin: &Arc<dyn Runtime>) -> f64 {
    let owner = Owner::new("00000000", "/run", "/state");
    let session: SessionId = "bench-1".parse().unwrap();
    let argv = vec!["agent".to_owned()];
    let create = CreateRuntime::new(session, "key", owner, "/bin/ao", "/dir", "/cwd", argv, BTreeMap::new());
    let handle = plugin.create(create).await.unwrap();
    let stream = plugin.terminal(OpenTerminal::new(handle, Size::new(80_u16, 24_u16))).await.unwrap();
    let data = vec![7; FRAME];
    let start = Instant::now();
    for _ in 0..FRAMES {
        stream.send(Frame::Data(data.clone())).await.unwrap();
        let Some(Frame::Data(back)) = stream.next().await.unwrap() else { panic!("the echo is data") };
        assert_eq!(back.len(), FRAME);
    }
    start.elapsed().as_secs_f64()
}
