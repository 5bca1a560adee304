use crate::common::external::succeed;
use spikeslab::course::CHAPTERS;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The figures that a topic draws: its arguments, and for each figure its name there and in the course.
struct Topic {
    arguments: &'static [&'static str],
    figures: &'static [(&'static str, &'static str)],
    /// How far a coordinate may be from the committed one, in SVG units.
    tolerance: f64,
}

/// Coordinates are rounded to a hundredth; another platform's exp may round one of them to the next.
const COMPUTED: f64 = 0.02;
/// The last bits of a training depend on the processor's vectors, and its 12 epochs enlarge them.
const TRAINED: f64 = 12.0;

const TOPICS: [Topic; 10] = [
    Topic::of(&["posterior"], &[("posterior", "posterior")]),
    Topic::of(&["spike"], &[("spike", "spike")]),
    Topic::of(&["kl"], &[("kl-funnels", "kl-funnels"), ("kl-windows", "windows-of-3")]),
    Topic::of(&["kl", "--codebook=-0.3,-0.1,0.1,0.3"], &[("kl-windows", "windows-of-4")]),
    Topic::of(&["reparameterization"], &[("reparameterization", "reparameterization")]),
    Topic::of(&["gradients"], &[("gradients", "gradients")]),
    Topic::of(&["levels"], &[("levels", "levels")]),
    Topic::of(&["quantizer"], &[("quantizer", "quantizer")]),
    Topic::of(&["packing"], &[("packing", "packing")]),
    Topic::of(&["uncertainty"], &[("uncertainty", "uncertainty")]),
];
const TRAININGS: Topic =
    Topic { arguments: &["objective"], figures: &[("kappa", "kappa"), ("epochs", "epochs")], tolerance: TRAINED };

impl Topic {
    const fn of(arguments: &'static [&'static str], figures: &'static [(&'static str, &'static str)]) -> Self {
        Self { arguments, figures, tolerance: COMPUTED }
    }

    /// Draws the figures anew and compares them with the committed ones; `REGENERATE=1` replaces these.
    fn check(&self) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_spikeslab"));
        succeed(command.arg("explain").args(self.arguments).arg("--out").arg(dir.path()));
        for (drawn, committed) in self.figures {
            let drawn = fs::read_to_string(dir.path().join(format!("{drawn}.svg"))).unwrap();
            let path = figure(committed);
            if std::env::var_os("REGENERATE").is_some() {
                fs::write(&path, &drawn).unwrap();
            }
            let committed = fs::read_to_string(&path).unwrap();
            assert_alike(&path, &drawn, &committed, self.tolerance);
        }
    }
}

fn figure(name: &str) -> String {
    format!("{}/src/course/figures/{name}.svg", env!("CARGO_MANIFEST_DIR"))
}

/// A text's numbers, and the text between them.
fn apart(text: &str) -> (Vec<f64>, Vec<&str>) {
    let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
    let words = text.split(|c| !is_of_number(c)).filter(|word| word.parse::<f64>().is_ok());
    (
        words.map(|word| word.parse().unwrap()).collect(),
        text.split(is_of_number).filter(|gap| !gap.is_empty()).collect(),
    )
}

fn assert_alike(path: &str, drawn: &str, committed: &str, tolerance: f64) {
    let ((drawn, drawn_gaps), (committed, committed_gaps)) = (apart(drawn), apart(committed));
    let other = drawn_gaps.iter().zip(&committed_gaps).find(|(seen, expected)| seen != expected);
    assert!(other.is_none(), "{path}: {other:?}");
    assert_eq!((drawn.len(), drawn_gaps.len()), (committed.len(), committed_gaps.len()), "{path}");
    for (seen, expected) in drawn.iter().zip(&committed) {
        assert!((seen - expected).abs() <= tolerance, "{path}: {seen} for {expected}");
    }
}

#[test]
fn computed_figures_are_what_the_topics_draw() {
    TOPICS.iter().for_each(Topic::check);
}

#[test]
fn trained_figures_are_what_the_topic_draws() {
    TRAININGS.check();
}

#[test]
fn every_figure_is_in_a_chapter_and_names_its_command() {
    for (_, name) in TOPICS.iter().chain([&TRAININGS]).flat_map(|topic| topic.figures) {
        let source = |chapter: usize, module: &str| {
            let path =
                format!("{}/src/course/{}-{}.md", env!("CARGO_MANIFEST_DIR"), chapter + 1, module.replace('_', "-"));
            fs::read_to_string(path).unwrap()
        };
        let link = format!("](figures/{name}.svg)");
        let lines: Vec<String> = CHAPTERS
            .iter()
            .enumerate()
            .flat_map(|(i, chapter)| source(i, chapter.name).lines().map(str::to_string).collect::<Vec<_>>())
            .filter(|line| line.ends_with(&link))
            .collect();
        assert_eq!(lines.len(), 1, "{name}");
        assert!(lines[0].contains("`spikeslab explain "), "{name}");
    }
    let drawn = CHAPTERS.iter().map(|chapter| chapter.text.matches("<figure").count()).sum::<usize>();
    let files = fs::read_dir(Path::new(&figure("")).parent().unwrap()).unwrap().count();
    assert_eq!(drawn, files);
}
