//! `--figure-formats`.

use super::SHORT;
use super::Workplace;

/// Commands that save figures, without the option.
fn commands() -> [Vec<&'static str>; 4] {
    [
        [&["train", "mlp", "--data", "data", "--out", "trained"], &SHORT[..]].concat(),
        [&["compare", "mlp", "--data", "data", "--out", "two"], &SHORT[..]].concat(),
        vec!["eval", "run", "--figures", "figures"],
        vec!["explain", "kl", "--out", "kl"],
    ]
}

/// Nothing is written, so that no training ends without its figures.
#[cfg(not(feature = "figures"))]
#[test]
fn png_and_pdf_are_refused_without_the_feature() {
    let place = Workplace::new();
    place.train("run", &[]);
    for command in commands() {
        for formats in ["png", "svg,pdf"] {
            let seen = format!("(saw: {})", formats.trim_start_matches("svg,"));
            let arguments = [&command[..], &["--figure-formats", formats]].concat();
            place.refuse(&arguments, 2, &["figure-formats", "--features figures", &seen]);
        }
    }
}

#[test]
fn the_option_is_refused_where_nothing_is_drawn() {
    let place = Workplace::new();
    place.refuse(&["eval", "run", "--figure-formats", "svg"], 2, &["figure-formats", "--figures"]);
    place.refuse(&["explain", "kl", "--out", "kl", "--figure-formats", "jpeg"], 2, &["--figure-formats", "jpeg"]);
}

#[cfg(feature = "figures")]
#[test]
fn every_command_saves_every_format() {
    if !crate::common::external::has_fonts("every_command_saves_every_format") {
        return;
    }
    let place = Workplace::new();
    place.train("run", &[]);
    for command in commands() {
        place.succeed(&[&command[..], &["--figure-formats", "svg,png,pdf"]].concat());
    }
    for (dir, names) in [
        ("trained/figures", &["histogram", "funnel", "quantized-loss", "accuracy"][..]),
        ("two", &["comparison"]),
        ("figures", &["reliability", "risk-coverage", "entropy", "confusion", "images"]),
        ("kl", &["kl-forms", "kl-funnels"]),
    ] {
        for name in names {
            for (ending, start) in [("svg", &b"<svg"[..]), ("png", b"\x89PNG"), ("pdf", b"%PDF")] {
                assert!(place.read(format!("{dir}/{name}.{ending}")).starts_with(start), "{dir}/{name}.{ending}");
            }
        }
    }
    // The figures of a run and of a comparison are no place for other files.
    for figure in ["trained/figures/funnel.png", "two/comparison.pdf"] {
        place.refuse(&["quantize", "run", "--out", figure], 1, &["a file that no run needs"]);
    }
    // A run that goes on saves the formats that are then given.
    place.succeed(&["train", "--resume", "run", "--figure-formats", "png"]);
    assert!(place.read("run/figures/accuracy.png").starts_with(b"\x89PNG"));
}

#[cfg(all(feature = "figures", target_os = "linux"))]
#[test]
fn without_a_font_png_is_refused_before_anything_is_written() {
    let place = Workplace::new();
    let none = place.path("none");
    std::fs::create_dir(&none).unwrap();
    let fonts = format!("<?xml version=\"1.0\"?><fontconfig><dir>{}</dir></fontconfig>", none.display());
    std::fs::write(place.path("fonts.conf"), fonts).unwrap();
    let mut command = place.command(&["explain", "kl", "--out", "kl", "--figure-formats", "png"]);
    let output = command.env("FONTCONFIG_FILE", place.path("fonts.conf")).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("a font on this system") && error.contains("(saw: no font)"), "{error}");
    assert!(!place.path("kl").exists());
}
