//! Bindings of the world `webhook-plugin`, generated from `wit/` when this crate is built.
//!
//! One crate for each world: a component is linked with the description of every world whose bindings it uses, and two
//! worlds in one component clash. Connector authors use `wharf-sdk` and never see this crate.
#![expect(missing_docs, reason = "generated; the documentation is in wit/")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "webhook-plugin",
    pub_export_macro: true,
});
