use super::*;

fn all(text: &str, file: &str) -> Result<Vec<Declared>, String> {
    let format = Format::of(Path::new(file)).unwrap_or_else(|| Format::guess(text.as_bytes()));
    parse(text.as_bytes(), format, file).map_err(|error| error.to_string())
}

fn one(text: &str, file: &str) -> Declared {
    let mut found = all(text, file).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn refusal(text: &str, file: &str) -> String {
    all(text, file).unwrap_err()
}

#[test]
fn all_formats_say_the_same() {
    let expected = Declared {
        name: "copy".to_owned(),
        config: config(&[
            ("connector.class", "file-source"),
            ("tasks.max", "2"),
            ("rate", "1.50"),
            ("on", "true"),
            ("topics", "a,b"),
        ]),
        initial_state: None,
    };
    let json = r#"{"name": "copy", "connector.class": "file-source", "tasks.max": 2, "rate": 1.50, "on": true,
                   "topics": ["a", "b"]}"#;
    let yaml = "# a comment\nname: copy\nconnector:\n  class: file-source\ntasks.max: 2\nrate: 1.50\non: true\n\
                topics: [a, b]\n";
    let toml = "name = \"copy\"\nconnector.class = \"file-source\"\nrate = 1.50\non = true\ntopics = [\"a\", \"b\"]\n\
                [tasks]\nmax = 2\n";
    let properties = "name=copy\nconnector.class = file-source\ntasks.max:2\nrate 1.50\non=true\ntopics=a,\\\n  b\n";
    for (text, file) in [(json, "x.json"), (yaml, "x.yaml"), (toml, "x.toml"), (properties, "x.properties")] {
        assert_eq!(one(text, file), expected, "{file}");
    }
}

#[test]
fn what_is_posted_to_kafka_connect_is_a_file_too() {
    let json = r#"{"name": "c", "config": {"k": "v"}, "initial_state": "paused"}"#;
    let expected =
        Declared { name: "c".to_owned(), config: config(&[("k", "v")]), initial_state: Some(TargetState::Paused) };
    assert_eq!(one(json, "x.json"), expected);
    assert_eq!(one("name: c\ninitial_state: PAUSED\nconfig:\n  k: v\n", "x.yml"), expected);
    assert_eq!(one("name = \"c\"\ninitial_state = \"Paused\"\n[config]\nk = \"v\"\n", "x.toml"), expected);
    let hint = refusal(r#"{"name": "c", "config": {"k": "v"}, "tasks": []}"#, "x.json");
    assert!(hint.contains("there is no `tasks` here"), "{hint}");
    let hint = refusal("name: c\nconfig: {k: v}\ninitial_state: asleep\n", "x.yaml");
    assert_eq!(hint, "x.yaml:3: `initial_state` is `asleep`: write RUNNING, PAUSED or STOPPED");
}

#[test]
fn a_connector_without_a_name_is_called_as_its_file() {
    assert_eq!(one("k=v", "/etc/connectors.d/orders.properties").name, "orders");
    assert_eq!(one("name = other\nk=v", "/etc/orders.properties").name, "other");
    assert_eq!(refusal("k: v", "stdin"), "stdin:1: the connector has no `name`: write one");
    assert!(refusal("- k: v\n- k: w\n", "x.yaml").contains("has no `name`"));
    assert!(refusal(r#"{"name": "a", "config": {"name": "b", "k": "v"}}"#, "x.json").contains("`b` in its `config`"));
}

#[test]
fn a_file_may_hold_several() {
    let names = |text: &str, file: &str| -> Vec<String> {
        all(text, file).unwrap().into_iter().map(|connector| connector.name).collect()
    };
    assert_eq!(names("name: a\nk: v\n---\nname: b\nk: v\n---\n", "x.yaml"), ["a", "b"]);
    assert_eq!(names(r#"[{"name": "a", "k": 1}, {"name": "b", "config": {"k": 2}}]"#, "x.json"), ["a", "b"]);
    let toml = "[[connectors]]\nname = \"a\"\nk = 1\n[[connectors]]\nname = \"b\"\n[connectors.config]\nk = 2\n";
    assert_eq!(names(toml, "x.toml"), ["a", "b"]);
    let twice = refusal("name: a\nk: v\n---\nname: a\nk: v\n", "x.yaml");
    assert_eq!(twice, "x.yaml:4: the connector `a` stands here a second time, after line 1");
    assert!(refusal("", "x.yaml").contains("describes no connector"));
    assert!(refusal("[]", "x.json").contains("describes no connector"));
}

#[test]
fn scalars_keep_their_spelling() {
    let yaml =
        one("a: yes\nb: 010\nc: 1_000\nd: '1'\ne: \"x\\ty\"\nf: |\n  two\n  lines\ng: 2026-01-31\nh: ''\n", "x.yaml");
    let expected = [
        ("a", "yes"),
        ("b", "010"),
        ("c", "1_000"),
        ("d", "1"),
        ("e", "x\ty"),
        ("f", "two\nlines\n"),
        ("g", "2026-01-31"),
        ("h", ""),
    ];
    assert_eq!(yaml.config, config(&expected));
    let json = one(r#"{"a": 1e3, "b": -0.10, "c": 123456789012345678901234567890, "d": false}"#, "x.json");
    let expected = [("a", "1e3"), ("b", "-0.10"), ("c", "123456789012345678901234567890"), ("d", "false")];
    assert_eq!(json.config, config(&expected));
    let toml = one("a = 1.50\nb = true\nc = 2026-01-31\nd = 0x1F\ne = '''C:\\x'''\n", "x.toml");
    let expected = [("a", "1.50"), ("b", "true"), ("c", "2026-01-31"), ("d", "0x1F"), ("e", "C:\\x")];
    assert_eq!(toml.config, config(&expected));
}

#[test]
fn yaml_may_share_what_is_common() {
    let text = "- &common\n  name: a\n  k: 1\n  l: 2\n- <<: *common\n  name: b\n  k: 3\n";
    let found = all(text, "x.yaml").unwrap();
    assert_eq!(found[1].name, "b");
    assert_eq!(found[1].config, config(&[("k", "3"), ("l", "2")]));
    // Ten levels of ten are not unfolded.
    let mut bomb = "a0: &a0 x\n".to_owned();
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(refusal(&bomb, "x.yaml").contains("more than 100000 values"));
    assert!(refusal("a: &a [*a]\n", "x.yaml").contains("holds itself"));
}

#[test]
fn errors_name_file_line_and_key() {
    for (text, file, expected) in [
        ("a: 1\nb: null\n", "x.yaml", "x.yaml:2: `b` has no value: write one, \"\" for none, or leave it out"),
        ("{\n\"a\": 1,\n\"b\": null}", "x.json", "x.json:3: `b` has no value"),
        ("a: 1\nb: 2\na: 3\n", "x.yaml", "x.yaml:3: `a` stands here a second time, after line 1"),
        ("{\"a\": 1,\n\"a\": 2}", "x.json", "x.json:2: `a` stands here a second time, after line 1"),
        ("a.b: 1\na:\n  b: 2\n", "x.yaml", "x.yaml:3: `a.b` stands here a second time, spelled another way"),
        ("a: [x, {y: z}]\n", "x.yaml", "x.yaml:1: `a` is a list with a map in it"),
        ("a: ['x,y', z]\n", "x.yaml", "x.yaml:1: `a` has the item `x,y`: commas separate"),
        ("{\"a\": 1,\n", "x.json", "x.json:2: it is no JSON: EOF"),
        ("a: [1\nb: 2\n", "x.yaml", "it is no YAML:"),
        ("a = 1\nb = \n", "x.toml", "x.toml:2: it is no TOML:"),
        ("a = 1\na.b = 2\n", "x.toml", "must stand in quotes"),
        ("a=1\nb=\\u12\n", "x.properties", "x.properties:2: `\\u12` is no character: write four hexadecimal digits"),
        ("just text", "x.yaml", "x.yaml:1: it is no configuration"),
        ("=v", "x.properties", "x.properties:1: the line has no key"),
        ("name: a\n", "x.yaml", "x.yaml:1: the connector `a` has no configuration"),
    ] {
        let error = refusal(text, file);
        assert!(error.contains(expected), "{text:?} is refused with: {error}");
    }
    let error = parse(b"k: \xff", Format::Yaml, "x.yaml").unwrap_err().to_string();
    assert_eq!(error, "x.yaml:1: it is not UTF-8: save it as UTF-8");
    assert_eq!(read("/nowhere.json").unwrap_err().line, None);
}

#[test]
fn properties_are_read_as_java_reads_them() {
    let text = "# comment\n! another\n\n  spaced   =  value with blanks  \ncolon:x\nblank y z\nescaped\\ key\\==1\n\
                list=a,\\\n    b,\\\n\tc\npath=C:\\\\temp\\\\new\nu=\\u00fc\\uD83D\\uDE00\nempty\nempty2=\nurl=http://h:1/p=q\n\
                tab=\\t|\\n|\\r|\\f|\\q\ndouble=1\ndouble=2\nend=x\\";
    let expected = [
        ("spaced", "value with blanks  "),
        ("colon", "x"),
        ("blank", "y z"),
        ("escaped key=", "1"),
        ("list", "a,b,c"),
        ("path", "C:\\temp\\new"),
        ("u", "ü😀"),
        ("empty", ""),
        ("empty2", ""),
        ("url", "http://h:1/p=q"),
        ("tab", "\t|\n|\r|\u{c}|q"),
        ("double", "2"),
        ("end", "x"),
    ];
    assert_eq!(one(text, "x.properties").config, config(&expected));
    assert_eq!(one(&text.replace('\n', "\r\n"), "x.properties").config, config(&expected));
    // UTF-8 as people write it, and ISO-8859-1 as Java did.
    assert_eq!(one("k=grün", "x.properties").config, config(&[("k", "grün")]));
    let latin = parse(b"k=gr\xfcn", Format::Properties, "x.properties").unwrap();
    assert_eq!(latin[0].config, config(&[("k", "grün")]));
}

#[test]
fn another_reader_of_properties_agrees() {
    for text in [
        "a=1\nb = 2\nc:3\nd 4\n",
        "a=b\\\n   c\\\n d\n#x\\\ny=1\n",
        "a\\=b=c\\\\\nk\\:=\\:v\n\\#x=1\n",
        "a = = b\nc : : d\ne  =f\n",
        "a=\\u0041\\t\\n\n\ta\t\tb\n",
        "k=v  \n\r\nx=y\rz=w\n",
    ] {
        let expected: Config = java_properties::read(text.as_bytes()).unwrap().into_iter().collect();
        assert_eq!(one(text, "x.properties").config, expected, "{text:?}");
    }
}

#[test]
fn without_a_name_the_format_is_guessed() {
    for (text, format) in [
        ("{\"a\": 1}", Format::Json),
        ("\n  [", Format::Json),
        ("a: b=c", Format::Yaml),
        ("--- \nname: x", Format::Yaml),
        ("# x\nname=x", Format::Properties),
        ("name = x", Format::Properties),
        ("url=http://x", Format::Properties),
    ] {
        assert_eq!(Format::guess(text.as_bytes()), format, "{text}");
    }
}
