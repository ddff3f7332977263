//! Bindings of the interface `openmessaging:connect/net`, generated from `wit/` when this crate is built.
//!
//! The worlds of plugins import the interface too, but a component is linked with the description of every world whose
//! bindings it uses: so that a source and a sink can share one network module, the interface has a world of its own here,
//! which exports nothing and clashes with none. A plugin that does not use it does not import it. Connector authors use
//! `wharf-sdk` and never see this crate.
#![expect(missing_docs, reason = "generated; the documentation is in wit/")]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package openmessaging:connect-net-client@0.1.0;
        world net-client {
            import openmessaging:connect/net@0.1.0;
        }
    ",
    world: "openmessaging:connect-net-client/net-client",
    generate_all,
});
