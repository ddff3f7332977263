//! Types and calls generated from `wit/`.
//!
//! The exports are bound in three parts, so that what a source and a sink have in common exists once: every plugin has
//! the `base` part, and a `source` or a `sink` part beside it. Arguments are borrowed: a batch goes from the host's
//! buffers into the guest's memory with no copy between.

/// `connector` and `lifecycle`, and the imports.
pub(crate) mod base {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package wharf:host;
            world base {
                import openmessaging:connect/host@0.1.0;
                import openmessaging:connect/net@0.1.0;
                export openmessaging:connect/connector@0.1.0;
                export openmessaging:connect/lifecycle@0.1.0;
            }
        ",
        world: "wharf:host/base",
        imports: {
            "openmessaging:connect/host.offsets": async,
            "openmessaging:connect/net.connect": async | trappable,
            "openmessaging:connect/net.[method]connection.read": async | trappable,
            "openmessaging:connect/net.[method]connection.write": async | trappable,
            "openmessaging:connect/net.[method]connection.start-tls": async | trappable,
            "openmessaging:connect/net.[method]connection.finish": async | trappable,
            "openmessaging:connect/net.[drop]connection": async | trappable,
        },
        with: { "openmessaging:connect/net.connection": wharf_egress::Connection },
        exports: { default: async },
    });
}

/// `source`.
pub(crate) mod source {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package wharf:host;
            world source-part {
                export openmessaging:connect/source@0.1.0;
            }
        ",
        world: "wharf:host/source-part",
        exports: { default: async },
        with: { "openmessaging:connect/types": crate::bindings::base::openmessaging::connect::types },
    });
}

/// `sink`.
pub(crate) mod sink {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package wharf:host;
            world sink-part {
                export openmessaging:connect/sink@0.1.0;
            }
        ",
        world: "wharf:host/sink-part",
        exports: { default: async },
        with: { "openmessaging:connect/types": crate::bindings::base::openmessaging::connect::types },
    });
}
