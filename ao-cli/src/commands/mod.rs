//! The commands, a file each. A new one is a module and a line in the table below; its `Arguments` say what it accepts,
//! their first line of documentation is its help, and their `run` does the work.

/// Commands below a command: its `Arguments`, which hand on to those of the one that is asked for.
macro_rules! subcommands {
    ($(#[$about:meta])* { $($Variant:ident($module:ident),)* }) => {
        $(#[$about])*
        #[derive(clap::Args)]
        pub(crate) struct Arguments {
            #[command(subcommand)]
            command: Command,
        }

        #[derive(clap::Subcommand)]
        enum Command {
            $($Variant($module::Arguments),)*
        }

        impl Arguments {
            pub(crate) fn run(self, edge: &crate::edge::Edge) -> crate::failure::Outcome {
                match self.command {
                    $(Command::$Variant(arguments) => arguments.run(edge),)*
                }
            }
        }
    };
}

mod acknowledge;
mod acp;
mod adopt;
mod agent;
mod answer;
mod batch_spawn;
mod certify;
mod check;
mod completion;
mod config;
mod demo;
mod demo_agent;
mod docs;
mod doctor;
mod events;
mod gc;
mod hold;
pub(crate) mod hook;
mod host;
mod host_library;
mod inbox;
mod init;
mod issue;
mod man;
mod manifest;
mod notify;
mod opencode;
mod opencode_server;
mod orchestrator;
mod pause;
mod plugin;
mod pr;
mod reactions;
mod reconcile;
mod report;
mod resume;
mod schemas;
mod send;
mod session;
mod spawn;
mod start;
mod status;
mod stop;
mod trash;
mod trust;
mod why;

use crate::edge::Edge;
use crate::failure::Outcome;

macro_rules! commands {
    ($($heading:literal { $($(#[$attribute:meta])* $Variant:ident($module:ident),)* })*) => {
        /// What `ao` is asked to do.
        #[derive(clap::Subcommand)]
        pub(crate) enum Command {
            $($($(#[$attribute])* $Variant($module::Arguments),)*)*
        }

        /// The headings in the help, with the names of the commands under each; an underscore stands for a dash.
        pub(crate) const GROUPS: &[(&str, &[&str])] = &[$(($heading, &[$(stringify!($module)),*])),*];

        impl Command {
            /// Whether it is the host without a terminal, which has nothing of its starter's but what it was told.
            pub(crate) fn is_detached(&self) -> bool {
                matches!(self, Self::Host(_))
            }

            /// Does it.
            pub(crate) fn run(self, edge: &Edge) -> Outcome {
                match self {
                    $($(Self::$Variant(arguments) => arguments.run(edge),)*)*
                }
            }
        }
    };
}

commands! {
    "Sessions" {
        Spawn(spawn),
        BatchSpawn(batch_spawn),
        Status(status),
        Inbox(inbox),
        Acknowledge(acknowledge),
        Send(send),
        Answer(answer),
        Report(report),
        Issue(issue),
        Pause(pause),
        Resume(resume),
        Session(session),
        Orchestrator(orchestrator),
        Adopt(adopt),
        Pr(pr),
        Events(events),
        Why(why),
        Trash(trash),
        Gc(gc),
        Demo(demo),
    }
    "The host" {
        Start(start),
        Stop(stop),
        Reconcile(reconcile),
    }
    "Set up" {
        Init(init),
        Trust(trust),
        Doctor(doctor),
        Notify(notify),
        Completion(completion),
        Man(man),
    }
    "Configuration and plugins" {
        Config(config),
        Reactions(reactions),
        Plugin(plugin),
        Agent(agent),
    }
    "For other programs" {
        #[command(name = "__hold", hide = true)]
        Hold(hold),
        #[command(name = "__acp", hide = true)]
        Acp(acp),
        #[command(name = "__opencode", hide = true)]
        Opencode(opencode),
        #[command(name = "__opencode-server", hide = true)]
        OpencodeServer(opencode_server),
        #[command(name = "__check", hide = true)]
        Check(check),
        #[command(name = "__host", hide = true)]
        Host(host),
        #[command(name = "__demo_agent", hide = true)]
        DemoAgent(demo_agent),
        #[command(name = "__library", hide = true)]
        HostLibrary(host_library),
        #[command(name = "__manifest", hide = true)]
        Manifest(manifest),
        #[command(name = "__certify", hide = true)]
        Certify(certify),
        #[command(name = "__docs", hide = true)]
        Docs(docs),
        #[command(name = "__schemas", hide = true)]
        Schemas(schemas),
    }
}
