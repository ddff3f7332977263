//! Checks any plugin, in any language, against the contract.
