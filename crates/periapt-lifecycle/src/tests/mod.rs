mod harness;
mod leadership_and_upgrade;
mod order;
mod property;
mod timers_and_errors;
mod traces;
mod waits;
mod wakes;
