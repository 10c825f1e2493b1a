//! The API's description.

use super::*;

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                found.insert(target.clone());
            }
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(list) => list.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_whole() {
    let daemon = Daemon::start().await;
    let document = daemon.client.openapi().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{reference} leads nowhere");
    }
    let mut operations = Vec::new();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let of_path: BTreeSet<&str> =
                parameters.iter().filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
            let in_path: BTreeSet<&str> =
                path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(of_path, in_path, "{method} {path}");
            let queries: Vec<&str> =
                parameters.iter().filter(|p| p["in"] == "query").filter_map(|p| p["name"].as_str()).collect();
            let query = if queries.is_empty() { String::new() } else { format!("?{}", queries.join("&")) };
            operations.push(format!("{} {path}{query}  {id}", method.to_uppercase()));
        }
    }
    operations
        .sort_by_key(|line| line.split_once(' ').map(|(method, path)| (path.to_owned(), method.to_owned())));
    insta::assert_snapshot!(operations.join("\n"));
}
