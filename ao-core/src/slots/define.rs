//! `slots!`: a slot declared once yields its native trait, the proxy over a transport, the guard, the plugin-side
//! dispatcher and the method list.

/// Declares a slot.
///
/// `[call|open DEADLINE idem|once|pure] name(request: Request) -> Result<Reply>;` is a required method. A `{ body }` in place
/// of the `;` is its default: the trait's default body and, in `Remote`, the answer for a library that lacks the
/// method. A body may use the request and nothing else.
macro_rules! slots {
    ($(
        $(#[$slot_meta:meta])*
        slot $slot:ident: trait $Trait:ident {
            $(
                $(#[$method_meta:meta])*
                [$kind:ident $deadline:tt $class:ident]
                $method:ident($request:ident: $Request:ty) -> Result<$Reply:ty> $body:tt
            )*
        }
    )*) => {$(
        $(#[$slot_meta])*
        #[::async_trait::async_trait]
        pub trait $Trait: Send + Sync + 'static {
            $(
                $(#[$method_meta])*
                #[allow(unused_variables, reason = "a default may not need its request")]
                async fn $method(&self, $request: $Request) -> crate::Result<$Reply> $body
            )*
        }

        /// The slot at the plugin boundary: proxy, guard, dispatcher, method list.
        pub mod boundary {
            use super::*;

            /// The methods of the slot, in the order of their declaration.
            pub const METHODS: &[crate::plugin::Method] = &[$(
                crate::plugin::Method::declare(
                    stringify!($method), stringify!($kind), stringify!($deadline), stringify!($class),
                ),
            )*];

            /// The slot itself.
            pub const SLOT: crate::slots::Slot = crate::slots::Slot::$Trait;

            /// Names the slot where a plugin's type is turned into an instance.
            #[derive(Clone, Copy, Debug)]
            pub struct Marker;

            const fn declared(name: &'static str) -> &'static crate::plugin::Method {
                crate::slots::define::find(METHODS, name)
            }

            /// The slot over a transport: an instance that lives in a library.
            pub struct Remote(pub std::sync::Arc<dyn crate::plugin::Transport>);

            #[::async_trait::async_trait]
            impl $Trait for Remote {
                $(
                    async fn $method(&self, $request: $Request) -> crate::Result<$Reply> {
                        if !self.0.has(stringify!($method)) {
                            crate::slots::define::fallback!($method $body)
                        }
                        crate::slots::define::remote!($kind self $method $request)
                    }
                )*
            }

            /// The slot under a policy: deadline, breaker, capture of panics.
            pub struct Guarded {
                /// Who answers.
                pub inner: std::sync::Arc<dyn $Trait>,
                /// What is done around each call.
                pub policy: std::sync::Arc<dyn crate::plugin::CallPolicy>,
            }

            #[::async_trait::async_trait]
            impl $Trait for Guarded {
                $(
                    async fn $method(&self, $request: $Request) -> crate::Result<$Reply> {
                        const METHOD: &crate::plugin::Method = declared(stringify!($method));
                        crate::slots::define::guarded!($kind self METHOD $method $request)
                    }
                )*
            }

            /// The plugin's end: the slot called by method name.
            pub struct Dispatcher(pub std::sync::Arc<dyn $Trait>);

            #[::async_trait::async_trait]
            impl crate::plugin::Dispatch for Dispatcher {
                fn method(&self, name: &str) -> Option<&'static crate::plugin::Method> {
                    METHODS.iter().find(|method| method.name == name)
                }

                async fn call(&self, method: &str, payload: &[u8]) -> crate::Result<Vec<u8>> {
                    match method {
                        $(stringify!($method) => crate::slots::define::serve_call!($kind self $method payload),)*
                        _ => Err(crate::plugin::unknown_method(stringify!($slot), method)),
                    }
                }

                async fn open(&self, method: &str, payload: &[u8]) -> crate::Result<crate::plugin::BoxStream> {
                    let _ = payload;
                    match method {
                        $(stringify!($method) => crate::slots::define::serve_open!($kind self $method payload),)*
                        _ => Err(crate::plugin::unknown_method(stringify!($slot), method)),
                    }
                }
            }
        }
    )*};
}

/// What `Remote` does when the library lacks the method: leaves with the default, or with a refusal.
macro_rules! fallback {
    ($method:ident ;) => {
        return Err(crate::plugin::lacking(stringify!($method)))
    };
    ($method:ident $body:block) => {
        return $body
    };
}

macro_rules! remote {
    (call $self:ident $method:ident $request:ident) => {
        crate::plugin::remote_call(&*$self.0, stringify!($method), &$request).await
    };
    (open $self:ident $method:ident $request:ident) => {
        crate::plugin::remote_open(&*$self.0, stringify!($method), &$request).await
    };
}

macro_rules! guarded {
    (call $self:ident $METHOD:ident $method:ident $request:ident) => {
        crate::plugin::guard(&*$self.policy, $METHOD, $self.inner.$method($request)).await
    };
    (open $self:ident $METHOD:ident $method:ident $request:ident) => {
        crate::plugin::guard_open(&$self.policy, $METHOD, $self.inner.$method($request)).await
    };
}

macro_rules! serve_call {
    (call $self:ident $method:ident $payload:ident) => {
        crate::plugin::encode(
            stringify!($method),
            &$self.0.$method(crate::plugin::decode(stringify!($method), $payload)?).await?,
        )
    };
    (open $self:ident $method:ident $payload:ident) => {
        Err(crate::Error::invalid_input(concat!("`", stringify!($method), "` is opened, not called")))
    };
}

macro_rules! serve_open {
    (open $self:ident $method:ident $payload:ident) => {
        $self.0.$method(crate::plugin::decode(stringify!($method), $payload)?).await
    };
    (call $self:ident $method:ident $payload:ident) => {
        Err(crate::Error::invalid_input(concat!("`", stringify!($method), "` is called, not opened")))
    };
}

pub(crate) use {fallback, guarded, remote, serve_call, serve_open, slots};

/// The method of this name; a build error where there is none.
pub(crate) const fn find(
    methods: &'static [crate::plugin::Method],
    name: &'static str,
) -> &'static crate::plugin::Method {
    let mut index = 0;
    while index < methods.len() {
        if same(methods[index].name.as_bytes(), name.as_bytes()) {
            return &methods[index];
        }
        index += 1;
    }
    panic!("a slot's guard names a method that its list lacks")
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}
