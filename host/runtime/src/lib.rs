//! The worker: supervisor, task state machine, source and sink loops
