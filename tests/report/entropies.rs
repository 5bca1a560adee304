use super::{paths, read, texts};
use spikeslab::report::{Entropies, entropies};

fn kind(name: &str, own: &[f64], other: Option<&[f64]>) -> Entropies {
    let other = other.map(|values| (values.to_vec(), 0.875));
    Entropies { name: name.to_string(), own: own.to_vec(), other, classes: 10 }
}

#[test]
fn test_images_are_bars_and_others_a_line() {
    let kinds = ["mean", "sampled"].map(|name| kind(name, &[0.0, 0.01, 1.0, 10.0_f64.ln()], Some(&[2.0, 2.1])));
    let elements = read(&entropies(&kinds, "MNIST", "Fashion-MNIST"));
    // One path in the legend, and one per panel.
    assert_eq!((paths(&elements, "fill", "#0072b2").len(), paths(&elements, "stroke", "#d55e00").len()), (3, 3));
    for bars in &paths(&elements, "fill", "#0072b2")[1..] {
        assert_eq!(bars.get("d").matches('H').count(), 40);
    }
    let texts = texts(&elements);
    for text in ["test images: MNIST", "images of another data set: Fashion-MNIST", "AUROC 0.875", "entropy, nats"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
}

#[test]
fn without_other_images_there_is_no_word_of_them() {
    let elements = read(&entropies(&[kind("mean", &[0.5], None)], "", ""));
    assert!(paths(&elements, "stroke", "#d55e00").is_empty());
    assert!(!texts(&elements).iter().any(|text| text.contains("another") || text.contains("AUROC")));
    assert!(texts(&elements).contains(&"test images"), "without the name of a data set that has none");
}

#[test]
fn odd_kinds_are_drawn() {
    assert!(texts(&read(&entropies(&[], "", ""))).contains(&"no weights"));
    let odd = [f64::NAN, f64::INFINITY, -0.5, 1e300];
    for kinds in [
        vec![kind("none", &[], None)],
        vec![kind("odd", &odd, Some(&odd))],
        vec![kind("none", &[], Some(&[])); 4],
        vec![Entropies { classes: 1, ..kind("one class", &[0.0], None) }; 3],
    ] {
        let is_empty = kinds[0].own.is_empty();
        assert_eq!(texts(&read(&entropies(&kinds, "MNIST", "Fashion-MNIST"))).contains(&"no images"), is_empty);
    }
}
