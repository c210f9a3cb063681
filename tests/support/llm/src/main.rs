//! `ao-scripted-llm`: the scripted server by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use ao_scripted_llm::{Llm, Options, Script};
use clap::Parser;

/// Answers agents as language models' services do, by a script
///
/// The first line that it prints is its address. Then it prints a JSON line for each thing that it is asked, and one for
/// what came of it.
#[derive(Parser)]
#[command(name = "ao-scripted-llm")]
struct Arguments {
    /// On this port of 127.0.0.1; 0 is any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Rules, in YAML; without, prompts direct by words such as `RUN_SHELL=ls;;`
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Prints headers, standing instructions and bodies, too
    #[arg(long)]
    bodies: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(never) => match never {},
        Err(error) => {
            anstream::eprintln!("ao-scripted-llm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<std::convert::Infallible, String> {
    let script = match &arguments.script {
        None => Script::new(),
        Some(file) => {
            let text = fs_err::read_to_string(file).map_err(|error| error.to_string())?;
            Script::from_yaml(&text).map_err(|error| format!("could not read {}: {error}", file.display()))?
        }
    };
    let options = Options::new().port(arguments.port).log(std::io::stdout());
    let options = if arguments.bodies { options.log_bodies() } else { options };
    let llm = Llm::start_with(options, script)
        .map_err(|error| format!("could not listen on port {}: {error}", arguments.port))?;
    anstream::println!("{}", llm.url());
    loop {
        std::thread::park();
    }
}
