//! periapt-build
