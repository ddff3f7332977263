//! The plugins directory: finding, checking and naming plugins
