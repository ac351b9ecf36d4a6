use super::*;
use crate::forecast::workload::{Controller, Handler, Share, Strategy};

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, tier: web}}
    spec:
      containers:
      - name: app
        image: shop:1
        ports: [{name: http, containerPort: 8080}]
        livenessProbe:
          httpGet: {path: /livez, port: http}
          periodSeconds: 5
";

fn one(text: &str) -> Result<Workload, String> {
    read(&[("f.yaml", text.as_bytes())]).map(|read| read.workloads[0].clone()).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_those_of_the_api_server() {
    let workload = one(SHOP).expect("it is right");
    let quarter = Share::Percent(25);
    let strategy = Strategy::RollingUpdate { max_unavailable: quarter, max_surge: quarter };
    assert_eq!(workload.controller, Controller::Deployment { strategy, progress_deadline: 600, is_paused: false });
    assert_eq!((workload.name.as_str(), workload.namespace.as_str(), workload.replicas), ("shop", "default", 1));
    let container = &workload.pod.containers[0];
    let probe = container.liveness.as_ref().expect("it has one");
    let handler = Handler::Http { path: String::from("/livez"), port: Some(8080), is_https: false };
    assert_eq!(probe.handler, handler);
    assert_eq!((probe.period, probe.timeout, probe.failures, probe.successes), (5, 1, 3, 1));
    assert_eq!(workload.pod.grace, 30);
}

#[test]
fn faults_name_file_place_and_field() {
    let input = SHOP.replace("periodSeconds: 5", "successThreshold: 2");
    assert_eq!(
        one(&input).expect_err("a liveness probe has no such thing"),
        "f.yaml:15:29: spec.template.spec.containers[0].livenessProbe.successThreshold: got 2, expected 1: only a readiness probe may ask for more successes"
    );
    assert_eq!(
        one("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n").expect_err("no workload"),
        "f.yaml: got ConfigMap/c, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet or Pod"
    );
    assert_eq!(
        one("").expect_err("nothing"),
        "f.yaml: got nothing, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet or Pod"
    );
}
