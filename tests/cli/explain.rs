use super::Workplace;

/// The table of the errors of the published forms, and both figures.
#[test]
fn the_forms_of_the_kl_against_the_truth() {
    let place = Workplace::new();
    for (codebook, rows) in [
        ("-0.2,0,0.2", ["nearest 0.039 1.344 0.769", "mixture 0.000 0.396 0.101", "vnq -1.059 0.321 0.235"]),
        ("-0.3,-0.1,0.1,0.3", ["nearest 0.048 1.724 0.925", "mixture 0.000 0.461 0.145", "windows -4.958 0.302 1.465"]),
    ] {
        let table = place.succeed(&["explain", "kl", "--codebook", codebook, "--out", "kl"]);
        let table: Vec<String> =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for row in rows {
            assert!(table.iter().any(|line| line == row), "{row} in {table:?}");
        }
        for figure in ["kl/kl-forms.svg", "kl/kl-funnels.svg"] {
            assert!(place.read(figure).starts_with(b"<svg"), "{figure}");
        }
    }
}

#[test]
fn bad_levels_and_ranges_are_refused() {
    let place = Workplace::new();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--codebook=0.2,0.1"], &["codebook", "ascending", "0.2 before 0.1"]),
        (&["--codebook=0.2"], &["codebook", "2 to 256", "1"]),
        (&["--range", "0"], &["range", "positive", "0"]),
        (&["--range", "nan"], &["range", "positive", "NaN"]),
    ];
    for (options, parts) in cases {
        place.refuse(&[&["explain", "kl", "--out", "kl"], options].concat(), 2, parts);
    }
}
