//! Label selectors, and the objects that are nothing but one with a few fields: Services and PodDisruptionBudgets.

use super::field::Fields;
use super::name::is_name;
use crate::forecast::workload::Service;
use crate::forecast::yaml::{Node, Value};

/// Keys and values.
pub(super) type Labels = Vec<(String, String)>;

/// Reads a `LabelSelector`. Whether it requires anything, and labels are like that.
#[inline(never)]
pub(super) fn selects(fields: &Fields<'_>, node: Node, labels: &Labels) -> bool {
    let wanted = fields.labels(node, "matchLabels");
    let mut is_met = has_all(labels, &wanted);
    let mut is_empty = wanted.is_empty();
    for expression in fields.list(node, "matchExpressions") {
        fields.need_text(expression, "operator");
        let operator = fields.choice(expression, "operator", "In NotIn Exists DoesNotExist");
        let value = value_of(labels, fields.need_text(expression, "key"));
        let (mut is_any, mut is_among) = (true, false);
        for item in fields.list(expression, "values") {
            is_any = false;
            is_among |= value == Some(fields.text(item));
        }
        if is_any == (operator < 2) {
            let what = "got values and an operator that do not fit, expected some for In and NotIn alone";
            fields.fail(expression, what);
        }
        is_met &= (is_among || is_any && value.is_some()) == matches!(operator, 0 | 2);
        is_empty = false;
    }
    is_met && !is_empty
}

/// Whether all that is wanted is among labels.
#[inline(never)]
pub(super) fn has_all(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| value_of(labels, key) == Some(value))
}

/// The value of a label.
#[inline(never)]
fn value_of<'l>(labels: &'l Labels, key: &str) -> Option<&'l str> {
    labels.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// Appends a Service with its namespace and selector, unless it selects no pods.
#[inline(never)]
pub(super) fn service(
    fields: &Fields<'_>,
    node: Node,
    namespace: &str,
    name: &str,
    out: &mut Vec<(String, Labels, Service)>,
) {
    let spec = fields.need(node, "spec");
    let kind = fields.choice(spec, "type", "ClusterIP NodePort LoadBalancer ExternalName");
    let selector = fields.labels(spec, "selector");
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
    selects(fields, fields.get(spec, "selector"), &Labels::new());
}

impl Fields<'_> {
    /// The labels in a `metadata`. Its annotations are texts too.
    pub(super) fn labels_of(&self, metadata: Node) -> Labels {
        for value in self.document.children(self.get(metadata, "annotations")) {
            self.text(value);
        }
        self.labels(metadata, "labels")
    }

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
