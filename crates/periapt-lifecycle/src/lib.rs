//! periapt-lifecycle
