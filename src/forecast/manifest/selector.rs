//! Label selectors, and the objects that are nothing but one with a few fields: Services and PodDisruptionBudgets.

use super::field::Fields;
use super::name::is_name;
use crate::forecast::workload::Service;
use crate::forecast::yaml::{Node, Value};

/// Keys and values.
pub(super) type Labels = Vec<(String, String)>;

/// What labels have to be like.
#[derive(Default)]
pub(super) struct Selector {
    /// All of these have to be among them.
    labels: Labels,
    requirements: Vec<Requirement>,
}

/// A key, whether its value has to be (or must not be) among these, or, without any, there (or not there) at all.
struct Requirement {
    key: String,
    is_positive: bool,
    values: Vec<String>,
}

impl Selector {
    /// Reads a `LabelSelector`.
    #[inline(never)]
    pub(super) fn read(fields: &Fields<'_>, node: Node) -> Self {
        let mut selector = Self { labels: fields.labels(node, "matchLabels"), requirements: Vec::new() };
        for expression in fields.list(node, "matchExpressions") {
            fields.need_text(expression, "operator");
            let operator = fields.choice(expression, "operator", "In NotIn Exists DoesNotExist");
            let mut values = Vec::new();
            fields.texts(expression, "values", &mut values);
            if values.is_empty() == (operator < 2) {
                let what = "got values and an operator that do not fit, expected some for In and NotIn alone";
                fields.fail(expression, what);
            }
            let key = String::from(fields.need_text(expression, "key"));
            selector.requirements.push(Requirement { key, is_positive: matches!(operator, 0 | 2), values });
        }
        selector
    }

    /// Whether it has no requirement at all.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.requirements.is_empty()
    }

    /// Whether labels are like that.
    #[inline(never)]
    pub(super) fn matches(&self, labels: &Labels) -> bool {
        for (key, value) in &self.labels {
            if value_of(labels, key) != Some(value) {
                return false;
            }
        }
        for Requirement { key, is_positive, values } in &self.requirements {
            let is_met = value_of(labels, key).is_some_and(|value| values.is_empty() || values.contains(value));
            if is_met != *is_positive {
                return false;
            }
        }
        true
    }
}

/// The value of a label.
#[inline(never)]
fn value_of<'l>(labels: &'l Labels, key: &str) -> Option<&'l String> {
    labels.iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

/// Appends a Service with its namespace and selector, unless it selects no pods.
#[inline(never)]
pub(super) fn service(
    fields: &Fields<'_>,
    node: Node,
    namespace: &str,
    name: &str,
    out: &mut Vec<(String, Selector, Service)>,
) {
    let spec = fields.need(node, "spec");
    let kind = fields.choice(spec, "type", "ClusterIP NodePort LoadBalancer ExternalName");
    let selector = Selector { labels: fields.labels(spec, "selector"), ..Selector::default() };
    let publishes_not_ready = fields.flag(spec, "publishNotReadyAddresses");
    fields.text(fields.get(spec, "clusterIP"));
    if kind != 3 && !selector.is_empty() {
        out.push((String::from(namespace), selector, Service { name: String::from(name), publishes_not_ready }));
    }
}

/// Reads a PodDisruptionBudget for its faults alone: a forecast has no evictions.
#[inline(never)]
pub(super) fn check_budget(fields: &Fields<'_>, node: Node) {
    let spec = fields.get(node, "spec");
    let min_available = fields.share(spec, "minAvailable", 100);
    if fields.share(spec, "maxUnavailable", 100).is_some() && min_available.is_some() {
        fields.fail(spec, "got minAvailable and maxUnavailable, expected one of them");
    }
    Selector::read(fields, fields.get(spec, "selector"));
}

impl Fields<'_> {
    /// A field that holds labels.
    #[inline(never)]
    pub(super) fn labels(&self, node: Node, name: &str) -> Labels {
        let mut labels = Vec::new();
        let at = self.get(node, name);
        if !matches!(self.document.value(at), Value::Mapping | Value::Null) {
            self.unexpected(at, "a mapping");
            return labels;
        }
        for value in self.document.children(at) {
            let text = self.text(value);
            if !text.is_empty() && !is_name(text.as_bytes(), 63, b"-_.", true) {
                self.unexpected(value, "at most 63 letters and digits, with inner dashes, dots and underscores");
            }
            labels.push((String::from(self.document.key(value)), String::from(text)));
        }
        labels
    }
}
