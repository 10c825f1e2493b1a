//! From text to a tree: anchors, aliases, merge keys and budgets.

use std::collections::BTreeMap;
use std::sync::Arc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span as SourceSpan, Tag};

use super::node::{Entry, Kind, Map, Node, Span};
use super::scalar::{CoreTag, Scalar};

/// How deep nodes may nest, aliases counted where they are used.
const MAX_DEPTH: usize = 100;
/// How many nodes a document may have after its aliases are expanded.
const MAX_NODES: usize = 200_000;
/// How many bytes of text a document may have after its aliases are expanded.
const MAX_BYTES: usize = 16 << 20;

/// Text that is not a YAML document that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {message}", span.line, span.column)]
pub struct YamlError {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Reads one YAML document. An empty document is a null scalar at the first line.
///
/// # Errors
/// Text that is not YAML; a key given twice in one mapping; a key that is not a scalar; a merge key whose value is not
/// a mapping; a second document; more nodes, bytes or depth than any charm has (which also stops aliases that expand
/// without bound).
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let mut options = granit_parser::options! {};
    options.set_emit_comments(false);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = Loader::default();
    for item in Parser::new_from_str_with_options(text, options) {
        let (event, span) = item.map_err(|error| YamlError {
            span: Span { length: None, ..position(error.marker()) },
            message: format!("not valid YAML: {}", error.info()),
            help: tab_help(text, error.marker().line()),
        })?;
        loader.event(event, span_of(&span))?;
    }
    let empty = || Node {
        span: Span { line: 1, column: 1, length: None },
        kind: Kind::Scalar(Scalar { text: "".into(), plain: true, tag: None }),
    };
    Ok(loader.root.unwrap_or_else(empty))
}

/// The usual mistake behind a scanner's error that does not name it.
fn tab_help(text: &str, line: usize) -> Option<String> {
    let around = text.lines().skip(line.saturating_sub(2)).take(2);
    let tabbed = around.map(|l| l.trim_start_matches(' ')).any(|l| l.starts_with('\t'));
    tabbed.then(|| "indent with spaces; YAML does not allow tabs there".to_owned())
}

fn position(marker: &Marker) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { line: number(marker.line().max(1)), column: number(marker.col() + 1), length: None }
}

fn span_of(span: &SourceSpan) -> Span {
    let length = (span.start.line() == span.end.line())
        .then(|| u32::try_from(span.end.col().saturating_sub(span.start.col())).ok())
        .flatten()
        .filter(|n| *n > 0);
    Span { length, ..position(&span.start) }
}

/// A node that an alias may name, with what a copy of it costs.
struct Anchored {
    node: Node,
    cost: Cost,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

enum Frame {
    Seq { span: Span, anchor: usize, items: Vec<Node> },
    Map(MapFrame),
}

struct MapFrame {
    span: Span,
    anchor: usize,
    entries: Vec<Entry>,
    seen: BTreeMap<Arc<str>, Span>,
    /// The key that waits for its value.
    key: Option<(Scalar, Span)>,
    /// The values of `<<`, in order.
    merges: Vec<Node>,
}

#[derive(Default)]
struct Loader {
    root: Option<Node>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    bytes: usize,
}

impl Loader {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().and_then(core_tag);
                self.spend(span, Cost { nodes: 1, bytes: text.len(), depth: 0 })?;
                let scalar = Scalar { text: text.as_ref().into(), plain, tag };
                self.finish(Node { span, kind: Kind::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.spend(span, Cost { nodes: 1, bytes: 0, depth: 1 })?;
                self.stack.push(Frame::Seq { span, anchor, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.spend(span, Cost { nodes: 1, bytes: 0, depth: 1 })?;
                self.stack.push(Frame::Map(MapFrame {
                    span,
                    anchor,
                    entries: Vec::new(),
                    seen: BTreeMap::new(),
                    key: None,
                    merges: Vec::new(),
                }));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::Seq { span, anchor, items }) => {
                    self.finish(Node { span, kind: Kind::Seq(items) }, anchor)
                }
                Some(Frame::Map(frame)) => {
                    let (span, anchor) = (frame.span, frame.anchor);
                    let map = self.close_map(frame)?;
                    self.finish(Node { span, kind: Kind::Map(map) }, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    return Err(error(span, "an alias to the node that it stands in", None));
                };
                let mut node = target.node.clone();
                let cost = target.cost;
                node.span = span;
                self.spend(span, cost)?;
                self.finish(node, 0)
            }
            _ => Ok(()),
        }
    }

    /// Counts what a node adds to the document, before it is built.
    fn spend(&mut self, span: Span, cost: Cost) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(cost.nodes);
        self.bytes = self.bytes.saturating_add(cost.bytes);
        if self.nodes > MAX_NODES || self.bytes > MAX_BYTES {
            let message =
                format!("the document is too large: more than {MAX_NODES} nodes or {MAX_BYTES} bytes");
            return Err(error(span, &message, Some("aliases count as often as they are used")));
        }
        if self.stack.len() + cost.depth > MAX_DEPTH {
            return Err(error(span, &format!("nested more than {MAX_DEPTH} deep"), None));
        }
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            let cost = cost_of(&node);
            // The table holds a copy of its own.
            self.spend(node.span, Cost { depth: 0, ..cost })?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), cost });
        }
        match self.stack.last_mut() {
            Some(Frame::Seq { items, .. }) => items.push(node),
            Some(Frame::Map(frame)) => return frame.take(node),
            None if self.root.is_none() => self.root = Some(node),
            // `---` after the last line, with nothing behind it, is harmless.
            None if node.is_null() => {}
            None => {
                return Err(error(
                    node.span,
                    "a second YAML document starts here",
                    Some("keep one document in the file: remove what follows this `---`"),
                ));
            }
        }
        Ok(())
    }

    /// Adds what `<<` brings: keys of the mapping itself win, then those of earlier merges.
    fn close_map(&mut self, mut frame: MapFrame) -> Result<Map, YamlError> {
        let mut sources = Vec::new();
        for merge in std::mem::take(&mut frame.merges) {
            match merge.kind {
                Kind::Map(map) => sources.push(map),
                Kind::Seq(items) => {
                    for item in items {
                        match item.kind {
                            Kind::Map(map) => sources.push(map),
                            _ => return Err(bad_merge(item.span)),
                        }
                    }
                }
                Kind::Scalar(_) => return Err(bad_merge(merge.span)),
            }
        }
        for entry in sources.into_iter().flat_map(|m| m.entries) {
            if !frame.seen.contains_key(&entry.key) {
                frame.seen.insert(Arc::clone(&entry.key), entry.key_span);
                frame.entries.push(entry);
            }
        }
        Ok(Map { entries: frame.entries })
    }
}

impl MapFrame {
    fn take(&mut self, node: Node) -> Result<(), YamlError> {
        let Some((key, key_span)) = self.key.take() else {
            let Kind::Scalar(scalar) = node.kind else {
                return Err(error(node.span, "a key must be a scalar, not a list or a mapping", None));
            };
            self.key = Some((scalar, node.span));
            return Ok(());
        };
        if key.plain && key.tag.is_none() && &*key.text == "<<" {
            self.merges.push(node);
            return Ok(());
        }
        if let Some(first) = self.seen.get(&key.text) {
            let message = format!(
                "the key {:?} is given twice, first at line {}, column {}",
                key.text, first.line, first.column
            );
            return Err(error(key_span, &message, Some("remove or rename one of the two")));
        }
        self.seen.insert(Arc::clone(&key.text), key_span);
        self.entries.push(Entry { key: key.text, key_span, value: node });
        Ok(())
    }
}

fn cost_of(node: &Node) -> Cost {
    match &node.kind {
        Kind::Scalar(scalar) => Cost { nodes: 1, bytes: scalar.text.len(), depth: 0 },
        Kind::Seq(items) => {
            items.iter().fold(Cost { nodes: 1, bytes: 0, depth: 1 }, |sum, i| add(sum, cost_of(i)))
        }
        Kind::Map(map) => map.iter().fold(Cost { nodes: 1, bytes: 0, depth: 1 }, |sum, e| {
            add(Cost { bytes: sum.bytes.saturating_add(e.key.len()), ..sum }, cost_of(&e.value))
        }),
    }
}

fn add(sum: Cost, child: Cost) -> Cost {
    Cost {
        nodes: sum.nodes.saturating_add(child.nodes),
        bytes: sum.bytes.saturating_add(child.bytes),
        depth: sum.depth.max(child.depth + 1),
    }
}

fn core_tag(tag: &Tag) -> Option<CoreTag> {
    if tag.handle().is_empty() && tag.suffix() == "!" || tag.handle() == "!" && tag.suffix().is_empty() {
        return Some(CoreTag::Str);
    }
    match tag.core_suffix()? {
        "str" => Some(CoreTag::Str),
        "null" => Some(CoreTag::Null),
        "bool" => Some(CoreTag::Bool),
        "int" => Some(CoreTag::Int),
        "float" => Some(CoreTag::Float),
        _ => None,
    }
}

fn error(span: Span, message: &str, help: Option<&str>) -> YamlError {
    YamlError { span, message: message.to_owned(), help: help.map(str::to_owned) }
}

fn bad_merge(span: Span) -> YamlError {
    error(span, "the value of `<<` must be a mapping or a list of mappings", None)
}
