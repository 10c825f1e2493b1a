//! periapt-agent
