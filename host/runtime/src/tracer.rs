//! Who is told of traced batches.

use std::sync::Arc;

use wharf_core::trace::Tracer;

/// Who is told of traced batches; by default nobody, which costs a look at a pointer for each batch.
#[derive(Debug, Clone, Default)]
pub struct Tracing(pub Option<Arc<dyn Tracer>>);

impl PartialEq for Tracing {
    /// Whether it is the same one.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}
