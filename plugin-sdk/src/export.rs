//! `export_plugin!`: one line a plugin.

/// Exports plugins, once per crate: `export_plugin! { tracker "acme" => AcmeTracker, notifier "acme" => AcmeNotifier }`.
///
/// The slot is one of `runtime`, `agent`, `workspace`, `tracker`, `scm`, `notifier` and `terminal`; the name is what
/// users write in their configuration; the type implements [`Plugin`](crate::Plugin) and the slot's trait. A doc
/// comment in front of the slot becomes the summary that `ao plugin list` shows.
#[macro_export]
macro_rules! export_plugin {
    ($($(#[doc = $summary:literal])* $slot:ident $name:literal => $Type:ty),+ $(,)?) => {
        const _: () = {
            #[cfg(panic = "abort")]
            compile_error!("a plugin library needs `panic = \"unwind\"` in its profile");

            $(
                $crate::inventory::submit! {
                    $crate::core::plugin::Registration {
                        crate_name: env!("CARGO_CRATE_NAME"),
                        crate_version: env!("CARGO_PKG_VERSION"),
                        slot: $crate::core::slots::$slot::boundary::SLOT,
                        name: $name,
                        summary: concat!($($summary),*),
                        config_schema: $crate::glue::config_schema::<$Type>,
                        create: $crate::glue::create::<$Type, $crate::core::slots::$slot::boundary::Marker>,
                    }
                }
            )+

            struct ThisLibrary;

            impl $crate::glue::Library for ThisLibrary {
                const CRATE_NAME: &'static str = env!("CARGO_CRATE_NAME");
                const CRATE_VERSION: &'static str = env!("CARGO_PKG_VERSION");
            }

            // Named after the crate, so that several plugins can be linked into one program.
            #[allow(unsafe_code, reason = "the name is this crate's own")]
            #[unsafe(export_name = concat!("__ao_plugin_v1_", env!("CARGO_CRATE_NAME")))]
            static HEADER: $crate::glue::LibHeader = $crate::glue::header::<ThisLibrary>();
        };
    };
}
