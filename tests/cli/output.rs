use super::{Workplace, one_line};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// The commands, except `oracle`, which reads its arguments itself.
const COMMANDS: [&str; 11] = [
    "train",
    "eval",
    "compare",
    "quantize",
    "inspect",
    "predict",
    "export",
    "explain",
    "network",
    "summarize",
    "bench",
];

#[test]
fn every_help_shows_examples() {
    let place = Workplace::new();
    let general = place.succeed(&["--help"]);
    for command in COMMANDS {
        let help = place.succeed(&[command, "--help"]);
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("  spikeslab {command} ")), "{help}");
        assert!(general.contains(&format!("  spikeslab {command} ")), "{general}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
        assert_eq!(place.succeed(&[command, "-h"]).lines().next(), help.lines().next());
    }
    assert_eq!(place.succeed(&["--version"]), format!("spikeslab {}\n", env!("CARGO_PKG_VERSION")));
    // Without a command the help goes to stderr.
    let output = place.run::<&str>(&[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: spikeslab"));
}

#[test]
fn the_help_puts_options_under_the_heading_that_is_theirs() {
    const GENERAL: [&str; 7] =
        ["--out", "--resume", "--checkpoint-every", "--evaluate-every", "--device", "--threads", "--json"];
    let place = Workplace::new();
    for (command, count) in [("train", 6), ("compare", 6), ("bench", 3)] {
        let help = place.succeed(&[command, "-h"]);
        let (mut heading, mut seen) = ("", 0);
        for line in help.lines() {
            if !line.starts_with(' ') && line.ends_with(':') {
                heading = line;
            }
            // The line of an option, not a text that mentions it.
            let option = line.strip_prefix("      ").and_then(|line| line.split([' ', ',']).next()).unwrap_or_default();
            if GENERAL.contains(&option) {
                assert_eq!(heading, "Options:", "{option} in {help}");
                seen += 1;
            }
        }
        assert_eq!(seen, count, "{help}");
    }
}

#[test]
fn the_helps_say_where_defaults_differ_and_why() {
    let place = Workplace::new();
    for (command, parts) in [
        ("train", ["those that trained best", "defaults of `oracle`", "an upper bound on -ln evidence"]),
        ("oracle", ["those that trained best", "per-weight, and", "an upper bound on -ln evidence"]),
    ] {
        let help = place.command(&["help", command]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap().replace('\n', " ");
        parts.iter().for_each(|part| assert!(help.contains(part), "{part} in {help}"));
    }
}

#[test]
fn every_example_of_the_help_is_understood() {
    let place = Workplace::new();
    let mut examples = 0;
    for command in COMMANDS {
        let help = place.succeed(&[command, "--help"]);
        for example in help.split_once("Examples:\n").unwrap().1.lines() {
            // Without the remark after it, and without the file that it prints into.
            let line = example.trim().split("   ").next().unwrap().split(" > ").next().unwrap();
            let arguments: Vec<&str> = line.split_whitespace().skip(1).chain(["--help"]).collect();
            // With --help nothing runs, but values of options are parsed first.
            if arguments.contains(&"cuda") && !cfg!(feature = "cuda") {
                place.refuse(&arguments, 2, &["--device", "--features cuda"]);
            } else {
                place.succeed(&arguments);
            }
            examples += 1;
        }
    }
    assert!(examples >= 12, "{examples}");
}

#[test]
fn a_closed_standard_output_ends_quietly() {
    let place = Workplace::with_run();
    for arguments in [&["inspect", "run"][..], &["eval", "run"], &["--help"], &["train", "--resume", "run"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn training_whose_reader_leaves_stops_after_its_epoch_and_can_be_resumed() {
    let place = Workplace::new();
    let options = ["--epochs", "6", "--batch-size", "32"];
    place.succeed(&[&["train", "mlp", "--data", "data", "--out", "whole"], &options[..]].concat());
    let dirs = [("left", "left"), ("-left", "./-left"), ("it's $(left)", r"'it'\''s $(left)'"), ("a\nb", r"$'a\012b'")];
    for (dir, quoted) in dirs {
        let out = format!("--out={dir}");
        let mut child = place
            .command(&[&["train", "mlp", "--data", "data", &out], &options[..]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.by_ref().any(|line| line.unwrap().starts_with("epoch   1/6")));
        drop(lines);
        let output = child.wait_with_output().unwrap();
        let advice = format!("stopped; go on with: spikeslab train --resume {quoted}\n");
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(1), &*advice));
    }
    place.succeed(&["train", "--resume", "left"]);
    super::assert_same_results(&place, "whole", "left");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error() {
    let place = Workplace::with_run();
    for arguments in [&["eval", "run", "--json"][..], &["inspect", "run"], &["train", "--resume", "run"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = place.command(arguments).stdout(full).output().unwrap();
        let line = one_line(&output, arguments[0]);
        assert_eq!(output.status.code(), Some(1));
        assert!(line.contains("standard output: No space left on device"), "{line}");
    }
}

#[test]
fn an_error_is_one_line_whatever_the_path_holds() {
    let place = Workplace::with_run();
    let cases: [(&str, &str); 5] = [
        ("two\nlines", "two\\nlines"),
        ("two\n\nparagraphs\r\n", "two\\n\\nparagraphs\\r\\n"),
        ("with space", "with space"),
        ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
        ("größe", "größe"),
    ];
    for (name, shown) in cases {
        place.refuse(&["eval", name], 1, &[shown]);
        place.refuse(&["train", "mlp", "--data", name], 1, &[shown, "nothing of that name"]);
        place.refuse(&["train", "--resume", name], 1, &[shown, "a run directory"]);
        place.refuse(&["quantize", "run", "--out", &format!("{name}/x")], 1, &[shown, "No such file"]);
        place.refuse(&["train", name], 2, &["mlp, lenet5, lenet-caffe"]);
        place.refuse(&["train", "mlp", "--levels", name], 2, &["--levels"]);
    }
}

/// A name that would clear the screen, change the direction of writing and end lines.
const HOSTILE: &str = "\u{1b}[2J\u{202e}gnp\u{2028}x\u{7}";

#[test]
fn names_are_printed_escaped_wherever_they_are_printed() {
    let place = Workplace::with_run();
    let data = format!("{HOSTILE}data");
    fs::rename(place.path("data"), place.path(&data)).unwrap();
    let out = format!("--out={HOSTILE}");
    let comparison = format!("--out={HOSTILE}two");
    let figures = format!("--out={HOSTILE}kl");
    for arguments in [
        &[&["train", "mlp", "--data", &data, &out], &super::SHORT[..]].concat()[..],
        &[&["compare", "mlp", "--data", &data, &comparison], &super::SHORT[..]].concat(),
        &["explain", "kl", &figures],
    ] {
        let printed = place.succeed(arguments);
        let odd = |c: char| c != '\n' && (c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c));
        assert!(!printed.contains(odd), "{printed:?}");
        assert!(printed.contains(r"in \u{1b}[2J\u{202e}gnp\u{2028}x\u{7}"), "{printed}");
    }
    for arguments in [&["eval", "\u{202e}"][..], &["train", "\u{202e}\u{2028}"], &["\u{2066}"]] {
        let output = place.run(arguments);
        assert!(!String::from_utf8_lossy(&output.stderr).contains(['\u{202e}', '\u{2028}', '\u{2066}']), "{output:?}");
    }
}

#[test]
fn a_line_about_an_error_has_an_end() {
    let place = Workplace::new();
    let long = "x".repeat(100_000);
    for arguments in
        [&["eval", &long][..], &["train", "mlp", "--data", &long], &["train", &long], &["oracle", &long, "a", "b"]]
    {
        let output = place.run(arguments);
        let line = one_line(&output, "long");
        assert!(line.contains("xxx") && line.contains('…') && line.len() < 20_000, "{} bytes", line.len());
    }
    let error = spikeslab::Error::tensor("x", "a shape", format!("{:?}", vec![1; 1_000_000]));
    assert!(error.to_string().len() < 1100, "{} bytes", error.to_string().len());
}

#[cfg(unix)]
#[test]
fn odd_paths_work() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Workplace::with_run();
    let names: [&[u8]; 4] = [b"with space", b"two\nlines", b"\xff\xfe not UTF-8", "größe".as_bytes()];
    for name in names.map(OsStr::from_bytes) {
        let mut arguments: Vec<&OsStr> =
            ["train", "mlp", "--data", "data"].iter().chain(&super::SHORT).map(OsStr::new).collect();
        arguments.extend([OsStr::new("--out"), name]);
        place.succeed(&arguments);
        assert_eq!(fs::read(place.path(name).join("model.packed")).unwrap(), place.read("run/model.packed"));
        place.succeed(&[OsStr::new("train"), OsStr::new("--resume"), name]);
        place.succeed(&[OsStr::new("inspect"), name]);
        place.succeed(&[OsStr::new("eval"), name]);
        place.succeed(&[OsStr::new("quantize"), name, OsStr::new("--out"), OsStr::new("out.packed")]);

        // Data with such a name.
        fs::rename(place.path("data"), place.path("elsewhere")).unwrap();
        let data = place.path("of").join(name);
        fs::create_dir_all(data.parent().unwrap()).unwrap();
        fs::rename(place.path("elsewhere"), &data).unwrap();
        let is_utf8 = name.to_str().is_some();
        let mut arguments: Vec<&OsStr> =
            ["train", "mlp", "--out", "trained"].iter().chain(&super::SHORT).map(OsStr::new).collect();
        arguments.extend([OsStr::new("--data"), data.as_os_str()]);
        if is_utf8 {
            place.succeed(&arguments);
            fs::remove_dir_all(place.path("trained")).unwrap();
        } else {
            // JSON cannot represent the path, so the run could not be resumed.
            place.refuse(&arguments, 1, &["a path that JSON can hold"]);
        }
        fs::rename(&data, place.path("data")).unwrap();
    }
    let odd = OsStr::from_bytes(b"\xff");
    for option in ["--prior", "--levels", "--epochs"] {
        place.refuse(&[OsStr::new("train"), OsStr::new("mlp"), OsStr::new(option), odd], 2, &[]);
    }
    place.refuse(&[OsStr::new("train"), odd], 2, &[]);
    place.refuse(&[odd], 2, &[]);
}
