//! Label selectors, and the objects that are nothing but one with a few fields: Services and PodDisruptionBudgets.

use super::field::{choice, fail, flag, get, list, need, need_text, pairs, share, text_or, texts, unexpected};
use super::name::is_name;
use crate::forecast::workload::{Budget, Service};
use crate::forecast::yaml::{Fault, Node};

/// What labels have to be like.
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

/// A key, whether its value has to be (or must not be) among these, or, without any, there (or not there) at all.
struct Requirement {
    key: String,
    is_positive: bool,
    values: Vec<String>,
}

impl Selector {
    /// Of `matchLabels` alone, as Services have it.
    fn of_labels(labels: Vec<(String, String)>) -> Self {
        let is = |(key, value)| Requirement { key, is_positive: true, values: vec![value] };
        Self { requirements: labels.into_iter().map(is).collect() }
    }

    /// Reads a `LabelSelector`.
    pub(super) fn read(node: &Node<'_>) -> Result<Self, Fault> {
        const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];
        let mut selector = Self::of_labels(label_pairs(node, "matchLabels")?);
        for expression in list(node, "matchExpressions")? {
            need_text(expression, "operator")?;
            let operator = choice(expression, "operator", &OPERATORS)?;
            let values = texts(expression, "values")?;
            if values.is_empty() == (operator < 2) {
                let at = get(expression, "values")?.unwrap_or(expression);
                return fail(at, "got values and an operator that do not fit, expected some for In and NotIn alone");
            }
            let key = String::from(need_text(expression, "key")?);
            selector.requirements.push(Requirement { key, is_positive: operator % 2 == 0, values });
        }
        Ok(selector)
    }

    /// Whether it has no requirement at all.
    pub(super) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether labels are like that.
    pub(super) fn matches(&self, labels: &[(String, String)]) -> bool {
        self.requirements.iter().all(|requirement| {
            let label = labels.iter().find(|(key, _)| *key == requirement.key);
            let is_met =
                label.is_some_and(|(_, value)| requirement.values.is_empty() || requirement.values.contains(value));
            is_met == requirement.is_positive
        })
    }
}

/// A Service with its selector; `None` for one that selects no pods.
pub(super) fn service(node: &Node<'_>, name: String) -> Result<Option<(Selector, Service)>, Fault> {
    let spec = need(node, "spec")?;
    let kind = choice(spec, "type", &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])?;
    let selector = Selector::of_labels(pairs(spec, "selector")?);
    let service = Service {
        name,
        publishes_not_ready: flag(spec, "publishNotReadyAddresses")?,
        is_headless: text_or(spec, "clusterIP", "")? == "None",
    };
    Ok((kind < 3 && !selector.is_empty()).then_some((selector, service)))
}

/// A PodDisruptionBudget with its selector; `None` for one that selects no pods. An empty selector selects all.
pub(super) fn budget(node: &Node<'_>, name: String) -> Result<Option<(Selector, Budget)>, Fault> {
    let Some(spec) = get(node, "spec")? else { return Ok(None) };
    let (min_available, max_unavailable) = (share(spec, "minAvailable", 100)?, share(spec, "maxUnavailable", 100)?);
    if min_available.is_some() && max_unavailable.is_some() {
        return fail(spec, "got minAvailable and maxUnavailable, expected one of them");
    }
    let selector = get(spec, "selector")?.map(Selector::read).transpose()?;
    Ok(selector.map(|selector| (selector, Budget { name, min_available, max_unavailable })))
}

/// The labels of an object's metadata, by which selectors go.
pub(super) fn labels(object: &Node<'_>) -> Result<Vec<(String, String)>, Fault> {
    match get(object, "metadata")? {
        None => Ok(Vec::new()),
        Some(metadata) => label_pairs(metadata, "labels"),
    }
}

/// A field that holds labels.
fn label_pairs(node: &Node<'_>, name: &str) -> Result<Vec<(String, String)>, Fault> {
    let labels = pairs(node, name)?;
    match labels.iter().find(|(_, value)| !value.is_empty() && !is_name(value, 63, "-_.", true)) {
        None => Ok(labels),
        Some((key, _)) => unexpected(
            need(need(node, name)?, key)?,
            "at most 63 letters and digits, with inner dashes, dots and underscores",
        ),
    }
}
