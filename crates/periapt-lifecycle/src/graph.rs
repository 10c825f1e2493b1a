//! The lifecycle table as a graph: for documentation, for the web page, for `periapt lifecycle`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::table::{EDGES, Edge, EventKind, Node, PLACES, Phase, Strength};

/// A drawn line: from, to, the edge that says so.
type Line = (&'static str, &'static str, &'static Edge);

fn names(node: Node) -> Vec<&'static str> {
    match node {
        Node::Begin => vec!["begin"],
        Node::End => vec!["end"],
        Node::NewFiles => vec!["new-files"],
        Node::Reboot => vec!["reboot"],
        Node::Events(kinds) => kinds.iter().map(|kind| kind.as_str()).collect(),
        // Drawn to every event, these would hide all others.
        Node::AnyOther | Node::Nothing => Vec::new(),
    }
}

/// The lines that say what comes before what. Edges that forbid, or deny any order, are rows of the table only.
fn lines() -> impl Iterator<Item = Line> {
    EDGES.iter().filter(|edge| !matches!(edge.strength, Strength::Forbidden | Strength::None)).flat_map(
        |edge| {
            let after = names(edge.after);
            names(edge.before)
                .into_iter()
                .flat_map(move |from| after.clone().into_iter().map(move |to| (from, to, edge)))
        },
    )
}

/// The phase in which an event is drawn: the first in which it may occur without condition, else the first at all.
fn home(kind: EventKind) -> Phase {
    let phases = [Phase::Setup, Phase::Operation, Phase::Teardown];
    let Some(place) = PLACES.iter().find(|place| place.event == kind) else { return Phase::Operation };
    let free = phases.iter().find(|phase| place.in_phase(**phase) == crate::table::Presence::Yes);
    let possible = phases.iter().find(|phase| place.in_phase(**phase).is_possible());
    free.or(possible).copied().unwrap_or(Phase::Operation)
}

fn phases() -> [(Phase, &'static str); 3] {
    [(Phase::Setup, "Setup"), (Phase::Operation, "Operation"), (Phase::Teardown, "Teardown")]
}

fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// The graph for Mermaid. Thick lines have nothing in between, dotted ones are usual but not certain.
pub fn mermaid() -> String {
    let mut out = String::from(
        "flowchart TD\n  begin((begin))\n  finish((end))\n  new_files[/new charm files/]\n  reboot[/reboot/]\n",
    );
    for (phase, title) in phases() {
        let _ = writeln!(out, "  subgraph {title}");
        for kind in EventKind::ALL.iter().filter(|kind| home(**kind) == phase) {
            let _ = writeln!(out, "    {}[{}]", identifier(kind.as_str()), kind.as_str());
        }
        out.push_str("  end\n");
    }
    // `end` is a word of Mermaid's own.
    let node = |name: &str| if name == "end" { "finish".to_owned() } else { identifier(name) };
    for (from, to, edge) in lines() {
        let arrow = match edge.strength {
            Strength::Immediate => "==>",
            Strength::May => "-.->",
            _ => "-->",
        };
        let _ = writeln!(out, "  {} {arrow}|{}| {}", node(from), edge.id, node(to));
    }
    out
}

/// The graph for Graphviz.
pub fn dot() -> String {
    let mut out = String::from(
        "digraph lifecycle {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=9];\n",
    );
    out.push_str("  \"begin\" [shape=circle];\n  \"end\" [shape=doublecircle];\n  \"new-files\" [shape=parallelogram];\n  \"reboot\" [shape=parallelogram];\n");
    for (phase, title) in phases() {
        let _ = writeln!(out, "  subgraph \"cluster_{title}\" {{\n    label=\"{title}\";");
        for kind in EventKind::ALL.iter().filter(|kind| home(**kind) == phase) {
            let _ = writeln!(out, "    \"{}\";", kind.as_str());
        }
        out.push_str("  }\n");
    }
    for (from, to, edge) in lines() {
        let style = match edge.strength {
            Strength::Immediate => ", style=bold",
            Strength::May => ", style=dashed",
            _ => "",
        };
        let _ = writeln!(out, "  \"{from}\" -> \"{to}\" [label=\"{}\"{style}];", edge.id);
    }
    out.push_str("}\n");
    out
}

/// The whole table: `edges` and `places`.
pub fn json() -> Value {
    json!({ "edges": EDGES, "places": PLACES })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_edge_is_in_each_form() {
        let (mermaid, dot, json) = (mermaid(), dot(), json());
        for (from, to, edge) in lines() {
            assert!(mermaid.contains(&format!("|{}|", edge.id)), "{}", edge.id);
            assert!(dot.contains(&format!("\"{from}\" -> \"{to}\" [label=\"{}\"", edge.id)), "{}", edge.id);
        }
        assert_eq!(json["edges"].as_array().map(Vec::len), Some(EDGES.len()));
        assert_eq!(json["places"].as_array().map(Vec::len), Some(PLACES.len()));
        for kind in EventKind::ALL {
            assert!(mermaid.contains(&format!("[{}]", kind.as_str())), "{}", kind.as_str());
        }
        assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    }
}
