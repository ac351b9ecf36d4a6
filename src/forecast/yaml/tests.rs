use super::*;

/// All documents of a text, as JSON; or the fault with its place.
fn json(input: &str) -> String {
    fn write(out: &mut String, document: &Document, node: Node) {
        let string = |value: &str| text::written(|out| text::json_string(out, value.as_bytes()));
        let children = document.children(node);
        match document.value(node) {
            Value::Null => out.push_str("null"),
            Value::Boolean(_) | Value::Integer(_) => out.push_str(&document.shown(node)),
            Value::Decimal(number) => out.push_str(document.text(number)),
            Value::Text(value) => out.push_str(&string(document.text(value))),
            Value::Sequence => {
                out.push('[');
                for (at, item) in children.enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    write(out, document, item);
                }
                out.push(']');
            }
            Value::Mapping => {
                out.push('{');
                for (at, item) in children.enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(&string(document.key(item)));
                    out.push(':');
                    write(out, document, item);
                }
                out.push('}');
            }
        }
    }
    let mut out = String::new();
    let prepared = match prepare(input.as_bytes()) {
        Ok(prepared) => prepared,
        Err(fault) => return format!("{}:{}: {}", fault.mark.line, fault.mark.column, fault.text),
    };
    let mut documents = Documents::new(&prepared);
    loop {
        match documents.next_document() {
            Ok(Some(document)) => {
                out.push_str(if out.is_empty() { "" } else { " " });
                write(&mut out, document, Node::ROOT);
            }
            Ok(None) => return out,
            Err(fault) => return format!("{}:{}: {}", fault.mark.line, fault.mark.column, fault.text),
        }
    }
}

#[test]
fn block_and_flow_style_mean_the_same() {
    for (input, want) in [
        ("", ""),
        ("# nothing\n---\n---\n...\n", ""),
        ("a: 1\nb: two\n", r#"{"a":1,"b":"two"}"#),
        ("a:\n  b:\n    c: 1\n  d: 2\n", r#"{"a":{"b":{"c":1},"d":2}}"#),
        ("a:\n- 1\n- 2\nb: 3\n", r#"{"a":[1,2],"b":3}"#),
        ("a:\n  - 1\n  - 2\nb: 3\n", r#"{"a":[1,2],"b":3}"#),
        ("- a: 1\n  b: 2\n- - x\n  - z\n-\n  c: 3\n-\n- d\n", r#"[{"a":1,"b":2},["x","z"],{"c":3},null,"d"]"#),
        ("a:\nb: ~\nc:\n\n# d\nd: null\n", r#"{"a":null,"b":null,"c":null,"d":null}"#),
        ("a: {b: [1, 2], c: {}, \"d\":e}\nf: []\n", r#"{"a":{"b":[1,2],"c":{},"d":"e"},"f":[]}"#),
        ("{\n\t\"a\": [\n\t\t1, 2.5,\n\t\ttrue\n\t], # c\n\t\"b\" : \"x\"\n}\n", r#"{"a":[1,2.5,true],"b":"x"}"#),
        ("{a: , b: c, d}", r#"{"a":null,"b":"c","d":null}"#),
        ("{\"a\":1}\n{\"b\":2}\n", r#"{"a":1} {"b":2}"#),
        ("--- {a: 1}\n--- # second\nb: 2\n...\n---\nc: 3", r#"{"a":1} {"b":2} {"c":3}"#),
        ("\u{feff}a: 1\r\nb:\r\n  - x\r\n  - z\r\n", r#"{"a":1,"b":["x","z"]}"#),
        ("\"a b\": 1\n'c': 2\n8080: 3\non: 4\n", r#"{"a b":1,"c":2,"8080":3,"on":4}"#),
        ("a: b # c\nd: e#f\ng: h:i\nj: http://k/l?m=n#o\n", r#"{"a":"b","d":"e#f","g":"h:i","j":"http://k/l?m=n#o"}"#),
        ("a:   \n  # c\n  b: 1\n # d\n  c: 2\n", r#"{"a":{"b":1,"c":2}}"#),
    ] {
        assert_eq!(json(input), want, "{input}");
    }
}

#[test]
fn scalars_of_all_styles_are_read() {
    for (input, want) in [
        ("a: b c\n  d\n\n  e\nf: g", r#"{"a":"b c d\ne","f":"g"}"#),
        ("a: 'it''s'\nb: \"x\\ty\\u00e9\\x41\\ud83d\\ude00\\/\"\n", "{\"a\":\"it's\",\"b\":\"x\\tyéA😀/\"}"),
        ("a: \"b \n   c\n\n  d \\\n   e\\n \n  f\"\n", r#"{"a":"b c\nd e\n f"}"#),
        ("a: |\n  b\n   c\n\n  d\ne: 1\n", r#"{"a":"b\n c\n\nd\n","e":1}"#),
        ("a: |-\n  b\n\n\nc: |+\n  d\n\ne: 1\n", r#"{"a":"b","c":"d\n\n","e":1}"#),
        ("a: >\n  b\n  c\n\n  d\n    e\n    f\n  g\nh: 1\n", r#"{"a":"b c\nd\n  e\n  f\ng\n","h":1}"#),
        ("a: |2\n    b\n  c\nd: >-\n  e\n  f\n", r#"{"a":"  b\nc\n","d":"e f"}"#),
        ("- |\n a\n- >\n b\n", r#"["a\n","b\n"]"#),
        ("a: |\n\n  b\nc: |\n", r#"{"a":"\nb\n","c":""}"#),
        ("a: |  # c\n  # d\n  e\n", r##"{"a":"# d\ne\n"}"##),
        ("a:\n- |-\n  b\n- c\n", r#"{"a":["b","c"]}"#),
    ] {
        assert_eq!(json(input), want, "{input}");
    }
}

#[test]
fn plain_scalars_mean_what_kubectl_takes_them_for() {
    for (input, want) in [
        ("yes", "true"),
        ("On", "true"),
        ("Y", "true"),
        ("FALSE", "false"),
        ("n", "false"),
        ("oN", "\"oN\""),
        ("on On", "\"on On\""),
        ("Null", "null"),
        ("nil", "\"nil\""),
        ("12", "12"),
        ("-3", "-3"),
        ("+3", "3"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("010", "8"),
        ("0o10", "8"),
        ("0b11", "3"),
        ("08", "08"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("5.", "5."),
        ("18446744073709551615", "18446744073709551615"),
        ("1.2.3", "\"1.2.3\""),
        ("1e", "\"1e\""),
        ("64Mi", "\"64Mi\""),
        ("12:30", "\"12:30\""),
        ("2024-01-01", "\"2024-01-01\""),
        ("-x", "\"-x\""),
        ("0x", "\"0x\""),
        (".inf", ".inf"),
        ("..", "\"..\""),
    ] {
        assert_eq!(json(&format!("[{input}]")), format!("[{want}]"), "{input}");
    }
}

#[test]
fn faults_have_their_place() {
    for (input, want) in [
        ("a:\n\tb: 1\n", "2:1: got a tab, expected spaces: YAML does not indent with tabs"),
        ("a:\n  b: 1\n \tc: 2\n", "3:2: got a tab"),
        ("a: 1\nb: 2\na: 3\n", "3:1: got a key for the second time"),
        ("{\"a\": 1, \"a\": 2}", "1:10: got a key for the second time"),
        ("a: b: c\n", "1:5: got a second \":\""),
        ("a: b\n  c: d\n", "2:4: got a second \":\""),
        ("a: 1\n  b: 2\n", "2:4: got a second \":\""),
        ("a:\n    b: 1\n  c: 2\n", "3:3: got a line that is indented too far"),
        ("a: \"b\n", "1:4: got text without an end"),
        ("a: 'b\n---\n", "1:4: got text without an end"),
        ("a: [1, 2\nb: 3", "2:2: got a key in a list without braces"),
        ("{\"a\": [1, 2", "1:7: got a collection without an end"),
        ("{\"a\": 1\n", "1:1: got a collection without an end"),
        ("a: 1\nb\n", "2:1: got text, expected a key"),
        ("- a\nb: 1\n", "2:1: got more content"),
        ("a: 1\n- b\n", "2:1: got an item of a list"),
        ("a: - b\n", "1:4: got an item of a list behind a key"),
        ("a: &x 1\n", "1:4: got an anchor (&), which is not read here"),
        ("é: *x\n", "1:4: got an alias (*)"),
        ("a: !!str 1\n", "1:4: got a tag (!)"),
        ("a:\n  <<: {b: 1}\n", "2:3: got a merge key (<<)"),
        ("? a\n: b\n", "1:1: got a complex key (?)"),
        ("[a]: b\n", "1:1: got a collection as a key"),
        ("[a: b]\n", "1:3: got a key in a list without braces"),
        ("%YAML 1.2\n---\na: 1\n", "1:1: got a directive (%)"),
        ("a: @b\n", "1:4: got a character that begins no plain text"),
        ("a: \"\\q\"\n", "1:6: got an unknown escape"),
        ("a: \"\\ud800\"\n", "got an escape that is no character"),
        ("a: \"b\" c\n", "1:8: got more behind a value"),
        ("a: |x\n", "1:5: got more behind a value"),
        ("a: \u{7}\n", "1:4: got a control character"),
        ("{{template}}: 1", "1:2: got a bracket or comma"),
        ("a: {{ .Values.x }}\n", "1:5: got a bracket or comma"),
    ] {
        let got = json(input);
        assert!(got.contains(want), "{input:?}: {got}");
        assert!(!got.contains('\n'));
    }
    let fault = prepare(b"a: 1\nb: \xff").expect_err("it is not UTF-8");
    assert_eq!((fault.mark.line, fault.mark.column), (2, 4));
}

#[test]
fn limits_hold() {
    assert!(json(&"[".repeat(100)).contains("without an end"));
    assert!(
        json(&"[".repeat(101)).contains("1:102: got too many levels") || json(&"[".repeat(101)).contains("too many")
    );
    assert!(json(&"- ".repeat(101)).contains("too many levels"));
    let deep: String = (0..101).map(|at| format!("{}a:\n", " ".repeat(at))).collect();
    assert!(json(&deep).contains("too many levels"));
    assert!(json(&"- a\n".repeat(200_001)).contains("too many values"));
    let keys: String = (0..2001).map(|at| format!("k{at}: 1\n")).collect();
    assert!(json(&keys).contains("2001:1: got too many keys"));
}

#[test]
fn a_place_has_a_path() {
    let text = "spec:\n  containers:\n  - name: a\n  - name: b\n    ports: [{p: 1}, {p: 2}]\n";
    let mut documents = Documents::new(text);
    let document = documents.next_document().expect("it is right").expect("there is one");
    let mut nodes = vec![Node::ROOT];
    let mut paths = Vec::new();
    while let Some(node) = nodes.pop() {
        let Mark { line, column } = mark(text.as_bytes(), document.start(node));
        paths.push((line, column, document.path(Node::ROOT, node)));
        nodes.extend(document.children(node));
    }
    for (line, column, want) in [(5, 25, "spec.containers[1].ports[1].p"), (1, 1, ""), (4, 5, "spec.containers[1]")] {
        assert!(paths.contains(&(line, column, String::from(want))), "{line}:{column}: {paths:?}");
    }
    assert_eq!(document.path(Node::ROOT, Node::NOTHING), "");
}
