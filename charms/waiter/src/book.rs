//! What the waiter remembers from one event to the next.

use std::collections::BTreeMap;

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The waiter's stored state. It is saved with the dispatch: a hook that fails leaves it as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// The doors are open.
    pub open: bool,
    /// The oven is hot.
    pub oven_is_hot: bool,
    /// What there is to drink.
    pub drink: String,
    /// What was served, in order.
    pub served: Vec<Served>,
    /// The number of the last order.
    pub orders: u32,
    /// The guests' tables, by the name of their relation.
    pub tables: BTreeMap<String, u32>,
}

/// A dish that was served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// The number of the order; 0 for those of which it is not known.
    pub number: u32,
    /// The dish.
    pub dish: String,
}

impl StoredState for Book {
    const KEY: &'static str = "book";
    const VERSION: u32 = 2;

    /// Version 1 had only the names of the dishes, and no tables.
    fn migrate(version: u32, mut value: Value) -> Result<Value, Error> {
        if version != 1 {
            return Err(Error::bug(format!("a book of version {version} was written by a newer waiter")));
        }
        let dishes = value["served"].as_array().cloned().unwrap_or_default();
        value["served"] = dishes.into_iter().map(|dish| json!({"number": 0, "dish": dish})).collect();
        value["tables"] = json!({});
        Ok(value)
    }
}

impl Book {
    /// The number of a new order.
    pub fn next_number(&mut self) -> u32 {
        self.orders += 1;
        self.orders
    }

    /// The table of these guests: the one they have, or the first that is free.
    pub fn table_of(&mut self, guests: &str) -> u32 {
        if let Some(table) = self.tables.get(guests) {
            return *table;
        }
        let free = (1..).find(|number| self.tables.values().all(|taken| taken != number)).unwrap_or(1);
        self.tables.insert(guests.to_owned(), free);
        free
    }

    /// Clears the tables of all other guests.
    pub fn keep_tables(&mut self, guests: &[String]) {
        self.tables.retain(|name, _| guests.contains(name));
    }
}
